"""What policy answers about an Operation: allow it, hold it for a human, or deny it.

Verdicts are facts without behaviour; `gateway/session/gate.py` acts on them and is next in the reading path.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

Span = tuple[int, int]
"""From where to where in a text, in characters."""


@dataclass(frozen=True, slots=True)
class Quorum:
    """So many different people of any of these groups."""

    groups: frozenset[str]
    count: int = 1


@dataclass(frozen=True, slots=True)
class Glass:
    """Who may let their own operation through in an emergency, and by when somebody has to look at that."""

    groups: frozenset[str]
    review: timedelta = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Allow:
    """The operation may go to the target; answers pass through the named masks."""

    rule: str
    masks: frozenset[str] = frozenset()
    alerts: frozenset[str] = frozenset()
    """The ids of alert rules that matched."""
    observed: frozenset[str] = frozenset()
    """What rules that only observe would have done: "RULE would have held", "RULE would have blocked"."""


@dataclass(frozen=True, slots=True)
class Hold:
    """The operation waits until `count` distinct people of `approvers` grant it, or `timeout` denies it."""

    rule: str
    reason: str
    approvers: frozenset[str]
    count: int = 1
    timeout: timedelta = timedelta(minutes=10)
    scopes: Sequence[str] = ("once",)
    """What may be granted, as `gateway/core/scopes.py` reads it. `once` may be granted whatever they say."""
    masks: frozenset[str] = frozenset()
    also: tuple[Quorum, ...] = ()
    """Further quorums. All have to be met, by different people."""
    then: tuple[tuple[timedelta, frozenset[str]], ...] = ()
    """Escalation: after so long, people of these groups may stand in for those of `approvers`."""
    requires: frozenset[str] = frozenset()
    """What the person has to give before anybody can grant it: `reason`, `ticket`."""
    mode: str = "wait"
    """Or `fail`: refused at once with the request's id; the same text passes once after it was granted."""
    risk: str = ""
    """`low`, `medium`, `high` or `critical`, where the rule says so."""
    lasts: timedelta | None = None
    """Of coming in: however it was granted, the session is over after so long."""
    author: str = ""
    """`other`: whoever does it must not be who has written it down and asked for it. Nobody waits then."""
    alerts: frozenset[str] = frozenset()
    observed: frozenset[str] = frozenset()
    matched: tuple[Span, ...] = field(default=(), compare=False)
    """What of the text the rules point at: for people to look at first."""
    break_glass: Glass | None = None
    """None: nobody may let it through themselves, whatever happens."""
    impact: str = "look"
    """What people may find out of it while it waits: `gateway/core/impact.py`."""

    @property
    def demands(self) -> tuple[object, ...]:
        """What has to be granted: what was, for the same demands, need not be asked for again."""
        asked = (self.rule, self.approvers, self.count, self.also, self.then, self.requires)
        return (*asked, self.author, self.break_glass)


@dataclass(frozen=True, slots=True)
class Deny:
    """The operation never reaches the target. `reason` is shown to the person verbatim."""

    rule: str
    reason: str
    alerts: frozenset[str] = frozenset()
    observed: frozenset[str] = frozenset()


Verdict = Allow | Hold | Deny
