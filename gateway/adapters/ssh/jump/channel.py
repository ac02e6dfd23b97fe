"""A channel that carries another connection, such as the SSH of somebody who jumps, and asyncssh's SSH over it.

asyncssh lets an SSH connection use a channel in place of a socket. What it lacks is the view through it: the outer
connection may not take anything while the inner channel still would.
"""

import asyncio
from typing import Any

from asyncssh.channel import SSHTCPChannel

from gateway.adapters.ssh.connection import UNSENT_PAUSE, PacedConnection
from gateway.adapters.ssh.door.settings import PACKET, WINDOW
from gateway.adapters.ssh.hot_path import HotChannel
from gateway.core.people import Peer


class JumpChannel(HotChannel, SSHTCPChannel[bytes]):
    """In place of a socket. `peer` is who is at its far end."""

    def __init__(self, connection: PacedConnection, peer: Peer | None = None) -> None:
        super().__init__(connection, asyncio.get_running_loop(), None, "strict", WINDOW, PACKET)
        self.set_write_buffer_limits(high=UNSENT_PAUSE)
        self._peer = (peer.address, peer.port) if peer else ("", 0)

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """An address is that of the far end; there is no socket."""
        return {"peername": self._peer, "sockname": ("", 0)}.get(name, default)

    def _log_packet(self, *_: object) -> None:
        """Packets are not logged, so their descriptions are not made up either."""


class Carried(PacedConnection):
    """A connection over a channel of the connection `below`. To be mixed into a person's or a target's."""

    below: PacedConnection

    @property
    def is_clear(self) -> bool:
        return super().is_clear and self.below.is_clear

    async def clear(self) -> None:
        while not self.is_clear:
            await super().clear()
            await self.below.clear()


async def carry(channel: JumpChannel, connection: Carried, host: str, port: int) -> None:
    """Let the far end connect to a place, and speak SSH with it. Raises `ChannelOpenError`."""
    session: Any = connection  # it has every method of a session
    await channel.connect(lambda: session, host, port, "127.0.0.1", 0)
