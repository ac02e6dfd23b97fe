"""Who there is, for rules about people: a rule about nobody is a mistake, as far as anybody can tell."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gateway.policy.glob import matches
from gateway.policy.rules import Condition
from gateway.policy.wrong import Wrong, did_you_mean


@dataclass(frozen=True, slots=True)
class Members:
    """People and machines: their names, and the groups that any of them is in."""

    names: frozenset[str]
    groups: frozenset[str]


def check_members(conditions: Sequence[Condition], where: str, members: Members | None) -> None:
    """Raises `Wrong` for a group that nobody is in, and for somebody whom there is not. None: an identity provider
    says who there is, and nobody else knows."""
    if members is None:
        return
    for condition in conditions:
        if condition.field == "group":
            _each(condition, where, members.groups, "nobody is in a group")
        elif condition.field == "user":
            _each(condition, where, members.names, "there is nobody")


def _each(condition: Condition, where: str, known: Iterable[str], nobody: str) -> None:
    for value in condition.values:
        if value != "*" and not any(matches(value, each) for each in known):
            hint = "" if set("*?") & set(value) else did_you_mean(value, known)
            raise Wrong((where, condition.field), f"{nobody} {value}{hint}")
