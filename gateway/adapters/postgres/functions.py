"""Functions that clients call by number, as facts: the old way to large objects, and a way around every statement.

Only the numbers that PostgreSQL itself has given have names here; what another number stands for is unknown.
"""

from gateway.adapters.postgres import values
from gateway.core.operation import Effect
from gateway.core.sql import Named, SqlFacts
from gateway.wire.postgres.messages import FunctionCall

_NAMES = {
    764: "lo_import",
    765: "lo_export",
    767: "lo_import",
    715: "lo_create",
    952: "lo_open",
    953: "lo_close",
    954: "loread",
    955: "lowrite",
    956: "lo_lseek",
    957: "lo_creat",
    958: "lo_tell",
    964: "lo_unlink",
    1004: "lo_truncate",
    3170: "lo_lseek64",
    3171: "lo_tell64",
    3172: "lo_truncate64",
}


def facts_of(call: FunctionCall) -> SqlFacts:
    """What is known of a call. It may do anything, as far as rules that restrict are concerned."""
    shown = values.shown(call.values, call.formats, ())
    return facts_of_number(call.function, ", ".join("NULL" if value is None else value for value in shown))


def facts_of_number(function: int, given: str) -> SqlFacts:
    """The same of a call whose values are not looked into."""
    name = _NAMES.get(function, "")
    return SqlFacts(
        verb="function",
        text=f"-- function {name or function}({given})",
        effects=frozenset({Effect.RUN, Effect.UNKNOWN}),
        functions=(Named("pg_catalog", name),) if name else (),
        certain=False,
        why="it is called by number, beside all statements",
    )
