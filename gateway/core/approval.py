"""Approvals as the book of record keeps them, and the part of the Ledger that does so.

An Approval is a held operation and all that people have said about it. A Grant is what an approval covers beyond
that one operation. Who may decide is not known here: `gateway/session/approvals.py`.
"""

from collections.abc import Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, Protocol

from gateway.core.attachments import Attachment
from gateway.core.events import Event
from gateway.core.request_lists import Past, Wanted
from gateway.core.reviews import OpenReviews, Review, Revocation, Signature
from gateway.core.verdict import Glass, Quorum

OPERATION, TEXT, ACCESS = "operation", "text", "access"


@dataclass(frozen=True, slots=True)
class Approval:
    """A held operation waiting for, or settled by, people."""

    id: str
    session: str
    requester: str
    target: str
    verb: str
    text: str
    sha256: str
    rule: str
    reason: str
    approvers: frozenset[str]
    count: int
    opened_at: datetime
    expires_at: datetime
    state: str = "held"
    """`held`, `approved`, `denied`, `expired` or `withdrawn`."""
    decisions: tuple["Decision", ...] = ()
    kind: str = OPERATION
    """What was asked for: the one operation that `text` is. Or, before there is any session, `text`: an operation
    that somebody has written down; or `access`: coming in, or what a rule holds, for a time."""
    mode: str = "wait"
    """`wait`: somebody's client waits. `fail`: it was refused; the same text passes once after it was granted."""
    also: tuple[Quorum, ...] = ()
    then: tuple[tuple[timedelta, frozenset[str]], ...] = ()
    scopes: tuple[str, ...] = ("once",)
    """What may be granted: `gateway/core/scopes.py`."""
    requires: frozenset[str] = frozenset()
    """`reason`, `ticket`: has to be among `answers` before a grant counts."""
    shape: str = ""
    """A digest that is the same for texts that differ in constants only; of the text, where it has no shape."""
    version: int = 1
    """Grows when what is shown changes: with an answer. Comments and replies do not change it, and the text never
    changes."""
    revision: str = ""
    risk: str = ""
    facts: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    """What was known when it was opened, for people to read: who, from where, on what."""
    answers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """What the requester has given of `reason` and `ticket`."""
    claimed_by: str = ""
    """The id of who is looking at it."""
    granted_scope: str = ""
    """Of an approved one: what it covers."""
    remarks: tuple["Remark", ...] = ()
    break_glass: Glass | None = None
    """Who may let it through themselves. None: nobody."""
    review: Review | None = None
    """Somebody has: it is approved by no decision, and this is what has become of it since."""
    revoked: Revocation | None = None
    """It covers nothing any more."""
    attachments: tuple[Attachment, ...] = ()
    """Files that the text runs, as they were when it was asked for: `sha256` covers them. Left out of lists."""
    amendment: "Amendment | None" = None
    """The newest text that was proposed instead."""
    replaced_by: str = ""
    """The id of the request for the text that was accepted instead."""
    replaces: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """One person's word on an Approval."""

    by: str
    granted: bool
    reason: str
    at: datetime
    name: str = ""
    """What they were called."""
    groups: frozenset[str] | None = None
    """The asked groups that they were in. None: whoever took their word has seen to it that they may give it."""
    scope: str = "once"


@dataclass(frozen=True, slots=True)
class Remark:
    """What somebody said beside a decision."""

    by: str
    kind: str
    """`claim`, `unclaim`, `comment` or `reply`."""
    text: str
    at: datetime
    name: str = ""


@dataclass(frozen=True, slots=True)
class Amendment:
    """Another text that somebody who may decide proposes."""

    by: str
    name: str
    text: str
    sha256: str
    reason: str
    at: datetime
    groups: tuple[str, ...] = ()
    """The asked groups that they were in."""
    accepted: bool = False


@dataclass(frozen=True, slots=True)
class Acceptance:
    """Who asked takes the text that was proposed: exactly this one."""

    by: str
    sha256: str
    version: int
    at: datetime
    event: Event
    other: Approval | None = None
    """The request that takes the place of the first. None: no rule holds that text."""
    held: Event | None = None
    """Of that one."""
    word: Decision | None = None
    """The yes of whoever proposed it, where that one asks them."""


@dataclass(frozen=True, slots=True)
class Grant:
    """What an Approval lets through beside the operation that it was about. Its id is the Approval's."""

    id: str
    person: str
    target: str
    rule: str
    kind: str
    """`shape`, `target`, `session`, or `again` for what was refused at first (`Approval.mode`)."""
    key: str
    """What has to be equal: the shape, the session, the text's sha256; of `target` the account, or empty for any."""
    opened_at: datetime
    expires_at: datetime
    runs_left: int | None = None
    """None: as often as they like."""
    ended: str = ""
    """Why it lets nothing through any more."""


class Requests(Protocol):
    """Every write is one transaction with its event, and durable when its call returns."""

    async def open_approval(self, approval: Approval, event: Event) -> None: ...

    async def approval(self, id: str) -> Approval | None: ...

    async def approval_mark(self, id: str) -> tuple[str, int, int, int] | None:
        """Another one with everything that happens to it: for whoever waits, and looks often."""
        ...

    async def approvals(
        self, *, state: str = "", requester: str = "", limit: int = 1000, text_limit: int | None = None
    ) -> Sequence[Approval]:
        """Newest first. With a `text_limit` only so much of each text: for lists."""
        ...

    async def asked_of(
        self, groups: AbstractSet[str], *, but: str = "", limit: int = 1000, text_limit: int | None = None
    ) -> Sequence[Approval]:
        """Those that are held and ask one of these groups, now or later; those that `but` requested are left out.
        What expires first comes first."""
        ...

    async def asked_before(
        self, target: str, since: datetime, *, requester: str = "", sha256: str = ""
    ) -> Sequence[Approval]:
        """What was asked for without a session, since then, and is approved; newest first, texts left out. Of one
        requester or with one digest, where they are said."""
        ...

    async def listed(self, wanted: Wanted) -> Sequence[Approval]: ...

    async def alike(self, requesters: AbstractSet[str]) -> Mapping[tuple[str, str], int]:
        """How many held ones of each of these there are of each shape, by requester and shape."""
        ...

    async def past(self, *, but: str, shape: str = "", requester: str = "") -> Past:
        """What became of the newest of this shape, or of this requester, that one left out."""
        ...

    async def settle_approval(
        self,
        id: str,
        by: str,
        granted: bool,
        reason: str = "",
        *,
        name: str = "",
        groups: AbstractSet[str] | None = None,
        scope: str = "once",
        version: int = 1,
    ) -> bool:
        """Compare-and-set. A grant counts once per person and settles when every quorum is met by different people;
        a denial settles at once. False: it was settled already, has expired, is another version, lacks an answer, or
        this person has spoken before."""
        ...

    async def close_approval(self, id: str, state: str, event: Event | None = None) -> bool:
        """Expire or withdraw. False: it was settled already, and the event was not kept."""
        ...

    async def expire_approvals(self) -> Sequence[str]:
        """Close what nobody decided in time and nobody's client waits for any longer, and return the ids."""
        ...

    async def void_approval(self, id: str, why: str, event: Event) -> bool:
        """What was approved is denied after all, before anything was let through, by a Decision that is nobody's.
        False: it is not approved."""
        ...

    async def break_glass(self, id: str, review: Review, version: int, events: Sequence[Event]) -> bool:
        """Compare-and-set: a held one is approved by no decision, and its review is open. False: it is not held any
        more, has expired, is another version, or is somebody else's."""
        ...

    async def sign_review(self, id: str, signature: Signature, events: Sequence[Event]) -> bool:
        """Compare-and-set. False: it is signed already, or there is none."""
        ...

    async def open_reviews(self, now: datetime) -> OpenReviews: ...

    async def revoke_approval(self, id: str, revocation: Revocation, event: Event) -> bool:
        """Compare-and-set: what is approved covers nothing any more. Its grant ends, and what was refused at first
        and not tried again is denied. False: it is not approved, or was revoked before."""
        ...

    async def remark_approval(self, id: str, remark: Remark, event: Event) -> bool:
        """Keep what somebody says of a held one. A claim succeeds where nobody else has claimed it, an unclaim where
        they have themselves. False: it does not, or it is settled."""
        ...

    async def answer_approval(self, id: str, answers: Mapping[str, str], event: Event) -> bool:
        """Add to what the requester has given. False: it is settled, somebody has granted it already, or one of these
        was given before."""
        ...

    async def amend_approval(self, id: str, said: Amendment, version: int, event: Event) -> bool:
        """Compare-and-set: another text is proposed, in place of an earlier one, and the version grows. False: it is
        settled, has expired, or is another version."""
        ...

    async def accept_amendment(self, id: str, taken: Acceptance) -> bool:
        """Compare-and-set: the held one is withdrawn, and the other is open, with its first yes, in one transaction.
        False: it is settled, has expired, is another version, or proposes another text."""
        ...

    async def open_grant(self, grant: Grant, event: Event) -> bool:
        """False: that approval is not approved, or has a grant already."""
        ...

    async def grants(self, person: str, target: str) -> Sequence[Grant]:
        """Those that have not ended, newest first."""
        ...

    async def grant(self, id: str) -> Grant | None:
        """The grant of the approval with this id, ended or not."""
        ...

    async def fallen(self, ids: Collection[str]) -> Mapping[str, str]:
        """Which of these approvals let nobody be where they are any more, and why: they are not approved now, or were
        for a time and that has been ended."""
        ...

    async def use_grant(self, id: str, at: datetime, event: Event) -> bool:
        """Compare-and-set: take one run. False: it has ended, is over, or nothing is left."""
        ...

    async def end_grant(self, id: str, why: str, event: Event) -> bool:
        """False: it had ended already."""
        ...
