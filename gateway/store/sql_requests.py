"""The promises about approvals on a database: `core.approval.Requests`. A part of the Ledger; see `ledger.py`."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime

from gateway.core.approval import Acceptance, Amendment
from gateway.core.events import Event
from gateway.core.ports import Approval, Decision, Grant, Remark
from gateway.core.request_lists import Past, Wanted
from gateway.core.reviews import OpenReviews, Review, Revocation, Signature
from gateway.store import amendments, approvals, grants, marks, remarks, request_lists, reviews
from gateway.store.entries import NewEntry
from gateway.store.reader import Reader
from gateway.store.writer import Writer

THE_GATEWAY = "the gateway"


class SqlRequests(ABC):
    """`core.approval.Requests`. `SqlLedger` gives it what it reads and writes with."""

    _writer: Writer
    _reader: Reader
    _now: Callable[[], datetime]

    @abstractmethod
    def _note(self, event: Event) -> NewEntry: ...

    async def open_approval(self, approval: Approval, event: Event) -> None:
        """Keep a new approval and its event, both or neither."""
        entry = self._note(event)
        await self._writer.write(lambda c: approvals.open_approval(c, approval, entry))

    async def approval(self, id: str) -> Approval | None:
        """The approval as it stands."""
        return await self._reader.read(lambda c: approvals.find(c, id))

    async def approval_mark(self, id: str) -> tuple[str, int, int, int] | None:
        """Its state, its version, and how many decisions and remarks there are."""
        return await self._reader.read(lambda c: marks.mark(c, id))

    async def approvals(
        self, *, state: str = "", requester: str = "", limit: int = 1000, text_limit: int | None = None
    ) -> Sequence[Approval]:
        """Newest first."""
        states = frozenset({state} - {""})
        return await self.listed(Wanted(states, requester, limit=limit, text_limit=text_limit))

    async def asked_of(
        self, groups: AbstractSet[str], *, but: str = "", limit: int = 1000, text_limit: int | None = None
    ) -> Sequence[Approval]:
        """Those that are held and ask one of these groups, now or later. What expires first comes first."""
        return await self.listed(
            Wanted(asked=groups, but=but, by_end=True, limit=limit, text_limit=text_limit)
        )

    async def listed(self, wanted: Wanted) -> Sequence[Approval]:
        """One page."""
        return await self._reader.read(lambda c: request_lists.listed(c, wanted))

    async def alike(self, requesters: AbstractSet[str]) -> Mapping[tuple[str, str], int]:
        """How many held ones there are of each requester and shape."""
        return await self._reader.read(lambda c: request_lists.alike(c, requesters))

    async def past(self, *, but: str, shape: str = "", requester: str = "") -> Past:
        """What became of the newest of this shape, or of this requester."""
        return await self._reader.read(lambda c: request_lists.past(c, but, shape, requester))

    async def asked_before(
        self, target: str, since: datetime, *, requester: str = "", sha256: str = ""
    ) -> Sequence[Approval]:
        """What was asked for without a session and is approved, newest first."""
        return await self._reader.read(
            lambda c: request_lists.asked_before(c, target, since, requester, sha256)
        )

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
        """Take one person's word, and keep it as an event. True: it counted, which with several people to grant does
        not mean that it settled. False: it changed nothing."""
        counted = None if groups is None else frozenset(groups)
        return await self._writer.write(
            lambda c: approvals.settle(
                c, id, Decision(by, granted, reason, self._now(), name, counted, scope), version, self._note
            )
        )

    async def close_approval(self, id: str, state: str, event: Event | None = None) -> bool:
        """Expire or withdraw. False: it was settled already."""
        if state not in ("expired", "withdrawn"):
            raise ValueError(f"an approval is not closed as {state!r}")
        entry = None if event is None else self._note(event)
        return await self._writer.write(lambda c: approvals.close_noted(c, id, state, entry))

    async def expire_approvals(self) -> Sequence[str]:
        """Close what nobody decided in time and nobody's client waits for any longer."""
        at = self._now()
        if not await self._reader.read(lambda c: approvals.are_overdue(c, at)):
            return []
        return await self._writer.write(lambda c: approvals.expire(c, at, self._note))

    async def void_approval(self, id: str, why: str, event: Event) -> bool:
        """Deny what was approved, by nobody's word but the gateway's."""
        entry = self._note(event)
        word = Decision("", False, why, self._now(), THE_GATEWAY, frozenset())
        return await self._writer.write(lambda c: approvals.void(c, id, word, entry))

    async def break_glass(self, id: str, review: Review, version: int, events: Sequence[Event]) -> bool:
        """Approve by no decision, and open the review."""
        written = [self._note(event) for event in events]
        return await self._writer.write(lambda c: reviews.break_glass(c, id, review, version, written))

    async def sign_review(self, id: str, signature: Signature, events: Sequence[Event]) -> bool:
        """Close the review."""
        written = [self._note(event) for event in events]
        return await self._writer.write(lambda c: reviews.sign(c, id, signature, written))

    async def open_reviews(self, now: datetime) -> OpenReviews:
        """How many nobody has signed."""
        return await self._reader.read(lambda c: reviews.open_ones(c, now))

    async def revoke_approval(self, id: str, revocation: Revocation, event: Event) -> bool:
        """Let nothing through by it any more."""
        entry = self._note(event)
        return await self._writer.write(lambda c: reviews.revoke(c, id, revocation, entry, self._note))

    async def remark_approval(self, id: str, remark: Remark, event: Event) -> bool:
        """Keep what somebody says of a held one."""
        entry = self._note(event)
        return await self._writer.write(lambda c: remarks.remark(c, id, remark, entry))

    async def answer_approval(self, id: str, answers: Mapping[str, str], event: Event) -> bool:
        """Add to what the requester has given."""
        entry = self._note(event)
        return await self._writer.write(lambda c: remarks.answer(c, id, answers, entry))

    async def amend_approval(self, id: str, said: Amendment, version: int, event: Event) -> bool:
        """Keep another text that is proposed."""
        entry = self._note(event)
        return await self._writer.write(lambda c: amendments.propose(c, id, said, version, entry))

    async def accept_amendment(self, id: str, taken: Acceptance) -> bool:
        """Another request takes its place."""
        return await self._writer.write(lambda c: amendments.accept(c, id, taken, self._note))

    async def open_grant(self, grant: Grant, event: Event) -> bool:
        """Let more through by an approval."""
        entry = self._note(event)
        return await self._writer.write(lambda c: grants.open_grant(c, grant, entry))

    async def grants(self, person: str, target: str) -> Sequence[Grant]:
        """Those that have not ended, newest first."""
        return await self._reader.read(lambda c: grants.of(c, person, target))

    async def grant(self, id: str) -> Grant | None:
        """The grant of the approval with this id."""
        return await self._reader.read(lambda c: grants.find(c, id))

    async def fallen(self, ids: Collection[str]) -> Mapping[str, str]:
        """Which of these approvals let nobody stay any more, and why: in one read."""
        return await self._reader.read(lambda c: grants.fallen(c, ids)) if ids else {}

    async def use_grant(self, id: str, at: datetime, event: Event) -> bool:
        """Take one run."""
        entry = self._note(event)
        return await self._writer.write(lambda c: grants.use(c, id, at, entry))

    async def end_grant(self, id: str, why: str, event: Event) -> bool:
        """Let nothing through by it any more."""
        entry = self._note(event)
        return await self._writer.write(lambda c: grants.end(c, id, why, entry))
