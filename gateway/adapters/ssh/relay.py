"""Bytes both ways between one person and one target, all of them through the Gate.

What goes to the person is revealed first, what goes to the target is observed first; nobody reads faster than the
other side takes. The end comes only when the target's channel is closed and everything it sent has been shown.
"""

import asyncio
import json
from hashlib import sha256

from gateway.adapters.ssh import ending
from gateway.adapters.ssh.asked import Control, Resize, Signal, shown_size
from gateway.adapters.ssh.ending import Ending
from gateway.adapters.ssh.person import PersonSide
from gateway.adapters.ssh.target.far_side import FarSide
from gateway.core.errors import Unreachable
from gateway.core.frame import FrameKind
from gateway.core.shown import Answer, Stream
from gateway.session.gate import Gate, Permit


class Relay:
    """One admitted operation while it runs."""

    def __init__(self, gate: Gate, permit: Permit, person: PersonSide, target: FarSide) -> None:
        self._gate = gate
        self._permit = permit
        self._person = person
        self._target = target
        self._due: dict[Stream, float] = {}
        """When held bytes of a stream have waited long enough."""
        self._streams: set[Stream] = set()
        self._size: dict[str, int] = {}
        """The size that the recording knows: clients say the same one again."""

    async def run(self, *, terminal: bool) -> Ending:
        """Return how the target ended. Raises `Unreachable` when the connection to it broke."""
        async with asyncio.TaskGroup() as pumps:
            beside = [
                pumps.create_task(self._toward_target(terminal)),
                pumps.create_task(self._controls()),
                pumps.create_task(self._stop_when_deaf()),
            ]
            await self._toward_person()
            for task in beside:
                task.cancel()
        if self._target.lost:
            raise Unreachable(
                f"the connection to {self._gate.session.target.name} was lost - what ran there may go on"
            )
        await self._person.drained()
        if self._target.signal is not None:
            return ending.by_signal(self._target.signal)
        return ending.SILENT if self._target.status is None else ending.by_status(self._target.status)

    async def _toward_person(self) -> None:
        while True:
            try:
                piece = await self._taken(self._next_due())
            except TimeoutError:
                await self._show_overdue()
                continue
            if piece is None:
                break
            await self._show(Answer(*piece))
            if self._due:
                await self._show_overdue()
        for stream in sorted(self._streams):
            await self._show(Answer(stream, b"", last=True))
        if not self._target.lost and self._target.status is None and self._target.signal is None:
            # Where the end is known already, the close says it: a client that shares its connection hangs up on an
            # end of output, and would miss the status.
            self._person.end_output()
        await self._target.closed.wait()

    async def _taken(self, due: float | None) -> tuple[Stream, bytes] | None:
        if due is None:
            return await self._target.inbox.take()
        async with asyncio.timeout_at(due):
            return await self._target.inbox.take()

    def _next_due(self) -> float | None:
        return min(self._due.values()) if self._due and not self._target.inbox.ready else None

    async def _show_overdue(self) -> None:
        now = asyncio.get_running_loop().time()
        for stream in [stream for stream, due in self._due.items() if due <= now]:
            await self._show(Answer(stream, b"", urgent=True))

    async def _show(self, answer: Answer) -> None:
        if self._person.deaf.is_set() and answer.stream is Stream.OUT:
            return
        await self._person.clear()
        shown = await self._gate.reveal(self._permit, answer)
        self._person.show(answer.stream, shown.data)
        self._streams.add(answer.stream)
        if shown.held:
            self._due[answer.stream] = asyncio.get_running_loop().time() + self._gate.hold_back
        else:
            self._due.pop(answer.stream, None)

    async def _toward_target(self, terminal: bool) -> None:
        digest, size = sha256(), 0
        while (piece := await self._person.inbox.take()) is not None:
            data = piece[1]
            await self._gate.inflow.opened()
            await self._target.clear()
            await self._gate.observe(FrameKind.INPUT, data)
            if not self._target.send(data):
                break
            digest.update(data)
            size += len(data)
        else:
            self._target.end_input()
        if size and not terminal:
            await self._mark("input", f"{size} bytes piped in", size=size, sha256=digest.hexdigest())

    async def _controls(self) -> None:
        while True:
            control = await self._person.next_control()
            await self._note(control)
            await self._gate.inflow.opened()
            self._target.control(control)

    async def _note(self, control: Control) -> None:
        match control:
            case Resize(cols, rows, _, _):
                if (size := shown_size(cols, rows)) != self._size:
                    self._size = size
                    await self._gate.observe(FrameKind.RESIZE, json.dumps(size).encode())
            case Signal(name):
                await self._mark("signal", name)
            case _:
                await self._mark("signal", "BREAK")

    async def _mark(self, kind: str, text: str, **facts: int | str) -> None:
        await self._gate.observe(FrameKind.MARK, json.dumps({"kind": kind, "text": text, **facts}).encode())

    async def _stop_when_deaf(self) -> None:
        await self._person.deaf.wait()
        self._target.stop_output()
