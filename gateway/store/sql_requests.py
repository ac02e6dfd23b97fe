"""The promises about approvals on a database: `core.approval.Requests`. A part of the Ledger; see `ledger.py`."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime

from gateway.core.approval import Past
from gateway.core.events import Event
from gateway.core.ports import Approval, Decision, Grant, Remark
from gateway.store import approvals, grants, past, remarks
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
        return await self._reader.read(lambda c: past.mark(c, id))

    async def approvals(
        self, *, state: str = "", requester: str = "", limit: int = 1000, text_limit: int | None = None
    ) -> Sequence[Approval]:
        """Newest first."""
        return await self._reader.read(lambda c: approvals.newest(c, state, requester, limit, text_limit))

    async def asked_of(
        self, groups: AbstractSet[str], *, but: str = "", limit: int = 1000, text_limit: int | None = None
    ) -> Sequence[Approval]:
        """Those that are held and ask one of these groups, now or later. What expires first comes first."""
        return await self._reader.read(lambda c: approvals.asked_of(c, groups, but, limit, text_limit))

    async def past(self, *, requester: str = "", shape: str = "", but: str = "", limit: int = 1000) -> Past:
        """What became of earlier ones."""
        return await self._reader.read(lambda c: past.past(c, requester, shape, but, limit))

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

    async def remark_approval(self, id: str, remark: Remark, event: Event) -> bool:
        """Keep what somebody says of a held one."""
        entry = self._note(event)
        return await self._writer.write(lambda c: remarks.remark(c, id, remark, entry))

    async def answer_approval(self, id: str, answers: Mapping[str, str], event: Event) -> bool:
        """Add to what the requester has given."""
        entry = self._note(event)
        return await self._writer.write(lambda c: remarks.answer(c, id, answers, entry))

    async def open_grant(self, grant: Grant, event: Event) -> bool:
        """Let more through by an approval."""
        entry = self._note(event)
        return await self._writer.write(lambda c: grants.open_grant(c, grant, entry))

    async def grants(self, person: str, target: str) -> Sequence[Grant]:
        """Those that have not ended, newest first."""
        return await self._reader.read(lambda c: grants.of(c, person, target))

    async def use_grant(self, id: str, at: datetime, event: Event) -> bool:
        """Take one run."""
        entry = self._note(event)
        return await self._writer.write(lambda c: grants.use(c, id, at, entry))

    async def end_grant(self, id: str, why: str, event: Event) -> bool:
        """Let nothing through by it any more."""
        entry = self._note(event)
        return await self._writer.write(lambda c: grants.end(c, id, why, entry))
