"""What one forwarding session has its target listen for, and who gets what comes in there.

Only the connection that asked for a listener can cancel it, because no other one's are in here.
"""

import asyncio
from collections.abc import Callable
from typing import NoReturn

from asyncssh.constants import OPEN_CONNECT_FAILED
from asyncssh.misc import ChannelOpenError

from gateway.adapters.ssh.connection import TargetConnection
from gateway.adapters.ssh.forward.end import FlowChannel, FlowEnd, window_for
from gateway.adapters.ssh.forward.incoming import Opened, unexpected
from gateway.adapters.ssh.forward.jobs import Arrival, Listening, Spot
from gateway.adapters.ssh.forward.places import Place, origin_name
from gateway.core.errors import Malformed


class Listeners:
    """An `Incoming` for the connection to the target."""

    def __init__(self, most: int) -> None:
        """`most`: forwards that the session may have at a time."""
        self._most = most
        self._by_asked: dict[Spot, Listening] = {}
        self._lock = asyncio.Lock()

    def __len__(self) -> int:
        return len(self._by_asked)

    def prepare(self, place: Place, asked: Spot, held: Callable[[], None]) -> Listening:
        """A job for the session, which calls `held` when it has to wait for people. Raises `Malformed` where the
        client listens there already."""
        if asked in self._by_asked:
            raise Malformed(f"this connection listens on {place} already")
        return Listening(place, asked, self._lock, self._made, held)

    def _made(self, listening: Listening) -> None:
        self._by_asked[listening.asked] = listening

    async def stop(self, asked: Spot) -> bool:
        """Cancel a listener. False: there is none like that."""
        listening = self._by_asked.pop(asked, None)
        if listening is None:
            return False
        await listening.stop()
        return True

    # What the connection to the target calls.

    def from_port(self, connection: TargetConnection, at: tuple[str, int], origin: tuple[str, int]) -> Opened:
        """Somebody connected to a port of the target."""
        return self._arrived(connection, at, origin)

    def from_socket(self, connection: TargetConnection, at: str) -> Opened:
        """Somebody connected to a socket of the target."""
        return self._arrived(connection, at, ("", 0))

    def agent(self, connection: TargetConnection) -> NoReturn:
        """Forwards have no agent."""
        unexpected()

    def _arrived(self, connection: TargetConnection, at: Spot, origin: tuple[str, int]) -> Opened:
        if not self._by_asked and not self._lock.locked():
            unexpected()
        window = window_for(len(connection._channels))
        end = FlowEnd(connection)
        return FlowChannel(connection, window), self._bring(at, origin, end, window)

    async def _bring(self, at: Spot, origin: tuple[str, int], end: FlowEnd, window: int) -> FlowEnd:
        async with self._lock:
            pass  # a listener that is being made is known after this
        listening = next((each for each in self._by_asked.values() if each.spot == at), None)
        if listening is None or listening.session is None or listening.session.over:
            raise ChannelOpenError(OPEN_CONNECT_FAILED, "nobody listens here any more")
        session = listening.session
        if session.load + len(self) >= self._most:
            raise ChannelOpenError(OPEN_CONNECT_FAILED, "too many forwards over one connection")
        arrival = Arrival(listening, origin, origin_name(*origin), end, window)
        session.take(arrival)
        return await arrival.opened
