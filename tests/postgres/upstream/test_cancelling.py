"""Cancel requests: to the same server, encrypted like the session, with its own key, and with an end."""

import ssl
import time
from pathlib import Path

import pytest

from gateway.core.errors import Unreachable
from gateway.wire.postgres.messages import (
    BackendKeyData,
    NegotiateProtocolVersion,
    make_backend_key_data,
    make_negotiate_version,
)
from gateway.wire.postgres.startup import CancelRequest
from tests.postgres.authority import Authority
from tests.postgres.upstream.dialling import dial, leave, target
from tests.postgres.upstream.evil import says
from tests.postgres.upstream.scripted import OK, READY, VERSION, WELCOME, Caller, Script, scripted


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def context(authority: Authority) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.server("127.0.0.1"))
    return context


def encrypted(context: ssl.SSLContext, answer: bytes = WELCOME) -> Script:
    async def script(caller: Caller) -> bytes:
        await caller.encrypt(context)
        await caller.startup()
        caller.say(answer)
        return await caller.rest()

    return script


async def hears(caller: Caller) -> CancelRequest:
    packet = await caller.packet()
    assert isinstance(packet, CancelRequest)
    return packet


async def test_in_the_clear_as_the_session() -> None:
    async with scripted(says(WELCOME), hears) as served:
        server = await dial(target(("127.0.0.1", served.port)), "alice")
        await server.cancel()
        assert await served.result(1) == CancelRequest(4711, b"\x01\x02\x03\x04")
        await leave(server)


async def test_a_long_key() -> None:
    secret = bytes(range(256))
    key = make_backend_key_data(BackendKeyData(2**32 - 1, secret))
    async with scripted(says(OK + key + READY), hears) as served:
        server = await dial(target(("127.0.0.1", served.port)), "alice", protocol=(3, 2))
        assert server.protocol == (3, 2)
        await server.cancel()
        assert await served.result(1) == CancelRequest(2**32 - 1, secret)
        assert repr(secret)[2:20] not in repr(server)
        await leave(server)


async def test_the_version_that_is_spoken() -> None:
    older = make_negotiate_version(NegotiateProtocolVersion((3, 0), ()))
    async with scripted(says(older + WELCOME)) as served:
        server = await dial(target(("127.0.0.1", served.port)), "alice", protocol=(3, 2))
        assert server.protocol == (3, 0)
        await leave(server)


async def test_encrypted_as_the_session(authority: Authority, context: ssl.SSLContext) -> None:
    async def hears_encrypted(caller: Caller) -> CancelRequest:
        await caller.encrypt(context)
        return await hears(caller)

    async with scripted(encrypted(context), hears_encrypted) as served:
        place = target(("127.0.0.1", served.port), tls="verify-full", ca_file=str(authority.file))
        server = await dial(place, "alice")
        await server.cancel()
        assert await served.result(1) == CancelRequest(4711, b"\x01\x02\x03\x04")
        await leave(server)


@pytest.mark.parametrize("mode", ["prefer", "require"])
async def test_never_in_the_clear_where_the_session_was_not(context: ssl.SSLContext, mode: str) -> None:
    async def has_no_tls(caller: Caller) -> bytes:
        await caller.packet()
        caller.say(b"N")
        return await caller.rest()

    async with scripted(encrypted(context), has_no_tls) as served:
        server = await dial(target(("127.0.0.1", served.port), tls=mode), "alice")
        with pytest.raises(Unreachable, match="could not be cancelled - it has no TLS"):
            await server.cancel()
        assert await served.result(1) == b""
        await leave(server)


async def test_somebody_else_in_its_place(
    tmp_path: Path, authority: Authority, context: ssl.SSLContext
) -> None:
    other = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    other.load_cert_chain(*Authority(tmp_path / "other").server("127.0.0.1"))
    async with scripted(encrypted(context), encrypted(other)) as served:
        place = target(("127.0.0.1", served.port), tls="verify-full", ca_file=str(authority.file))
        server = await dial(place, "alice")
        with pytest.raises(Unreachable, match="not from an authority that the gateway trusts"):
            await server.cancel()
        await leave(server)


async def test_nothing_where_there_is_no_key() -> None:
    async with scripted(says(OK + VERSION + READY)) as served:
        server = await dial(target(("127.0.0.1", served.port)), "alice")
        assert (server.pid, server.secret) == (0, b"")
        await server.cancel()
        assert len(served.calls) == 1
        await leave(server)


async def test_one_that_never_hangs_up() -> None:
    async def holds_on(caller: Caller) -> bytes:
        await caller.packet()
        return await caller.rest()

    async with scripted(says(WELCOME), holds_on) as served:
        server = await dial(target(("127.0.0.1", served.port)), "alice", timeout=1.0)
        began = time.monotonic()
        with pytest.raises(Unreachable, match="could not be cancelled"):
            await server.cancel()
        assert time.monotonic() - began < 5
        assert await served.result(1) == b""
        await leave(server)
