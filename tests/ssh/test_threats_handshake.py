"""Somebody on the network forges or removes packets around the key exchange of two honest ends: it never comes to a
sign-in, on either side of the gateway."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncssh
import pytest
from asyncssh.connection import SSHClientConnection, SSHServerConnection
from asyncssh.packet import Boolean, String, UInt32

from tests.ssh.client import PATIENCE
from tests.ssh.house import House
from tests.ssh.man_between import Forgery, between
from tests.ssh.raw import is_well
from tests.ssh.test_proof import arguments

EXT_INFO = b"\x07" + UInt32(1) + String(b"server-sig-algs") + String(b"ssh-rsa")
IGNORE = b"\x02" + String(b"")
SERVICE = b"\x05" + String(b"ssh-userauth")
GRANTED = b"\x06" + String(b"ssh-userauth")
SUCCESS = b"\x34"
SIGN_IN = b"\x32" + String(b"web-1") + String(b"ssh-connection")
NOBODY = SIGN_IN + String(b"none")
MALLORY = asyncssh.generate_private_key("ssh-ed25519")
AS_MALLORY = (
    SIGN_IN
    + String(b"publickey")
    + Boolean(True)
    + String(MALLORY.algorithm)
    + String(MALLORY.public_data)
    + String(MALLORY.sign(b"of something else", b"ssh-ed25519"))
)
OPEN = b"\x5a" + String(b"session") + UInt32(0) + UInt32(1 << 20) + UInt32(1 << 15)


def without_strict(self: Any) -> list[bytes]:
    """As before 2023: this end has never heard of strict key exchange."""
    return [b"ext-info-c" if self.is_client() else b"ext-info-s"]


class OldClient(SSHClientConnection):
    _get_extra_kex_algs = without_strict


class OldServer(SSHServerConnection):
    _get_extra_kex_algs = without_strict


def forgeries(*added: bytes) -> list[Forgery]:
    return [Forgery(at_first=list(added)), Forgery(before_keys=list(added))]


TOWARD_THE_GATEWAY = {
    "forged extensions": forgeries(EXT_INFO),
    "a sign-in as nobody": forgeries(NOBODY),
    "the service and a sign-in": forgeries(SERVICE, NOBODY),
    "a sign-in as somebody else": forgeries(SERVICE, AS_MALLORY),
    "success": forgeries(SUCCESS),
    "a channel": forgeries(OPEN),
}


async def sign_in(house: House, port: int, kind: type[SSHClientConnection]) -> None:
    """As alice, past somebody. Raises when the gateway hangs up."""
    options = asyncssh.SSHClientConnectionOptions(
        **{**arguments(house), "port": port, "x509_trusted_certs": []}
    )
    loop = asyncio.get_running_loop()
    options.waiter = loop.create_future()
    _, client = await loop.create_connection(lambda: kind(loop, options, wait="auth"), "127.0.0.1", port)
    try:
        async with asyncio.timeout(PATIENCE):
            await options.waiter
    except TimeoutError:
        pytest.fail("neither signed in nor hung up on")
    finally:
        client.abort()
        await client.wait_closed()


KINDS = pytest.mark.parametrize("kind", [SSHClientConnection, OldClient], ids=["strict", "not strict"])


@KINDS
async def test_nobody_in_between(house: House, kind: type[SSHClientConnection]) -> None:
    """So that the others fail for their forgery alone."""
    async with between(house.port) as man:
        await sign_in(house, man.port, kind)
    assert len(await house.entries("identity.accepted")) == 1


@KINDS
@pytest.mark.parametrize("what", TOWARD_THE_GATEWAY)
async def test_forged_before_there_are_keys(
    house: House, kind: type[SSHClientConnection], what: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The gateway hangs up before it asks who anybody is: neither alice nor the forger gets in."""
    caplog.set_level(logging.INFO)
    for forgery in TOWARD_THE_GATEWAY[what]:
        async with between(house.port, toward=forgery) as man:
            with pytest.raises((asyncssh.Error, OSError)):
                await sign_in(house, man.port, kind)
    assert await house.entries() == []
    assert not [record for record in caplog.records if record.exc_info]
    assert await is_well(house)


@KINDS
async def test_a_beginning_cut_off_without_a_trace(house: House, kind: type[SSHClientConnection]) -> None:
    """One packet too many in the clear, one too few under the keys: the numbers of all that follow would be right."""
    async with between(house.port, toward=Forgery(before_keys=[IGNORE], taken_away=1)) as man:
        with pytest.raises((asyncssh.Error, OSError)):
            await sign_in(house, man.port, kind)
    assert await house.entries() == []
    assert await is_well(house)


PROXIES = {
    "in words": b"PROXY TCP4 10.66.0.66 10.0.0.2 4711 22\r\n",
    "unknown": b"PROXY UNKNOWN\r\n",
    "in bytes": b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c" + bytes([10, 66, 0, 66, 10, 0, 0, 2, 18, 103, 0, 22]),
}


@pytest.mark.parametrize("header", PROXIES)
async def test_an_address_that_somebody_claims(
    house: House, header: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Nobody may say whom they speak for: before the version that is no SSH, whoever has the key behind it."""
    caplog.set_level(logging.INFO)
    async with between(house.port, ahead=PROXIES[header]) as man:
        with pytest.raises((asyncssh.Error, OSError)):
            await sign_in(house, man.port, SSHClientConnection)
    assert await house.entries() == []
    assert "10.66.0.66" not in caplog.text
    await sign_in(house, house.port, SSHClientConnection)
    (entry,) = await house.entries("identity.accepted")
    assert entry.body["address"] == "127.0.0.1"


# The same between the gateway and a target.

FROM_THE_TARGET = {
    "forged extensions": forgeries(EXT_INFO),
    "the service granted": forgeries(GRANTED),
    "success": forgeries(GRANTED, SUCCESS),
    "a beginning cut off": [Forgery(before_keys=[IGNORE], taken_away=1)],
}


class Door(asyncssh.SSHServer):
    """Lets whoever has the key in, and notes it."""

    def __init__(self, seen: list[str]) -> None:
        self._seen = seen

    def begin_auth(self, username: str) -> bool:
        self._seen.append(f"somebody signs in as {username}")
        return True

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        return True

    def session_requested(self) -> asyncssh.SSHServerSession[bytes]:
        return Answer(self._seen)


class Answer(asyncssh.SSHServerSession[bytes]):
    def __init__(self, seen: list[str]) -> None:
        self._seen = seen

    def connection_made(self, chan: Any) -> None:
        self._channel = chan

    def exec_requested(self, command: str) -> bool:
        self._seen.append(command)
        return True

    def session_started(self) -> None:
        self._channel.exit(0)


@asynccontextmanager
async def a_target(
    house: House, kind: type[SSHServerConnection], forgery: Forgery, seen: list[str]
) -> AsyncIterator[None]:
    """web-1, known to the gateway by its key, with somebody on the way to it."""
    key, login = (asyncssh.generate_private_key("ssh-ed25519") for _ in range(2))
    options = asyncssh.SSHServerConnectionOptions(
        server_factory=lambda: Door(seen), server_host_keys=[key], encoding=None, line_editor=False
    )
    loop = asyncio.get_running_loop()
    listener = await loop.create_server(lambda: kind(loop, options), "127.0.0.1", 0)
    async with between(listener.sockets[0].getsockname()[1], back=forgery) as man:
        house.offer("web-1", man.port, "x", login, host_keys=[key.export_public_key().decode().strip()])
        yield
    listener.close()
    await listener.wait_closed()


SERVERS = pytest.mark.parametrize("kind", [SSHServerConnection, OldServer], ids=["strict", "not strict"])


async def run(house: House) -> asyncssh.SSHCompletedProcess:
    async with asyncssh.connect(**arguments(house)) as connection, asyncio.timeout(PATIENCE):
        return await connection.run("secret-command")


@SERVERS
async def test_nobody_before_the_target(house: House, kind: type[SSHServerConnection]) -> None:
    seen: list[str] = []
    async with a_target(house, kind, Forgery(), seen):
        assert (await run(house)).exit_status == 0
    assert seen == ["somebody signs in as x", "secret-command"]


@SERVERS
@pytest.mark.parametrize("what", FROM_THE_TARGET)
async def test_forged_on_the_way_from_a_target(
    house: House, kind: type[SSHServerConnection], what: str
) -> None:
    """The gateway hangs up: its key signs nothing, the command stays here, the person is told."""
    for forgery in FROM_THE_TARGET[what]:
        seen: list[str] = []
        async with a_target(house, kind, forgery, seen):
            ran = await run(house)
        assert ran.exit_status == 255
        assert str(ran.stderr).startswith("hoop: web-1 can not be reached - it does not speak SSH")
        assert "secret-command" not in seen
    assert set(await house.outcomes()) == {"unreachable"}
