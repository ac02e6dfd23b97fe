"""What a call of a function does, as far as its name tells."""

from typing import Any

from gateway.core.operation import Effect
from gateway.core.sql import Named
from gateway.policy.sql import settings
from gateway.policy.sql.found import Found, Tree, constant, named, strings
from gateway.policy.sql.functions import ARGUMENT_IS_RELATION, is_harmless, runs_text, special_effects
from gateway.policy.sql.harmless import OPERATORS

_COMPARISONS = frozenset(("BETWEEN", "NOT BETWEEN", "BETWEEN SYMMETRIC", "NOT BETWEEN SYMMETRIC"))
_SAMPLINGS = frozenset(("bernoulli", "system"))


def note_call(node: Tree, found: Found) -> None:
    """A FuncCall."""
    function = named(strings(node["funcname"]))
    found.functions[function] = None
    if runs_text(function):
        found.effects.add(Effect.RUN)
        found.doubt(f"{function.name} runs what it is given as text")
        return
    if function.name == "set_config":
        _set_config(node.get("args", ()), found)
        return
    effects = special_effects(function)
    if effects is not None:
        found.effects |= effects
        _note_argument(function, node.get("args", ()), found)
    elif not is_harmless(function):
        found.effects.add(Effect.RUN)


def note_operator(parts: Any, found: Found) -> None:
    """An operator that is not PostgreSQL's own is a function by another name."""
    names = strings(parts)
    if not names or names[-1] in _COMPARISONS:
        return
    if names[-1] not in OPERATORS or names[:-1] not in ([], ["pg_catalog"]):
        found.functions[Named("".join(names[:-1]), f"operator({names[-1]})")] = None
        found.effects.add(Effect.RUN)


def note_sampling(parts: Any, found: Found) -> None:
    """The method of TABLESAMPLE is a function."""
    method = named(strings(parts))
    if method.schema not in ("", "pg_catalog") or method.name not in _SAMPLINGS:
        found.functions[method] = None
        found.effects.add(Effect.RUN)


def _note_argument(function: Named, arguments: Any, found: Found) -> None:
    """The sequence of `nextval('app.orders_id_seq')`."""
    if function.name not in ARGUMENT_IS_RELATION or not arguments:
        return
    said = constant(arguments[0], only_text=True)
    if said is None:
        return  # by its number, or computed
    parts = [part[1:-1] if part[:1] == '"' == part[-1:] else part.lower() for part in said.split(".")]
    found.writes[named(parts)] = None


def _set_config(arguments: Any, found: Found) -> None:
    """SET as a function. What it sets must be written out: behind `'ro' || 'le'` anything may stand."""
    given = [constant(argument) for argument in arguments[:2]]
    if len(given) < 2 or given[0] is None or given[1] is None:
        found.doubt("set_config sets something that is not written out")
        found.effects.add(Effect.CONTROL)
        return
    settings.note(given[0], given[1], found)
