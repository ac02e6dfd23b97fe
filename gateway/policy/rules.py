"""A policy: rules as data. What each field of a rule tests is in `predicates.py`; who wins is in `decide.py`."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal

from gateway.core.impact import LOOK
from gateway.core.scopes import Scope
from gateway.core.verdict import Glass, Quorum
from gateway.policy.when import When

Do = Literal["allow", "block", "hold", "mask", "alert"]
RISKS = ("low", "medium", "high", "critical")
"""From small to great."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One field of `match` or `unless`: true where any of the values fits. `key` is a label's name."""

    field: str
    values: tuple[str, ...]
    key: str = ""


@dataclass(frozen=True, slots=True)
class Asking:
    """Of a rule that holds: whom it asks, how long they have, and what they may grant."""

    quorums: tuple[Quorum, ...]
    ttl: timedelta = timedelta(minutes=10)
    scopes: tuple[Scope, ...] = ()
    """Beside `once`, which may be granted always; one of a kind at most."""
    then: tuple[tuple[timedelta, frozenset[str]], ...] = ()
    """After so long these groups may stand in for the first quorum."""
    requires: frozenset[str] = frozenset()
    mode: str = "wait"
    lasts: timedelta | None = None
    """A session that this let in is over after so long."""
    author: str = ""
    """`other`: somebody else has written it."""
    break_glass: Glass | None = None
    impact: str = LOOK


@dataclass(frozen=True, slots=True)
class Rule:
    """`match`: all conditions are true, and so is `when`. `unless`: not all of these are (and there are some)."""

    id: str
    do: Do
    match: tuple[Condition, ...]
    unless: tuple[Condition, ...] = ()
    on: tuple[str, ...] = ()
    message: str = ""
    masks: frozenset[str] = frozenset()
    place: str = ""
    """`file:line` of its definition."""
    when: When | None = None
    asking: Asking | None = None
    """Of those that hold."""
    risk: str = ""
    observe: bool = False
    """It is evaluated and noted, and does nothing."""
    match_fields: frozenset[str] = field(init=False, repr=False, compare=False)
    unless_fields: frozenset[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "match_fields", fields_of(self.match))
        object.__setattr__(self, "unless_fields", fields_of(self.unless))

    @property
    def restricts(self) -> bool:
        """It takes something away, or raises an alarm, so doubt counts as a match."""
        return self.do != "allow"

    @property
    def is_timed(self) -> bool:
        """What it says depends on when it is asked: tables grow, too."""
        return self.asks_rows or (
            "time" in self.match_fields | self.unless_fields
            or (self.when is not None and self.when.asks_the_time)
        )

    @property
    def asks_rows(self) -> bool:
        """It looks at how many rows a statement is estimated to be about."""
        return "rows" in self.match_fields | self.unless_fields or (
            self.when is not None and self.when.asks_rows
        )


@dataclass(frozen=True, slots=True)
class Policy:
    """Rules in any order: the order never matters. Without any, everything is blocked."""

    rules: tuple[Rule, ...] = ()
    revision: str = "empty"
    """First 12 hex digits of the sha256 of all rule texts: each decision names it."""
    sha256: str = ""
    """All of them."""
    dockets: dict[object, tuple[Rule, ...]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )
    """What `docket.py` remembers: no part of the policy."""


def fields_of(conditions: Sequence[Condition]) -> frozenset[str]:
    """Which fields stand together."""
    return frozenset(condition.field for condition in conditions)
