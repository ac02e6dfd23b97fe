"""What a COPY says about its stream: which columns, and how it is written."""

from typing import Any

from gateway.core.sql import Copying
from gateway.policy.sql.found import Tree, strings


def read_copying(node: Tree) -> Copying:
    """Of a CopyStmt."""
    options = [each["DefElem"] for each in node.get("options", ()) if "DefElem" in each]
    return Copying(
        columns=tuple(strings(node.get("attlist", ()))),
        options=tuple((option["defname"].lower(), _value(option.get("arg"))) for option in options),
        sends=not (node.get("is_from") or node.get("is_program") or "filename" in node),
    )


def _value(argument: Any) -> str:
    """As text; empty for an option that stands alone, `*` for one with a list."""
    if not isinstance(argument, dict):
        return ""
    if "String" in argument:
        return str(argument["String"].get("sval", ""))
    if "Boolean" in argument:
        return "true" if argument["Boolean"].get("boolval") else "false"
    if "Integer" in argument:
        return str(argument["Integer"].get("ival", 0))
    return "*"
