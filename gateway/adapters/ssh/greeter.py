"""Meets one connection: banner, sign-in by public key, a session for each channel, and roads for everything else.

An offered key only says whom somebody claims to be: nothing is audited as a sign-in, and nobody gets a session, until
a signature has proved it and the Lobby has agreed.
"""

import logging
from collections.abc import Awaitable, Callable, Generator
from typing import Any, NoReturn

import asyncssh
from asyncssh.connection import SSHServerConnection
from asyncssh.constants import (
    DISC_NO_MORE_AUTH_METHODS_AVAILABLE,
    OPEN_ADMINISTRATIVELY_PROHIBITED,
    OPEN_RESOURCE_SHORTAGE,
)

from gateway.adapters.ssh.asked import Asked
from gateway.adapters.ssh.connection import PersonConnection
from gateway.adapters.ssh.door.doorstep import Doorstep, Failed
from gateway.adapters.ssh.door.settings import SshDoor
from gateway.adapters.ssh.forward.jobs import Spot
from gateway.adapters.ssh.forward.requests import ForwardingConnection
from gateway.adapters.ssh.forward.roads import Roads, Surroundings
from gateway.adapters.ssh.login_name import LoginName, read_login_name
from gateway.adapters.ssh.person import PersonChannel, PersonSide
from gateway.adapters.ssh.session import Visitor
from gateway.core.errors import Fault, Malformed, Refused
from gateway.core.people import Peer
from gateway.core.plain import plain
from gateway.session.lobby import Identities, Lobby, SshKey

log = logging.getLogger("hoop.ssh")

KEYS_MOST = 20
"""Keys that one connection may offer: more than people carry, fewer than a guesser wants."""

Open = Callable[[Visitor, PersonSide, Asked], None]


class Greeter(asyncssh.SSHServer):
    """One per connection; asyncssh calls it."""

    def __init__(
        self,
        door: SshDoor,
        doorstep: Doorstep,
        lobby: Lobby,
        identities: Identities,
        open_session: Open,
        around: Surroundings,
        inner_name: Callable[[str], LoginName] | None = None,
    ) -> None:
        """`inner_name` reads the user name of somebody who has jumped here, over a connection that is greeted."""
        self._door = door
        self._doorstep = doorstep
        self._lobby = lobby
        self._identities = identities
        self._open_session = open_session
        self._around = around
        self._inner_name = inner_name
        self._roads: Roads | None = None
        self._connection: PersonConnection | None = None
        self._peer = Peer("")
        self._inside = False
        self._tried = False
        self._failed: Failed | None = None
        self._login: LoginName | None = None
        self._greeted = False
        self._visitor: Visitor | None = None
        self._stranger: SshKey | None = None
        self._keys = 0
        self._channels = 0

    # Coming and going.

    def connection_made(self, conn: SSHServerConnection) -> None:
        assert isinstance(conn, PersonConnection)
        address, port, *_ = conn.get_extra_info("peername", ("unknown", 0))
        self._peer = Peer(address, port)
        if not self._doorstep.arrive(address):
            if words := self._doorstep.no_room_for(address):
                log.warning("%s", words)
            raise asyncssh.ConnectionLost("too many connections")
        self._inside = True
        self._connection = conn

    def connection_lost(self, exc: Exception | None) -> None:
        if self._roads is not None:
            self._roads.leave()
        if self._inside:
            self._inside = False
            self._doorstep.leave(self._peer.address, was_signed_in=self._visitor is not None)
            if self._tried and self._visitor is None:
                self._failed = self._doorstep.failed(self._peer.address, str(self._login or ""))

    async def farewell(self) -> None:
        """Audit a visit that ended without a sign-in although a key was offered. The adapter awaits it."""
        stranger, self._stranger = self._stranger, None
        failed, self._failed = self._failed, None
        if failed is not None and failed.burst:
            await self._audit_burst(failed.burst)
        if stranger is None or self._visitor is not None or failed is None or not failed.counts:
            return
        if await self._identities.by_ssh_key(stranger.openssh, stranger.fingerprint) is not None:
            return  # known since a moment ago: the next try will do
        try:
            await self._lobby.identify(stranger, self._peer)
        except (Refused, Fault) as problem:
            log.info("sign-in from %s: %s", self._peer.address, problem.sentence)

    async def _audit_burst(self, what: str) -> None:
        log.warning("from %s: %s", self._peer.address, what)
        try:
            await self._lobby.note_burst(what, self._peer, str(self._login or ""))
        except Fault as problem:
            log.error("a burst of failed sign-ins is not in the ledger: %s", problem.sentence)

    # Who is it?

    def begin_auth(self, username: str) -> bool:
        if self._connection is None:
            raise asyncssh.ConnectionLost("gone")
        self._tried = True
        try:
            self._login = (self._inner_name or read_login_name)(username)
        except Malformed as problem:
            log.info("from %s: not a user name: %s", self._peer.address, plain(username, 60))
            raise asyncssh.IllegalUserName(f"hoop: {problem.sentence}") from None
        if not self._greeted:
            self._greeted = True
            client = plain(str(self._connection.get_extra_info("client_version", "")), 80)
            self._peer = Peer(self._peer.address, self._peer.port, client.removeprefix("SSH-2.0-"))
            lines = "".join(f"{plain(line, 79)}\r\n" for line in self._door.banner_lines)
            if self._inner_name is None and lines:
                self._connection.send_auth_banner(lines)
        return True

    def public_key_auth_supported(self) -> bool:
        return True

    async def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        """Is this the key of somebody? It may be a mere offer, so nothing is written down."""
        self._keys += 1
        enough = self._stranger is not None and self._doorstep.wary_of(str(self._login or ""))
        if enough or self._keys > KEYS_MOST:
            raise asyncssh.DisconnectError(
                DISC_NO_MORE_AUTH_METHODS_AVAILABLE, "hoop: too many keys - name one with: ssh -i KEY"
            )
        known = self._as_key(key)
        if await self._identities.by_ssh_key(known.openssh, known.fingerprint) is not None:
            return True
        self._stranger = self._stranger or known
        return False

    async def sign_in(self, proven_key: bytes) -> bool:
        """A signature was good: the Lobby has the last word, and writes it down."""
        login = self._login
        if login is None:
            return False
        try:
            key = self._as_key(asyncssh.public_key.decode_ssh_public_key(proven_key))
            principal = await self._lobby.identify(key, self._peer)
        except Refused as problem:
            log.info("sign-in from %s: %s", self._peer.address, problem.sentence)
            return False
        except Fault as problem:
            log.error("nobody can sign in: %s", problem.sentence)
            return False
        if self._visitor is None and self._inside:
            self._doorstep.signed_in(self._peer.address)
        self._visitor = Visitor(principal, login, self._peer)
        return True

    def _as_key(self, key: asyncssh.SSHKey) -> SshKey:
        kind, blob, *_ = key.export_public_key().decode().split()
        return SshKey(f"{kind} {blob}", key.get_fingerprint(), str(self._login or ""))

    # What may be opened.

    def session_requested(self) -> tuple[PersonChannel, Awaitable[PersonSide]]:
        if self._connection is None or self._visitor is None or not self._connection.takes_sessions:
            _refuse("no session can be opened here")
        if self._channels >= self._door.max_channels:
            raise asyncssh.ChannelOpenError(OPEN_RESOURCE_SHORTAGE, "hoop: too many sessions")
        self._channels += 1
        visitor = self._visitor
        target = self._around.find(visitor.login.target)
        person = PersonSide(
            lambda person, asked: self._open_session(visitor, person, asked),
            self._channel_closed,
            agent_offered=target is not None and target.options.get("agent_forwarding") is True,
        )
        more = target.options.get("environment", ()) if target is not None else ()
        assert isinstance(self._connection, ForwardingConnection)
        return PersonChannel(self._connection, more), _InTurn(person, self._connection.turn())

    def _channel_closed(self) -> None:
        self._channels -= 1

    def connection_requested(self, dest_host: str, dest_port: int, orig_host: str, orig_port: int) -> Any:
        return self._signed_in_roads().to_port(dest_host, dest_port, (orig_host, orig_port))

    def unix_connection_requested(self, dest_path: str) -> Any:
        return self._signed_in_roads().to_socket(dest_path)

    async def listen(self, spot: Spot) -> int | None:
        """Let the target listen. Its port (0 for a socket), or None where it is refused."""
        return await self._signed_in_roads().listen(spot)

    async def stop_listening(self, spot: Spot) -> bool:
        """Cancel a listener of this connection. False: it has none like that."""
        return await self._signed_in_roads().stop_listening(spot)

    def _signed_in_roads(self) -> Roads:
        if self._connection is None or self._visitor is None:
            _refuse("nothing can be opened here")
        if self._roads is None:
            jumped = self._inner_name is not None
            assert isinstance(self._connection, ForwardingConnection)
            self._roads = Roads(self._visitor, self._connection, self._around, jumped=jumped)
        return self._roads

    def tun_requested(self, *_: object) -> NoReturn:
        _refuse("tunnels are not offered on this gateway")

    def tap_requested(self, *_: object) -> NoReturn:
        _refuse("tunnels are not offered on this gateway")


class _InTurn:
    """What asyncssh awaits for a session: whatever the client asked for before is answered first, so that with
    `ExitOnForwardFailure` it runs nothing. No coroutine, because asyncssh drops it where the client is gone."""

    def __init__(self, person: PersonSide, turn: Callable[[], Awaitable[None]]) -> None:
        self._person = person
        self._turn = turn

    def __await__(self) -> Generator[Any, None, PersonSide]:
        yield from self._turn().__await__()
        return self._person


def _refuse(what: str) -> NoReturn:
    raise asyncssh.ChannelOpenError(OPEN_ADMINISTRATIVELY_PROHIBITED, f"hoop: {what}")
