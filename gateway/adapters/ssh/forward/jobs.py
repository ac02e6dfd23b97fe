"""What a forwarding session is asked to do: open a connection where the target can reach it, listen there, bring back
what came in. Each is admitted before anything is dialled, and answered with one plain sentence where it is not.
"""

import asyncio
from collections.abc import Awaitable, Callable

from asyncssh.constants import MSG_REQUEST_SUCCESS, OPEN_ADMINISTRATIVELY_PROHIBITED
from asyncssh.misc import ChannelOpenError
from asyncssh.packet import PacketDecodeError, String, UInt32

from gateway.adapters.ssh.connection import TargetConnection
from gateway.adapters.ssh.forward.end import FlowEnd, open_direct, open_forwarded
from gateway.adapters.ssh.forward.flow import Course, Flow
from gateway.adapters.ssh.forward.places import Place, TcpPlace, forward_operation, listen_operation
from gateway.adapters.ssh.forward.session import ForwardSession
from gateway.core.errors import Denied, Unreachable
from gateway.core.plain import sentence

Spot = tuple[str, int] | str
"""Where to listen, as it goes over the wire: an address and a port, or a path."""

PATIENCE = 30.0
"""Seconds that a target has to say whether it listens."""


class Opening:
    """A client wants a connection to `place`. asyncssh awaits `opened`, which becomes the client's end."""

    def __init__(
        self, place: Place, origin: str, person: FlowEnd, window: int, turn: Callable[[], Awaitable[None]]
    ) -> None:
        """`turn` returns when what the client asked for before has been done."""
        self.opened: asyncio.Future[FlowEnd] = asyncio.get_running_loop().create_future()
        self._place = place
        self._origin = origin
        self._person = person
        self._window = window
        self._turn = turn

    async def run(self, session: ForwardSession) -> None:
        """Admit, dial, carry."""
        await session.admit(forward_operation(self._place, self._origin))
        await self._turn()
        target = await open_direct(await session.target(), self._place, self._window)
        self.opened.set_result(self._person)
        course = Course(session.next_number(), "to", str(self._place), self._origin)
        await Flow(course, session.gate, session.cap).carry(self._person, target)

    def refuse(self, code: int, words: str) -> None:
        """The client shows this with `open failed`."""
        _refuse(self.opened, code, words)


class Arrival:
    """Somebody has connected where the target listens. asyncssh awaits `opened`, which becomes the target's end."""

    def __init__(
        self, listening: "Listening", origin: tuple[str, int], name: str, target: FlowEnd, window: int
    ):
        self.opened: asyncio.Future[FlowEnd] = asyncio.get_running_loop().create_future()
        self._listening = listening
        self._origin = origin
        self._name = name
        self._target = target
        self._window = window

    async def run(self, session: ForwardSession) -> None:
        """It is part of what was admitted when the listening began, unless the rules have changed since."""
        place = self._listening.place
        if not session.gate.would_admit(listen_operation(place)):
            await session.mark(f"refused a connection from {self._name} on {place}", destination=str(place))
            raise ChannelOpenError(OPEN_ADMINISTRATIVELY_PROHIBITED, "the rules do not allow it any more")
        person = await open_forwarded(session.person, self._listening.asked, self._origin, self._window)
        self.opened.set_result(self._target)
        course = Course(session.next_number(), "back", str(place), self._name)
        await Flow(course, session.gate, session.cap).carry(person, self._target)

    def refuse(self, code: int, words: str) -> None:
        """The target closes what has come in."""
        _refuse(self.opened, code, words)


class Listening:
    """A client wants the target to listen at `place`. `bound` becomes the port; None where there is none."""

    def __init__(
        self,
        place: Place,
        asked: Spot,
        lock: asyncio.Lock,
        made: Callable[["Listening"], None],
        held: Callable[[], None],
    ) -> None:
        """`lock` is held from when the target is asked until `made` was called: what comes in meanwhile waits.
        `held` is called when people have to decide first."""
        self.bound: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()
        self.place = place
        self.asked = asked
        self.spot: Spot = _spot(place)
        self.session: ForwardSession | None = None
        self._lock = lock
        self._made = made
        self._held = held

    async def run(self, session: ForwardSession) -> None:
        """Admit, dial, ask the target. A client shows no reason of a refusal, so it is told beside."""
        try:
            await session.admit(listen_operation(self.place), self._held)
            target = await session.target()
        except (Denied, Unreachable) as problem:
            await session.tell(problem.sentence)
            raise
        async with self._lock:
            port = await _ask(target, b"", self.spot)
            if port is not None:
                self._at(port)
                self.session = session
                self._made(self)
            self._settle(port)
        if port is None:
            name = session.gate.session.target.name
            await session.tell(
                f"{name} does not listen on {self.place} - it may be taken, or not allowed there"
            )
            return
        await session.mark(f"listening on {self.place}", destination=str(self.place), state="listening")

    async def stop(self) -> None:
        """The client wants it no more. What has come in already goes on."""
        session = self.session
        if session is None or session.over:
            return
        await _ask(await session.target(), b"cancel-", self.spot)
        await session.mark(
            f"no longer listening on {self.place}", destination=str(self.place), state="stopped"
        )

    def refuse(self, code: int, words: str) -> None:
        """There is no room for words in this answer."""
        self._settle(None)

    def _settle(self, port: int | None) -> None:
        if not self.bound.done():
            self.bound.set_result(port)

    def _at(self, port: int) -> None:
        """The target has chosen a port, where the client left that to it."""
        if isinstance(self.place, TcpPlace) and isinstance(self.asked, tuple) and not self.place.port:
            self.place = TcpPlace(self.place.host, port)
            self.asked = (self.asked[0], port)
            self.spot = _spot(self.place)


def _spot(place: Place) -> Spot:
    if isinstance(place, TcpPlace):
        return ("" if place.host == "*" else place.host, place.port)
    return place.path


async def _ask(target: TargetConnection, what: bytes, spot: Spot) -> int | None:
    """Let the target listen, or stop it. The port that it has taken, or None where it does not want to."""
    if isinstance(spot, tuple):
        request = (what + b"tcpip-forward", String(spot[0]) + UInt32(spot[1]))
    else:
        request = (what + b"streamlocal-forward@openssh.com", String(spot))
    try:
        async with asyncio.timeout(PATIENCE):
            kind, answer = await target._make_global_request(*request)
    except TimeoutError:
        return None
    if kind != MSG_REQUEST_SUCCESS:
        return None
    if isinstance(spot, str):
        return 0
    try:
        return spot[1] or answer.get_uint32()
    except PacketDecodeError:
        return None


def _refuse(opened: asyncio.Future[FlowEnd], code: int, words: str) -> None:
    if not opened.done():
        opened.set_exception(ChannelOpenError(code, sentence(words.removeprefix("hoop: "))))
        opened.exception()  # whoever awaited it may be gone
