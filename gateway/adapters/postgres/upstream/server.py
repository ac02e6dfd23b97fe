"""A server that has let us in, as it is at its first ReadyForQuery. What is said from then on is not for here."""

import asyncio
from dataclasses import dataclass, field

from gateway.adapters.postgres.end import SocketEnd
from gateway.adapters.postgres.upstream.lane import Lane
from gateway.adapters.postgres.upstream.parameters import Called
from gateway.adapters.postgres.upstream.refusal import Missed
from gateway.core.errors import Malformed, Unreachable
from gateway.core.people import Peer
from gateway.wire.postgres.startup import make_cancel_request


@dataclass(slots=True)
class Server:
    """One session on a server."""

    end: SocketEnd
    parameters: dict[str, str]
    """What it said of its settings (ParameterStatus), as the person's client is told."""
    pid: int
    """Its process; 0 where it has not said."""
    secret: bytes = field(repr=False)
    """What a cancel request must have; empty where it can not be asked to cancel."""
    status: int
    """Of its first ReadyForQuery."""
    notices: list[bytes]
    """Bodies of the notices that came before that."""
    rest: bytes
    """What came behind it and was not looked at."""
    protocol: tuple[int, int]
    """The version that it speaks, which may be older than what was asked for."""
    lane: Lane = field(repr=False)
    called: Called
    """What the person's client calls itself, and what this server knows it as."""
    patience: float = 10.0
    """Seconds that a cancel request may take."""

    @property
    def version(self) -> str:
        """As it says itself: `15.18`, `8.0.2`."""
        return self.parameters.get("server_version", "")

    @property
    def address(self) -> Peer:
        """Where it is."""
        return self.end.peer

    async def cancel(self) -> None:
        """Ask it to stop what it is busy with, over a connection of its own that is encrypted like this one. When it
        returns the request was received; nobody ever says whether it came in time. Raises `Unreachable`."""
        if not self.secret:
            return
        try:
            async with asyncio.timeout(self.patience):
                await self._send_cancel()
        except (Missed, Malformed, OSError) as problem:
            reason = problem.reason if isinstance(problem, Missed) else "it did not take the request"
            raise Unreachable(f"the statement could not be cancelled - {reason}") from None

    async def _send_cancel(self) -> None:
        end = await self.lane.open()
        try:
            end.write(make_cancel_request(self.pid, self.secret))
            while await end.read():
                pass
        finally:
            end.abort()
