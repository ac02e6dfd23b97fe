"""The two ends of a transfer by scp -O, rsync or git: a person's client, and the program on the target.

What both programs say to each other passes by `read` and `write`; what the target's program writes on its standard
error is masked, recorded and shown on the way. Counts and digests are the business of who reads.
"""

import asyncio
from typing import Protocol

from gateway.adapters.ssh.asked import Asked, Signal
from gateway.adapters.ssh.person import PersonSide
from gateway.adapters.ssh.target.channel import TargetSide
from gateway.adapters.ssh.upstream import Reached
from gateway.core.shown import Answer, Stream
from gateway.session.gate import Gate, Permit

PIECES = 4
"""Pieces of what the target said that may wait to be read: each is at most as large as an inbox."""


class End(Protocol):
    """One end of a transfer."""

    async def read(self) -> bytes | None:
        """What came next, or None at the end."""
        ...

    async def write(self, data: bytes) -> bool:
        """Send, once there is room. False: nothing can be sent any more."""
        ...


class PersonEnd:
    """The person's client."""

    def __init__(self, gate: Gate, person: PersonSide) -> None:
        self._gate = gate
        self._person = person

    async def read(self) -> bytes | None:
        piece = await self._person.inbox.take()
        return None if piece is None else piece[1]

    async def write(self, data: bytes) -> bool:
        if not self._person.deaf.is_set():
            await self._person.clear()
            self._person.show(Stream.OUT, data)
            self._gate.passed(shown=len(data))
        return True

    def stop(self) -> None:
        """Nobody is left whom the client could talk to: what it has sent is the last."""
        self._person.inbox.finish()


class TargetEnd:
    """The program on the target. `tend` has to run from its start to its end."""

    def __init__(self, gate: Gate, permit: Permit, person: PersonSide, side: TargetSide) -> None:
        self.side = side
        self._gate = gate
        self._permit = permit
        self._person = person
        self._pieces: asyncio.Queue[bytes | None] = asyncio.Queue(PIECES)
        self._unheard = False
        self._due: float | None = None
        """When the held end of an error message has waited long enough."""

    async def read(self) -> bytes | None:
        data = await self._pieces.get()
        if data is None:
            self._pieces.put_nowait(None)
        return data

    async def write(self, data: bytes) -> bool:
        await self._gate.inflow.opened()
        await self.side.clear()
        if not self.side.send(data):
            return False
        self._gate.passed(sent=len(data))
        return True

    def finish(self) -> None:
        """Nothing more is sent to the program, and nobody listens to it: it may end."""
        self.side.end_input()
        self._unheard = True
        while not self._pieces.empty():
            self._pieces.get_nowait()

    async def tend(self) -> None:
        """Take in what the program says until its channel is closed."""
        async with asyncio.TaskGroup() as tasks:
            beside = [tasks.create_task(self._signals()), tasks.create_task(self._stop_when_deaf())]
            await self._hear()
            for task in beside:
                task.cancel()

    async def complain(self, text: bytes) -> bytes:
        """An error message that came in the middle of what the programs say: as it may be shown, and recorded."""
        shown = await self._gate.reveal(self._permit, Answer(Stream.ERR, text, urgent=True))
        return shown.data

    async def _hear(self) -> None:
        spoke = False
        while True:
            try:
                async with asyncio.timeout_at(self._due):
                    piece = await self.side.inbox.take()
            except TimeoutError:
                await self._show(Answer(Stream.ERR, b"", urgent=True))
                continue
            if piece is None:
                break
            stream, data = piece
            if stream is Stream.ERR:
                spoke = True
                await self._show(Answer(stream, data))
            elif not self._unheard:
                await self._pieces.put(data)
                if self._due is not None and self._due <= asyncio.get_running_loop().time():
                    await self._show(Answer(Stream.ERR, b"", urgent=True))
        if spoke:
            await self._show(Answer(Stream.ERR, b"", last=True))
        await self._pieces.put(None)
        await self.side.closed.wait()

    async def _show(self, answer: Answer) -> None:
        await self._person.clear()
        shown = await self._gate.reveal(self._permit, answer)
        self._person.show(Stream.ERR, shown.data)
        self._due = asyncio.get_running_loop().time() + self._gate.hold_back if shown.held else None

    async def _signals(self) -> None:
        while True:
            control = await self._person.next_control()
            if isinstance(control, Signal):
                await self._gate.inflow.opened()
                self.side.control(control)

    async def _stop_when_deaf(self) -> None:
        await self._person.deaf.wait()
        self.side.stop_output()


async def start(gate: Gate, permit: Permit, person: PersonSide, reached: Reached, asked: Asked) -> TargetEnd:
    """Run what was admitted. Raises `Unreachable`."""
    side = await reached.begin(asked, None)
    side.obey(gate.inflow)
    return TargetEnd(gate, permit, person, side)
