"""Channel binding: the sign-in is bound to the certificate that was shown, and nobody in between can undo that."""

import asyncio
import hashlib
import ssl
from contextlib import suppress
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes

from gateway.core.errors import Unreachable
from gateway.wire.postgres.messages import (
    AuthenticationSASL,
    make_authentication,
    parse_sasl_initial_response,
)
from tests.postgres.authority import Authority, Hash
from tests.postgres.servers import DatabaseServer, password_of
from tests.postgres.upstream.dialling import PASSWORD, ask, dial, dial_role, leave, target
from tests.postgres.upstream.evil import CANARY, reach
from tests.postgres.upstream.scripted import KEY, READY, Caller, scripted
from tests.wire.postgres.scram_server import ScramServer

PLUS, PLAIN = "SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"


def shown(certificate: Path, key: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


def der(certificate: Path) -> bytes:
    return ssl.PEM_cert_to_DER_cert(certificate.read_text())


@pytest.mark.parametrize("hashed", [hashes.SHA256(), hashes.SHA384(), hashes.SHA512()])
@pytest.mark.parametrize("mode", ["prefer", "require", "verify-full"])
async def test_bound(tmp_path: Path, hashed: Hash, mode: str) -> None:
    authority = Authority(tmp_path)
    certificate, key = authority.server("127.0.0.1", hashed=hashed)
    binding = hashlib.new(hashed.name, der(certificate)).digest()
    context = shown(certificate, key)

    async def script(caller: Caller) -> None:
        await caller.encrypt(context)
        await caller.startup()
        await caller.scram(ScramServer(CANARY.encode(), rounds=64, binding=binding), PLUS, PLAIN)
        caller.say(KEY + READY)
        await caller.rest()

    async with scripted(script) as served:
        ca_file = str(authority.file) if mode == "verify-full" else ""
        place = target(("127.0.0.1", served.port), tls=mode, ca_file=ca_file, password=PASSWORD)
        await leave(await dial(place, "alice", password=CANARY))
        await served.result()


@pytest.mark.parametrize(
    ("mechanisms", "begins"), [((PLUS, PLAIN), b"p=tls-server-end-point,,"), ((PLAIN,), b"y,,")]
)
async def test_what_is_said_of_it(tmp_path: Path, mechanisms: tuple[str, ...], begins: bytes) -> None:
    """Where the offer was taken away in between, the server hears that it would have been taken."""
    context = shown(*Authority(tmp_path).server("127.0.0.1"))

    async def script(caller: Caller) -> bytes:
        await caller.encrypt(context)
        await caller.startup()
        caller.say(make_authentication(AuthenticationSASL(mechanisms)))
        first = parse_sasl_initial_response((await caller.message()).body)
        assert first.mechanism == mechanisms[0]
        return first.data or b""

    async with scripted(script) as served:
        assert await reach(served, tls="require") == "it closed the connection"
        said = await served.result()
        assert isinstance(said, bytes)
        assert said.startswith(begins + b"n=,r=")


@pytest.mark.parametrize("mechanisms", [(PLUS, PLAIN), (PLAIN,)])
async def test_a_certificate_without_a_hash(tmp_path: Path, mechanisms: tuple[str, ...]) -> None:
    """Ed25519 signs without one. Where the name was verified nobody is in between; where not, anybody may be."""
    authority = Authority(tmp_path, curve="ed25519")
    context = shown(*authority.server("127.0.0.1"))

    async def script(caller: Caller) -> None:
        await caller.encrypt(context)
        await caller.startup()
        caller.say(make_authentication(AuthenticationSASL(mechanisms)))
        first = parse_sasl_initial_response((await caller.message()).body)
        assert first.mechanism == PLAIN
        assert (first.data or b"").startswith(b"n,,")

    for mode in ("require", "verify-ca"):
        async with scripted(script) as served:
            ca_file = str(authority.file) if mode == "verify-ca" else ""
            said = await reach(served, tls=mode, ca_file=ca_file)
            assert said == "its certificate can not be bound to the sign-in"
    async with scripted(script) as served:
        said = await reach(served, tls="verify-full", ca_file=str(authority.file))
        assert said == "it closed the connection"
        await served.result()


@pytest.mark.needs("postgres")
async def test_somebody_in_between_a_real_server(postgres: DatabaseServer, tmp_path: Path) -> None:
    """Who passes everything on under a certificate of their own is found out by the real server, also where the
    gateway was told to look at no certificate."""
    context = shown(*Authority(tmp_path).server("127.0.0.1"))
    beyond = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    beyond.check_hostname, beyond.verify_mode = False, ssl.CERT_NONE

    async def script(caller: Caller) -> bytes:
        await caller.encrypt(context)
        reader, writer = await asyncio.open_connection("127.0.0.1", postgres.port)
        writer.write(b"\0\0\0\x08\x04\xd2\x16\x2f")
        assert await reader.readexactly(1) == b"S"
        await writer.start_tls(beyond)
        heard = b""

        async def back() -> None:
            nonlocal heard
            while data := await reader.read(4096):
                heard += data
                caller.say(data)
            caller.writer.close()

        task = asyncio.create_task(back())
        with suppress(ConnectionError):  # they do not say goodbye
            while data := await caller.reader.read(4096):
                writer.write(data)
        await task
        writer.close()
        return heard

    async with scripted(script) as served:
        place = target(("127.0.0.1", served.port), tls="require", password=PASSWORD)
        with pytest.raises(Unreachable, match="does not let the gateway in"):
            await dial(place, "by_scram")
        heard = await served.result()
        assert isinstance(heard, bytes)
        assert b"SCRAM channel binding check failed" in heard
        assert password_of("by_scram").encode() not in heard


@pytest.mark.needs("postgres")
async def test_a_real_server_binds(postgres: DatabaseServer) -> None:
    """It offers the binding, and would take it for an attack if we said that it does not."""
    server = await dial_role(postgres, "by_scram", tls="verify-full", ca_file=str(postgres.ca_file))
    assert await ask(server, "SELECT 1") == [("1",)]
    await leave(server)
