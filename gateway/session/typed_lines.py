"""What is typed at a terminal, on its way to the target: lines are read, judged where a rule asks for it, noted.

Where no rule could stop a line, nothing is held back and lines are read as they pass. Else Enter waits until the
line stands on the screen, is judged, and goes on only where that allowed it; a denied line is taken back
(`clearing.py`) before anything else passes. It knows no protocol: `Ends` is what an adapter lends it. All this is an
aid against mistakes and not a boundary: docs/typed-commands.md says why.
"""

import asyncio
from collections import deque
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from functools import partial
from types import MappingProxyType
from typing import Protocol

from gateway.capture.line import LineWatch
from gateway.capture.reading import Reading
from gateway.capture.strokes import END_OF_INPUT, INTERRUPT, Stroke
from gateway.capture.zones import LineTaken
from gateway.core.errors import Denied, Fault, State
from gateway.core.events import OperationDenied
from gateway.core.operation import Effect, Operation
from gateway.session.answering import Dialogue
from gateway.session.clearing import Clearing
from gateway.session.gate import Gate
from gateway.session.patience import Patience
from gateway.session.typed_notes import TypedNotes

PIECE = 4096
NOT_TAKEN = 1.5
"""Seconds after which a line that was sent is read although nothing shows that the target took it."""

STUCK = "ended - the line you typed could not be taken back, so nothing passes any more"
WITHDRAWN = "ended - withdrawn, nothing was run"
CHANGED = "the line changed while it was held, so nothing was run"


class Ends(Protocol):
    """Both ends of a terminal."""

    @property
    def interrupted(self) -> asyncio.Event:
        """The person pressed Ctrl-C while `heed_interrupt` was on."""
        ...

    async def forward(self, data: bytes) -> bool:
        """Note what the person typed and send it on. False: the target takes nothing any more."""
        ...

    def press(self, keys: bytes) -> None:
        """Send keys of our own to the target."""
        ...

    async def say(self, text: str, *, own_line: bool) -> None:
        """Words of ours to the person."""
        ...

    async def paint(self, data: bytes) -> None:
        """Show the person again what was on the screen."""
        ...

    def heed_interrupt(self, on: bool) -> None:
        """Whether Ctrl-C is for us."""
        ...

    def must_ask(self, required: AbstractSet[str]) -> bool:
        """Whether the person has to be asked for some of these answers."""
        ...

    async def answers(self, required: AbstractSet[str], *, own_line: bool) -> Mapping[str, str]:
        """Ask them, if so. What they had typed before that stays where it is. Cancelled where they withdraw: then
        `interrupted` is set, and the key that did it can be had from `waiting`."""
        ...

    async def waiting(self) -> bytes:
        """Take what the person has typed meanwhile."""
        ...

    async def looked_into(self, operation: Operation, directory: str | None) -> Operation:
        """With the files that the line runs, from this directory; None: nobody knows which it is."""
        ...

    async def why_changed(self, operation: Operation, directory: str | None) -> str:
        """What of these files is not as it was: one clause, or nothing."""
        ...


class TypedLines:
    """One terminal: `typed` by whoever carries input, `answered` by whoever carries output, `run` beside them."""

    def __init__(self, gate: Gate, ends: Ends, cols: int, rows: int, *, judged: bool = True) -> None:
        """Not `judged`: no line waits, because what they ask for is judged elsewhere."""
        self._gate = gate
        self._judged = judged
        self._ends = ends
        self._watch = LineWatch(cols, rows)
        self._notes = TypedNotes(gate, self._watch.wants_more)
        self._patience = Patience()
        self._clearing = Clearing(self._watch, self._patience, ends.press)
        self._rest = b""
        self._pieces: deque[bytes] = deque()
        """Typed, and not looked at yet, after `_rest`."""
        self._entered = asyncio.Event()
        self._last_sent = 0.0
        self._told = False

    async def typed(self, data: bytes) -> bool:
        """Send it on, or what may pass of it. False: the target takes nothing any more. Raises `Denied` where a
        denied line could not be taken back: nothing may pass then. Raises `Fault`."""
        self._queue(data)
        while self._pieces:
            self._rest = self._pieces.popleft()
            if not await self._pass_rest():
                return False
        return True

    def answered(self, data: bytes) -> None:
        """The target sent this."""
        self._patience.heard()
        if self._watch.answered(data):
            self._collect()

    def resize(self, cols: int, rows: int) -> None:
        """The person's window has another size."""
        self._watch.resize(cols, rows)

    async def run(self) -> None:
        """Write down what is read, until cancelled. Raises `Fault`."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._notes.run())
            tasks.create_task(self._read_late())

    async def finish(self) -> None:
        """Nothing follows: write down the rest. Raises `Fault`."""
        self._watch.read_rest()
        self._collect()
        await self._notes.finish()

    async def _pass_rest(self) -> bool:
        ahead: list[bytes] = []
        while self._rest:
            stroke = self._watch.next_stroke(self._rest)
            self._rest = stroke.rest
            self._note(stroke)
            ahead.append(stroke.data)
            if not stroke.ender:
                continue
            if not self._judged or not self._gate.watches_typing():
                ahead.append(stroke.ender)
                self._watch_pass(stroke.ender)
                await self._notes.room()
                continue
            if not await self._send(b"".join(ahead)) or not await self._end_line(stroke.ender):
                return False
            ahead.clear()
        return await self._send(b"".join(ahead))

    def _queue(self, data: bytes) -> None:
        self._pieces.extend(data[at : at + PIECE] for at in range(0, len(data), PIECE))

    def _note(self, stroke: Stroke) -> None:
        self._watch.typed(stroke)
        if self._watch.gave_up():
            self._notes.give_up()

    def _watch_pass(self, key: bytes) -> None:
        if key == END_OF_INPUT:
            self._watch.pressed(key)
        else:
            self._watch.entered()
            self._last_sent = _now()
            self._entered.set()

    async def _send(self, data: bytes) -> bool:
        if not data:
            return True
        self._patience.sent()
        return await self._ends.forward(data)

    def _collect(self) -> None:
        for found in self._watch.collect():
            if isinstance(found, LineTaken):
                self._notes.report(found.text)
            else:
                self._notes.add(found, marked=False)

    async def _read_late(self) -> None:
        """Some programs take a line without a sign: it is read all the same."""
        while True:
            await self._entered.wait()
            self._entered.clear()
            await asyncio.sleep(NOT_TAKEN)
            if _now() < self._last_sent + NOT_TAKEN:
                self._entered.set()
                continue
            self._watch.read_late()
            self._collect()

    # Where a rule could stop the line.

    async def _end_line(self, key: bytes) -> bool:
        """The key that would run the line waits here. False: the target takes nothing any more."""
        if key == END_OF_INPUT and (self._watch.is_untouched or not self._watch.is_at_end()):
            self._watch.pressed(key)
            return await self._send(key)
        reading = await self._settled()
        if reading is not None and not await self._may_run(reading):
            return True
        if not await self._send(key):
            return False
        if key == END_OF_INPUT:
            self._watch.pressed(key)
            return True
        self._watch.entered(reading, read=True)
        if reading is not None:
            await self._notes.room()
            self._notes.add(reading, marked=True)
        return True

    async def _settled(self) -> Reading | None:
        """The line, once what was typed is on the screen, or will not be."""
        began = _now()
        while True:
            reading = self._watch.at_enter()
            if self._watch.is_untouched or (reading is not None and "keys" in reading.witnesses):
                return reading
            if reading is None and self._watch.is_full_screen():
                return None
            hidden = reading is not None and not reading.shown
            sure = self._watch.keys_can_tell
            if not await self._patience.more_may_come(began, hidden=hidden, sure=sure):
                return self._watch.at_enter()

    async def _may_run(self, reading: Reading) -> bool:
        """Ask the gate. False: it was denied, and is taken back."""
        directory = self._watch.directory
        operation = await self._ends.looked_into(_operation(reading, directory), directory)
        self._told = False
        try:
            await self._admitted(operation, directory)
            again = self._watch.at_enter() if self._told else reading
            if again is None or again.text != reading.text:
                raise await self._stopped(operation, "blocked", f"blocked - {CHANGED}")
        except Denied as denied:
            await self._ends.say(denied.sentence, own_line=not self._told)
            await self._ends.paint(self._watch.repaint())
            if not await self._clearing.run(reading):
                raise Denied(STUCK, state="ended", rule=denied.rule, request=denied.request) from denied
            self._watch.forget_line()
            if reading.joined:
                self._notes.give_up()
            return False
        return True

    async def _admitted(self, operation: Operation, directory: str | None) -> None:
        """Raises `Denied`, also where the person withdraws what is held."""
        interrupted = self._ends.interrupted
        interrupted.clear()
        changed = partial(self._ends.why_changed, operation, directory)
        admit = asyncio.create_task(self._gate.admit(operation, Dialogue(self._tell, self._answers, changed)))
        interrupt = asyncio.create_task(interrupted.wait())
        try:
            await asyncio.wait((admit, interrupt), return_when=asyncio.FIRST_COMPLETED)
            withdrawn = not admit.done()
        finally:
            self._ends.heed_interrupt(False)
            admit.cancel()
            interrupt.cancel()
            await asyncio.wait((admit, interrupt))
        if withdrawn:
            if not admit.cancelled() and isinstance(problem := admit.exception(), Fault):
                raise problem
            await self._forget_typed()
            raise await self._stopped(operation, "withdrawn", WITHDRAWN)
        admit.result()

    async def _tell(self, text: str) -> None:
        """Held, and so on. From the first of these on, Ctrl-C withdraws."""
        await self._ends.say(text, own_line=not self._told)
        self._told = True
        self._heed_interrupt()

    async def _answers(self, required: AbstractSet[str]) -> Mapping[str, str]:
        """What the rule wants to know first."""
        own_line = not self._told
        if self._ends.must_ask(required):
            self._told = True
            self._heed_interrupt()
        return await self._ends.answers(required, own_line=own_line)

    def _heed_interrupt(self) -> None:
        self._ends.heed_interrupt(True)
        if any(key in piece for key in INTERRUPT for piece in (self._rest, *self._pieces)):
            self._ends.interrupted.set()

    async def _forget_typed(self) -> None:
        """Ctrl-C also takes back what was typed before it."""
        typed = b"".join((self._rest, *self._pieces, await self._ends.waiting()))
        last = max(typed.rfind(key) for key in INTERRUPT)
        self._rest = b""
        self._pieces.clear()
        self._queue(typed[last + 1 :])

    async def _stopped(self, operation: Operation, state: State, sentence: str) -> Denied:
        """Write down that it was not run after all."""
        event = OperationDenied(
            verb=operation.verb,
            text=operation.text,
            sha256=operation.sha256,
            rule="",
            revision="",
            state=state,
            reason=sentence,
        )
        await self._gate.report(event)
        return Denied(sentence, state=state, rule="")


def _operation(reading: Reading, directory: str | None) -> Operation:
    details = {
        "command": reading.text,
        "confidence": reading.confidence,
        "witnesses": list(reading.witnesses),
        "prompt": reading.prompt,
        "source": "screen",
        **({"directory": directory} if directory is not None else {}),
    }
    return Operation("typed", reading.text, frozenset({Effect.RUN}), details=MappingProxyType(details))


def _now() -> float:
    return asyncio.get_running_loop().time()
