"""A held operation waits here until somebody settles it, it expires, or its person goes away.

The ledger is the truth and the bus a hint: the waiter re-reads the ledger on every hint and every few seconds,
so a lost hint costs seconds and never a wrong answer. `settle` is the one place where a decision is accepted.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta

from gateway.core.errors import Refused
from gateway.core.events import OperationHeld
from gateway.core.ids import new_request_id
from gateway.core.operation import Operation
from gateway.core.people import Principal, Session
from gateway.core.ports import Approval, Bus, Clock, Hint, Ledger
from gateway.core.verdict import Hold
from gateway.session import words

Notice = Callable[[str], Awaitable[None]]

REREAD_EVERY = 3.0
REMINDER_EVERY = timedelta(minutes=1)


class Approvals:
    """Opens, waits for and settles approvals."""

    def __init__(self, ledger: Ledger, bus: Bus, clock: Clock, *, reread_every: float = REREAD_EVERY) -> None:
        self._ledger = ledger
        self._bus = bus
        self._clock = clock
        self._reread_every = reread_every

    async def wait(
        self, session: Session, operation: Operation, hold: Hold, revision: str, notice: Notice
    ) -> Approval:
        """Open an approval and return it settled. Cancelled: it is withdrawn."""
        approval = self._approval(session, operation, hold)
        async with self._bus.subscribe("approval") as hints:
            await self._ledger.open_approval(approval, _held_event(approval, revision))
            try:
                await self._bus.publish(Hint("approval", approval.id))
                await notice(words.held(approval, hold.timeout))
                return await self._until_settled(approval, hints, notice)
            except BaseException:
                await asyncio.shield(self._close(approval.id, "withdrawn"))
                raise

    async def settle(self, id: str, by: Principal, granted: bool, sha256: str, reason: str = "") -> Approval:
        """Take one person's decision on exactly the text they were shown. Raises `Refused` with the reason why it
        does not count."""
        approval = await self._ledger.approval(id)
        if approval is None:
            raise Refused(f"there is no request {id}")
        if by.id == approval.requester:
            raise Refused(f"you can not decide {id}: you are the requester")
        if not by.groups & approval.approvers:
            raise Refused(f"you can not decide {id}: it asks {', '.join(sorted(approval.approvers))}")
        if sha256 != approval.sha256:
            raise Refused(f"{id} is not what you were shown: look again")
        if not await self._ledger.settle_approval(id, by.id, granted, reason):
            raise Refused(f"{id} is decided already")
        await self._bus.publish(Hint("approval", id))
        settled = await self._ledger.approval(id)
        return settled or approval

    def _approval(self, session: Session, operation: Operation, hold: Hold) -> Approval:
        now = self._clock.now()
        return Approval(
            id=new_request_id(),
            session=session.id,
            requester=session.principal.id,
            target=session.target.name,
            verb=operation.verb,
            text=operation.text,
            sha256=operation.sha256,
            rule=hold.rule,
            reason=hold.reason,
            approvers=hold.approvers,
            count=hold.count,
            opened_at=now,
            expires_at=now + hold.timeout,
        )

    async def _until_settled(
        self, approval: Approval, hints: AsyncIterator[Hint], notice: Notice
    ) -> Approval:
        remind_at = approval.opened_at + REMINDER_EVERY
        while True:
            current = await self._ledger.approval(approval.id)
            if current is not None and current.state != "held":
                return current
            now = self._clock.now()
            if now >= approval.expires_at:
                await self._close(approval.id, "expired")
                continue
            if now >= remind_at:
                remind_at = now + REMINDER_EVERY
                await notice(words.still_held(approval, approval.expires_at - now))
            patience = min(self._reread_every, (approval.expires_at - now).total_seconds())
            await _hint(hints, approval.id, patience)

    async def _close(self, id: str, state: str) -> None:
        await self._ledger.close_approval(id, state)
        await self._bus.publish(Hint("approval", id))


async def _hint(hints: AsyncIterator[Hint], key: str, patience: float) -> None:
    """Return at a hint about `key`, or after `patience` seconds."""
    try:
        async with asyncio.timeout(patience):
            async for hint in hints:
                if hint.key == key:
                    return
            await asyncio.sleep(patience)
    except TimeoutError:
        return


def _held_event(approval: Approval, revision: str) -> OperationHeld:
    return OperationHeld(
        session=approval.session,
        actor=approval.requester,
        request=approval.id,
        verb=approval.verb,
        text=approval.text,
        sha256=approval.sha256,
        rule=approval.rule,
        revision=revision,
        approvers=sorted(approval.approvers),
        count=approval.count,
        expires_at=approval.expires_at.isoformat(),
    )
