"""Reads a plan (`EXPLAIN (VERBOSE, FORMAT JSON)`): about how many rows a statement gives out, changes, or gathers.
Values only.

The last row of a plan is not all: `SELECT array_agg(card) FROM cards` is one row with everything in it.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

Node = dict[str, Any]

_GATHERS = frozenset({"Aggregate", "WindowAgg"})
_REDUCES = re.compile(
    r"(?:PARTIAL )?(?:count|sum|avg|min|max|bool_and|bool_or|every|stddev|stddev_pop|stddev_samp|variance|var_pop"
    r"|var_samp|rank|dense_rank|row_number)\("
)
"""What comes to one small value for however many rows."""
_COLUMN = re.compile(r'(?:[a-z_][a-z0-9_$]*|"(?:[^"]|"")+")(?:\.(?:[a-z_][a-z0-9_$]*|"(?:[^"]|"")+"))*')
_SUBQUERIES = frozenset({"InitPlan", "SubPlan"})
_NAMED_QUERY = "CTE "
_MOST = 1 << 50


def rows_of(answer: str) -> int | None:
    """None where it can not be read."""
    try:
        (plan,) = json.loads(answer)
        top = plan["Plan"]
        return round(min(max(_rows(top), *map(_gathered, _nodes(top))), _MOST))
    except (ValueError, TypeError, KeyError, RecursionError, OverflowError):
        return None


def _nodes(node: Node) -> Iterator[Node]:
    waiting = [node]
    while waiting:
        node = waiting.pop()
        yield node
        waiting += node.get("Plans", ())


def _gathered(node: Node) -> float:
    """The rows that go into a node and come out as fewer, or beside what is given out."""
    kind = node["Node Type"]
    if kind == "ModifyTable" or (kind in _GATHERS and not _only_reduces(node)):
        return sum(_rows(each) for each in node.get("Plans", ()) if not _is_subquery(each))
    if _is_subquery(node) and not str(node.get("Subplan Name", "")).startswith(_NAMED_QUERY):
        return _rows(node)
    return 0.0


def _only_reduces(node: Node) -> bool:
    return all(_REDUCES.match(each) or _COLUMN.fullmatch(each) for each in node["Output"])


def _is_subquery(node: Node) -> bool:
    return node.get("Parent Relationship") in _SUBQUERIES


def _rows(node: Node) -> float:
    return float(node["Plan Rows"])
