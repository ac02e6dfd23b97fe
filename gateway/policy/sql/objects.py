"""What DROP, ALTER, GRANT, COMMENT and maintenance are about, where the tree has only a list of names for it."""

from typing import Any

from gateway.core.sql import Named
from gateway.policy.sql.found import EVERYTHING, Found, Tree, named, strings

_RELATIONS = frozenset(
    f"OBJECT_{name}" for name in ("TABLE", "VIEW", "MATVIEW", "INDEX", "SEQUENCE", "FOREIGN_TABLE")
)
_BEHIND_A_RELATION = frozenset(
    f"OBJECT_{name}" for name in ("TRIGGER", "RULE", "POLICY", "COLUMN", "TABCONSTRAINT")
)
"""Things whose name follows the name of their table."""


def read_drop(node: Tree, found: Found) -> None:
    """A DropStmt."""
    for thing in node.get("objects", ()):
        note(node["removeType"], thing, found)


def read_one(node: Tree, found: Found) -> None:
    """COMMENT, SECURITY LABEL and the ALTERs that name one object."""
    kind = node.get("objtype") or node.get("objectType") or node.get("renameType", "")
    note(kind, node.get("object"), found)
    if kind == "OBJECT_SCHEMA" and "subname" in node:
        found.writes[Named(node["subname"], EVERYTHING)] = None


def read_grant(node: Tree, found: Found) -> None:
    """A GrantStmt: GRANT and REVOKE of privileges."""
    if not node.get("is_grant"):
        found.verb = "revoke"
    objects = node.get("objects", ())
    if node.get("targtype") == "ACL_TARGET_ALL_IN_SCHEMA":
        if node["objtype"] in ("OBJECT_TABLE", "OBJECT_SEQUENCE"):
            found.writes |= {Named(schema, EVERYTHING): None for schema in strings(objects)}
    elif node["objtype"] in ("OBJECT_TABLE", "OBJECT_SEQUENCE"):
        found.write(objects)


def read_grant_of_role(node: Tree, found: Found) -> None:
    """A GrantRoleStmt."""
    if not node.get("is_grant"):
        found.verb = "revoke"


def read_maintenance(node: Tree, found: Found) -> None:
    """VACUUM, ANALYZE, CLUSTER and REINDEX: without a name they are about everything."""
    if found.verb == "vacuum" and not node.get("is_vacuumcmd"):
        found.verb = "analyze"
    if not found.writes:
        schema = node["name"] if node.get("kind") == "REINDEX_OBJECT_SCHEMA" else ""
        found.writes[Named(schema, EVERYTHING)] = None


def read_everything(node: Tree, found: Found) -> None:
    """DROP DATABASE, DROP OWNED and their like."""
    found.writes[Named("", EVERYTHING)] = None


def read_import(node: Tree, found: Found) -> None:
    """IMPORT FOREIGN SCHEMA."""
    found.writes[Named(node.get("local_schema", ""), EVERYTHING)] = None


def read_publication(node: Tree, found: Found) -> None:
    """CREATE and ALTER PUBLICATION. Tables that are named were found on the way."""
    if node.get("for_all_tables"):
        found.reads[Named("", EVERYTHING)] = None
    for each in node.get("pubobjects", ()):
        thing = each["PublicationObjSpec"]
        if thing.get("pubobjtype", "").startswith("PUBLICATIONOBJ_TABLES_IN"):
            found.reads[Named(thing.get("name", ""), EVERYTHING)] = None


def note(kind: str, thing: Any, found: Found) -> None:
    """One object of a kind."""
    if not isinstance(thing, dict):
        return
    parts = strings(thing["List"]["items"]) if "List" in thing else strings([thing])
    if kind == "OBJECT_SCHEMA" and parts:
        found.writes[Named(parts[-1], EVERYTHING)] = None
    elif kind == "OBJECT_DATABASE":
        found.writes[Named("", EVERYTHING)] = None
    elif kind in _BEHIND_A_RELATION and len(parts) > 1:
        found.writes[named(parts[:-1])] = None
    elif kind in _RELATIONS and parts:
        found.writes[named(parts)] = None
