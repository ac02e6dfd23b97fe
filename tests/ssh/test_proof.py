"""Nobody is anybody before a signature: offers, certificates, weak signatures, packets out of turn."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import asyncssh
import pytest
from asyncssh.auth import MSG_USERAUTH_PK_OK
from asyncssh.channel import SSHClientChannel
from asyncssh.connection import SSHClientConnection
from asyncssh.constants import MSG_CHANNEL_OPEN, MSG_USERAUTH_REQUEST
from asyncssh.packet import Boolean, String, UInt32

from tests.ssh.house import ALICE, House

PATIENCE = 10.0


def arguments(house: House, **more: Any) -> dict[str, Any]:
    return {
        "host": "127.0.0.1",
        "port": house.port,
        "username": "web-1",
        "known_hosts": None,
        "config": None,
        "agent_path": None,
        "client_keys": [house.person_key],
        **more,
    }


@pytest.fixture
async def connection(house: House) -> AsyncIterator[SSHClientConnection]:
    """Somebody who has signed in."""
    async with asyncssh.connect(**arguments(house)) as connection:
        yield connection


class Puppet(SSHClientConnection):
    """A client that stops after the key exchange and then sends what it is told to."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.ready = asyncio.Event()
        self.offered = asyncio.Event()

    def try_next_auth(self, *, next_method: bool = False) -> None:
        self.ready.set()

    def say(self, kind: int, *parts: bytes) -> None:
        """Send a packet whatever state we are in."""
        complete, self._auth_complete, self._auth_in_progress = self._auth_complete, True, True
        self.send_packet(kind, *parts)
        self._auth_complete = complete

    def request(self, method: bytes, *parts: bytes, name: bytes = b"web-1") -> None:
        self.say(MSG_USERAUTH_REQUEST, String(name), String(b"ssh-connection"), String(method), *parts)

    def _recv_packet(self) -> bool:
        self._auth = self  # type: ignore[assignment]  # answers to a sign-in come to us
        return super()._recv_packet()

    def cancel(self) -> None:
        """As the end of a sign-in would be told."""

    def process_packet(self, pkttype: int, pktid: int, packet: Any) -> Any:
        if pkttype == MSG_USERAUTH_PK_OK:
            self.offered.set()
            return True
        return super().process_packet(pkttype, pktid, packet)


@pytest.fixture
async def puppet(house: House) -> AsyncIterator[Puppet]:
    options = asyncssh.SSHClientConnectionOptions(
        **{**arguments(house), "client_keys": None, "x509_trusted_certs": []}
    )
    loop = asyncio.get_running_loop()
    options.waiter = loop.create_future()
    _, puppet = await loop.create_connection(
        lambda: Puppet(loop, options, wait="auth"), "127.0.0.1", house.port
    )
    async with asyncio.timeout(PATIENCE):
        await puppet.ready.wait()
    yield puppet
    puppet.abort()
    await puppet.wait_closed()
    if options.waiter.done():
        options.waiter.exception()


async def closed(connection: SSHClientConnection) -> None:
    async with asyncio.timeout(PATIENCE):
        await connection.wait_closed()


def open_session(puppet: Puppet) -> None:
    puppet.say(MSG_CHANNEL_OPEN, String(b"session"), UInt32(0), UInt32(1 << 20), UInt32(1 << 15))


async def test_a_session_before_any_sign_in(puppet: Puppet, house: House) -> None:
    open_session(puppet)
    await closed(puppet)
    assert not await house.entries("session.opened")


async def test_an_offer_is_not_a_sign_in(puppet: Puppet, house: House) -> None:
    """The gateway says that it would take the key. Whoever only knows the public half gets no further."""
    key = house.person_key
    puppet.request(b"publickey", Boolean(False), String(key.algorithm), String(key.public_data))
    async with asyncio.timeout(PATIENCE):
        await puppet.offered.wait()
    open_session(puppet)
    await closed(puppet)
    assert house.adapter is not None
    await house.adapter.stop(1.0)
    assert [entry.name for entry in await house.entries()] == []


async def test_a_bad_signature(puppet: Puppet, house: House) -> None:
    key = house.person_key
    wrong = asyncssh.generate_private_key("ssh-ed25519").sign(b"something", b"ssh-ed25519")
    puppet.request(b"publickey", Boolean(True), String(key.algorithm), String(key.public_data), String(wrong))
    open_session(puppet)
    await closed(puppet)
    assert not await house.entries("identity.accepted")


@pytest.mark.parametrize("method", [b"none", b"password", b"keyboard-interactive", b"hostbased", b"gssapi"])
async def test_no_other_way_in(puppet: Puppet, house: House, method: bytes) -> None:
    puppet.request(method, Boolean(False), String(b"x"), String(b"x"))
    open_session(puppet)
    await closed(puppet)
    assert not await house.entries("identity.accepted")


@pytest.mark.parametrize(
    "name",
    [
        "web-1\N{SOFT HYPHEN}".encode(),
        "\N{FULLWIDTH LATIN SMALL LETTER W}eb-1".encode(),
        "w\N{CYRILLIC SMALL LETTER IE}b-1".encode(),
        b"web-1\0",
        b"web-1\n",
        b" web-1",
        b"\xff",
        b"",
        b"x" * 1_000_00,
    ],
)
async def test_names_that_only_look_like_one(puppet: Puppet, house: House, name: bytes) -> None:
    """asyncssh would fold some of these into web-1."""
    asked: list[str] = []

    async def note(openssh: str, fingerprint: str) -> None:
        asked.append(openssh)

    house.known.by_ssh_key = note  # type: ignore[method-assign]
    key = house.person_key
    puppet.request(b"publickey", Boolean(False), String(key.algorithm), String(key.public_data), name=name)
    await closed(puppet)
    assert asked == []


async def test_a_certificate_is_not_a_key(house: House) -> None:
    """Signed by somebody who is known, around a key that is known: refused."""
    key = house.person_key
    certificate = key.generate_user_certificate(key, "alice", principals=["web-1"])
    (with_certificate, _) = asyncssh.load_keypairs([(key, certificate)])
    assert with_certificate.algorithm.endswith(b"-cert-v01@openssh.com")
    with pytest.raises(asyncssh.PermissionDenied):
        await asyncssh.connect(**arguments(house, client_keys=[with_certificate]))
    assert not await house.entries("identity.accepted")


async def test_sha1_signatures_are_not_proof(house: House) -> None:
    key = asyncssh.generate_private_key("ssh-rsa", key_size=2048)
    house.known.replace({ALICE: [key.export_public_key().decode()]})
    async with asyncssh.connect(**arguments(house, client_keys=[key])):
        pass
    old = asyncssh.load_keypairs([key])
    old[0].set_sig_algorithm(b"ssh-rsa")
    old[0].set_sig_algorithm = lambda sig_algorithm: None  # type: ignore[method-assign]
    with pytest.raises(asyncssh.PermissionDenied):
        await asyncssh.connect(**arguments(house, client_keys=old, signature_algs=["ssh-rsa"]))


async def test_too_many_keys(house: House) -> None:
    keys = [asyncssh.generate_private_key("ssh-ed25519") for _ in range(25)]
    with pytest.raises(asyncssh.DisconnectError, match="too many keys"):
        await asyncssh.connect(**arguments(house, client_keys=[*keys, house.person_key]))


async def test_a_key_that_was_taken_away_on_the_way(house: House) -> None:
    """Known when offered, unknown when proved: the last word is the Lobby's."""
    keep = house.known.by_ssh_key

    async def forget(openssh: str, fingerprint: str) -> Any:
        calls.append(openssh)
        return await keep(openssh, fingerprint) if len(calls) <= 2 else None

    calls: list[str] = []
    house.known.by_ssh_key = forget  # type: ignore[method-assign]
    with pytest.raises(asyncssh.PermissionDenied):
        await asyncssh.connect(**arguments(house))
    (refused,) = await house.entries("identity.refused")
    assert refused.body["reason"].startswith("unknown ssh-key")


async def test_what_the_door_offers(connection: SSHClientConnection) -> None:
    """As ssh-audit would want it: no SHA-1, no CBC, strict key exchange, no compression, a post-quantum exchange."""
    assert connection.get_extra_info("server_version") == "SSH-2.0-OpenSSH_hoop"
    assert connection._strict_kex
    assert connection.get_extra_info("send_cipher") in ("aes128-gcm@openssh.com", "aes256-gcm@openssh.com")
    offered = connection._server_kexinit.decode("latin-1")
    assert "kex-strict-s-v00@openssh.com" in offered
    assert "mlkem768x25519-sha256" in offered
    for weak in ("sha1", "cbc", "chacha20", "arcfour", "group1-", "ssh-dss", "3des", "md5", "zlib", "gss"):
        assert weak not in offered
    assert connection._server_sig_algs
    assert b"ssh-rsa" not in connection._server_sig_algs


def open_bare(connection: SSHClientConnection) -> SSHClientChannel[bytes]:
    loop = asyncio.get_running_loop()
    return SSHClientChannel(connection, loop, "strict", None, "strict", 1 << 20, 1 << 15)


async def test_no_more_sessions(connection: SSHClientConnection) -> None:
    connection._send_global_request(b"no-more-sessions@openssh.com")
    with pytest.raises(asyncssh.ChannelOpenError, match="no session can be opened"):
        await open_bare(connection)._open(b"session")


async def test_channels_are_counted(connection: SSHClientConnection) -> None:
    """Ten at a time over one connection; closed ones make room."""
    channels = [open_bare(connection) for _ in range(10)]
    for channel in channels:
        await channel._open(b"session")
    with pytest.raises(asyncssh.ChannelOpenError, match="too many sessions"):
        await open_bare(connection)._open(b"session")
    channels[0].close()
    await channels[0].wait_closed()
    await open_bare(connection)._open(b"session")
