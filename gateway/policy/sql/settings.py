"""SET, RESET, DISCARD and what BEGIN says of its transaction: which settings change, and to what."""

from typing import Any

from gateway.core.operation import Effect
from gateway.policy.sql.found import Found, Tree, constant

_HARMLESS_NAMES = """
    application_name bytea_output check_function_bodies client_min_messages constraint_exclusion
    cursor_tuple_fraction datestyle deadlock_timeout default_text_search_config default_transaction_deferrable
    default_transaction_isolation effective_cache_size enable_hashjoin enable_mergejoin enable_nestloop
    enable_seqscan extra_float_digits from_collapse_limit geqo gin_fuzzy_search_limit icu_validation_level
    idle_in_transaction_session_timeout idle_session_timeout intervalstyle jit join_collapse_limit lc_messages
    lc_monetary lc_numeric lc_time lock_timeout maintenance_work_mem max_parallel_workers_per_gather
    plan_cache_mode random_page_cost seed seq_page_cost statement_timeout synchronize_seqscans temp_buffers timezone
    transaction_deferrable transaction_isolation transaction_timeout work_mem xmlbinary xmloption
    hoop.hold hoop.reason hoop.ticket
    """
HARMLESS = frozenset(_HARMLESS_NAMES.split())
"""They change how answers look, how long things may take or how a plan is chosen: nobody is reached by them who
would not be reached without."""


def note(name: str, value: str, found: Found) -> None:
    """One setting. Names know no capitals."""
    name = name.lower()
    found.sets.append((name, value))
    if name not in HARMLESS:
        found.effects.add(Effect.CONTROL)


def read_set(node: Tree, found: Found) -> None:
    """A VariableSetStmt."""
    kind, name = node["kind"], node.get("name", "")
    if kind in ("VAR_RESET", "VAR_RESET_ALL"):
        found.verb = "reset"
    if kind == "VAR_RESET_ALL":
        found.sets.append(("all", ""))
    elif kind == "VAR_SET_MULTI":
        _several(name, node.get("args", ()), found)
    elif kind == "VAR_SET_CURRENT":
        pass  # SET x FROM CURRENT, which only CREATE FUNCTION knows
    else:
        values = [constant(each) for each in node.get("args", ())]
        note(name, ", ".join(value or "" for value in values), found)


def read_discard(node: Tree, found: Found) -> None:
    """A DiscardStmt: it takes a session back to where it began."""
    if node.get("target") == "DISCARD_ALL":
        found.sets += [("all", ""), ("session_authorization", "")]


def read_transaction_modes(options: Any, found: Found) -> None:
    """Of BEGIN and SET TRANSACTION."""
    for option in options:
        mode = option["DefElem"]
        value = constant(mode.get("arg"))
        if mode["defname"] in ("transaction_read_only", "transaction_deferrable"):
            value = "off" if value == "0" else "on"
        found.sets.append((mode["defname"], value or ""))


def _several(name: str, options: Any, found: Found) -> None:
    if name == "TRANSACTION SNAPSHOT":
        found.sets.append(("transaction_snapshot", constant(options[0]) or "" if options else ""))
    before = len(found.sets)
    read_transaction_modes([each for each in options if "DefElem" in each], found)
    if name == "SESSION CHARACTERISTICS":
        found.sets[before:] = [(f"default_{mode}", value) for mode, value in found.sets[before:]]
    if any(mode.endswith("read_only") and value == "off" for mode, value in found.sets[before:]):
        found.effects.add(Effect.CONTROL)
