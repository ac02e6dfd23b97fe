"""A client that sends messages as it is told to, in whatever order, and shows what comes back."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from gateway.wire.postgres.frames import BackendReader, Message, Run
from gateway.wire.postgres.messages import (
    Bind,
    Close,
    Execute,
    Parse,
    make_bind,
    make_close,
    make_execute,
    make_parse,
    parse_backend_key_data,
    parse_fields,
)
from gateway.wire.postgres.startup import make_startup
from gateway.wire.postgres.tables import ByServer, Phase

PATIENCE = 30


def prepare(name: str, text: str) -> bytes:
    return make_parse(Parse(name, text))


def bind(statement: str, portal: str = "") -> bytes:
    return make_bind(Bind(portal, statement, (), (), ()))


def execute(portal: str = "") -> bytes:
    return make_execute(Execute(portal, 0))


def close(name: str) -> bytes:
    return make_close(Close("S", name))


@dataclass
class ByHand:
    """One connection that is signed in."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    frames: BackendReader = field(default_factory=lambda: BackendReader(Phase.SIGN_IN))
    pid: int = 0
    secret: bytes = b""

    async def say(self, *parts: bytes, ready: int = 1) -> list[Message | Run]:
        """Send this in one go, and return what comes up to so many times ReadyForQuery."""
        self.writer.write(b"".join(parts))
        return await self.until_ready(ready)

    async def until_ready(self, ready: int = 1) -> list[Message | Run]:
        """What comes up to so many times ReadyForQuery."""
        return await self.until(ByServer.READY, ready)

    async def until(self, tag: int, count: int = 1) -> list[Message | Run]:
        """What comes up to so many messages of this kind."""
        found: list[Message | Run] = []
        async with asyncio.timeout(PATIENCE):
            while count:
                item = self.frames.next()
                if item is None:
                    data = await self.reader.read(1 << 16)
                    assert data, f"the connection is gone after {found}"
                    self.frames.receive(data)
                    continue
                found.append(item)
                count -= item.tag == tag
        return found


def told(answer: Iterable[Message | Run]) -> list[str]:
    """What the errors in it say."""
    return [
        dict(parse_fields(item.body))["M"]
        for item in answer
        if isinstance(item, Message) and item.tag == ByServer.ERROR
    ]


def rows_of(answer: Iterable[Message | Run]) -> bytes:
    """All bytes of rows in it."""
    return b"".join(item.data for item in answer if isinstance(item, Run))


@asynccontextmanager
async def by_hand(port: int, user: str = "alice", database: str = "appdb") -> AsyncIterator[ByHand]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    hand = ByHand(reader, writer)
    try:
        for item in await hand.say(make_startup([("user", user), ("database", database)])):
            if isinstance(item, Message) and item.tag == ByServer.BACKEND_KEY_DATA:
                key = parse_backend_key_data(item.body)
                hand.pid, hand.secret = key.pid, key.secret
        hand.frames.phase = Phase.SESSION
        yield hand
    finally:
        writer.close()
        await writer.wait_closed()
