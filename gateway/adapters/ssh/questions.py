"""Asks somebody at their terminal what a rule wants to know before other people are asked.

The gateway reads the line and echoes it, recorded as it is shown; nothing of it goes to the target. What was typed
before the question was shown is no answer: it stays for whoever it was meant for.
"""

import asyncio
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import NoReturn

from gateway.adapters.ssh.asked import Asked
from gateway.adapters.ssh.person import PersonSide
from gateway.capture.answer_line import AnswerLine
from gateway.capture.strokes import INTERRUPT
from gateway.core.frame import FrameKind
from gateway.core.shown import Stream
from gateway.session.answering import question
from gateway.session.gate import Gate
from gateway.session.remarks import MOST_LETTERS


@dataclass(frozen=True, slots=True)
class Said:
    """What somebody has said over one connection."""

    before: dict[str, str] = field(default_factory=dict)
    """By variables of a session: answers that need no question."""
    last: dict[str, str] = field(default_factory=dict)
    """At a terminal: what Enter alone repeats."""


class Questions:
    """Of one session."""

    def __init__(self, gate: Gate, person: PersonSide, asked: Asked, said: Said) -> None:
        self.showing = asyncio.Lock()
        """Held by whoever records and shows something."""
        self._gate = gate
        self._person = person
        self._at_terminal = asked.terminal is not None
        self._known = {name: text for name, text in asked.said.items() if text}
        self._said = said
        self._said.before.update(self._known)
        self._mid_line = False

    def must_ask(self, required: AbstractSet[str]) -> bool:
        """Whether there is anything to ask, and somebody who can be asked."""
        return self._at_terminal and bool(required - self._known.keys())

    async def answers(
        self, required: AbstractSet[str], stream: Stream, *, own_line: bool = False
    ) -> Mapping[str, str]:
        """What is known, and what they say. `own_line`: the cursor stands in the middle of one. Where they withdraw
        it does not return: the person's side is `interrupted`, and whoever heeds that cancels this."""
        known = {name: text for name, text in self._known.items() if name in required}
        if not self.must_ask(required):
            return known
        self._person.watch_for_interrupt = True
        ahead = self._person.inbox.drain()
        try:
            if self._person.interrupted.is_set() or any(key in ahead for key in INTERRUPT):
                await self._withdrawn()
            for name in sorted(required - known.keys()):
                text = await self._ask(name, stream, b"\r\n" if own_line else b"")
                own_line = False
                if text is None:
                    break  # nobody types any more
                known[name] = self._said.last[name] = text
        finally:
            self._person.inbox.put_back(ahead)
            self._break_line(stream)
        return known

    async def _ask(self, name: str, stream: Stream, begin: bytes) -> str | None:
        inbox, last = self._person.inbox, self._said.last.get(name, "")
        line = AnswerLine(question(name, last), self._person.columns, MOST_LETTERS, last)
        self._mid_line = True
        await self._show(stream, begin + line.begin())
        while not line.is_over:
            if (piece := await inbox.take()) is None:
                return None
            shown = line.typed(piece[1])
            if line.state == "withdrawn":
                inbox.put_back(line.rest)
            await self._show(stream, shown)
        self._mid_line = False
        if line.state == "withdrawn":
            await self._withdrawn()
        return line.text

    async def _withdrawn(self) -> NoReturn:
        self._person.interrupted.set()
        await asyncio.Event().wait()
        raise AssertionError("nobody sets it")

    async def _show(self, stream: Stream, data: bytes) -> None:
        if data:
            await self._person.clear()
            async with self.showing:
                await self._gate.record([(FrameKind.ERROR, data)])
                self._person.show(stream, data)

    def _break_line(self, stream: Stream) -> None:
        """What follows a question that was broken off begins a line."""
        if self._mid_line:
            self._mid_line = False
            if self._gate.record_at_once([(FrameKind.ERROR, b"\r\n")]):
                self._person.show(stream, b"\r\n")
