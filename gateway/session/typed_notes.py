"""Writes down the lines that were run in a terminal: a chapter in the recording, an entry in the ledger.

A line waits for a moment, because a shell may still report it more exactly, or ask for more of the same statement.
Order is kept, and nobody waits for it but a person who runs lines faster than they can be written.
"""

import asyncio
import json
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256

from gateway.capture.reading import Reading, reported, same
from gateway.core.findings import CommandRead
from gateway.core.frame import FrameKind
from gateway.session.gate import Gate

GRACE = 0.3
"""Seconds that a line waits."""

GRACE_FOR_REPORTS = 1.5
"""The same, once a shell has shown that it reports its lines."""

MOST = 256
"""Lines that may wait."""


@dataclass(slots=True)
class _Note:
    reading: Reading
    due: float
    marked: bool
    """The recording has a chapter for it already."""
    waits_for_more: bool = False


class TypedNotes:
    """`add` what was read; `run` writes it. `finish` when nothing follows."""

    def __init__(self, gate: Gate, wants_more: Callable[[], bool]) -> None:
        """`wants_more`: whether a program asks for more of the statement right now."""
        self._gate = gate
        self._wants_more = wants_more
        self._notes: deque[_Note] = deque()
        self._grace = GRACE
        self._news = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._writing = asyncio.Lock()

    def add(self, reading: Reading, *, marked: bool) -> None:
        """A line was run. One that goes on where the last ended takes its place."""
        last = self._notes[-1] if self._notes else None
        if last is not None and reading.joined and reading.text.startswith(last.reading.text):
            self._notes.pop()
        self._notes.append(_Note(reading, self._now() + self._grace, marked))
        if len(self._notes) >= MOST:
            self._room.clear()
        self._news.set()

    def report(self, text: str) -> None:
        """The shell says what it runs."""
        self._grace = GRACE_FOR_REPORTS
        # A report comes right after its line was taken. One that differs is about the line that was taken last.
        waiting = [note for note in self._notes if "shell" not in note.reading.witnesses]
        note = next(
            (each for each in waiting if same(each.reading.text, text)), waiting[-1] if waiting else None
        )
        if note is None:
            self.add(reported(None, text), marked=False)
            return
        better = reported(note.reading, text)
        note.marked = note.marked and same(better.text, note.reading.text)
        note.reading, note.waits_for_more, note.due = better, False, 0.0
        self._news.set()

    def give_up(self) -> None:
        """The statement that was to go on was given up: it has not been run."""
        if self._notes:
            self._notes.pop()

    async def room(self) -> None:
        """Return when another line may be added."""
        await self._room.wait()

    async def run(self) -> None:
        """Write what is due, until cancelled. Raises `Fault`."""
        while True:
            self._news.clear()
            try:
                async with asyncio.timeout_at(self._next_due()):
                    await self._news.wait()
            except TimeoutError:
                pass
            await self._write_due()

    async def finish(self) -> None:
        """Write everything now. Raises `Fault`."""
        while self._notes:
            await self._write(self._notes[0])

    def _next_due(self) -> float | None:
        if not self._notes or (len(self._notes) == 1 and self._notes[0].waits_for_more):
            return None
        return self._notes[0].due

    async def _write_due(self) -> None:
        while self._notes and (self._notes[0].due <= self._now() or len(self._notes) >= MOST):
            note = self._notes[0]
            if len(self._notes) == 1 and self._wants_more():
                note.waits_for_more = True
                return
            await self._write(note)

    async def _write(self, note: _Note) -> None:
        """It stays in line until it is written: whoever is cancelled here leaves it to `finish`."""
        async with self._writing:
            if not self._notes or self._notes[0] is not note:
                return
            reading = note.reading
            if not note.marked:
                await self._gate.observe(FrameKind.MARK, _chapter(reading))
                note.marked = True
            await self._gate.report(_entry(reading))
            self._notes.popleft()
            self._room.set()

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()


def _chapter(reading: Reading) -> bytes:
    mark = {"kind": "command", "verb": "typed", "text": reading.text, "confidence": reading.confidence}
    return json.dumps({**mark, "source": "screen"}).encode()


def _entry(reading: Reading) -> CommandRead:
    return CommandRead(
        text=reading.text,
        sha256=sha256(reading.text.encode("utf-8", "surrogateescape")).hexdigest(),
        confidence=reading.confidence,
        witnesses=list(reading.witnesses),
        prompt=reading.prompt,
    )
