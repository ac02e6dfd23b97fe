"""ChannelEnd: what a conversation needs of a channel of an SSH connection, to a real client and back."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

import asyncssh
import pytest

from gateway.adapters.postgres.channel_end import ChannelEnd
from gateway.adapters.postgres.end import UNREAD_MOST, WRITE_MOST, End
from gateway.adapters.ssh.forward.end import WINDOW_MOST
from gateway.adapters.ssh.forward.roads import Inspected
from gateway.adapters.ssh.inside import Spawn
from gateway.adapters.ssh.session import Visitor
from gateway.core.errors import Malformed
from gateway.core.people import Target
from tests.ssh.house import House

PATIENCE = 20.0
T = TypeVar("T")
Talk = Callable[[ChannelEnd], Awaitable[None]]
Client = tuple["asyncssh.SSHReader[bytes]", "asyncssh.SSHWriter[bytes]"]


@asynccontextmanager
async def talking(directory: Path, talk: Talk) -> AsyncIterator[tuple[House, Client]]:
    """A client that has been through `ssh -W db-1:5432`, and what it talks to."""
    house = await House.open(directory)
    assert house.adapter is not None

    def begin(visitor: Visitor, target: Target, spawn: Spawn) -> ChannelEnd:
        async def conversation(end: ChannelEnd) -> None:
            await talk(end)

        return ChannelEnd(visitor.peer, lambda end: spawn(conversation(end)))

    house.inspected = {"postgres": Inspected(5432, begin)}
    await house.adapter.stop(0)
    await house.start()
    house.add(Target("db-1", "postgres", "127.0.0.1", 5432))
    try:
        async with asyncssh.connect(
            "127.0.0.1",
            house.port,
            username="somebody",
            client_keys=[house.person_key],
            known_hosts=None,
            config=None,
        ) as connection:
            yield house, await connection.open_connection("db-1", 5432, encoding=None)
    finally:
        await house.close()


async def echo(end: End) -> None:
    while data := await end.read():
        end.write(data.upper())
        await end.drain()
    end.write(b"bye")
    end.close()


async def within(work: Awaitable[T]) -> T:
    async with asyncio.timeout(PATIENCE):
        return await work


async def test_both_ways_and_half_closed(tmp_path: Path) -> None:
    async with talking(tmp_path / "gateway", echo) as (_, (reader, writer)):
        writer.write(b"select 1")
        assert await within(reader.readexactly(8)) == b"SELECT 1"
        writer.write(b"select 2")
        writer.write_eof()
        assert await within(reader.read()) == b"SELECT 2bye"


async def test_who_is_there(tmp_path: Path) -> None:
    seen: asyncio.Queue[ChannelEnd] = asyncio.Queue()

    async def talk(end: ChannelEnd) -> None:
        seen.put_nowait(end)
        assert end.tls is None
        with pytest.raises(Malformed):
            await end.start_tls(ssl.create_default_context(), server_side=True)
        await echo(end)

    async with talking(tmp_path / "gateway", talk) as (_, (_, writer)):
        end = await within(seen.get())
        assert end.secured
        assert end.peer.address == "127.0.0.1"
        assert end.peer.client.startswith("AsyncSSH")
        writer.close()
        await within(end.closed.wait())


async def test_a_lot_both_ways_arrives_as_it_is(tmp_path: Path) -> None:
    sent = bytes(range(97, 123)) * 200_000

    async with talking(tmp_path / "gateway", echo) as (_, (reader, writer)):

        async def feed() -> None:
            writer.write(sent)
            await writer.drain()
            writer.write_eof()

        feeding = asyncio.create_task(feed())
        assert await within(reader.read()) == sent.upper() + b"bye"
        await feeding


async def test_who_does_not_read_holds_the_client_back(tmp_path: Path) -> None:
    begin, ended = asyncio.Event(), asyncio.Event()
    size = 0

    async def talk(end: ChannelEnd) -> None:
        nonlocal size
        await begin.wait()
        assert end._waiting <= UNREAD_MOST + (1 << 16), "what came before it was paused"
        while data := await end.read():
            size += len(data)
        ended.set()
        end.close()

    async with talking(tmp_path / "gateway", talk) as (_, (_, writer)):
        writer.write(b"x" * (8 << 20))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.5):
                await writer.drain()
        # What the gateway has taken is in its window; the rest is still with the client.
        assert writer.channel.get_write_buffer_size() >= (8 << 20) - WINDOW_MOST - UNREAD_MOST - (1 << 17)
        begin.set()
        await within(writer.drain())
        writer.write_eof()
        await within(ended.wait())
    assert size == 8 << 20


async def test_a_client_that_does_not_read_holds_the_conversation_back(tmp_path: Path) -> None:
    told: asyncio.Queue[str] = asyncio.Queue()
    piece, wanted = b"y" * (64 << 10), 16 << 20

    async def talk(end: ChannelEnd) -> None:
        written, rooms = 0, asyncio.Event()
        end.when_room(rooms.set)
        end.take_over(lambda data: None)
        while written < wanted:
            if end.full:
                if not rooms.is_set():
                    told.put_nowait("full")
                rooms.clear()
                await rooms.wait()
                told.put_nowait("room")
            end.write(piece)
            written += len(piece)
        await end.drain()
        end.close()

    async with talking(tmp_path / "gateway", talk) as (house, (reader, writer)):
        writer.channel.pause_reading()
        assert await within(told.get()) == "full"
        assert house.adapter is not None
        (connection,) = house.adapter._connections
        (channel,) = connection._channels.values()
        assert channel.get_write_buffer_size() <= WRITE_MOST + len(piece)
        assert told.empty()
        writer.channel.resume_reading()
        assert await within(told.get()) == "room"
        size = 0
        while data := await within(reader.read(1 << 20)):
            size += len(data)
    assert size == wanted


async def test_taken_over_with_what_was_unread(tmp_path: Path) -> None:
    came: asyncio.Queue[bytes] = asyncio.Queue()

    async def talk(end: ChannelEnd) -> None:
        first = await end.read()
        end.unread(first[2:])
        assert await end.read() == first[2:]
        end.unread(first[4:])
        end.take_over(came.put_nowait)
        await end.closed.wait()

    async with talking(tmp_path / "gateway", talk) as (_, (_, writer)):
        writer.write(b"one two")
        assert await within(came.get()) == b"two"
        writer.write(b"three")
        assert await within(came.get()) == b"three"
        writer.write_eof()
        assert await within(came.get()) == b""
        writer.close()


async def test_taken_over_with_more_than_may_wait(tmp_path: Path) -> None:
    sent = b"".join(b"%08d" % number for number in range(100_000))
    came, over = bytearray(), asyncio.Event()

    async def talk(end: ChannelEnd) -> None:
        while end._waiting <= UNREAD_MOST:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)  # so that more waits behind it
        end.take_over(lambda data: came.extend(data) if data else over.set())
        await over.wait()

    async with talking(tmp_path / "gateway", talk) as (_, (_, writer)):
        writer.write(sent)
        writer.write_eof()
        await within(over.wait())
    assert came == sent


async def test_a_client_that_is_cut_off(tmp_path: Path) -> None:
    came: asyncio.Queue[bytes] = asyncio.Queue()
    over = asyncio.Event()

    async def talk(end: ChannelEnd) -> None:
        end.take_over(came.put_nowait)
        await end.closed.wait()
        end.write(b"nobody reads this")
        await end.drain()
        end.close()
        over.set()

    async with talking(tmp_path / "gateway", talk) as (_, (_, writer)):
        writer.write(b"hello")
        assert await within(came.get()) == b"hello"
        writer.channel.get_connection().abort()
        assert await within(came.get()) == b""
        await within(over.wait())


async def test_a_client_that_leaves_while_it_is_not_read(tmp_path: Path) -> None:
    """It is known at once; what it said before is not lost."""
    paused, closed, rest = asyncio.Event(), asyncio.Event(), asyncio.Event()
    said = bytearray()

    async def talk(end: ChannelEnd) -> None:
        end.take_over(lambda data: said.extend(data) if data else rest.set())
        end.pause()
        paused.set()
        await end.closed.wait()
        closed.set()
        end.resume()
        await rest.wait()

    async with talking(tmp_path / "gateway", talk) as (_, (_, writer)):
        await within(paused.wait())
        writer.write(b"last words")
        await writer.drain()
        writer.close()
        await within(closed.wait())
        await within(rest.wait())
    assert said == b"last words"


async def test_everything_is_over_when_the_gateway_stops(tmp_path: Path) -> None:
    ended = asyncio.Event()

    async def talk(end: ChannelEnd) -> None:
        try:
            await end.read()
        finally:
            ended.set()

    async with talking(tmp_path / "gateway", talk) as (house, (_, writer)):
        writer.write(b"")
        while house.adapter is None or not house.adapter.open_sessions:
            await asyncio.sleep(0.01)
        await within(house.adapter.stop(0.1))
        assert ended.is_set()
        house.adapter = None
