"""Requests that are under way to an SFTP server, and what is to be done with each answer.

A request of the client and a question of the gateway's own differ only in who gets the answer. Numbers are the
client's; the gateway takes free ones, and no request of the client passes while a question is open.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from gateway.adapters.ssh.target.channel import TargetSide
from gateway.core.errors import Malformed
from gateway.session.gate import Gate
from gateway.wire.sftp.messages import Reply, Status, Version

UNDER_WAY_MOST = 1024
"""Requests that may wait for an answer: more than any client needs to keep a line busy."""

BATCH = 256 << 10
"""Bytes that are sent together at most."""

Raw = bytes | memoryview


class Awaited(Protocol):
    """What somebody waits for."""

    @property
    def expects(self) -> tuple[type, ...]:
        """Answers that make sense, besides a STATUS."""
        ...

    async def settle(self, reply: Reply) -> Raw | None:
        """Act upon the answer and return what of it goes to the client."""
        ...


@dataclass(frozen=True, slots=True)
class PassedOn:
    """The client gets the answer as it comes."""

    expects: tuple[type, ...] = ()

    async def settle(self, reply: Reply) -> Raw | None:
        """Nothing else happens."""
        assert not isinstance(reply, Version)
        return reply.raw


@dataclass(frozen=True, slots=True)
class Asked:
    """A question of ours."""

    answer: asyncio.Future[Reply]
    expects: tuple[type, ...]

    async def settle(self, reply: Reply) -> Raw | None:
        """The client hears nothing of it."""
        if not self.answer.done():
            self.answer.set_result(reply)
        return None


class Exchange:
    """`forward`, `ask` and `flush` by one task, `settle` by another."""

    def __init__(self, gate: Gate, target: TargetSide) -> None:
        self._gate = gate
        self._target = target
        self._waiting: dict[int, Awaited] = {}
        self._fewer = asyncio.Event()
        self._out: list[Raw] = []
        self._size = 0
        self._own = 0

    async def forward(self, id: int, raw: Raw, awaited: Awaited) -> None:
        """Send a request of the client with the next `flush`. Raises `Malformed`."""
        if id in self._waiting:
            raise Malformed("two requests of one number")
        while len(self._waiting) >= UNDER_WAY_MOST:
            await self.flush()
            self._fewer.clear()
            await self._fewer.wait()
        self._waiting[id] = awaited
        await self.send(raw)

    async def send(self, raw: Raw) -> None:
        """Send what has no answer of its own."""
        self._out.append(raw)
        self._size += len(raw)
        if self._size >= BATCH:
            await self.flush()

    async def flush(self) -> None:
        """Send everything now."""
        if not self._out:
            return
        data = b"".join(self._out)
        self._out, self._size = [], 0
        await self._gate.inflow.opened()
        await self._target.clear()
        if self._target.send(data):
            self._gate.passed(sent=len(data))

    async def ask(self, make: Callable[[int], Raw], *expects: type) -> Reply:
        """The answer to a question of ours."""
        (reply,) = await self.ask_all([make], *expects)
        return reply

    async def ask_all(self, makes: Sequence[Callable[[int], Raw]], *expects: type) -> list[Reply]:
        """The answers to several questions."""
        loop = asyncio.get_running_loop()
        answers: list[asyncio.Future[Reply]] = []
        for make in makes:
            answers.append(loop.create_future())
            number = self._free_number()
            self._waiting[number] = Asked(answers[-1], expects)
            await self.send(make(number))
        await self.flush()
        return [await answer for answer in answers]

    def settle(self, reply: Reply) -> Awaited:
        """Whoever waits for this answer. Raises `Malformed` where nobody does, or for another one."""
        if isinstance(reply, Version):
            raise Malformed("a second beginning")
        awaited = self._waiting.pop(reply.id, None)
        if awaited is None:
            raise Malformed("an answer that nobody asked for")
        if not isinstance(reply, (Status, *awaited.expects)):
            raise Malformed(f"an answer of another kind: {type(reply).__name__.upper()}")
        self._fewer.set()
        return awaited

    def _free_number(self) -> int:
        while True:
            self._own = (self._own - 1) & 0xFFFF_FFFF
            if self._own not in self._waiting:
                return self._own
