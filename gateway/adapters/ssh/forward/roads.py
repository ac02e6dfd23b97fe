"""Every way out of one connection but its sessions: forwards, listeners, jumps to targets, inspected connections.

Which of these a destination is, is decided here; whether it may be, by the Gate of the session it leads to. A name
that is a target's is never forwarded as bytes: SSH ends at the gateway and begins anew, or it is refused.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn, TypeVar

from asyncssh.constants import OPEN_ADMINISTRATIVELY_PROHIBITED, OPEN_RESOURCE_SHORTAGE
from asyncssh.misc import ChannelOpenError
from asyncssh.session import SSHTCPSession

from gateway.adapters.ssh.connection import PersonConnection
from gateway.adapters.ssh.door.settings import SshDoor
from gateway.adapters.ssh.forward.end import FlowChannel, FlowEnd, InspectedChannel, window_for
from gateway.adapters.ssh.forward.jobs import Opening, Spot
from gateway.adapters.ssh.forward.listeners import Listeners
from gateway.adapters.ssh.forward.places import (
    Place,
    TcpPlace,
    listening_place,
    origin_name,
    tcp_place,
    unix_place,
)
from gateway.adapters.ssh.forward.requests import ForwardingConnection
from gateway.adapters.ssh.forward.session import ForwardSession
from gateway.adapters.ssh.inside import Spawn
from gateway.adapters.ssh.jump.channel import JumpChannel
from gateway.adapters.ssh.session import KIND, Visitor
from gateway.adapters.ssh.upstream import Dialler
from gateway.core.errors import Fault, Malformed, Refused
from gateway.core.people import Target
from gateway.core.plain import sentence
from gateway.session.lobby import Lobby

log = logging.getLogger("hoop.ssh")

SSH_PORT = 22

P = TypeVar("P", bound=Place)


@dataclass(frozen=True, slots=True)
class Inspected:
    """Speaks the protocol of one kind of target with whoever connects, and lets nothing past a Gate."""

    port: int
    """Where such targets are, for clients that know no better."""
    begin: Callable[[Visitor, Target, Spawn], SSHTCPSession[bytes]]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What roads lead through. `spawn` runs a session as a task that outlives nobody; `inner` makes the connection
    that ends SSH to a target here, on a channel of the given one."""

    door: SshDoor
    lobby: Lobby
    dialler: Dialler
    find: Callable[[str], Target | None]
    spawn: Spawn
    inner: Callable[[PersonConnection, Visitor, Target], PersonConnection]
    inspected: Mapping[str, Inspected]
    """By the kind of target. SSH is not among them: it has its own way."""


class Roads:
    """Of one connection whose person has signed in."""

    def __init__(
        self, visitor: Visitor, connection: ForwardingConnection, around: Surroundings, *, jumped: bool
    ) -> None:
        self._visitor = visitor
        self._connection = connection
        self._around = around
        self._jumped = jumped
        self._listeners = Listeners(around.door.max_forwards)
        self._session: ForwardSession | None = None

    def to_port(self, host: str, port: int, origin: tuple[str, int]) -> tuple[FlowChannel | JumpChannel, Any]:
        """What asyncssh takes for an answer to a direct-tcpip. Raises `ChannelOpenError`."""
        place = self._read(tcp_place, host, port)
        self._count()
        target = self._around.find(place.host)
        if target is not None and target.kind != KIND:
            return self._inspected(target, place)
        if target is not None and place.port in (SSH_PORT, target.port):
            return self._jump(target)
        if self._around.find(self._visitor.login.target) is None:
            return self._nowhere(place, target)
        return self._forward(place, origin_name(*origin))

    def to_socket(self, path: str) -> tuple[FlowChannel, Awaitable[FlowEnd]]:
        """The same for a socket in the file system of the target."""
        place = self._read(unix_place, path)
        self._count()
        return self._forward(place, "")

    async def listen(self, spot: Spot) -> int | None:
        """Let the target listen. Its port (0 for a socket), or None where it is refused."""
        try:
            place: Place = unix_place(spot) if isinstance(spot, str) else listening_place(*spot)
            self._count()
            session = self._current()
            listening = self._listeners.prepare(place, spot, self._connection.wait_for_people)
        except (Malformed, ChannelOpenError) as problem:
            words = problem.sentence if isinstance(problem, Malformed) else problem.reason
            await self._visitor.notices.tell(self._connection, words)
            return None
        session.take(listening)
        return await listening.bound

    async def stop_listening(self, spot: Spot) -> bool:
        """The client cancels what it asked for. False: it has no such listener."""
        return await self._listeners.stop(spot)

    def leave(self) -> None:
        """The person's connection is gone."""
        if self._session is not None:
            self._session.left.set()

    def _forward(self, place: Place, origin: str) -> tuple[FlowChannel, Awaitable[FlowEnd]]:
        session = self._current()
        window = window_for(session.load)
        opening = Opening(place, origin, FlowEnd(self._connection), window, self._connection.turn())
        session.take(opening)
        return FlowChannel(self._connection, window), opening.opened

    def _jump(self, target: Target) -> tuple[JumpChannel, Any]:
        if self._jumped:
            _refuse(f"jump to {target.name} from the gateway itself, not from another target")
        inner = self._around.inner(self._connection, self._visitor, target)
        return JumpChannel(self._connection, self._visitor.peer), inner

    def _inspected(self, target: Target, place: TcpPlace) -> tuple[InspectedChannel, Any]:
        inspected = self._around.inspected.get(target.kind)
        if inspected is None:
            _refuse(f"{target.name} can not be reached through ssh - try: ssh -t {target.name}@GATEWAY")
        if place.port not in (inspected.port, target.port):
            _refuse(f"{target.name} is on port {inspected.port} here")
        window = window_for(self._load)
        session = inspected.begin(self._visitor, target, self._around.spawn)
        return InspectedChannel(self._connection, window), session

    def _nowhere(self, place: TcpPlace, target: Target | None) -> tuple[FlowChannel, Awaitable[FlowEnd]]:
        if target is not None:
            _refuse(f"{target.name} is reached by SSH, on port {SSH_PORT}: ssh -J GATEWAY {target.name}")
        return FlowChannel(self._connection), self._turn_away(place.host)

    async def _turn_away(self, name: str) -> NoReturn:
        """The Lobby says that there is no such target, and writes it down."""
        try:
            gate = await self._around.lobby.enter(self._visitor.principal, name, "", self._visitor.peer)
        except (Refused, Fault) as problem:
            log.info("%s may not jump to %s: %s", self._visitor.principal.id, name, problem.sentence)
            _refuse(problem.sentence)
        await gate.close("blocked", {"reason": "blocked"})  # it has come to be this very moment
        _refuse(f"try again: {name} was not known a moment ago")

    def _current(self) -> ForwardSession:
        """The session of this connection's forwards; a new one where the last one is over."""
        if self._connection.broken:  # what was asked last is looked at after the connection is gone
            _refuse("nobody is there any more")
        if self._session is not None and self._session.barred:
            _refuse(self._session.barred)
        if self._session is None or self._session.over:
            around = self._around
            self._listeners = Listeners(around.door.max_forwards)
            self._session = ForwardSession(
                self._visitor,
                self._connection,
                around.lobby,
                around.dialler,
                self._listeners,
                self._connection.wait_for_people,
            )
            around.spawn(self._session.run())
        return self._session

    def _read(self, read: Callable[..., P], *asked: str | int) -> P:
        try:
            return read(*asked)
        except Malformed as problem:
            log.info("%s asked for a forward to nowhere: %s", self._visitor.principal.id, problem.sentence)
            _refuse(problem.sentence)

    @property
    def _load(self) -> int:
        """Forwards, jumps and inspected connections that are open."""
        forwards = self._session.load if self._session is not None else 0
        others = (JumpChannel, InspectedChannel)
        return forwards + sum(isinstance(each, others) for each in self._connection._channels.values())

    def _count(self) -> None:
        if self._load + len(self._listeners) >= self._around.door.max_forwards:
            raise ChannelOpenError(OPEN_RESOURCE_SHORTAGE, sentence("too many forwards over one connection"))


def _refuse(what: str) -> NoReturn:
    raise ChannelOpenError(OPEN_ADMINISTRATIVELY_PROHIBITED, sentence(what.removeprefix("hoop: ")))
