"""The Gate: one session's only way to its target and back.

`admit` stands before everything that goes toward the target, `reveal` before everything that comes back. Their
straight lines are the security property: judge, wait, write the ledger, return a Permit; mask, record, return
what may be shown. Any fault ends the session; nothing passes a gate that has failed. It knows no protocol.
Next in the reading path: `gateway/adapters/ssh/session.py`.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from types import MappingProxyType
from typing import Any, TypeVar

from gateway.core.errors import Denied, Fault, Refused, State
from gateway.core.events import Event, OperationRepeated
from gateway.core.findings import CommandRead
from gateway.core.frame import FrameKind
from gateway.core.operation import Effect, Operation
from gateway.core.people import Principal, Session
from gateway.core.plain import sentence
from gateway.core.ports import BlobWriter, Hint
from gateway.core.shown import Answer, Shown, Stream
from gateway.core.verdict import Allow, Deny, Hold, Verdict
from gateway.session import audit, words
from gateway.session.approvals import Notice
from gateway.session.echo import EchoWitness
from gateway.session.masked import added_up, masked
from gateway.session.organs import Judge, Organs
from gateway.session.permit import MINT
from gateway.session.permit import Permit as Permit
from gateway.session.recorder import Recorder
from gateway.session.steering import Steering
from gateway.session.valve import Valve

HOLD_BACK = 0.08
"""Seconds that the possible beginning of a secret waits for its rest: below what a person notices."""

HARMLESS = frozenset({Effect.READ})
"""What only reads may be repeated on the strength of one entry in the ledger."""

T = TypeVar("T")
Keepsake = Callable[[], Awaitable[tuple[str, BlobWriter]]]
log = logging.getLogger("hoop.session")


class Gate:
    """One session. Made by the Lobby, used by one adapter conversation, closed once."""

    hold_back = HOLD_BACK

    def __init__(
        self,
        session: Session,
        recorder: Recorder,
        organs: Organs,
        *,
        terminal: bool = False,
        keepsake: Keepsake,
        leave: Callable[[], None] = lambda: None,
    ) -> None:
        """`terminal`: the person types at a terminal, so keys are echoed and lines end in CR LF. `leave` is called
        when the session is over."""
        self.session = session
        self.keepsake = keepsake
        """Starts an object beside the recording, for what is kept of this session; its key and its writer."""
        self.ended = asyncio.Event()
        self.ended_because = ""
        self.over = asyncio.Event()
        """Set when the session is closed and written down."""
        self.inflow = Valve()
        """Shut while staff hold back what the person sends: await `inflow.opened()` before handing it on."""
        self.steering = Steering(self)
        self._recorder = recorder
        self._organs = organs
        self._echo = EchoWitness()
        self._terminal = terminal
        self._leave = leave
        self._fault: Fault | None = None
        self._closed = False
        self._commands = 0
        self._blocked = 0
        self._repeated: list[Permit] = []
        self._masked_beside: Counter[str] = Counter()
        self._shown = self._sent = 0
        self._permits: list[Permit] = []
        """Those by which something was revealed: a session may admit a file a hundred thousand times."""

    async def admit(self, operation: Operation, notice: Notice, *, maskable: bool = True) -> Permit:
        """Decide, wait if told to, write it down, and only then let it through. Raises `Denied` or `Fault`. While it
        waits, `notice` gets finished sentences: the adapter shows them by way of `tell`. Not `maskable`: the answer
        will pass beside `reveal`, so it is blocked where anything is to be masked in it."""
        self._must_be_open()
        await self.inflow.opened()
        judge = self._organs.judge()
        verdict = await self._unblocked(operation, judge, maskable)
        request, granted = "", None
        while isinstance(verdict, Hold) and verdict.demands != granted:
            request, granted = await self._held(operation, judge, verdict, notice), verdict.demands
            await self.inflow.opened()
            judge = self._organs.judge()  # the rules may be others by now, and so may the time of day
            verdict = await self._unblocked(operation, judge, maskable, again=True)
        await self._mark("command", operation, state="admitted", rule=verdict.rule, request=request)
        try:
            await self._organs.ledger.append(
                audit.admitted(self.session, operation, judge.revision, verdict, request)
            )
        except Fault as problem:
            raise self._fail(words.NOT_AUDITED, problem) from problem
        self._commands += operation.verb != "typed"  # those count once they are read as run
        once = bool(request) or not judge.is_timeless(self.session)
        return Permit(operation, verdict.masks, MINT, judge.revision, verdict.rule, once, request)

    def repeats(self, permit: Permit) -> bool:
        """Whether what that permit was for may be done once more right now, with other values: the same reading, by
        the same rules. If so it is counted; the caller records it before it goes anywhere. If not: `admit`. Raises
        `Fault`."""
        if self._fault is not None or self._closed:
            self._must_be_open()
        if permit.once or not self.inflow.is_open or not permit.operation.effects <= HARMLESS:
            return False
        if permit.mint is not MINT or permit.revision != self._organs.judge().revision:
            return False
        self._commands += 1
        if not permit.again:
            self._repeated.append(permit)
        permit.again += 1
        return True

    async def note_repeats(self) -> None:
        """Write into the ledger how often what was admitted has been repeated since the last time. Raises `Fault`."""
        again: Counter[str] = Counter()
        for permit in self._repeated:
            again[permit.operation.sha256] += permit.again
            permit.again = 0
        self._repeated.clear()
        for digest, count in again.items():
            await self.report(OperationRepeated(sha256=digest, count=count))

    async def refuse(self, operation: Operation, rule: str, reason: str) -> Denied:
        """Write down that an operation is blocked whatever policy says, because of what the target is; whoever asked
        raises what this returns. Raises `Fault`."""
        self._must_be_open()
        return await self._deny(operation, self._organs.judge(), rule, "blocked", reason)

    async def reveal(self, permit: Permit, answer: Answer) -> Shown:
        """Mask and record an answer and return exactly what may be shown of it. Raises `Fault`."""
        self._must_be_open()
        is_echo = self._terminal and self._echo.answered(answer.data, self._recorder.now_us)
        try:
            masker = permit.maskers.get(answer.stream)
            if masker is None:
                if not permit.maskers:
                    self._permits.append(permit)
                masker = permit.maskers[answer.stream] = self._organs.masker(permit.masks)
            data = await masked(masker, answer, is_echo=is_echo, looks_for_nothing=not permit.masks)
        except Exception as problem:
            raise self._fail(words.NOT_MASKED, problem) from problem
        kind = FrameKind.OUTPUT if answer.stream is Stream.OUT else FrameKind.ERROR
        frames = self._echo.take()
        if data:
            frames.append((kind, data))
        await self._record(frames)
        self._shown += len(data)
        return Shown(data, masker.held, masker.counts)

    async def tell(self, text: str, *, own_line: bool = False) -> bytes:
        """The gateway's own words to the person: made harmless, recorded, and returned with their line end.
        `own_line`: they come in the middle of something, so at a terminal they begin a line."""
        self._must_be_open()
        data = sentence(text.removeprefix("hoop: ")).encode() + (b"\r\n" if self._terminal else b"\n")
        if own_line and self._terminal:
            data = b"\r\n" + data
        await self._record([(FrameKind.ERROR, data)])
        return data

    async def observe(self, kind: FrameKind, data: bytes) -> None:
        """Record what the person did. Typed keys are kept only once the target has echoed them; what is piped in
        without a terminal is counted by the adapter, which marks its size and digest at the end."""
        self._must_be_open()
        if kind is not FrameKind.INPUT:
            await self._record([*self._echo.take(), (kind, data)])
            return
        self._sent += len(data)
        if self._terminal:
            self._echo.settle(self._recorder.now_us)
            self._echo.typed(data, self._recorder.now_us)
            await self._record(self._echo.take())

    def record_at_once(self, frames: Sequence[tuple[FrameKind, bytes]]) -> bool:
        """Record what may be shown, or is about to be passed on, if that can be done without waiting. False: nothing
        was written; await `record`. Raises `Fault`."""
        if self._fault is not None or self._closed:
            self._must_be_open()
        try:
            return self._recorder.write_at_once(frames)
        except Fault as problem:
            raise self._fail(words.NOT_RECORDED, problem) from problem

    async def record(self, frames: Sequence[tuple[FrameKind, bytes]]) -> None:
        """The same, however long it takes."""
        self._must_be_open()
        await self._record(frames)

    def would_admit(self, operation: Operation) -> bool:
        """What policy says, asking nobody and writing nothing: for what is too small to audit. Raises `Fault`."""
        return not isinstance(self.foresee(operation), Deny)

    def foresee(self, operation: Operation) -> Verdict:
        """The same, and how it would go on. Raises `Fault`."""
        return self._ask(lambda judge: judge.decide(operation, self.session))

    def asks_rows(self, operation: Operation) -> bool:
        """Whether it may matter to policy about how many rows it is. Raises `Fault`."""
        return self._ask(lambda judge: judge.asks_rows(self.session, operation))

    def watches_typing(self) -> bool:
        """Whether lines typed at a terminal are to be admitted one by one. Raises `Fault`."""
        return self._ask(lambda judge: judge.watches_typing(self.session))

    def lets_in(self) -> bool:
        """Whether anything at all might be admitted, where reaching a target shows something. Raises `Fault`."""
        return self._ask(lambda judge: judge.lets_in(self.session))

    def _ask(self, question: Callable[[Judge], T]) -> T:
        self._must_be_open()
        try:
            return question(self._organs.judge())
        except Exception as problem:
            raise self._fail(words.POLICY_FAILED, problem) from problem

    async def report(self, event: Event) -> None:
        """Write into the ledger what happened in this session. Raises `Fault`."""
        self._must_be_open()
        try:
            await self._organs.ledger.append(
                replace(event, session=self.session.id, actor=self.session.principal.id)
            )
        except Fault as problem:
            raise self._fail(words.NOT_AUDITED, problem) from problem
        self._commands += isinstance(event, CommandRead)

    async def note_steering(self, by: Principal, action: str, text: str) -> None:
        """Write down what staff are about to do to this session, before they do it. Raises `Fault`."""
        self._must_be_open()
        steered, mark = audit.steered(self.session, by, action, text)
        await self._organs.ledger.append(steered)
        await self._record([(FrameKind.MARK, mark)])
        await self._organs.bus.publish(Hint("session", self.session.id))

    def fail(self, spoken: str) -> None:
        """End the session because a promise can not be kept any more: nothing passes from now on."""
        self._fail(spoken, Fault(spoken))

    def passed(
        self, *, shown: int = 0, sent: int = 0, masked: Mapping[str, int] = MappingProxyType({})
    ) -> None:
        """Count what passes beside `reveal` and `observe`: contents of files, forwarded connections, rows."""
        self._shown += shown
        self._sent += sent
        if masked:
            self._masked_beside.update(masked)

    def end(self, why: str) -> None:
        """End the session from outside: the adapter sees `ended` and closes both sides."""
        if not self.ended.is_set():
            self.ended_because = why
            self.ended.set()

    @property
    def revision(self) -> str:
        """Of the rules that hold now."""
        return self._organs.judge().revision

    @property
    def has_shown(self) -> bool:
        """Something of what the target said."""
        return self._shown > 0

    @property
    def closed(self) -> bool:
        """Nothing more happens in it."""
        return self._closed

    async def close(self, outcome: str, exit: Mapping[str, Any]) -> None:
        """The session is over. Everything is in the recording before the ledger says so. Later calls do nothing."""
        if self._closed:
            return
        if self._repeated and self._fault is None:
            with suppress(Fault):  # it is kept as the fault that the session ends with
                await self.note_repeats()
        self._closed = True
        self.steering.over()
        self._echo.finish()
        last = [*self._echo.take(), (FrameKind.EXIT, audit.exit_frame(exit))]
        ended = replace(
            audit.ended(self.session, outcome, added_up(self._masked_beside, self._permits)),
            bytes_shown=self._shown,
            bytes_sent=self._sent,
            commands=self._commands,
            blocked=self._blocked,
        )
        try:
            try:
                await self._recorder.close(last)
            finally:
                await self._organs.ledger.append(ended)
        except Fault as problem:
            # Nothing is left to stop. The next start finds the session open and ends it as a crash.
            log.error("session %s could not be closed in order: %s", self.session.id, problem.sentence)
        finally:
            self._leave()
            self.over.set()
            await self._organs.bus.publish(Hint("session", self.session.id))

    def _must_be_open(self) -> None:
        if self._fault is not None:
            raise self._fault
        if self._closed:
            raise Fault(words.NOT_RECORDED)

    async def _judged(self, judge: Judge, operation: Operation) -> Verdict:
        try:
            return judge.decide(operation, self.session)
        except Exception as problem:
            fault = self._fail(words.POLICY_FAILED, problem)
            await self._audit_denial(
                operation, judge.revision, "policy", "blocked", f"policy failed: {problem}", ""
            )
            raise fault from problem

    async def _unblocked(
        self, operation: Operation, judge: Judge, maskable: bool, *, again: bool = False
    ) -> Allow | Hold:
        verdict = await self._judged(judge, operation)
        if (verdict.alerts or verdict.observed) and not again:
            await self.report(audit.noted(operation, judge.revision, verdict))
        if isinstance(verdict, Deny):
            raise await self._deny(operation, judge, verdict.rule, "blocked", verdict.reason)
        if verdict.masks and not maskable:
            reason = words.unmaskable(self.session.target.name, operation.verb)
            raise await self._deny(operation, judge, "", "blocked", reason)
        return verdict

    async def _held(self, operation: Operation, judge: Judge, hold: Hold, notice: Notice) -> str:
        approvals = self._organs.approvals
        try:
            if earlier := await approvals.covered(self.session, operation, hold):
                return earlier
            settled = await approvals.wait(self.session, operation, hold, judge.revision, notice)
        except Refused as problem:
            raise await self._deny(operation, judge, hold.rule, "blocked", problem.sentence) from problem
        except Fault as problem:
            raise self._fail(words.NOT_AUDITED, problem) from problem
        if settled.state == "approved" and settled.sha256 == operation.sha256:
            await notice(words.approved(settled))
            return settled.id
        state, spoken = words.not_approved(settled)
        denied = await self._deny(operation, judge, hold.rule, state, spoken, settled.id)
        denied.instead = words.instead_of(settled)
        raise denied

    async def _deny(
        self, operation: Operation, judge: Judge, rule: str, state: State, reason: str, request: str = ""
    ) -> Denied:
        await self._mark("command", operation, state=state, rule=rule, request=request)
        await self._audit_denial(operation, judge.revision, rule, state, reason, request)
        await self._organs.bus.publish(Hint("session", self.session.id))
        spoken = words.blocked(rule, reason) if state == "blocked" else reason
        return Denied(spoken, state=state, rule=rule, request=request, reason=reason, revision=judge.revision)

    async def _audit_denial(
        self, operation: Operation, revision: str, rule: str, state: str, reason: str, request: str
    ) -> None:
        event = audit.denied(self.session, operation, revision, rule, state, reason, request)
        self._blocked += state == "blocked"
        try:
            await self._organs.ledger.append(event)
        except Fault as problem:
            raise self._fail(words.NOT_AUDITED, problem) from problem

    async def _mark(self, kind: str, operation: Operation, **facts: str) -> None:
        await self._record([(FrameKind.MARK, audit.mark(kind, operation, facts))])

    async def _record(self, frames: Iterable[tuple[FrameKind, bytes]]) -> None:
        try:
            await self._recorder.write(frames)
        except Fault as problem:
            raise self._fail(words.NOT_RECORDED, problem) from problem

    def _fail(self, spoken: str, problem: Exception) -> Fault:
        if self._fault is None:
            self._fault = Fault(spoken)
            self._fault.__cause__ = problem
            self.end(spoken)
        return self._fault
