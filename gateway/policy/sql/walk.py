"""Goes through a syntax tree and notes every relation, function and operator that it names.

Names given by WITH are left out where they can be seen from. It keeps its own stack: trees come from attackers and
may be as deep as their text is long.
"""

from collections.abc import Callable
from typing import Any

from gateway.core.operation import Effect
from gateway.core.sql import Named
from gateway.policy.sql.calls import note_call, note_operator, note_sampling
from gateway.policy.sql.found import Found, Nested, Scope, Tree, relation

CHANGES = frozenset(("InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt"))
_PASSED = frozenset(
    ("A_Const", "ParamRef", "String", "Integer", "TypeName", "typeName", "alias", "Alias", "withClause")
)
"""They name no relation and no function, or are looked at apart."""
_Stack = list[tuple[Any, Scope | None]]


def walk(value: Any, found: Found, scope: Scope | None = None) -> None:
    """Note in `found` what is in `value`. `scope`: the names that WITH gave around it."""
    stack: _Stack = [(value, scope)]
    while stack:
        value, scope = stack.pop()
        if isinstance(value, list):
            stack.extend([(each, scope) for each in reversed(value) if not _is_constant(each)])
        elif isinstance(value, dict):
            _look_at(value, scope, found, stack)


def _is_constant(value: Any) -> bool:
    """Most of what is in long lists."""
    return isinstance(value, dict) and len(value) == 1 and ("A_Const" in value or "String" in value)


def _look_at(node: Tree, scope: Scope | None, found: Found, stack: _Stack) -> None:
    if "relname" in node:
        if "schemaname" in node or scope is None or not scope.has(node["relname"]):
            found.reads[relation(node)] = None
        return
    if "withClause" in node:
        scope = _with(node["withClause"], scope, found, stack)
    if "funcname" in node:
        note_call(node, found)
    for key, child in reversed(node.items()):
        if key in _PASSED or not isinstance(child, dict | list):
            continue
        if key in CHANGES and isinstance(child, dict):
            found.nested.append(Nested(key, child, scope, in_with=False))
            continue
        note = _NOTES.get(key)
        if note is None or note(child, found):
            stack.append((child, scope))


def _with(clause: Tree, outer: Scope | None, found: Found, stack: _Stack) -> Scope:
    """Look into the queries of WITH; returns the scope behind it. Each sees those before it, with RECURSIVE all."""
    ctes = [each["CommonTableExpr"] for each in clause["ctes"]]
    places: dict[str, int] = {}
    for at, cte in enumerate(ctes):
        places.setdefault(cte["ctename"], at)
    for at, cte in enumerate(ctes):
        scope = Scope(places, len(ctes) if clause.get("recursive") else at, outer)
        for kind, query in cte["ctequery"].items():
            if kind in CHANGES:
                found.nested.append(Nested(kind, query, scope, in_with=True))
            else:
                stack.append((query, scope))
    return Scope(places, len(ctes), outer)


def _column(node: Tree, found: Found) -> bool:
    found.uses_columns = True
    return False


def _into(node: Tree, found: Found) -> bool:
    """SELECT INTO makes a table."""
    found.effects |= {Effect.WRITE, Effect.DEFINE}
    found.write(node)
    return False


def _locks(node: Any, found: Found) -> bool:
    """FOR UPDATE and its like; what they name are aliases."""
    found.effects.add(Effect.CONTROL)
    return False


def _operator(node: Tree, found: Found) -> bool:
    note_operator(node.get("name", ()), found)
    return True


def _sort(node: Tree, found: Found) -> bool:
    note_operator(node.get("useOp", ()), found)
    return True


def _sub_query(node: Tree, found: Found) -> bool:
    note_operator(node.get("operName", ()), found)
    return True


def _sample(node: Tree, found: Found) -> bool:
    note_sampling(node.get("method", ()), found)
    return True


def _json_function(node: Tree, found: Found) -> bool:
    """JSON_VALUE and its like. To servers before PostgreSQL 17 they are functions that somebody made."""
    found.functions[Named("", str(node.get("op", "")).removesuffix("_OP").lower())] = None
    return True


def _once_a_function(name: str) -> Callable[[Any, Found], bool]:
    def note(node: Any, found: Found) -> bool:
        found.functions[Named("", name)] = None
        return True

    return note


_NOTES: dict[str, Callable[[Any, Found], bool]] = {
    "ColumnRef": _column,
    "intoClause": _into,
    "lockingClause": _locks,
    "A_Expr": _operator,
    "SortBy": _sort,
    "SubLink": _sub_query,
    "RangeTableSample": _sample,
    "JsonFuncExpr": _json_function,
    "JsonParseExpr": _once_a_function("json"),
    "JsonScalarExpr": _once_a_function("json_scalar"),
    "JsonSerializeExpr": _once_a_function("json_serialize"),
}
"""What to note at a node, and whether to look into it."""
