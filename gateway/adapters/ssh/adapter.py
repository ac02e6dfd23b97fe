"""The SSH door of the gateway: listens, lets a Greeter meet each connection, and ends everything in order.

It owns every task and connection of the protocol, so that none outlives `stop`. Next: `greeter.py`.
"""

import asyncio
import getpass
import logging
import os
from collections.abc import Callable, Coroutine, Mapping
from types import MappingProxyType
from typing import Any

import asyncssh

from gateway.adapters.doorstep import Doorstep
from gateway.adapters.ssh import ending
from gateway.adapters.ssh.asked import Asked
from gateway.adapters.ssh.connection import PersonConnection
from gateway.adapters.ssh.door.by_code import Codes
from gateway.adapters.ssh.door.host_certificate import HostKeys, HostKeysShown, HostSigner
from gateway.adapters.ssh.door.host_key import load_or_make
from gateway.adapters.ssh.door.settings import (
    KEX_FOR_PEOPLE,
    MACS,
    SIGNATURES,
    VERSION_FOR_PEOPLE,
    SshDoor,
    available_ciphers,
    available_kex,
)
from gateway.adapters.ssh.door.turned_away import TurnedAway
from gateway.adapters.ssh.door.turns import Turns
from gateway.adapters.ssh.forward.requests import ForwardingConnection
from gateway.adapters.ssh.forward.roads import Inspected, Surroundings
from gateway.adapters.ssh.greeter import Greeter
from gateway.adapters.ssh.impact.source import SshImpact
from gateway.adapters.ssh.inside import Inside
from gateway.adapters.ssh.jump.account import account_reader
from gateway.adapters.ssh.jump.channel import Carried
from gateway.adapters.ssh.login_name import LoginName
from gateway.adapters.ssh.person import PersonSide
from gateway.adapters.ssh.session import SshSession, Visitor
from gateway.adapters.ssh.target.credential import TargetSigner
from gateway.adapters.ssh.target.lookout import looked_into_before
from gateway.adapters.ssh.upstream import Dialler
from gateway.core.errors import Misconfigured
from gateway.core.operation import Operation
from gateway.core.people import Principal, Session, Target
from gateway.core.ports import KeySigner, Secrets
from gateway.session.lobby import Identities, Lobby
from gateway.session.looking import Foresee

log = logging.getLogger("hoop.ssh")

BACKLOG = 128
LINGER = 0.5


class SshAdapter:
    """`start`, then `stop` once. The Lobby decides who may enter; `identities` only says whose an offered key is."""

    def __init__(
        self,
        door: SshDoor,
        lobby: Lobby,
        identities: Identities,
        secrets: Secrets,
        find: Callable[[str], Target | None] = lambda name: None,
        inspected: Mapping[str, Inspected] = MappingProxyType({}),
        inside: Mapping[str, Inside] = MappingProxyType({}),
        *,
        host_signer: HostSigner | None = None,
        target_signer: TargetSigner | None = None,
        key_signer: KeySigner | None = None,
        codes: Codes | None = None,
    ) -> None:
        """`find` asks the inventory: for jumps, for targets behind others, for what a target offers. `inspected`, by
        kind of target: who speaks with clients that come through SSH to a target of another protocol; `inside`: what
        runs in the gateway itself for people who have nothing but SSH. The signers make certificates for our host
        key, and for targets; `key_signer` is somebody else's authority for those. `codes`: people may sign in by a
        code, in a browser."""
        self._door = door
        self._lobby = lobby
        self._identities = identities
        self._host_signer = host_signer
        self._codes = codes
        self._inside = inside
        self._dialler = Dialler(door, secrets, find, target_signer, key_signer)
        self._around = Surroundings(
            door, lobby, self._dialler, find, self._spawn, self._inner_connection, inspected
        )
        self._options: asyncssh.SSHServerConnectionOptions | None = None
        self._shown: HostKeysShown | None = None
        self._doorstep = Doorstep(
            per_address=door.max_connections_per_address,
            unauthenticated=door.max_unauthenticated,
            failures_per_address=door.login_failures_per_address,
            failures_per_name=door.login_failures_per_name,
            failure_window=door.login_failure_window,
        )
        self.turns = Turns()
        self._listener: asyncio.Server | None = None
        self._connections: set[PersonConnection] = set()
        self._sessions: set[asyncio.Task[None]] = set()
        self._farewells: set[asyncio.Task[None]] = set()

    @property
    def impact(self) -> SshImpact:
        """Finds out what held operations would do to files."""
        return SshImpact(self._dialler)

    async def look_before(self, session: Session, foresee: Foresee, operation: Operation) -> Operation:
        """What is written down to be run later, with the files that it runs. Raises `Unreachable`."""
        return await looked_into_before(self._dialler, session, foresee, operation)

    @property
    def open_sessions(self) -> int:
        """Session channels that something was asked of, and that have not ended."""
        return len(self._sessions)

    async def start(self, host: str, port: int) -> list[tuple[str, int]]:
        """Listen. Raises `Misconfigured` for an unusable host key, cipher or address."""
        _keep_asyncssh_quiet()
        _have_a_user_name()
        key = await asyncio.to_thread(load_or_make, self._door.host_key_path)
        options = self._options = self._make_options(key)
        shown = self._shown = HostKeysShown(key, self._door.names, self._host_signer)
        shown.for_the_door()
        loop = asyncio.get_running_loop()

        def connection() -> "_Connection":
            return _Connection(self, loop, options, shown.for_the_door())

        try:
            self._listener = await loop.create_server(connection, host, port, backlog=BACKLOG)
        except OSError as problem:
            reason = (
                os.strerror(problem.errno) if problem.errno and problem.errno > 0 else str(problem)
            ).lower()
            raise Misconfigured(f"ssh can not listen on {host}:{port}: {reason}") from problem
        bound = [socket.getsockname()[:2] for socket in self._listener.sockets]
        log.info("ssh listens on %s", ", ".join(f"{address}:{number}" for address, number in bound))
        return bound

    async def stop(self, grace: float) -> None:
        """Take nobody new; whoever ends the sessions' Gates has done so, and they have `grace` seconds to say so."""
        if self._listener is not None:
            self._listener.close()
        if self._sessions:
            await asyncio.wait(self._sessions, timeout=grace)
        for session in list(self._sessions):
            session.cancel()
        if self._sessions:
            await asyncio.wait(self._sessions)
        await self._part_from_clients()
        if self._farewells:
            await asyncio.wait(self._farewells)
        if self._listener is not None:
            await self._listener.wait_closed()

    async def _part_from_clients(self) -> None:
        """A client that got its exit status hangs up by itself; hanging up first would hide the status from it."""
        leaving = [asyncio.create_task(connection.wait_closed()) for connection in self._connections]
        if leaving:
            await asyncio.wait(leaving, timeout=LINGER)
            for connection in list(self._connections):
                connection.close()
            await asyncio.wait(leaving)

    def _make_options(self, key: asyncssh.SSHKey) -> asyncssh.SSHServerConnectionOptions:
        ciphers = available_ciphers(self._door.ciphers)
        if not ciphers:
            raise Misconfigured(f"ssh knows none of the ciphers {', '.join(self._door.ciphers)}")
        return asyncssh.SSHServerConnectionOptions(
            config=None,
            server_factory=self._greeter,
            server_version=VERSION_FOR_PEOPLE,
            server_host_keys=[key],
            authorized_client_keys=None,
            host_based_auth=False,
            password_auth=False,
            kbdint_auth=True,
            gss_host=None,
            x509_trusted_certs=None,
            kex_algs=available_kex(KEX_FOR_PEOPLE),
            encryption_algs=ciphers,
            mac_algs=list(MACS),
            signature_algs=list(SIGNATURES),
            compression_algs=None,
            login_timeout=self._door.login_grace,
            keepalive_interval=self._door.keepalive,
            keepalive_count_max=3,
            agent_forwarding=False,
            x11_forwarding=False,
            line_editor=False,
            encoding=None,
        )

    def _greeter(self) -> Greeter:
        return self._make_greeter(None, None)

    def _make_greeter(
        self, inner_name: Callable[[str], LoginName] | None, came_as: Principal | None
    ) -> Greeter:
        return Greeter(
            self._door,
            self._doorstep,
            self._lobby,
            self._identities,
            self._open_session,
            self._around,
            inner_name,
            came_as=came_as,
            codes=self._codes if came_as is None else None,
        )

    def _inner_connection(
        self, below: PersonConnection, visitor: Visitor, target: Target
    ) -> PersonConnection:
        """Where SSH to a target ends that comes through a channel of the connection `below`."""
        assert self._options is not None
        assert self._shown is not None
        read = account_reader(visitor.login, target)
        keys = self._shown.for_target(target.name)
        return _InnerConnection(
            self, self._options, keys, below, lambda: self._make_greeter(read, visitor.principal)
        )

    def _open_session(self, visitor: Visitor, person: PersonSide, asked: Asked) -> None:
        session = SshSession(
            visitor, person, asked, self._lobby, self._dialler, self._around.find, self._inside, self._spawn
        )
        self._spawn(session.run(), lambda: person.leave_with(ending.NOT_RECORDED))

    def _spawn(self, session: Coroutine[Any, Any, None], failed: Callable[[], None] = lambda: None) -> None:
        """Run a session as a task of ours, so that it does not outlive us."""
        task = asyncio.create_task(session, name="ssh session")
        self._sessions.add(task)

        def over(task: asyncio.Task[None]) -> None:
            self._sessions.discard(task)
            if not task.cancelled() and (problem := task.exception()) is not None:
                log.error("an ssh session failed", exc_info=problem)
                failed()

        task.add_done_callback(over)

    def banned(self, address: str) -> str:
        """Why whoever comes from this address is turned away at once; empty where they are not."""
        return self._doorstep.banned(address)

    def came(self, connection: PersonConnection) -> None:
        """A connection was accepted."""
        self._connections.add(connection)

    def went(self, connection: PersonConnection, greeter: object) -> None:
        """A connection is closed."""
        self._connections.discard(connection)
        if isinstance(greeter, Greeter):
            farewell = asyncio.create_task(greeter.farewell(), name="ssh farewell")
            self._farewells.add(farewell)
            farewell.add_done_callback(self._farewells.discard)


class _Connection(ForwardingConnection):
    """A person's connection that its adapter knows of from first to last."""

    def __init__(
        self,
        adapter: SshAdapter,
        loop: asyncio.AbstractEventLoop,
        options: asyncssh.SSHServerConnectionOptions,
        keys: HostKeys,
    ) -> None:
        super().__init__(loop, options)
        self._adapter = adapter
        self._server_host_keys = keys
        self._server_host_key_algs = list(keys)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if isinstance(transport, asyncio.Transport):  # and not a channel of somebody who is inside
            address, *_ = transport.get_extra_info("peername", ("unknown", 0))
            if why := self._adapter.banned(address):
                self._cancel_login_timer()
                TurnedAway(transport, why)
                return
        self._adapter.came(self)
        super().connection_made(transport)

    def data_received(self, data: bytes, datatype: int | None = None) -> None:
        """What strangers send takes its turn. Nothing else of theirs is read before that."""
        transport = self._transport
        if self._auth_complete or not isinstance(transport, asyncio.Transport):
            super().data_received(data, datatype)
        else:
            transport.pause_reading()
            self._adapter.turns.take(lambda: self._my_turn(transport, data))

    def _my_turn(self, transport: asyncio.Transport, data: bytes) -> None:
        if self._transport is transport:
            super().data_received(data)
            if not self.behind and not transport.is_closing():
                transport.resume_reading()

    def _cleanup(self, exc: Exception | None) -> None:
        greeter = self._owner
        super()._cleanup(exc)
        self._adapter.went(self, greeter)


class _InnerConnection(Carried, _Connection):
    """The connection of somebody who has jumped, over a channel of another one of theirs."""

    def __init__(
        self,
        adapter: SshAdapter,
        options: asyncssh.SSHServerConnectionOptions,
        keys: HostKeys,
        below: PersonConnection,
        greeter: Callable[[], Greeter],
    ) -> None:
        super().__init__(adapter, asyncio.get_running_loop(), options, keys)
        self.below = below
        self._protocol_factory = greeter


def _keep_asyncssh_quiet() -> None:
    """Its messages carry user names and commands. What matters is logged by us."""
    logger = logging.getLogger("asyncssh")
    if logger.level == logging.NOTSET:
        logger.setLevel(logging.WARNING)


def _have_a_user_name() -> None:
    """asyncssh wants to know our own account's name and gives up in containers that have none. It is not used."""
    try:
        getpass.getuser()
    except (KeyError, OSError):
        os.environ["LOGNAME"] = "hoop"
