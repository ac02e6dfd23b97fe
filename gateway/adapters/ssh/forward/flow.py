"""One forwarded connection while bytes go both ways: each piece is recorded before it is passed on.

Of each direction as much is kept as the target's `keep_forwards` says; what follows is only counted and hashed, and
the recording says so. Nobody reads faster than the other side takes, and an end of input goes through by itself.
"""

import asyncio
import json
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Literal

from gateway.adapters.ssh.forward.end import FlowEnd
from gateway.core.errors import Fault
from gateway.core.findings import ForwardEnded
from gateway.core.frame import FrameKind
from gateway.session.gate import Gate

KEEP = 16 << 20
"""Bytes of one direction that are recorded where a target says nothing else."""

LINGER = 60.0
"""Seconds without any progress after which an end is given up whose other end is closed."""

Way = Literal["to", "back"]

_NUMBER = struct.Struct(">I")


@dataclass(frozen=True, slots=True)
class Course:
    """Which forwarded connection this is: its number in the session, and what it connects."""

    number: int
    way: Way
    destination: str
    origin: str

    def __str__(self) -> str:
        return f"{'to' if self.way == 'to' else 'back from'} {self.destination}"


class Direction:
    """What went one way: counted, hashed, and kept up to the cap."""

    def __init__(self, kind: FrameKind, number: int, cap: int) -> None:
        self.size = 0
        self.kept = 0
        self._kind = kind
        self._prefix = _NUMBER.pack(number)
        self._cap = cap
        self._digest = sha256()

    @property
    def sha256(self) -> str:
        """Of all that went this way; empty where nothing did."""
        return self._digest.hexdigest() if self.size else ""

    @property
    def cut(self) -> bool:
        """The recording does not have all of it."""
        return self.kept < self.size

    async def keep(self, gate: Gate, data: bytes) -> bool:
        """Record what still fits. True: this is where the recording stops having it all. Raises `Fault`."""
        was_cut = self.cut
        part = data[: self._cap - self.kept]
        if part:
            await gate.observe(self._kind, self._prefix + part)
            self.kept += len(part)
        self.size += len(data)
        self._digest.update(data)
        return self.cut and not was_cut


class Flow:
    """`carry` once, between the person's end and the target's."""

    def __init__(self, course: Course, gate: Gate, cap: int) -> None:
        self._course = course
        self._gate = gate
        self._toward = Direction(FrameKind.TOWARD, course.number, cap)
        self._back = Direction(FrameKind.BACK, course.number, cap)

    async def carry(self, person: FlowEnd, target: FlowEnd) -> None:
        """Return when both ends are closed. Raises `Fault`. When it is cancelled the person's end stays open: closing
        it is for whoever can say why."""
        outcome = ""
        await person.ready.wait()
        await target.ready.wait()
        target.obey(self._gate.inflow)
        try:
            await self._mark(f"{self._course} open", state="open", origin=self._course.origin)
            async with asyncio.TaskGroup() as tasks:
                toward = tasks.create_task(self._pump(person, target, self._toward))
                back = tasks.create_task(self._pump(target, person, self._back))
                tasks.create_task(self._hang_up(person, toward, self._toward, target))
                tasks.create_task(self._hang_up(target, back, self._back, person))
                await asyncio.wait((toward, back))
                outcome = _broken(person, target) or "closed"
                tasks.create_task(self._close(person))
                tasks.create_task(self._close(target))
        finally:
            outcome = outcome or self._interrupted(person, target)
            target.abort()
            await self._report(outcome)

    async def _pump(self, source: FlowEnd, sink: FlowEnd, direction: Direction) -> None:
        while (piece := await source.inbox.take()) is not None:
            data = piece[1]
            if direction is self._toward:
                await self._gate.inflow.opened()
            await sink.clear()
            if await direction.keep(self._gate, data):
                await self._tell_of_cut(direction)
            if self._gate.ended.is_set() or not sink.send(data):
                return
            if direction is self._toward:
                self._gate.passed(sent=len(data))
            else:
                self._gate.passed(shown=len(data))
        sink.end()

    async def _hang_up(
        self, gone: FlowEnd, delivery: asyncio.Task[None], direction: Direction, other: FlowEnd
    ) -> None:
        """One end is closed: once the other has got what it sent, close that too."""
        await gone.hung_up.wait()
        if await _comes(asyncio.wait((delivery,)), lambda: self._state(direction.size, other)):
            other.close()
        else:
            other.give_up()

    async def _close(self, end: FlowEnd) -> None:
        """Close it, and wait as long as it still takes something."""
        end.close()
        if not await _comes(end.closed.wait(), lambda: self._state(0, end)):
            end.give_up()

    def _state(self, size: int, end: FlowEnd) -> object:
        """What changes while there is progress; and always, while staff hold it up."""
        return (size, end.pending) if self._gate.inflow.is_open else object()

    def _interrupted(self, person: FlowEnd, target: FlowEnd) -> str:
        """Why it was cancelled. An end that the person caused breaks the target's connection as well."""
        return "ended" if self._gate.ended.is_set() else _broken(person, target) or "ended"

    async def _tell_of_cut(self, direction: Direction) -> None:
        whither = "toward the target" if direction is self._toward else "toward the person"
        await self._mark(f"{self._course}: {whither} only sizes and digests from here", state="cut")

    async def _report(self, outcome: str) -> None:
        """Into the recording and the ledger. Where neither takes it any more the session has ended by itself."""
        toward, back = self._toward, self._back
        facts: dict[str, Any] = {
            "bytes_toward": toward.size,
            "bytes_back": back.size,
            "sha256_toward": toward.sha256,
            "sha256_back": back.sha256,
            "content": self._content,
            "outcome": outcome,
        }
        text = f"{self._course} {outcome}, {toward.size} bytes toward the target, {back.size} back"
        course = self._course
        try:
            await self._mark(text, state="closed", **facts)
            await self._gate.report(
                ForwardEnded(way=course.way, destination=course.destination, origin=course.origin, **facts)
            )
        except Fault:
            if not self._gate.ended.is_set():
                raise

    @property
    def _content(self) -> str:
        if not (self._toward.cut or self._back.cut):
            return "whole"
        return "cut" if self._toward.kept or self._back.kept else "none"

    async def _mark(self, text: str, **facts: object) -> None:
        course = self._course
        mark = {"kind": "forward", "text": text, "flow": course.number, "way": course.way}
        mark["destination"] = course.destination
        await self._gate.observe(FrameKind.MARK, json.dumps({**mark, **facts}).encode())


def _broken(person: FlowEnd, target: FlowEnd) -> str:
    return "disconnected" if person.broken else "lost" if target.broken else ""


async def _comes(wanted: Awaitable[object], progress: Callable[[], object]) -> bool:
    """Wait for something, but not when there is no progress any more."""
    waiting = asyncio.ensure_future(wanted)
    try:
        while not waiting.done():
            before = progress()
            await asyncio.wait((waiting,), timeout=LINGER)
            if not waiting.done() and progress() == before:
                return False
        return True
    finally:
        waiting.cancel()
