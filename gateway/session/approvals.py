"""A held operation waits here until somebody settles it, it expires, or its person goes away.

The ledger is the truth and the bus a hint: the waiter re-reads the ledger on every hint and every few seconds,
so a lost hint costs seconds and never a wrong answer. `settle` is the one place where a decision is accepted; who
may decide is in `who_decides.py`, what passes by an earlier approval in `covering.py`, what people say beside
decisions in `remarks.py`, what they do instead of deciding in `glass.py`, how much they may ask for in `flood.py`.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import datetime, timedelta

from gateway.core import quorum, scopes
from gateway.core.approval import ACCESS
from gateway.core.approval_events import ApprovalClosed
from gateway.core.errors import Fault, Refused
from gateway.core.operation import Operation
from gateway.core.people import Principal, Session
from gateway.core.ports import Approval, Bus, Clock, Grant, Hint, Ledger
from gateway.core.request_lists import Place
from gateway.core.verdict import Hold
from gateway.session import asking, words
from gateway.session.amending import Amending
from gateway.session.answering import given, why_changed
from gateway.session.covering import Covering, Stay
from gateway.session.flood import MOST_A_MINUTE, MOST_WAITING, Flood
from gateway.session.glass import BreakGlass
from gateway.session.objections import Objection, wanted_scope
from gateway.session.remarks import Remarks, Spoken, must_say
from gateway.session.request_lists import RequestLists
from gateway.session.who_decides import People, WhoDecides

Notice = Callable[[str], Awaitable[None]]

MOST_KNOWN = 500
"""Of a person's newest requests, so many are looked through for one that is asked for again."""
REREAD_EVERY = 3.0
READS_A_SECOND = 100
"""By all who wait in this gateway together: with thousands of them, each looks less often where no hint comes."""
FIRST_REMINDER = timedelta(minutes=1)
REMINDER_EVERY = timedelta(minutes=5)


class Approvals:
    """Opens, waits for and settles approvals."""

    def __init__(
        self,
        ledger: Ledger,
        bus: Bus,
        clock: Clock,
        people: People | None = None,
        *,
        reread_every: float = REREAD_EVERY,
        most_of_one: int = MOST_WAITING,
        most_a_minute: int = MOST_A_MINUTE,
        clock_problem: Callable[[], str] = lambda: "",
    ) -> None:
        """`people`: who there is now. Without it everybody counts for what they came with. `clock_problem`: why this
        gateway's clock can not be gone by, if so."""
        self._ledger = ledger
        self._bus = bus
        self._clock = clock
        self._reread_every = reread_every
        self._clock_problem = clock_problem
        self._who = WhoDecides(people)
        self._flood = Flood(clock, most_of_one, most_a_minute)
        self._covering = Covering(ledger, clock, self._who)
        self._remarks = Remarks(ledger, clock, self._who)
        self._glass = BreakGlass(ledger, clock, self._who)
        self._lists = RequestLists(ledger, clock, self._who)
        self.amending = Amending(ledger, clock, self._who)

    # For the Gate.

    async def covered(self, session: Session, operation: Operation, hold: Hold) -> str:
        """The request by which this passes without asking again; it is used by this once. Empty: there is none.
        Raises `Refused` where it can not be told what time it is, as `wait` does."""
        self._must_tell_time()
        return await self._covering.take(session, operation, asking.as_asked(hold, operation))

    async def wait(
        self, session: Session, operation: Operation, hold: Hold, revision: str, notice: Notice
    ) -> Approval:
        """Open an approval and return it settled; where the rule lets nobody wait, as it is. Cancelled: it is
        withdrawn. Raises `Refused` where too much of theirs waits already, and where somebody else has to run it."""
        self._must_tell_time()
        if hold.author:
            raise Refused(await self._covering.why_not(session, operation, hold))
        hold = asking.as_asked(hold, operation)
        if hold.mode == "fail":
            return await self._asked_for_later(session, operation, hold, revision, notice)
        answers = await given(notice, hold.requires)
        self._flood.take(person := self._who.behind(session.principal.id))
        approval = asking.request(session, operation, hold, revision, self._clock.now(), answers)
        until_us = self._clock.monotonic_us() + round(hold.timeout.total_seconds() * 1_000_000)
        async with self._bus.subscribe("approval") as hints:
            with self._flood.one_more(person):
                try:
                    # Interrupted, it may be in the ledger all the same: then nobody is to be asked for nothing.
                    await self._ledger.open_approval(approval, asking.held_event(approval))
                    await self.changed(approval.id)
                    await notice(words.held(approval, hold.timeout))
                    if not self._who.why_not_break(approval, session.principal):
                        await notice(words.in_an_emergency(approval))
                    settled = await self._until_settled(approval, until_us, hints, notice)
                    if settled.replaced_by:
                        return await self._replaced(settled, hints, notice)
                    return await self._released(settled, hold, notice)
                except BaseException:
                    await asyncio.shield(self._close(approval.id, "withdrawn", asking.left_event(approval)))
                    raise

    async def _replaced(self, first: Approval, hints: AsyncIterator[Hint], notice: Notice) -> Approval:
        """Wait for the request that has taken its place: the first, where that is approved, to go on with its text;
        else what has become of it."""
        other = await self._existing(first.replaced_by)
        left = _us(other.expires_at - self._clock.now())
        try:
            settled = await self._until_settled(other, self._clock.monotonic_us() + left, hints, notice)
        except BaseException:
            await asyncio.shield(self._close(other.id, "withdrawn", asking.left_event(other)))
            raise
        return first if settled.state == "approved" else settled

    async def _asked_for_later(
        self, session: Session, operation: Operation, hold: Hold, revision: str, notice: Notice
    ) -> Approval:
        waiting = await self._covering.waiting(session, operation, hold)
        if waiting:
            return waiting[0]
        waiting_in_all = await self._covering.waiting_in_all(session.principal.id)
        self._flood.take(self._who.behind(session.principal.id), waiting_in_all)
        answers = await given(notice, hold.requires)
        approval = asking.request(session, operation, hold, revision, self._clock.now(), answers)
        await self._ledger.open_approval(approval, asking.held_event(approval))
        await self.changed(approval.id)
        return approval

    async def ask(self, approval: Approval) -> Approval:
        """What somebody wants to have approved before there is any session; the one that asks for the same and waits,
        or was asked for with the same key. Raises `Refused` where too much of theirs waits."""
        self._must_tell_time()
        now = self._clock.now()
        for each in await self._ledger.approvals(
            requester=approval.requester, limit=MOST_KNOWN, text_limit=0
        ):
            waits = each.state == "held" and now < each.expires_at
            if asking.is_same(each, approval) and (waits or asking.has_same_key(each, approval)):
                return await self._existing(each.id)
        waiting_in_all = await self._covering.waiting_in_all(approval.requester)
        self._flood.take(self._who.behind(approval.requester), waiting_in_all)
        await self._ledger.open_approval(approval, asking.held_event(approval))
        await self.changed(approval.id)
        return approval

    async def stay(self, id: str) -> tuple[Approval, Stay]:
        """How long whoever came in by this request may stay."""
        approval = await self._existing(id)
        return approval, await self._covering.stay(approval)

    async def why_over(self, approval: Approval, grant: Grant, hold: Hold | None) -> str:
        """Why they may not stay, as people and rules are now; else nothing. It looks nothing up."""
        return await self._covering.why_over(approval, grant, hold)

    def _must_tell_time(self) -> None:
        if problem := self._clock_problem():
            raise Refused(f"nothing can be held or approved here for now: {problem}")

    async def _released(self, approval: Approval, hold: Hold, notice: Notice) -> Approval:
        """Whoever granted it may have lost what they did so with, and what it is about may have changed."""
        if approval.state != "approved":
            return approval
        released = await self._covering.still(approval, hold)
        if released.state == "approved" and (why := await why_changed(notice)):
            released = await self._covering.void(released, why)
        if released.state != "approved":
            await self.changed(approval.id)
        elif not self._clock_problem():  # else this one passes, and nothing beyond it
            await self._covering.open(released)
        return released

    async def _until_settled(
        self, approval: Approval, until_us: int, hints: AsyncIterator[Hint], notice: Notice
    ) -> Approval:
        spoken = Spoken(notice)
        remind_us = self._clock.monotonic_us() + _us(FIRST_REMINDER)
        current, seen = None, None
        while True:
            mark = await self._ledger.approval_mark(approval.id)
            if mark != seen:
                current, seen = await self._ledger.approval(approval.id), mark
            if current is not None and current.state != "held":
                return current
            if current is not None:
                await spoken.catch_up(current)
            now_us = self._clock.monotonic_us()
            left = min(approval.expires_at - self._clock.now(), timedelta(microseconds=until_us - now_us))
            if left <= timedelta():
                await self._close(approval.id, "expired")
                continue
            if now_us >= remind_us:
                remind_us = now_us + _us(REMINDER_EVERY)
                await notice(words.still_held(approval, left))
            patience = max(self._reread_every, self._flood.waiting / READS_A_SECOND)
            await _hint(hints, approval.id, min(patience, left.total_seconds()))

    # For whoever is asked.

    def is_own(self, approval: Approval, who: Principal) -> bool:
        """Whether they asked for it, by any identity of theirs."""
        return self._who.is_requester(approval, who)

    def must_wait(self, approval: Approval) -> None:
        """Raises `Objection` where it is over."""
        self._held(approval)

    def may_decide(self, approval: Approval, who: Principal, now: datetime) -> str:
        """Nothing if they may, or why not in one clause."""
        return self._who.may_not(approval, who, now)

    async def settle(
        self,
        id: str,
        by: Principal,
        granted: bool,
        sha256: str,
        reason: str = "",
        *,
        version: int = 1,
        scope: str = scopes.ONCE,
    ) -> Approval:
        """Take one person's decision on exactly what they were shown. Raises `Objection` with the reason why it does
        not count, and `Fault` where it can not be told whether it is in time."""
        if granted and (problem := self._clock_problem()):
            raise Fault(f"nothing can be approved here for now: {problem}")
        approval = await self._existing(id)
        if why := self._who.why_not(approval, by, self._clock.now()):
            raise self._over(approval, granted) or Objection("not_yours", f"you can not decide {id}: {why}")
        if over := self._over(approval, granted):
            raise over
        if sha256 != approval.sha256 or version != approval.version:
            raise Objection("changed", f"{id} is not what you were shown: look again")
        if reason or not granted:
            must_say(reason)
        wanted = wanted_scope(approval, scope) if granted else scopes.ONCE
        groups = self._who.groups(by) & quorum.asked(approval, self._clock.now())
        counts = await self._ledger.settle_approval(
            id, by.id, granted, reason, name=by.name, groups=groups, scope=wanted, version=version
        )
        if counts:
            await self.changed(id)
        settled = await self._existing(id)
        if not counts:
            raise self._over(settled, granted) or Objection(
                "changed", f"{id} has changed meanwhile: look again"
            )
        if settled.state == "approved" and settled.kind == ACCESS:
            await self._covering.open(settled)
            await self.changed(id)
        return settled

    async def claim(self, id: str, by: Principal) -> Approval:
        """Say that they are looking at it: the requester hears so. Raises `Objection`."""
        return await self._remarked(id, by, "claim")

    async def unclaim(self, id: str, by: Principal) -> Approval:
        """Say that they are not any more. Raises `Objection`."""
        return await self._remarked(id, by, "unclaim")

    async def comment(self, id: str, by: Principal, text: str) -> Approval:
        """Say or ask something: the requester hears it at once. Raises `Objection`."""
        return await self._remarked(id, by, "comment", text)

    async def reply(
        self, id: str, by: Principal, *, reason: str = "", ticket: str = "", text: str = ""
    ) -> Approval:
        """What the requester says. A reason and a ticket can be given once each, and only before somebody has decided
        on what was there without them. Raises `Objection`."""
        await self._remarks.reply(self._held(await self._existing(id)), by, reason, ticket, text)
        await self.changed(id)
        return await self._existing(id)

    async def withdraw(self, id: str, by: Principal) -> Approval:
        """The requester takes it back. Raises `Objection`."""
        approval = self._held(await self._existing(id))
        if not self._who.is_requester(approval, by):
            raise Objection("not_yours", f"you can not take back {id}: you did not ask for it")
        event = ApprovalClosed(
            session=approval.session, actor=by.id, request=id, state="withdrawn", why="taken back"
        )
        await self._close(id, "withdrawn", event)
        return await self._existing(id)

    async def find(self, id: str, who: Principal) -> Approval:
        """All of a request. Raises `Objection` where there is none that they may see."""
        approval = await self._ledger.approval(id)
        if approval is None or not self._who.sees(approval, who):
            raise _unknown(id)
        return approval

    async def listing(
        self,
        who: Principal,
        which: str = "asked",
        state: str = "",
        limit: int = 200,
        after: Place | None = None,
    ) -> Sequence[Approval]:
        """Requests with the beginning of their texts: `asked`, `mine`, `all`, `decided` or `reviews`, as
        `RequestLists.page` has them."""
        return await self._lists.page(who, which, state, limit, after)

    # What is done instead of deciding, and after it.

    def may_break(self, approval: Approval, who: Principal) -> str:
        """Nothing if they may let it through themselves, or why not in one clause."""
        return self._who.why_not_break(approval, who)

    async def break_glass(
        self, id: str, by: Principal, sha256: str, reason: str, *, version: int = 1
    ) -> Approval:
        """The requester lets it through in an emergency: no decision, and never quietly. Raises `Objection`."""
        approval = self._held(await self._existing(id))
        if not await self._glass.smash(approval, by, sha256, version, reason):
            now = await self._existing(id)
            raise self._over(now) or Objection("changed", f"{id} has changed meanwhile: look again")
        await self.changed(id)
        return await self._existing(id)

    async def sign(self, id: str, by: Principal, verdict: str, reason: str) -> Approval:
        """Somebody who was asked closes the review of a broken glass. Raises `Objection`."""
        await self._glass.sign(await self._existing(id), by, verdict, reason)
        await self.changed(id)
        return await self._existing(id)

    async def revoke(self, id: str, by: Principal, reason: str) -> Approval:
        """Somebody who could have denied it, or the requester, ends what it covers. Raises `Objection`."""
        await self._glass.revoke(await self._existing(id), by, reason)
        await self.changed(id)
        return await self._existing(id)

    # The rest.

    async def _remarked(self, id: str, by: Principal, kind: str, text: str = "") -> Approval:
        await self._remarks.remark(self._held(await self._existing(id)), by, kind, text)
        await self.changed(id)
        return await self._existing(id)

    async def _existing(self, id: str) -> Approval:
        approval = await self._ledger.approval(id)
        if approval is None:
            raise _unknown(id)
        return approval

    def _held(self, approval: Approval) -> Approval:
        if over := self._over(approval):
            raise over
        return approval

    def _over(self, approval: Approval, granted: bool = True) -> Objection | None:
        """Why nothing can be said of it any more. Whoever would deny what is approved is told how to revoke it."""
        id, state = approval.id, approval.state
        if state in ("approved", "denied"):
            instead = "" if granted or state == "denied" else f"; to end what it covers, revoke {id}"
            return Objection("decided", f"{id} is decided already: {words.settled(approval)}{instead}")
        if state == "withdrawn":
            return Objection("over", f"{id} is over: it was withdrawn")
        if state == "expired" or self._clock.now() >= approval.expires_at:
            return Objection("over", f"{id} is over: it expired")
        return None

    async def _close(self, id: str, state: str, event: ApprovalClosed | None = None) -> None:
        await self._ledger.close_approval(id, state, event)
        await self.changed(id)

    async def changed(self, *ids: str) -> None:
        """Something about these is written down: whoever waits looks."""
        for id in ids:
            await self._bus.publish(Hint("approval", id))


def _unknown(id: str) -> Objection:
    return Objection("unknown", f"there is no request {id}")


def _us(span: timedelta) -> int:
    return round(span.total_seconds() * 1_000_000)


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
