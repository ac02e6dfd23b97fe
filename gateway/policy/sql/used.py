"""Which columns a statement uses, and of which relations, as far as its text alone tells.

What a name without a relation belongs to, only the server knows: it may be any relation's. Columns of queries inside
the statement are left out: what they are made of is found there. Too many columns do no harm, one too few would.
"""

from collections.abc import Iterable
from typing import Any

from gateway.core.sql import Column, Named, SqlFacts
from gateway.policy.sql.found import EVERYTHING, Tree, relation

_QUERIES = frozenset(
    (
        *("SelectStmt", "InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt", "CopyStmt", "ExplainStmt"),
        *("PrepareStmt", "DeclareCursorStmt", "CreateTableAsStmt", "ViewStmt"),
    )
)
"""Statements that use the columns that they name, and no others of what they read."""
_BRANCHES = (dict, list)
_PASSED = frozenset(("A_Const", "ParamRef", "TypeName", "typeName", "alias"))


class _Seen:
    """What was met in one statement. `names`: what may be called so; None among them is no relation."""

    def __init__(self) -> None:
        self.names: dict[str, set[Named | None]] = {}
        self.open: set[str] = set()
        """Names that stand for rows of a relation, and nobody says here of which."""
        self.references: dict[tuple[str, str], None] = {}
        """Relation or alias, and column, as they are written."""
        self.values: dict[str, None] = {}
        """Names that may be a column's, or a relation's and stand for its whole row."""
        self.sure: dict[Column, None] = {}

    def call(self, name: str, what: Named | None) -> None:
        self.names.setdefault(name, set()).add(what)

    def any_of(self, table: Named, names: Iterable[str]) -> None:
        """Columns of this relation: all of them, where none is named."""
        for name in tuple(names) or (EVERYTHING,):
            self.sure[Column(table.schema, table.name, name)] = None


def columns_of(kind: str, node: Tree, facts: SqlFacts) -> tuple[Column, ...]:
    """Of a statement, whose other facts are known."""
    seen = _Seen()
    _walk({kind: node}, seen)
    if kind in _QUERIES:
        changed = {Named(each.schema, each.table) for each in seen.sure}
        named = set().union(*seen.names.values())
        rest = [each for each in facts.writes if each not in changed]
        rest += [each for each in facts.reads if each not in named]  # a function was told its name
    else:
        rest = [*facts.reads, *facts.writes]
    for table in rest:
        seen.any_of(table, ())
    return tuple(_resolved(seen, frozenset((*facts.reads, *facts.writes))))


def _walk(root: Tree, seen: _Seen) -> None:
    """Every node once. Most of a tree are numbers and constants: those are passed quickly."""
    stack: list[Any] = [root]
    while stack:
        node = stack.pop()
        if type(node) is list:
            stack += [each for each in node if type(each) in _BRANCHES]
            continue
        if "relname" in node:
            _relation(node, seen)
        for kind, child in node.items():
            if type(child) not in _BRANCHES or kind in _PASSED:
                continue
            if kind in _NOTES:
                _NOTES[kind](child, seen)
            if kind != "ColumnRef":
                stack.append(child)


def _relation(node: Tree, seen: _Seen) -> None:
    table = relation(node)
    alias = node.get("alias", {})
    seen.call(alias.get("aliasname", table.name), table)
    if "colnames" in alias:
        seen.any_of(table, ())  # its columns go by other names


def _own(node: Tree, seen: _Seen) -> None:
    """What it is called is a name that the statement itself gives."""
    name = node.get("ctename") or node.get("alias", {}).get("aliasname")
    if name:
        seen.call(name, None)


def _reference(node: Tree, seen: _Seen) -> None:
    table, name = ("", "", *map(_text, node.get("fields", ())))[-2:]
    seen.references[table, name] = None
    seen.values[name] = None


def _taken(node: Tree, seen: _Seen) -> None:
    for field in node.get("indirection", ())[-1:]:
        if "A_Indices" not in field:
            seen.references["", _text(field)] = None


def _join(node: Tree, seen: _Seen) -> None:
    for field in node.get("usingClause", ()):
        seen.references["", _text(field)] = None
    alias = node.get("alias", {})
    seen.open.update(each["aliasname"] for each in (alias, node.get("join_using_alias", {})) if each)
    if node.get("isNatural") or "colnames" in alias:
        seen.references["", EVERYTHING] = None


def _returning(node: Tree, seen: _Seen) -> None:
    """What the row was, and what it is now, have names of their own."""
    options = (each.get("ReturningOption", {}) for each in node.get("options", ()))
    seen.open.update(("old", "new"), (each["value"] for each in options if "value" in each))


def _insert(node: Tree, seen: _Seen) -> None:
    table = relation(node["relation"])
    seen.any_of(table, _targets(node.get("cols", ())))
    conflict = node.get("onConflictClause", {})
    seen.open.add("excluded")
    updated = _targets(conflict.get("targetList", ()))
    elements = [
        each.get("IndexElem", {}).get("name") for each in conflict.get("infer", {}).get("indexElems", ())
    ]
    if named := [*updated, *filter(None, elements)]:
        seen.any_of(table, named)


def _update(node: Tree, seen: _Seen) -> None:
    seen.any_of(relation(node["relation"]), _targets(node.get("targetList", ())))


def _delete(node: Tree, seen: _Seen) -> None:
    seen.any_of(relation(node["relation"]), ())


def _merge(node: Tree, seen: _Seen) -> None:
    table = relation(node["relation"])
    for each in node.get("mergeWhenClauses", ()):
        clause = each.get("MergeWhenClause", {})
        if clause.get("commandType") != "CMD_NOTHING":
            seen.any_of(table, _targets(clause.get("targetList", ())))


def _copy(node: Tree, seen: _Seen) -> None:
    if "relation" in node:
        seen.any_of(relation(node["relation"]), map(_text, node.get("attlist", ())))


_NOTES = {
    **dict.fromkeys(
        ("RangeSubselect", "RangeFunction", "RangeTableFunc", "JsonTable", "CommonTableExpr"), _own
    ),
    "ColumnRef": _reference,
    "A_Indirection": _taken,
    "JoinExpr": _join,
    "returningClause": _returning,
    "InsertStmt": _insert,
    "UpdateStmt": _update,
    "DeleteStmt": _delete,
    "MergeStmt": _merge,
    "CopyStmt": _copy,
}


def _targets(given: Iterable[Tree]) -> list[str]:
    return [each["ResTarget"]["name"] for each in given if "name" in each.get("ResTarget", {})]


def _text(field: Tree) -> str:
    return EVERYTHING if "A_Star" in field else str(field.get("String", {}).get("sval", ""))


def _resolved(seen: _Seen, relations: frozenset[Named]) -> dict[Column, None]:
    """Each column with its relation, where that can be told; without one, it may be any relation's."""
    found = dict(seen.sure)
    whole = [(name, EVERYTHING) for name in seen.values if name in seen.names or name in seen.open]
    for table, name in (*seen.references, *whole):
        if table not in seen.names or table in seen.open:
            found[Column("", "", name)] = None
            continue
        for each in seen.names[table]:
            if each is not None and each in relations:
                found[Column(each.schema, each.name, name)] = None
    return found
