"""The facts of one statement."""

from collections.abc import Callable

from gateway.core.operation import Effect
from gateway.core.sql import SqlFacts, unknown
from gateway.policy.sql import objects, settings
from gateway.policy.sql.copying import read_copying
from gateway.policy.sql.found import Found, Nested, Scope, Tree, named, strings
from gateway.policy.sql.kinds import KINDS, TRANSACTIONS, TWO_PHASES
from gateway.policy.sql.walk import walk

_NOT_PREPARED = "what was prepared under this name is not known"
_NOT_DECLARED = "what this cursor holds is not known"
_MEANS_SOMETHING = ("ColumnRef", "SubLink", "CurrentOfExpr", "FuncCall")
"""Without any of these, a condition is the same for every row."""


def facts_of(kind: str, node: Tree, text: str, scope: Scope | None = None) -> SqlFacts:
    """Of a statement of this kind. `scope`: the names that WITH gave around it."""
    known = KINDS.get(kind)
    if known is None:
        return unknown(text, "it is of a kind that is not known here")
    found = Found(known.verb, set(known.effects))
    for field in known.writes:
        found.write(node.get(field))
    apart = known.writes + known.skips
    walk({key: value for key, value in node.items() if key not in apart}, found, scope)
    if kind in _SPECIAL:
        _SPECIAL[kind](node, found)
    if kind in _HOLDS and "query" in node:
        _look_inside(kind, node, found, text, scope)
    for each in found.nested:
        _look_at_nested(each, found, text)
    return found.facts(text)


def _look_at_nested(nested: Nested, found: Found, text: str) -> None:
    """A change in WITH happens; one in the body of a rule or a function is only written down."""
    inner = facts_of(nested.kind, nested.node, text, nested.scope)
    if nested.in_with:
        found.does(inner)
        found.inner.append(inner)
        found.writes_in_with = True
    else:
        found.describes(inner)


def _look_inside(kind: str, node: Tree, found: Found, text: str, scope: Scope | None) -> None:
    for inner_kind, query in node["query"].items():
        inner = facts_of(inner_kind, query, text, scope)
        found.inner.append(inner)
        if kind == "ExplainStmt" and not _runs(node):
            found.describes(inner)
        else:
            sets = list(found.sets)
            found.does(inner)
            if kind == "PrepareStmt":
                found.sets = sets


def _runs(node: Tree) -> bool:
    """Whether an EXPLAIN has ANALYZE, and is not surely told otherwise."""
    said = [each["DefElem"] for each in node.get("options", ()) if each["DefElem"]["defname"] == "analyze"]
    return any(not _says_no(each) for each in said)


def _says_no(option: Tree) -> bool:
    value = option.get("arg")
    if not isinstance(value, dict):
        return False
    if "Integer" in value:
        return not value["Integer"].get("ival")
    if "Boolean" in value:
        return not value["Boolean"].get("boolval")
    return "String" in value and value["String"].get("sval", "").lower() in ("false", "off")


def _select(node: Tree, found: Found) -> None:
    count = node.get("limitCount")
    found.has_limit = count is not None and not count.get("A_Const", {}).get("isnull")


def _insert(node: Tree, found: Found) -> None:
    if "returningClause" in node or node.get("onConflictClause", {}).get("action") == "ONCONFLICT_UPDATE":
        found.reads |= found.writes
    if found.reads:
        found.effects.add(Effect.READ)


def _change(node: Tree, found: Found) -> None:
    """UPDATE and DELETE."""
    found.wheres.append(_depends_on_rows(node.get("whereClause")))
    _merge(node, found)


def _merge(node: Tree, found: Found) -> None:
    if found.uses_columns:
        found.reads = {**found.writes, **found.reads}
    if found.reads:
        found.effects.add(Effect.READ)


def _depends_on_rows(condition: object) -> bool:
    """`WHERE true` is as good as none."""
    stack = [condition]
    while stack:
        each = stack.pop()
        if isinstance(each, list):
            stack.extend(each)
        elif isinstance(each, dict):
            if any(key in each for key in _MEANS_SOMETHING):
                return True
            stack.extend(each.values())
    return False


def _copy(node: Tree, found: Found) -> None:
    found.copying = read_copying(node)
    if node.get("is_from"):
        found.effects.add(Effect.WRITE)
        found.write(node.get("relation"))
    else:
        found.effects.add(Effect.READ)
        walk(node.get("relation"), found)
    if node.get("is_program"):
        found.effects |= {Effect.RUN, Effect.TRANSFER}
    elif "filename" in node:
        found.effects.add(Effect.TRANSFER)


def _do(node: Tree, found: Found) -> None:
    found.doubt("the code of a DO block is not looked into")


def _call(node: Tree, found: Found) -> None:
    found.doubt("what a procedure does is not looked into")


def _execute(node: Tree, found: Found) -> None:
    found.name = node.get("name", "")
    found.doubt(_NOT_PREPARED)


def _fetch(node: Tree, found: Found) -> None:
    found.name = node.get("portalname", "")
    if node.get("ismove"):
        found.verb = "move"
    found.doubt(_NOT_DECLARED)


def _named_by(field: str) -> Callable[[Tree, Found], None]:
    def read(node: Tree, found: Found) -> None:
        found.name = node.get(field, "")

    return read


def _transaction(node: Tree, found: Found) -> None:
    found.verb = TRANSACTIONS[node["kind"]]
    if node["kind"] in TWO_PHASES:
        found.effects.add(Effect.CONTROL)
    settings.read_transaction_modes(node.get("options", ()), found)


def _trigger(node: Tree, found: Found) -> None:
    found.functions[named(strings(node["funcname"]))] = None


def _schema(node: Tree, found: Found) -> None:
    for element in node.get("schemaElts", ()):
        for kind, inner in element.items():
            found.does(facts_of(kind, inner, ""))


_HOLDS = frozenset(("ExplainStmt", "PrepareStmt", "DeclareCursorStmt", "CopyStmt", "CreateTableAsStmt"))
"""Kinds with a statement inside, in `query`."""
_SPECIAL: dict[str, Callable[[Tree, Found], None]] = {
    "SelectStmt": _select,
    "InsertStmt": _insert,
    "UpdateStmt": _change,
    "DeleteStmt": _change,
    "MergeStmt": _merge,
    "CopyStmt": _copy,
    "DoStmt": _do,
    "CallStmt": _call,
    "ExecuteStmt": _execute,
    "FetchStmt": _fetch,
    "PrepareStmt": _named_by("name"),
    "DeallocateStmt": _named_by("name"),
    "DeclareCursorStmt": _named_by("portalname"),
    "ClosePortalStmt": _named_by("portalname"),
    "TransactionStmt": _transaction,
    "VariableSetStmt": settings.read_set,
    "DiscardStmt": settings.read_discard,
    "CreateTrigStmt": _trigger,
    "CreateEventTrigStmt": _trigger,
    "CreateSchemaStmt": _schema,
    "CreatePublicationStmt": objects.read_publication,
    "AlterPublicationStmt": objects.read_publication,
    "DropStmt": objects.read_drop,
    "CommentStmt": objects.read_one,
    "SecLabelStmt": objects.read_one,
    "RenameStmt": objects.read_one,
    "AlterOwnerStmt": objects.read_one,
    "AlterObjectSchemaStmt": objects.read_one,
    "AlterObjectDependsStmt": objects.read_one,
    "AlterExtensionContentsStmt": objects.read_one,
    "GrantStmt": objects.read_grant,
    "GrantRoleStmt": objects.read_grant_of_role,
    "VacuumStmt": objects.read_maintenance,
    "ClusterStmt": objects.read_maintenance,
    "ReindexStmt": objects.read_maintenance,
    "ImportForeignSchemaStmt": objects.read_import,
    "DropdbStmt": objects.read_everything,
    "DropOwnedStmt": objects.read_everything,
    "ReassignOwnedStmt": objects.read_everything,
    "AlterTableMoveAllStmt": objects.read_everything,
}
