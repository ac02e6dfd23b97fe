"""Servers, or who is in between, that play tricks before TLS stands: nothing is said to them, nothing is shown."""

import ssl
from pathlib import Path

import pytest

from tests.postgres.authority import Authority
from tests.postgres.upstream.dialling import dial, leave, target
from tests.postgres.upstream.evil import FOREIGN, reach, says
from tests.postgres.upstream.scripted import (
    OK,
    WELCOME,
    Caller,
    error,
    scripted,
)


@pytest.mark.parametrize("mode", ["prefer", "require", "verify-full"])
@pytest.mark.parametrize(
    "answer", [b"SS", b"S" + error("28000", "x"), b"N" + OK, b"X", b"HTTP/1.1 400 Bad\r\n"]
)
async def test_bytes_slipped_in_before_the_encryption(mode: str, answer: bytes) -> None:
    async def script(caller: Caller) -> bytes:
        await caller.packet()
        caller.say(answer)
        return await caller.rest()

    async with scripted(script) as served:
        assert await reach(served, tls=mode) == FOREIGN
        assert await served.result() == b""
        assert len(served.calls) == 1


@pytest.mark.parametrize("mode", ["require", "verify-ca", "verify-full"])
async def test_a_server_without_tls_hears_nothing(mode: str) -> None:
    async def script(caller: Caller) -> bytes:
        await caller.packet()
        caller.say(b"N")
        return await caller.rest()

    async with scripted(script) as served:
        assert await reach(served, tls=mode) == "it has no TLS, and the gateway does not go there without"
        assert await served.result() == b""


async def test_words_from_before_the_encryption_are_not_shown() -> None:
    async def script(caller: Caller) -> None:
        await caller.packet()
        caller.say(error("28000", "call 555-1234 and read them your password"))
        await caller.rest()

    async with scripted(script) as served:
        assert await reach(served, tls="require") == "it could not begin a session"


async def test_no_handshake_behind_the_promise_of_one() -> None:
    async def script(caller: Caller) -> bytes:
        await caller.packet()
        caller.say(b"S")
        hello = await caller.reader.read(4096)
        caller.say(b"no")
        caller.writer.close()
        return hello

    async with scripted(script) as served:
        assert await reach(served, tls="require") == "the encryption could not begin"
        hello = await served.result()
        assert isinstance(hello, bytes)
        assert b"postgresql" in hello  # ALPN


async def test_prefer_goes_on_without(caplog: pytest.LogCaptureFixture) -> None:
    async def breaks(caller: Caller) -> None:
        await caller.packet()
        caller.say(error("", "unsupported frontend protocol 1234.5679"))

    async with scripted(breaks, says(WELCOME)) as served:
        place = target(("127.0.0.1", served.port), tls="prefer")
        await leave(await dial(place, "alice"))


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_a_certificate_is_demanded_and_there_is_none(tmp_path: Path, version: ssl.TLSVersion) -> None:
    authority = Authority(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.server("127.0.0.1"))
    context.load_verify_locations(authority.file)
    context.verify_mode = ssl.CERT_REQUIRED
    context.minimum_version = context.maximum_version = version

    async def script(caller: Caller) -> None:
        await caller.encrypt(context)

    async with scripted(script) as served:
        said = await reach(served, tls="require")
        assert said in ("it closed the connection", "the encryption could not begin")
        with pytest.raises((OSError, ssl.SSLError)):
            await served.result()


@pytest.mark.parametrize("names", [("localhost",), ("db.example.com", "127.0.0.2")])
async def test_a_certificate_for_another(tmp_path: Path, names: tuple[str, ...]) -> None:
    authority = Authority(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.server(*names))

    async def script(caller: Caller) -> None:
        await caller.encrypt(context)

    async with scripted(script) as served:
        said = await reach(served, tls="verify-full", ca_file=str(authority.file))
        assert said == "its certificate is for another name, tell your platform team"


async def test_a_certificate_that_has_run_out(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.server("127.0.0.1", over=True))

    async def script(caller: Caller) -> None:
        await caller.encrypt(context)

    async with scripted(script) as served:
        said = await reach(served, tls="verify-ca", ca_file=str(authority.file))
        assert said == "its certificate has run out or is not valid yet, tell your platform team"
