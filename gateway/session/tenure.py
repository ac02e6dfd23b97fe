"""How long people may stay whom others have let in: a session ends when what it came in by does, warned in time.

The end is counted by both clocks, whichever is over first. What can take it away before is looked at every few
seconds for all sessions together, in one read of the ledger, and at once where the bus says so: that it was ended,
that whoever gave it may not do so any more, that the rules block it by now. It decides nothing else about sessions.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass, field
from datetime import timedelta

from gateway.core.errors import Fault, Refused
from gateway.core.ports import Approval, Bus, Clock, Hint, Ledger
from gateway.core.verdict import Deny, Hold
from gateway.session import words
from gateway.session.approvals import Approvals
from gateway.session.arrival import arrival
from gateway.session.covering import Stay
from gateway.session.gate import Gate
from gateway.session.steering import THE_GATEWAY

LOOK_EVERY = 3.0
WARNED_BEFORE = timedelta(minutes=5)
WORTH_WAITING = timedelta(minutes=1)
"""Of less than this, people are told at once when it ends; of more, but less than the time above, at half of it."""
TIME_IS_OVER = "its time is over"

log = logging.getLogger("hoop.session")


@dataclass(slots=True)
class Tenure:
    """One session, and what let it in."""

    gate: Gate
    approval: Approval
    stay: Stay
    until_us: int | None
    judged: tuple[object, ...] = field(default=())
    """By what the rules were asked last."""

    @property
    def request(self) -> str:
        return self.approval.id

    @property
    def target(self) -> str:
        return self.gate.session.target.name


class Tenures:
    """All of this gateway. `begin` one; it is over with its session."""

    def __init__(
        self,
        ledger: Ledger,
        bus: Bus,
        clock: Clock,
        approvals: Approvals,
        *,
        look_every: float = LOOK_EVERY,
    ) -> None:
        self._ledger = ledger
        self._bus = bus
        self._clock = clock
        self._approvals = approvals
        self._look_every = look_every
        self._open: dict[str, Tenure] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._rounds: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        return len(self._open)

    async def begin(self, gate: Gate, request: str) -> None:
        """Somebody has come in by this request. Raises `Fault`."""
        approval, stay = await self._approvals.stay(request)
        until_us = stay.until_us
        verdict = gate.foresee(arrival(gate.session))
        if isinstance(verdict, Hold) and verdict.lasts is not None:
            limit_us = self._clock.monotonic_us() + _us(verdict.lasts)
            until_us = limit_us if until_us is None else min(until_us, limit_us)
        tenure = Tenure(gate, approval, stay, until_us, _judged_by(gate))
        self._open[gate.session.id] = tenure
        task = asyncio.create_task(self._keep(tenure), name=f"tenure of {gate.session.id}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        if self._rounds is None or self._rounds.done():
            self._rounds = asyncio.create_task(self._go_round(), name="tenures")

    async def _keep(self, tenure: Tenure) -> None:
        """Warn it and end it in time; forget it when it is over."""
        try:
            if tenure.until_us is None:
                await tenure.gate.over.wait()
                return
            whole = self._left(tenure)
            at = warned_at(whole)
            if at < whole and await self._is_over_by(tenure, at):
                return
            left = self._left(tenure)
            if left > timedelta():
                tenure.gate.steering.announce(words.access_ends(tenure.target, tenure.request, left))
            if not await self._is_over_by(tenure, timedelta()):
                await _end(tenure, TIME_IS_OVER)
                await tenure.gate.over.wait()
        finally:
            del self._open[tenure.gate.session.id]
            if not self._open and self._rounds is not None:
                self._rounds.cancel()
                self._rounds = None

    def _left(self, tenure: Tenure) -> timedelta:
        assert tenure.until_us is not None
        return timedelta(microseconds=tenure.until_us - self._clock.monotonic_us())

    async def _is_over_by(self, tenure: Tenure, left: timedelta) -> bool:
        """Whether the session is over before so much time is left."""
        try:
            async with asyncio.timeout(max(0.0, (self._left(tenure) - left).total_seconds())):
                await tenure.gate.over.wait()
        except TimeoutError:
            return tenure.gate.over.is_set()
        return True

    async def _go_round(self) -> None:
        clock = asyncio.get_running_loop()
        async with self._bus.subscribe("approval") as hints:
            look_at = clock.time() + self._look_every
            while True:
                hinted = await _hinted(hints, look_at - clock.time())
                if hinted is not None:
                    await self._look([each for each in self._open.values() if each.request == hinted])
                if clock.time() >= look_at:
                    await self._look(list(self._open.values()))
                    look_at = clock.time() + self._look_every

    async def _look(self, tenures: Collection[Tenure]) -> None:
        running = [each for each in tenures if not (each.gate.closed or each.gate.ended.is_set())]
        if not running:
            return
        try:
            fallen = await self._ledger.fallen({each.request for each in running})
        except Fault as problem:  # nothing passes without a ledger; who is in is looked at again
            log.warning("nobody can tell whether people may stay: %s", problem.sentence)
            return
        await asyncio.gather(*(self._look_at(each, fallen.get(each.request, "")) for each in running))

    async def _look_at(self, tenure: Tenure, fallen: str) -> None:
        try:
            if why := fallen or await self._why_over(tenure):
                await _end(tenure, why)
        except Fault as problem:  # its gate has failed and ended, or it is looked at again
            log.warning("session %s: %s", tenure.gate.session.id, problem.sentence)
        except Exception:  # of one session: the others are looked at all the same
            log.exception("session %s can not be looked at", tenure.gate.session.id)
            tenure.gate.fail(words.POLICY_FAILED)

    async def _why_over(self, tenure: Tenure) -> str:
        """By this gateway's own memory."""
        gate, stay = tenure.gate, tenure.stay
        if stay.until is not None and self._clock.now() >= stay.until:
            return TIME_IS_OVER
        if tenure.until_us is not None and self._clock.monotonic_us() >= tenure.until_us:
            return TIME_IS_OVER
        hold = None
        if tenure.judged != (judged := _judged_by(gate)):
            if not gate.lets_in():
                return "no rule lets them do anything any more"
            verdict = gate.foresee(arrival(gate.session))
            if isinstance(verdict, Deny):
                return f"blocked by {verdict.rule}"
            if isinstance(verdict, Hold) and verdict.rule == tenure.approval.rule:
                hold = verdict
        if stay.grant is None:
            why = ""
        else:
            why = await self._approvals.why_over(tenure.approval, stay.grant, hold)
        tenure.judged = judged
        return why


async def _end(tenure: Tenure, why: str) -> None:
    try:
        spoken = words.access_over(tenure.target, tenure.request)
        await tenure.gate.steering.end(THE_GATEWAY, f"access by {tenure.request}: {why}", spoken)
    except Refused:
        log.info("%s has ended already", tenure.gate.session.id)


async def _hinted(hints: AsyncIterator[Hint], within: float) -> str | None:
    try:
        async with asyncio.timeout(max(0.0, within)):
            hint = await anext(hints, None)
    except TimeoutError:
        return None
    return hint.key if hint is not None else None


def _judged_by(gate: Gate) -> tuple[object, ...]:
    return gate.revision, gate.session.principal


def warned_at(whole: timedelta) -> timedelta:
    """With so much time left people hear that it ends, who have so much in all."""
    if whole > WARNED_BEFORE:
        return WARNED_BEFORE
    return whole / 2 if whole >= WORTH_WAITING else whole


def _us(span: timedelta) -> int:
    return round(span.total_seconds() * 1_000_000)
