"""A policy: rules as data. What each field of a rule tests is in `predicates.py`; who wins is in `decide.py`."""

from dataclasses import dataclass
from typing import Literal

Do = Literal["allow", "block", "mask"]


@dataclass(frozen=True, slots=True)
class Condition:
    """One field of `match` or `unless`: true where any of the values fits. `key` is a label's name."""

    field: str
    values: tuple[str, ...]
    key: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    """`match`: all conditions are true. `unless`: not all of these are (and there are some)."""

    id: str
    do: Do
    match: tuple[Condition, ...]
    unless: tuple[Condition, ...] = ()
    on: tuple[str, ...] = ()
    message: str = ""
    masks: frozenset[str] = frozenset()
    place: str = ""
    """`file:line` of its definition."""

    @property
    def restricts(self) -> bool:
        """It takes something away, so doubt counts as a match."""
        return self.do != "allow"


@dataclass(frozen=True, slots=True)
class Policy:
    """Rules in any order: the order never matters. Without any, everything is blocked."""

    rules: tuple[Rule, ...] = ()
    revision: str = "empty"
    """First 12 hex digits of the sha256 of all rule texts: each decision names it."""
