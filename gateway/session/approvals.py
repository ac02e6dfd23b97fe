"""A held operation waits here until somebody settles it, it expires, or its person goes away.

The ledger is the truth and the bus a hint: the waiter re-reads the ledger on every hint and every few seconds,
so a lost hint costs seconds and never a wrong answer. `settle` is the one place where a decision is accepted; who
may decide is in `who_decides.py`, what passes by an earlier approval in `covering.py`, what people say beside
decisions in `remarks.py`.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import datetime, timedelta

from gateway.core import quorum, scopes
from gateway.core.approval_events import ApprovalClosed
from gateway.core.errors import Fault, Refused
from gateway.core.operation import Operation
from gateway.core.people import Principal, Session
from gateway.core.ports import Approval, Bus, Clock, Hint, Ledger
from gateway.core.verdict import Hold
from gateway.session import asking, words
from gateway.session.covering import Covering
from gateway.session.objections import Objection
from gateway.session.remarks import MOST_LETTERS, Remarks, Spoken
from gateway.session.who_decides import STAFF, People, WhoDecides

Notice = Callable[[str], Awaitable[None]]

REREAD_EVERY = 3.0
MOST_OF_ONE = 100
"""Requests of one person that wait: nobody finds the one that matters among more."""
READS_A_SECOND = 100
"""By all who wait in this gateway together: with thousands of them, each looks less often where no hint comes."""
FIRST_REMINDER = timedelta(minutes=1)
REMINDER_EVERY = timedelta(minutes=5)
LIST_TEXT = 4000
"""Lists hold as many letters of each text; `find` has all of it."""


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
        most_of_one: int = MOST_OF_ONE,
        clock_problem: Callable[[], str] = lambda: "",
    ) -> None:
        """`people`: who there is now. Without it everybody counts for what they came with. `clock_problem`: why this
        gateway's clock can not be gone by, if so."""
        self._ledger = ledger
        self._bus = bus
        self._clock = clock
        self._reread_every = reread_every
        self._most_of_one = most_of_one
        self._clock_problem = clock_problem
        self._waiting: Counter[str] = Counter()
        self._who = WhoDecides(people)
        self._covering = Covering(ledger, clock, self._who)
        self._remarks = Remarks(ledger, clock, self._who)

    # For the Gate.

    async def covered(self, session: Session, operation: Operation, hold: Hold) -> str:
        """The request by which this passes without asking again; it is used by this once. Empty: there is none.
        Raises `Refused` where it can not be told what time it is, as `wait` does."""
        self._must_tell_time()
        return await self._covering.take(session, operation, hold)

    async def wait(
        self, session: Session, operation: Operation, hold: Hold, revision: str, notice: Notice
    ) -> Approval:
        """Open an approval and return it settled; where the rule lets nobody wait, as it is. Cancelled: it is
        withdrawn. Raises `Refused` where too much of theirs waits already."""
        self._must_tell_time()
        if hold.mode == "fail":
            return await self._asked_for_later(session, operation, hold, revision)
        person = session.principal.id
        self._must_have_room(self._waiting[person])
        approval = asking.request(session, operation, hold, revision, self._clock.now())
        until_us = self._clock.monotonic_us() + round(hold.timeout.total_seconds() * 1_000_000)
        async with self._bus.subscribe("approval") as hints:
            self._waiting[person] += 1
            try:
                # Interrupted, it may be in the ledger all the same: then nobody is to be asked for nothing.
                await self._ledger.open_approval(approval, asking.held_event(approval))
                await self._changed(approval.id)
                await notice(words.held(approval, hold.timeout))
                settled = await self._until_settled(approval, until_us, hints, notice)
                return await self._released(settled, hold) if settled.state == "approved" else settled
            except BaseException:
                await asyncio.shield(self._close(approval.id, "withdrawn"))
                raise
            finally:
                self._waiting -= Counter([person])

    async def _asked_for_later(
        self, session: Session, operation: Operation, hold: Hold, revision: str
    ) -> Approval:
        waiting = await self._covering.waiting(session, operation, hold)
        if waiting:
            return waiting[0]
        self._must_have_room(await self._covering.waiting_in_all(session.principal.id))
        approval = asking.request(session, operation, hold, revision, self._clock.now())
        await self._ledger.open_approval(approval, asking.held_event(approval))
        await self._changed(approval.id)
        return approval

    def _must_have_room(self, waiting: int) -> None:
        if waiting >= self._most_of_one:
            raise Refused(f"{waiting} of your requests wait already: withdraw some, or ask again later")

    def _must_tell_time(self) -> None:
        if problem := self._clock_problem():
            raise Refused(f"nothing can be held or approved here for now: {problem}")

    async def _released(self, approval: Approval, hold: Hold) -> Approval:
        """Whoever granted it may have lost what they did so with."""
        released = await self._covering.still(approval, hold)
        if released.state != "approved":
            await self._changed(approval.id)
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
            patience = max(self._reread_every, self._waiting.total() / READS_A_SECOND)
            await _hint(hints, approval.id, min(patience, left.total_seconds()))

    # For whoever is asked.

    def may_decide(self, approval: Approval, who: Principal, now: datetime) -> str:
        """Nothing if they may, or why not in one clause."""
        if approval.state != "held":
            return f"it is {approval.state} already"
        if now >= approval.expires_at:
            return "its time is over"
        return self._who.why_not(approval, who, now)

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
            raise self._over(approval) or Objection("not_yours", f"you can not decide {id}: {why}")
        if over := self._over(approval):
            raise over
        if sha256 != approval.sha256 or version != approval.version:
            raise Objection("changed", f"{id} is not what you were shown: look again")
        if len(reason) > MOST_LETTERS:
            raise Objection("missing", f"a reason has {MOST_LETTERS} letters at most")
        wanted = self._granted(approval, scope) if granted else scopes.ONCE
        groups = self._who.groups(by) & quorum.asked(approval, self._clock.now())
        counts = await self._ledger.settle_approval(
            id, by.id, granted, reason, name=by.name, groups=groups, scope=wanted, version=version
        )
        if counts:
            await self._changed(id)
        settled = await self._existing(id)
        if not counts:
            raise self._over(settled) or Objection("changed", f"{id} has changed meanwhile: look again")
        return settled

    def _granted(self, approval: Approval, scope: str) -> str:
        if missing := quorum.missing(approval):
            what = " and a ".join(sorted(missing))
            raise Objection(
                "missing", f"{approval.id} can not be granted yet: a {what} has to be given first"
            )
        wanted = scopes.chosen(scope, approval.scopes)
        if wanted is None:
            listed = ", ".join(["once", *(each for each in approval.scopes if each != scopes.ONCE)])
            raise Objection("scope", f"{approval.rule} lets nobody grant {scope[:40]!r}: it lists {listed}")
        return str(wanted)

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
        await self._changed(id)
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
        self, who: Principal, which: str = "asked", state: str = "", limit: int = 200
    ) -> Sequence[Approval]:
        """Requests with the beginning of their texts. `asked`: what they may decide now, what expires first at the
        top. `mine`: what they have asked for; `all`: whatever they may see; both with the newest at the top."""
        if which == "mine":
            return await self._ledger.approvals(
                requester=who.id, state=state, limit=limit, text_limit=LIST_TEXT
            )
        if which == "all" and who.roles & STAFF:
            return await self._ledger.approvals(state=state, limit=limit, text_limit=LIST_TEXT)
        asked = await self._ledger.asked_of(
            self._who.groups(who), but=who.id, limit=limit, text_limit=LIST_TEXT
        )
        now = self._clock.now()
        if which != "all":
            return [each for each in asked if not self.may_decide(each, who, now)]
        mine = await self._ledger.approvals(requester=who.id, state=state, limit=limit, text_limit=LIST_TEXT)
        both = [*mine, *(each for each in asked if state in ("", each.state))]
        return sorted(both, key=lambda each: each.opened_at, reverse=True)[:limit]

    # The rest.

    async def _remarked(self, id: str, by: Principal, kind: str, text: str = "") -> Approval:
        await self._remarks.remark(self._held(await self._existing(id)), by, kind, text)
        await self._changed(id)
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

    def _over(self, approval: Approval) -> Objection | None:
        """Why nothing can be said of it any more."""
        id, state = approval.id, approval.state
        if state in ("approved", "denied"):
            last = approval.decisions[-1] if approval.decisions else None
            by = f" by {last.name or last.by}" if last else ""
            return Objection("decided", f"{id} is decided already: {state}{by}")
        if state == "withdrawn":
            return Objection("over", f"{id} is over: it was withdrawn")
        if state == "expired" or self._clock.now() >= approval.expires_at:
            return Objection("over", f"{id} is over: it expired")
        return None

    async def _close(self, id: str, state: str, event: ApprovalClosed | None = None) -> None:
        await self._ledger.close_approval(id, state, event)
        await self._changed(id)

    async def _changed(self, id: str) -> None:
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
