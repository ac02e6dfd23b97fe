"""Which names of columns a statement uses where a value might be carried somewhere else, whole rows included.

By the letters alone: whose column it is, is not asked. What is only returned is left out, because that is masked on
its way. Too many names do no harm, one too few would.
"""

from collections.abc import Mapping
from typing import Any

WHOLE_ROW = "*"
"""Stands for every column: `*`, a table's name used as a value, NATURAL JOIN."""
_BRANCHES = (dict, list)
_NOTED = frozenset(("ColumnRef", "A_Indirection", "RangeVar", "aliasname", "isNatural", "usingClause"))
_PASSED = frozenset(("ColumnRef", "returningList", "returningClause"))


def mentions_of(node: Mapping[str, Any]) -> frozenset[str]:
    """Of a statement's tree."""
    found: set[str] = set()
    tables: set[str] = set()
    stack: list[Any] = [node]
    while stack:
        each = stack.pop()
        if isinstance(each, list):
            stack += [value for value in each if isinstance(value, _BRANCHES)]
            continue
        for key, value in each.items():
            if key in _NOTED:
                _note(key, value, found, tables)
            if isinstance(value, _BRANCHES) and key not in _PASSED:
                stack.append(value)
    if found & tables:
        found.add(WHOLE_ROW)
    return frozenset(found)


def _note(key: str, value: Any, found: set[str], tables: set[str]) -> None:
    match key:
        case "ColumnRef":
            _last(value.get("fields", ()), found)
        case "A_Indirection":
            _last(value.get("indirection", ()), found)
        case "RangeVar":
            tables.add(value.get("relname", ""))
        case "aliasname":
            tables.add(value)
        case "isNatural" if value:
            found.add(WHOLE_ROW)
        case "usingClause":
            for each in value:
                _last([each], found)


def _last(fields: Any, found: set[str]) -> None:
    for field in fields[-1:]:
        if "String" in field:
            found.add(field["String"].get("sval", ""))
        elif "A_Star" in field:
            found.add(WHOLE_ROW)
