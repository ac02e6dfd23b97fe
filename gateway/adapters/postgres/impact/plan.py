"""Makes a plan readable: as a tree of lines, and how each table is gone through. Values only; the plan is a server's,
so nothing about it is taken for granted.
"""

import json
from collections.abc import Iterator
from typing import Any, Literal

from gateway.core.impact import ImpactLine

Node = dict[str, Any]
NODES_MOST = 200
DEAR = 1000.0
"""As planners count, from which on going through all of a table matters: of small ones they always do."""
_CONDITIONS = ("Index Cond", "Recheck Cond", "Hash Cond", "Merge Cond", "Join Filter", "Filter")
_WHOLE = "Seq Scan"


def shown(answer: str) -> str:
    """The plan as a tree. Empty where it can not be read."""
    return "\n".join(_lines(answer))


def scans(answer: str) -> tuple[ImpactLine, ...]:
    """How each table is gone through: by an index, or all of it."""
    try:
        return tuple(dict.fromkeys(_scan(node) for _, node in _nodes(answer) if "Relation Name" in node))
    except (TypeError, KeyError, ValueError):
        return ()


def _scan(node: Node) -> ImpactLine:
    name = ".".join(str(node[key]) for key in ("Schema", "Relation Name") if node.get(key))
    kind, rows = str(node.get("Node Type", "")), int(node.get("Plan Rows", 0))
    if kind == "ModifyTable":
        return ImpactLine(" ", f"{str(node.get('Operation', 'change')).lower()} on {name}")
    if kind == _WHOLE:
        sign: Literal["+", " "] = "+" if float(node.get("Total Cost", 0)) >= DEAR else " "
        return ImpactLine(sign, f"no index is used: it goes through all of {name}")
    index = f" by the index {node['Index Name']}" if "Index Name" in node else ""
    return ImpactLine(
        "-", f"{name} is gone through{index} ({kind}), about {rows:,} row{'' if rows == 1 else 's'}"
    )


def _nodes(answer: str) -> Iterator[tuple[int, Node]]:
    """With how deep each is. Raises ValueError and the like."""
    (plan,) = json.loads(answer)
    waiting: list[tuple[int, Node]] = [(0, plan["Plan"])]
    count = 0
    while waiting and count < NODES_MOST:
        depth, node = waiting.pop()
        count += 1
        yield depth, node
        waiting += [(depth + 1, below) for below in reversed(node.get("Plans", ()))]


def _lines(answer: str) -> Iterator[str]:
    try:
        for depth, node in _nodes(answer):
            indent = "  " * min(depth, 20)
            yield f"{indent}{_title(node)}"
            for name in _CONDITIONS:
                if name in node:
                    yield f"{indent}    {name}: {node[name]}"
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return


def _title(node: Node) -> str:
    kind = str(node.get("Operation") or node["Node Type"])
    place = f" on {node['Relation Name']}" if "Relation Name" in node else ""
    index = f" by {node['Index Name']}" if "Index Name" in node else ""
    return f"{kind}{place}{index}  (rows {node.get('Plan Rows', '?')}, cost {node.get('Total Cost', '?')})"
