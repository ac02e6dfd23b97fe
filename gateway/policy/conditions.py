"""Reads the conditions of `match` and `unless`, and refuses those that can never be true."""

import ipaddress
from collections.abc import Iterator
from typing import Any

from gateway.core.operation import Effect
from gateway.policy import columns, destinations, estimates, paths, statements, times
from gateway.policy.glob import matches
from gateway.policy.predicates import FIELDS
from gateway.policy.rules import Condition
from gateway.policy.scope import possible_verbs
from gateway.policy.verbs import HAVE_IT, PROTOCOLS, VERBS
from gateway.policy.wrong import Wrong, did_you_mean

_CLOSED = {"verb": VERBS, "protocol": PROTOCOLS, "effect": tuple(effect.value for effect in Effect)}
"""Fields whose values come from a list: a pattern that fits none of them can never be true."""
_PROBLEMS = {
    "path": paths.pattern_problem,
    "destination": destinations.pattern_problem,
    "table": statements.name_problem,
    "column": columns.problem,
    "function": statements.name_problem,
    "time": times.pattern_problem,
    "rows": estimates.pattern_problem,
}
_SHORT = 12
"""So many verbs are listed one by one where a rule can never fire."""


def read_conditions(given: Any, where: str) -> tuple[Condition, ...]:
    """The conditions of one table. Raises `Wrong`."""
    if not isinstance(given, dict) or not given:
        raise Wrong((where,), f'{where} must say something; for everything write {{ user = "*" }}')
    conditions = tuple(_conditions(given, where))
    if not possible_verbs("block", conditions):
        raise _contradiction(where, conditions)
    return conditions


def _contradiction(where: str, conditions: tuple[Condition, ...]) -> Wrong:
    """Conditions that nothing could ever meet together."""
    facts = [c.field for c in conditions if c.field in HAVE_IT]
    verbs = next((c.values for c in conditions if c.field == "verb"), ())
    for fact in facts:
        if verbs and not any(matches(value, verb) for value in verbs for verb in HAVE_IT[fact][1]):
            return Wrong((where, fact), f"can never fire: {', '.join(verbs)} has no {fact}, {_who(fact)}")
    protocols = next((c.values for c in conditions if c.field == "protocol"), ())
    if not facts or (len(facts) == 1 and protocols):
        asked = ", ".join(verbs) or facts[0]
        return Wrong((where, "protocol"), f"can never fire: there is no {asked} over {', '.join(protocols)}")
    return Wrong((where, facts[-1]), f"can never fire: nothing has {' and '.join(facts)} at once")


def _who(fact: str) -> str:
    *most, last = HAVE_IT[fact][1]
    if len(most) >= _SHORT:
        return f"only {', '.join(most[:5])} and other statements have"
    return f"only {', '.join(most)} and {last} have"


def _conditions(given: dict[str, Any], where: str) -> Iterator[Condition]:
    for field, value in given.items():
        if field not in FIELDS:
            hint = did_you_mean(field, FIELDS)
            raise Wrong(
                (where, field), f"unknown field {field}{hint or '; labels are written label = { env = ... }'}"
            )
        if field == "label":
            yield from _labels(value, where)
            continue
        if field == "has_where":
            yield _yes_or_no(value, (where, field))
            continue
        values = _values(value, (where, field))
        for each in values:
            _check(field, each, (where, field))
        yield Condition(field, values)


def _yes_or_no(given: Any, path: tuple[str, ...]) -> Condition:
    if not isinstance(given, bool):
        raise Wrong(path, f"{path[-1]} must be true or false, without quotes")
    return Condition(path[-1], (str(given).lower(),))


def _labels(given: Any, where: str) -> Iterator[Condition]:
    if not isinstance(given, dict) or not given:
        raise Wrong((where, "label"), 'label must be a table, as in { env = "prod" }')
    for key, value in given.items():
        yield Condition("label", _values(value, (where, "label", key)), key)


def _values(given: Any, path: tuple[str, ...]) -> tuple[str, ...]:
    values = given if isinstance(given, list) else [given]
    if not values:
        raise Wrong(path, "an empty list can never fire")
    for value in values:
        if not isinstance(value, str) or not value:
            raise Wrong(path, f"{path[-1]} must be text or a list of texts")
    return tuple(values)


def _check(field: str, value: str, path: tuple[str, ...]) -> None:
    known = _CLOSED.get(field)
    if known is not None and not any(matches(value, each) for each in known):
        raise Wrong(
            path, f"unknown {field} {value}{did_you_mean(value, known) or '; known: ' + ', '.join(known)}"
        )
    if field in _PROBLEMS and (sentence := _PROBLEMS[field](value)):
        raise Wrong(path, sentence)
    if field == "source":
        try:
            ipaddress.ip_network(value)
        except ValueError:
            raise Wrong(path, f"{value} is not an address or a network, as in 10.0.0.0/8") from None
