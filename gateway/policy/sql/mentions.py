"""Which names of columns a statement uses where a value might be carried somewhere else, whole rows included.

By the letters alone: whose column it is, is not asked. What is only returned is left out, because that is masked on
its way. Too many names do no harm, one too few would.
"""

from collections.abc import Mapping
from typing import Any

WHOLE_ROW = "*"
"""Stands for every column: `*`, a table's name used as a value, NATURAL JOIN."""
_RETURNED = ("returningList", "returningClause")


def mentions_of(node: Mapping[str, Any]) -> frozenset[str]:
    """Of a statement's tree."""
    found: set[str] = set()
    tables: set[str] = set()
    stack: list[Any] = [node]
    while stack:
        each = stack.pop()
        if isinstance(each, list):
            stack.extend(each)
        elif isinstance(each, dict):
            _look(each, found, tables)
            stack.extend(value for key, value in each.items() if key not in _RETURNED)
    if found & tables:
        found.add(WHOLE_ROW)
    return frozenset(found)


def _look(node: dict[str, Any], found: set[str], tables: set[str]) -> None:
    if (reference := node.get("ColumnRef")) is not None:
        _last(reference.get("fields", ()), found)
    if (taken := node.get("A_Indirection")) is not None:
        _last(taken.get("indirection", ()), found)
    if (table := node.get("RangeVar")) is not None:
        tables.add(table.get("relname", ""))
    if "aliasname" in node:
        tables.add(node["aliasname"])
    if node.get("isNatural"):
        found.add(WHOLE_ROW)
    for each in node.get("usingClause", ()):
        _last([each], found)


def _last(fields: Any, found: set[str]) -> None:
    for field in fields[-1:]:
        if "String" in field:
            found.add(field["String"].get("sval", ""))
        elif "A_Star" in field:
            found.add(WHOLE_ROW)
