"""Meets one connection: banner, sign-in by public key, a session for each channel, and roads for everything else.

An offered key only says whom somebody claims to be: nothing is audited as a sign-in, and nobody gets a session, until
a signature has proved it and the Lobby has agreed.
"""

import logging
from collections.abc import Awaitable, Callable, Generator, Sequence
from typing import Any, NoReturn

import asyncssh
from asyncssh.connection import SSHServerConnection
from asyncssh.constants import (
    DISC_NO_MORE_AUTH_METHODS_AVAILABLE,
    OPEN_ADMINISTRATIVELY_PROHIBITED,
    OPEN_RESOURCE_SHORTAGE,
)

from gateway.adapters.doorstep import Doorstep, Failed
from gateway.adapters.ssh.asked import Asked
from gateway.adapters.ssh.connection import PersonConnection
from gateway.adapters.ssh.door.by_code import SCRIPTS, Challenge, Codes, SignInByCode
from gateway.adapters.ssh.door.offered_certificate import line_of, serial_of
from gateway.adapters.ssh.door.settings import SshDoor
from gateway.adapters.ssh.forward.jobs import Spot
from gateway.adapters.ssh.forward.requests import ForwardingConnection
from gateway.adapters.ssh.forward.roads import Roads, Surroundings
from gateway.adapters.ssh.login_name import LoginName, read_login_name
from gateway.adapters.ssh.person import PersonChannel, PersonSide
from gateway.adapters.ssh.session import Visitor
from gateway.core.errors import Fault, Malformed, Refused
from gateway.core.people import Peer, Principal
from gateway.core.plain import plain
from gateway.session.lobby import Confirmed, Credential, Identities, Lobby, SshCertificate, SshKey
from gateway.wire.ssh_certificate import kind_of

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
        *,
        came_as: Principal | None = None,
        codes: Codes | None = None,
    ) -> None:
        """`inner_name` reads the user name of somebody who has jumped here, over a connection that was greeted: there
        they are `came_as`. `codes`: people may sign in by a code."""
        self._door = door
        self._doorstep = doorstep
        self._lobby = lobby
        self._identities = identities
        self._open_session = open_session
        self._around = around
        self._inner_name = inner_name
        self._came_as = came_as
        self._codes = codes
        self._by_code: SignInByCode | None = None
        self._why_not = ""
        self._roads: Roads | None = None
        self._connection: PersonConnection | None = None
        self._peer = Peer("")
        self._inside = False
        self._tried = False
        self._failed: Failed | None = None
        self._login: LoginName | None = None
        self._greeted = False
        self._visitor: Visitor | None = None
        self._stranger: SshKey | SshCertificate | None = None
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
        if self._by_code is not None:
            self._by_code.leave()
        if self._inside:
            self._inside = False
            self._doorstep.leave(self._peer.address, was_signed_in=self._visitor is not None)
            if self._tried and self._visitor is None:
                self._failed = self._doorstep.failed(self._peer.address, str(self._login or ""))

    async def farewell(self) -> None:
        """Audit a visit that ended without a sign-in although one was tried. The adapter awaits it."""
        stranger, self._stranger = self._stranger, None
        failed, self._failed = self._failed, None
        if failed is not None and failed.burst:
            await self._audit_burst(failed.burst)
        if self._visitor is not None or failed is None or not failed.counts:
            return
        if self._by_code is not None:
            if not self._by_code.declined:
                await self._audit_burst(self._why_not or "the sign-in by code was given up")
            return
        if stranger is None:
            return
        if await self._is_known(stranger):
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
            said = list(self._door.banner_lines)
            if said and self._codes is not None and self._codes.offered():
                said.append(SCRIPTS)
            lines = "".join(f"{plain(line, 79)}\r\n" for line in said)
            if self._inner_name is None and lines:
                self._connection.send_auth_banner(lines)
        return True

    def public_key_auth_supported(self) -> bool:
        return True

    async def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        """Is this the key of somebody? It may be a mere offer, so nothing is written down."""
        return await self._offered(self._as_key(key))

    async def validate_certificate(self, certificate: bytes) -> bool:
        """The same for a certificate."""
        return await self._offered(self._as_certificate(certificate))

    async def _offered(self, credential: SshKey | SshCertificate) -> bool:
        self._keys += 1
        enough = self._stranger is not None and self._doorstep.wary_of(str(self._login or ""))
        if enough or self._keys > KEYS_MOST:
            raise asyncssh.DisconnectError(
                DISC_NO_MORE_AUTH_METHODS_AVAILABLE, "hoop: too many keys - name one with: ssh -i KEY"
            )
        if await self._is_known(credential):
            return True
        if self._stranger is None or isinstance(credential, SshCertificate):
            self._stranger = credential  # a certificate says more: clients offer its bare key first
        return False

    async def _is_known(self, credential: SshKey | SshCertificate) -> bool:
        try:
            if isinstance(credential, SshCertificate):
                found = await self._identities.by_certificate(credential.openssh, self._peer.address)
            else:
                found = await self._identities.by_ssh_key(credential.openssh, credential.fingerprint)
        except Refused:
            return False
        except Fault as problem:
            log.error("nobody can sign in with a certificate: %s", problem.sentence)
            return False
        return found is not None

    def kbdint_auth_supported(self) -> bool:
        """One code for one connection: whoever has failed with it is not offered another."""
        if self._came_as is not None:
            return True
        return self._by_code is None and self._codes is not None and self._codes.offered()

    async def get_kbdint_challenge(self, username: str, lang: str, submethods: str) -> Challenge | bool:
        """Whoever came through a connection of their own is asked nothing; everybody else to open a page."""
        login, connection = self._login, self._connection
        if login is None or connection is None:
            return False
        if self._came_as is not None:
            connection.confirmed = Confirmed(self._came_as, str(login))
            return True
        if self._codes is None or self._by_code is not None:
            return False
        self._by_code = SignInByCode(self._codes, login.target, self._peer, str(login))
        if len(self._codes.doorbell) < self._door.max_unauthenticated // 2:
            # People take minutes. Where too many do, they have as long as everybody else: places must become free.
            connection.give_time(self._codes.doorbell.lifetime.total_seconds())
        return await self._asked(self._by_code.begin())

    async def validate_kbdint_response(self, username: str, responses: Sequence[str]) -> Challenge | bool:
        """Enter was pressed, whatever was typed before it."""
        return False if self._by_code is None else await self._asked(self._by_code.answer())

    async def _asked(self, question: Awaitable[Challenge | Confirmed | None]) -> Challenge | bool:
        try:
            answer = await question
        except Refused as problem:
            self._why_not = problem.sentence
            log.info("sign-in from %s: %s", self._peer.address, problem.sentence)
            return False
        except Fault as problem:
            log.error("nobody can sign in: %s", problem.sentence)
            return False
        if answer is None:
            self._why_not = "the code was not confirmed"
            return False
        if not isinstance(answer, Confirmed):
            return answer
        if self._connection is not None:
            self._connection.confirmed = answer
        return True

    async def sign_in(self, proven_key: bytes) -> bool:
        """A signature was good: the Lobby has the last word, and writes it down."""
        if kind_of(proven_key):
            return await self._enter(self._as_certificate(proven_key))
        return await self._enter(self._as_key(asyncssh.public_key.decode_ssh_public_key(proven_key)))

    async def sign_in_as(self, confirmed: Confirmed) -> bool:
        """Somebody is known already: the same."""
        return await self._enter(confirmed)

    async def _enter(self, credential: Credential) -> bool:
        login = self._login
        if login is None:
            return False
        try:
            principal = await self._lobby.identify(credential, self._peer)
        except Refused as problem:
            log.info("sign-in from %s: %s", self._peer.address, problem.sentence)
            return False
        except Fault as problem:
            log.error("nobody can sign in: %s", problem.sentence)
            return False
        if self._visitor is None and self._inside:
            self._doorstep.signed_in(self._peer.address)
        self._visitor = Visitor(principal, login, self._peer)
        if self._by_code is not None:
            self._by_code.leave()
        return True

    def _as_key(self, key: asyncssh.SSHKey) -> SshKey:
        kind, blob, *_ = key.export_public_key().decode().split()
        return SshKey(f"{kind} {blob}", key.get_fingerprint(), str(self._login or ""))

    def _as_certificate(self, blob: bytes) -> SshCertificate:
        return SshCertificate(line_of(blob), serial_of(blob), str(self._login or ""))

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
