"""Servers that refuse with odd words, break the protocol, say nothing, or never stop: a sentence, and no leak."""

import asyncio
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.adapters.postgres.upstream.refusal import ServerRefused
from gateway.core.errors import Unreachable
from gateway.wire.postgres.frames import frame
from gateway.wire.postgres.messages import (
    BackendKeyData,
    NegotiateProtocolVersion,
    NotificationResponse,
    ParameterStatus,
    make_backend_key_data,
    make_negotiate_version,
    make_notice,
    make_notification,
    make_parameter_status,
    say,
)
from tests.postgres.upstream.dialling import PASSWORD, dial, leave, target
from tests.postgres.upstream.evil import CANARY, CLEARTEXT, FOREIGN, MD5, SCRAM, reach, says
from tests.postgres.upstream.scripted import (
    KEY,
    OK,
    READY,
    VERSION,
    WELCOME,
    Caller,
    error,
    scripted,
)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ((("S", "FATAL"), ("M", "no code")), "it said: no code"),
        ((("C", "XX000"),), "it refused with XX000"),
        ((), "it refused"),
        ((("C", "\x1b[2J"), ("M", "")), "it refused"),
        ((("C", "3D000"), ("M", "anything")), 'database "postgres" does not exist'),
        ((("C", "53300"), ("M", "anything")), "it has too many connections"),
        ((("C", "57P03"), ("M", "anything")), "it is starting up or shutting down"),
        ((("C", "28P01"), ("M", CANARY)), "it does not let the gateway in, tell your platform team"),
        ((("C", "XX000"), ("M", f"bad password {CANARY}!")), "it refused with XX000"),
        (
            (("C", "XX000"), ("M", "\x1b[31mred\r\n\u202e")),
            "it said: <U+001B>[31mred<U+000D><U+000A><U+202E>",
        ),
        ((("C", "XX000"), ("M", "x" * 500_000)), "it said: " + "x" * 196 + " ..."),
    ],
)
async def test_errors(fields: Any, reason: str) -> None:
    from gateway.wire.postgres.messages import make_error

    async with scripted(says(make_error(fields))) as served:
        assert await reach(served) == reason


async def test_who_has_had_the_password_says_nothing_more(caplog: pytest.LogCaptureFixture) -> None:
    async def script(caller: Caller) -> None:
        await caller.startup()
        caller.say(CLEARTEXT)
        assert (await caller.message()).body == CANARY.encode() + b"\0"
        caller.say(error("XX000", CANARY[::-1]))
        await caller.rest()

    async with scripted(script) as served:
        assert await reach(served) == "it refused with XX000"
        await served.result()
    assert CANARY not in caplog.text
    assert CANARY[::-1] not in caplog.text


async def test_the_code_is_there_for_the_caller() -> None:
    async with scripted(says(error("53300", "sorry, too many clients already"))) as served:
        with pytest.raises(ServerRefused) as refusal:
            await dial(target(("127.0.0.1", served.port)), "alice")
    assert (refusal.value.sqlstate, refusal.value.message) == ("53300", "it has too many connections")


@pytest.mark.parametrize(
    "answer",
    [
        b"\0" * 10,
        b"\xff" * 100,
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"R\xff\xff\xff\xff",
        b"R\x7f\xff\xff\xff",
        b"R\0\0\0\x03",
        b"R\0\0\0\x08",
        frame(ord("R"), b"\0\0"),
        frame(ord("R"), b"\0\0\0\0x"),
        OK + OK,
        OK + READY[:-1] + b"X",
        OK + frame(ord("Z"), b"II"),
        OK + frame(ord("D"), b"\0\0"),
        OK + frame(ord("T"), b"\0\0"),
        OK + frame(ord("d"), b"copy"),
        OK + frame(ord("G"), b"\0\0\0"),
        OK + frame(ord("K"), b"\0" * 7),
        OK + frame(ord("K"), b"\0" * 300),
        OK + frame(ord("S"), b"server_version"),
        OK + frame(ord("S"), b"a\0b\0c\0"),
        OK + make_notification(NotificationResponse(1, "c", "p")),
        VERSION + WELCOME,
        READY,
        KEY + WELCOME,
        frame(ord("N"), b"M without an end"),
        make_negotiate_version(NegotiateProtocolVersion((3, 2), ())) + WELCOME,
        make_negotiate_version(NegotiateProtocolVersion((2, 0), ())) + WELCOME,
        make_negotiate_version(NegotiateProtocolVersion((3, 0), ()))
        + WELCOME,  # as asked: nothing to negotiate
        OK + make_negotiate_version(NegotiateProtocolVersion((3, 0), ())) + READY,
    ],
)
async def test_what_does_not_belong_here(answer: bytes) -> None:
    async def script(caller: Caller) -> None:
        await caller.startup()
        caller.say(answer)
        caller.writer.write_eof()
        await caller.rest()

    async with scripted(script) as served:
        assert await reach(served) in (FOREIGN, "it closed the connection")


@pytest.mark.parametrize(
    "again",
    [
        make_notice(say("NOTICE", "00000", "again")),
        make_parameter_status(ParameterStatus("a", "b" * 10_000)),
        make_backend_key_data(BackendKeyData(1, b"1234")),
    ],
)
async def test_a_beginning_without_end(again: bytes) -> None:
    async def script(caller: Caller) -> None:
        await caller.startup()
        caller.say(OK)
        try:
            while True:
                caller.say(again * 100)
                await caller.writer.drain()
        except ConnectionError:
            pass

    async with scripted(script) as served:
        assert await reach(served) == FOREIGN
        await served.result()


async def test_settings_without_end() -> None:
    names = b"".join(make_parameter_status(ParameterStatus(f"n{i}", "")) for i in range(300))
    async with scripted(says(OK + names + READY)) as served:
        assert await reach(served) == FOREIGN


@pytest.mark.parametrize("begin", [b"", b"R", OK, OK + VERSION + b"S\0\0\0\x40"])
async def test_silence(begin: bytes) -> None:
    async with scripted(says(begin)) as served:
        began = time.monotonic()
        assert await reach(served, timeout=0.3) == "it did not answer in time"
        assert time.monotonic() - began < 5
        assert await served.result() == b""


@pytest.mark.parametrize("mode", ["require", "prefer"])
async def test_silence_instead_of_tls(mode: str) -> None:
    async def says_nothing(caller: Caller) -> bytes:
        return await caller.rest()

    async def promises(caller: Caller) -> bytes:
        await caller.packet()
        caller.say(b"S")
        return await caller.rest()

    for script in (says_nothing, promises):
        async with scripted(script) as served:
            assert await reach(served, timeout=0.3, tls=mode) == "it did not answer in time"
            await served.result()


async def test_a_byte_at_a_time_is_slow_but_honest() -> None:
    async def script(caller: Caller) -> None:
        await caller.startup()
        for byte in WELCOME:
            caller.say(bytes([byte]))
            await caller.writer.drain()
            await asyncio.sleep(0)
        await caller.rest()

    async with scripted(script) as served:
        server = await dial(target(("127.0.0.1", served.port)), "alice")
        assert (server.pid, server.secret, server.version) == (4711, b"\x01\x02\x03\x04", "15.0")
        await leave(server)


async def test_a_byte_at_a_time_without_end() -> None:
    async def script(caller: Caller) -> None:
        await caller.startup()
        caller.say(frame(ord("N"), b"M" * 1000)[:5])
        try:
            while True:
                caller.say(b"x")
                await caller.writer.drain()
                await asyncio.sleep(0.05)
        except ConnectionError:
            pass

    async with scripted(script) as served:
        assert await reach(served, timeout=0.4) == "it did not answer in time"
        await served.result()


async def test_notices_and_settings_are_kept() -> None:
    notice = make_notice(say("WARNING", "01000", "mind the gap"))
    tail = frame(ord("A"), b"\0\0\0\1c\0p\0")
    async with scripted(says(notice + OK + notice + VERSION + KEY + VERSION + READY + tail)) as served:
        server = await dial(target(("127.0.0.1", served.port)), "alice")
        assert server.notices == [notice[5:]] * 2
        assert server.parameters == {"server_version": "15.0"}
        assert server.rest == tail or await server.end.read() == tail
        await leave(server)


async def test_anything_at_all() -> None:
    """Whatever it says, there is a sentence or a session, and the next caller is served."""
    pieces = st.sampled_from(
        [OK, READY, KEY, VERSION, MD5, SCRAM, CLEARTEXT, error("XX000", "x"), b"R\0\0\0", b"E"]
    )
    answers: list[bytes] = []

    @settings(max_examples=80, database=None)
    @given(st.binary(max_size=60) | st.lists(pieces | st.binary(max_size=9), max_size=6).map(b"".join))
    def collect(answer: bytes) -> None:
        answers.append(answer)

    collect()

    async def script(caller: Caller) -> None:
        await caller.startup()
        caller.say(answers[-1])
        caller.writer.write_eof()
        await caller.rest()

    sentences: list[str] = []
    async with scripted(script) as served:
        while answers:
            try:
                await leave(
                    await dial(target(("127.0.0.1", served.port), password=PASSWORD), "a", password=CANARY)
                )
            except Unreachable as problem:
                sentences.append(problem.sentence)
            answers.pop()
    assert not any(CANARY in sentence for sentence in sentences)
    assert len(set(sentences)) > 1


OLDER = make_negotiate_version(NegotiateProtocolVersion((3, 0), ()))


@pytest.mark.parametrize(
    "answer",
    [
        OLDER + OLDER + WELCOME,
        make_notice(say("NOTICE", "00000", "first")) + OLDER + OLDER + WELCOME,
        OK + OLDER + READY,
        make_negotiate_version(NegotiateProtocolVersion((3, 2), ())) + WELCOME,
        make_negotiate_version(NegotiateProtocolVersion((3, 9999), ())) + WELCOME,
        make_negotiate_version(NegotiateProtocolVersion((2, 0), ())) + WELCOME,
        make_negotiate_version(NegotiateProtocolVersion((3, 0), ("_pq_.unknown",))) + WELCOME,
        frame(ord("v"), b"\0\3\0\0\xff\xff\xff\xff") + WELCOME,
    ],
)
async def test_versions_that_were_not_asked_for(answer: bytes) -> None:
    async with scripted(says(answer)) as served:
        with pytest.raises(Unreachable, match="does not speak PostgreSQL"):
            await dial(target(("127.0.0.1", served.port)), "alice", protocol=(3, 2))


async def test_the_version_is_settled_before_anybody_signs_in() -> None:
    async def script(caller: Caller) -> None:
        await caller.startup()
        caller.say(MD5)
        await caller.message()
        caller.say(OLDER + WELCOME)
        await caller.rest()

    async with scripted(script) as served:
        place = target(("127.0.0.1", served.port), password=PASSWORD)
        with pytest.raises(Unreachable, match="does not speak PostgreSQL"):
            await dial(place, "alice", password=CANARY, protocol=(3, 2))
        await served.result()
