"""Several servers of one target: which of them is taken, and how the time is shared."""

import asyncio
import time

import pytest

from gateway.adapters.postgres.upstream.refusal import ServerRefused
from gateway.core.errors import Unreachable
from gateway.wire.postgres.frames import frame
from gateway.wire.postgres.messages import (
    ParameterStatus,
    make_command_complete,
    make_parameter_status,
    parse_query,
)
from gateway.wire.postgres.tables import ByClient
from tests.postgres.servers import DatabaseServer, binaries
from tests.postgres.upstream.dialling import dial, leave, target
from tests.postgres.upstream.evil import says
from tests.postgres.upstream.scripted import OK, READY, VERSION, WELCOME, Caller, Script, error, scripted


def kind(standby: str, read_only: str) -> Script:
    """A server since 14, which says what it is."""
    said = {"in_hot_standby": standby, "default_transaction_read_only": read_only}
    return says(OK + b"".join(make_parameter_status(ParameterStatus(*item)) for item in said.items()) + READY)


PRIMARY, READ_ONLY, STANDBY = kind("off", "off"), kind("off", "on"), kind("on", "off")


@pytest.mark.parametrize(
    ("attrs", "servers", "chosen"),
    [
        ("any", [STANDBY, PRIMARY], 0),
        ("read-write", [READ_ONLY, STANDBY, PRIMARY], 2),
        ("read-only", [PRIMARY, READ_ONLY, STANDBY], 1),
        ("read-only", [PRIMARY, STANDBY, READ_ONLY], 1),
        ("primary", [STANDBY, READ_ONLY, PRIMARY], 1),
        ("standby", [PRIMARY, READ_ONLY, STANDBY], 2),
        ("prefer-standby", [PRIMARY, STANDBY], 1),
        ("prefer-standby", [PRIMARY, READ_ONLY], 0),
        ("standby", [PRIMARY, READ_ONLY], None),
    ],
)
async def test_of_the_kind_that_is_wanted(attrs: str, servers: list[Script], chosen: int | None) -> None:
    from contextlib import AsyncExitStack

    async with AsyncExitStack() as stack:
        ports = [(await stack.enter_async_context(scripted(server))).port for server in servers]
        place = target(*(("127.0.0.1", port) for port in ports), session_attrs=attrs)
        if chosen is None:
            with pytest.raises(Unreachable, match="none of its servers is what is wanted"):
                await dial(place, "alice")
            return
        server = await dial(place, "alice")
        assert server.address.port == ports[chosen]
        await leave(server)


def asked(question: str, answer: bytes) -> Script:
    """An older server, which is asked."""

    async def script(caller: Caller) -> str:
        await caller.startup()
        caller.say(WELCOME)
        messages = caller.session()
        query = await messages()
        assert query.tag == ByClient.QUERY
        assert parse_query(query.body) == question
        caller.say(answer)
        await caller.rest()
        return "asked"

    return script


def row(word: bytes) -> bytes:
    return frame(ord("D"), b"\0\1" + len(word).to_bytes(4, "big") + word)


DONE = make_command_complete("SHOW") + READY
DESCRIBED = frame(ord("T"), b"\0\1x\0" + bytes(18))
SHOW = "SHOW transaction_read_only"
RECOVERY = "SELECT pg_catalog.pg_is_in_recovery()"


@pytest.mark.parametrize(
    ("attrs", "question", "word", "suits"),
    [
        ("read-write", SHOW, b"off", True),
        ("read-write", SHOW, b"on", False),
        ("read-only", SHOW, b"on", True),
        ("primary", RECOVERY, b"f", True),
        ("standby", RECOVERY, b"f", False),
        ("standby", RECOVERY, b"t", True),
    ],
)
async def test_older_servers_are_asked(attrs: str, question: str, word: bytes, suits: bool) -> None:
    async with scripted(asked(question, DESCRIBED + row(word) + DONE)) as served:
        place = target(("127.0.0.1", served.port), session_attrs=attrs)
        if suits:
            server = await dial(place, "alice")
            assert server.rest == b""
            await leave(server)
        else:
            with pytest.raises(Unreachable, match="none of its servers is what is wanted"):
                await dial(place, "alice")
        assert await served.result() == "asked"


@pytest.mark.parametrize(
    "answer",
    [
        DONE,
        row(b"on") * 2 + DONE,
        row(b"maybe") + DONE,
        frame(ord("D"), b"\0\1\xff\xff\xff\xff") + DONE,
        frame(ord("D"), b"\0\0") + DONE,
        frame(ord("D"), b"\0\2\0\0\0\1") + DONE,
        error("42704", "no such thing") + READY,
        frame(ord("d"), b"on") + DONE,
    ],
)
async def test_answers_that_are_none(answer: bytes) -> None:
    async with scripted(asked(SHOW, answer)) as served:
        place = target(("127.0.0.1", served.port), session_attrs="read-write")
        with pytest.raises(Unreachable, match=r"(does not speak|does not say what kind)"):
            await dial(place, "alice")


async def test_the_next_where_one_can_not_now() -> None:
    async with scripted(says(error("57P03", "starting up"))) as first, scripted(says(WELCOME)) as second:
        server = await dial(target(("127.0.0.1", first.port), ("127.0.0.1", second.port)), "alice")
        assert server.address.port == second.port
        await leave(server)


async def test_none_where_one_said_no() -> None:
    """The next would say the same, and the password was wrong twice."""
    async with scripted(says(error("28P01", "no"))) as first, scripted(says(WELCOME)) as second:
        with pytest.raises(ServerRefused):
            await dial(target(("127.0.0.1", first.port), ("127.0.0.1", second.port)), "alice")
        assert second.calls == []


async def test_a_silent_one_has_its_share_of_the_time_only() -> None:
    async with scripted(says(b"")) as silent, scripted(says(WELCOME)) as second:
        began = time.monotonic()
        place = target(("127.0.0.1", silent.port), ("127.0.0.1", second.port))
        server = await dial(place, "alice", timeout=2.0)
        assert 0.9 < time.monotonic() - began < 2
        await leave(server)


async def test_all_silent() -> None:
    async with scripted(says(b"")) as silent:
        began = time.monotonic()
        place = target(*[("127.0.0.1", silent.port)] * 5)
        with pytest.raises(Unreachable, match="it did not answer in time"):
            await dial(place, "alice", timeout=0.5)
        assert time.monotonic() - began < 5
        assert 0 < len(silent.calls) <= 5


async def test_a_caller_who_gives_up_leaves_nothing_behind() -> None:
    async with scripted(says(VERSION)) as silent:
        dialling = asyncio.create_task(dial(target(("127.0.0.1", silent.port)), "alice"))
        while not silent.calls:
            await asyncio.sleep(0)
        dialling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await dialling
        assert await silent.result() == b""


@pytest.mark.needs("postgres")
async def test_a_real_standby() -> None:
    programs = binaries()
    assert programs is not None
    server = await asyncio.to_thread(DatabaseServer.create, programs)
    try:
        await asyncio.to_thread(server.start)
        await asyncio.to_thread(server.stop)
        server.becomes_standby()
        await asyncio.to_thread(server.start)
        at = ("127.0.0.1", server.port)
        for attrs in ("standby", "read-only", "prefer-standby", "any"):
            await leave(await dial(target(at, session_attrs=attrs), "by_trust"))
        for attrs in ("primary", "read-write"):
            with pytest.raises(Unreachable, match="none of its servers is what is wanted"):
                await dial(target(at, session_attrs=attrs), "by_trust")
    finally:
        await asyncio.to_thread(server.remove)
