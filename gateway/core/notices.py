"""Notices: what is said outside of the gateway about things that happened, and the part of the Ledger that queues it.

A notice says that there is something to look at, never more than its receiver was set up for, and nothing can be
decided with it. Which entries become notices is in `gateway/app/herald.py`, how they are said in `gateway/notify`.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any, ClassVar, Protocol, Self

from gateway.core.events import Event
from gateway.core.ports import Entry

OPENED, DECIDED, EXPIRED = "approval.opened", "approval.decided", "approval.expired"
WITHDRAWN, REVOKED = "approval.withdrawn", "approval.revoked"
REVIEW_OPEN, REVIEW_SIGNED, BREAK_GLASS = "review.open", "review.signed", "break_glass"
RISKS = ("low", "medium", "high", "critical")
ALERTS = tuple(f"alert.{risk}" for risk in RISKS)
ABOUT_APPROVALS = (OPENED, DECIDED, EXPIRED, WITHDRAWN, REVOKED)
NAMES = (*ABOUT_APPROVALS, REVIEW_OPEN, REVIEW_SIGNED, BREAK_GLASS, *ALERTS)
"""What a receiver can be sent."""
PATTERNS = ("approval.*", "review.*", "alert.*")
TEST = "test"
"""What `hoop-gateway notify test` sends."""


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing that happened, for one receiver. Text is as it was given: whoever says it makes it harmless."""

    id: str
    """The same for each attempt: receivers know by it what they have had."""
    event: str
    at: str
    gateway: str
    request: str = ""
    """What belongs to one request is one thread."""
    session: str = ""
    person: str = ""
    target: str = ""
    kind: str = ""
    verb: str = ""
    rule: str = ""
    risk: str = ""
    state: str = ""
    by: str = ""
    """Who decided, revoked or signed."""
    expires_at: str = ""
    statement: str = ""
    """The masked beginning of it. Empty where the receiver is not to have it, as are the next two."""
    reason: str = ""
    word: str = ""
    """What `by` has said about it."""

    @property
    def thread(self) -> str:
        """Notices with the same one are said in their order."""
        return self.request or self.id

    def as_mapping(self) -> dict[str, str]:
        """For JSON."""
        return asdict(self)

    @classmethod
    def of(cls, found: Mapping[str, Any]) -> Self:
        """The other way. What a newer gateway knows of it is left out."""
        known = {each.name for each in fields(cls)}
        return cls(**{name: str(value) for name, value in found.items() if name in known})


@dataclass(frozen=True, slots=True)
class Posted:
    """A notice on its way to be queued. `entry` is the number of the ledger's entry that it is about."""

    receiver: str
    entry: int
    notice: Notice


@dataclass(frozen=True, slots=True)
class Claimed:
    """A notice that whoever holds `claim` may send until its lease is over. `attempts` counts this one, too."""

    receiver: str
    notice: Notice
    posted_at: datetime
    attempts: int
    claim: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many notices wait to be sent, and how many were given up on lately, by receiver."""

    waiting: Mapping[str, int]
    failed: Mapping[str, int]


class Outbox(Protocol):
    """Every write is one transaction with its event, and durable when its call returns. Each raises `Fault`."""

    async def noticed(self) -> int | None:
        """The number of the last entry that was looked at. None: nobody ever has."""
        ...

    async def newest_entry(self) -> int: ...

    async def entries_named(
        self, names: Collection[str], after: int, until: int, limit: int
    ) -> Sequence[Entry]:
        """Those with these names and a number behind `after` and up to `until`, in order."""
        ...

    async def post(self, after: int | None, until: int, posted: Sequence[Posted]) -> bool:
        """Compare-and-set: where `after` is still the last that was looked at, `until` is from now on, and these are
        queued, each once for its receiver. False: another gateway has."""
        ...

    async def claim(self, receiver: str, claim: str, lease: float) -> Claimed | None:
        """Compare-and-set: the oldest that is due for this receiver is `claim`'s for `lease` seconds. None: nothing
        is due, or what is due waits for an earlier one of its thread."""
        ...

    async def put_back(self, claimed: Claimed, seconds: float, problem: str) -> bool:
        """It is due again after so long. False: it is somebody else's meanwhile."""
        ...

    async def finish(self, claimed: Claimed, event: Event, problem: str = "") -> bool:
        """It is sent or, where there is a problem, given up. False, and no event: it is somebody else's meanwhile."""
        ...

    async def release(self, owner: str) -> int:
        """Nobody sends any more what was claimed by this installation: it was killed."""
        ...

    async def notices_waiting(self) -> Waiting: ...

    async def forget_notices(self, before: datetime) -> None:
        """Forget what was finished before then, and give up what has waited for a receiver that nobody knows."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeSent(Event):
    """A receiver has taken a notice."""

    name: ClassVar[str] = "notice.sent"
    notice: str
    event: str
    receiver: str
    kind: str
    request: str = ""
    attempts: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeFailed(Event):
    """A notice was given up: the receiver has not taken it in time, or never will."""

    name: ClassVar[str] = "notice.failed"
    notice: str
    event: str
    receiver: str
    kind: str
    why: str
    request: str = ""
    attempts: int = 1
