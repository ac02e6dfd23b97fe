"""Somebody on the network between two ends of SSH: puts packets in before there are keys, takes packets away after,
or lets everything vanish without closing anything."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from tests.ssh.raw import packet

KEXINIT, NEWKEYS = 20, 21
GCM_TAG = 16


@dataclass
class Forgery:
    """What is done to one direction. Payloads go in before the first proposal or before the new keys."""

    at_first: list[bytes] = field(default_factory=list)
    before_keys: list[bytes] = field(default_factory=list)
    taken_away: int = 0
    """So many of the first packets under AES-GCM never arrive."""


@dataclass
class Between:
    """`port` leads to `far`. Set `dark` and nothing arrives any more in either direction, not even an end."""

    far: int
    toward: Forgery = field(default_factory=Forgery)
    back: Forgery = field(default_factory=Forgery)
    ahead: bytes = b""
    """Sent to the far end before anything else."""
    dark: bool = False
    port: int = 0
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def meet(self, near: asyncio.StreamReader, near_out: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        far, far_out = await asyncio.open_connection("127.0.0.1", self.far)
        far_out.write(self.ahead)
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(self._carry(near, far_out, self.toward))
                both.create_task(self._carry(far, near_out, self.back))
        except asyncio.CancelledError:
            pass  # the test is over
        finally:
            for writer in (near_out, far_out):
                writer.transport.abort()
            self._tasks.discard(task)

    async def _carry(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, forgery: Forgery
    ) -> None:
        try:
            await self._carry_clear(reader, writer, forgery)
            while data := await reader.read(1 << 16):
                if not self.dark:
                    writer.write(data)
                    await writer.drain()
            if not self.dark:
                writer.write_eof()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # one of them has closed: the other notices at its end
        finally:
            if not self.dark:
                writer.close()

    async def _carry_clear(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, forgery: Forgery
    ) -> None:
        writer.write(await reader.readline())
        kind = 0
        while kind != NEWKEYS:
            head = await reader.readexactly(4)
            body = await reader.readexactly(int.from_bytes(head))
            kind = body[1]
            added = {KEXINIT: forgery.at_first, NEWKEYS: forgery.before_keys}.get(kind, [])
            writer.write(b"".join(map(packet, added)) + head + body)
            await writer.drain()
        for _ in range(forgery.taken_away):
            head = await reader.readexactly(4)
            await reader.readexactly(int.from_bytes(head) + GCM_TAG)

    async def end(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@asynccontextmanager
async def between(
    far: int, *, toward: Forgery | None = None, back: Forgery | None = None, ahead: bytes = b""
) -> AsyncIterator[Between]:
    """A port of this machine that leads to another one, past somebody who means ill."""
    man = Between(far, toward or Forgery(), back or Forgery(), ahead)
    listener = await asyncio.start_server(man.meet, "127.0.0.1", 0)
    man.port = listener.sockets[0].getsockname()[1]
    try:
        yield man
    finally:
        listener.close()
        await man.end()
        await listener.wait_closed()
