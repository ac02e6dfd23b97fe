"""Jump hosts on the gateway's own way to a target: which one, and SSH through it.

A jump host is an ssh target of the inventory with its own pinned key and credential. People need no right to it, as
they need none to the network's other parts.
"""

import asyncio
from collections.abc import Callable

from asyncssh.connection import SSHClientConnectionOptions

from gateway.adapters.ssh.connection import PacedConnection
from gateway.adapters.ssh.forward.incoming import ReceivingConnection
from gateway.adapters.ssh.jump.channel import Carried, JumpChannel, carry
from gateway.core.errors import Unreachable
from gateway.core.people import Target
from gateway.core.plain import plain

HOPS_MOST = 4


class CarriedTargetConnection(Carried, ReceivingConnection):
    """The gateway's end toward a target behind a jump host."""


def jump_host(target: Target, behind: tuple[str, ...], find: Callable[[str], Target | None]) -> Target | None:
    """The target that `target` is reached through, or None. Raises `Unreachable` for one that can not be used."""
    name = target.options.get("via")
    if not name:
        return None
    hop = find(str(name))
    if hop is None or hop.kind != target.kind:
        problem = f"its jump host {plain(str(name), 64)} is not an SSH target"
    elif hop.name in (*behind, target.name):
        problem = f"its jump hosts lead back to {hop.name}"
    elif len(behind) >= HOPS_MOST:
        problem = f"it is behind more than {HOPS_MOST} jump hosts"
    else:
        return hop
    raise Unreachable(f"{target.name} can not be reached - {problem}, tell your platform team")


async def through(
    hop: PacedConnection, target: Target, options: SSHClientConnectionOptions
) -> ReceivingConnection:
    """Begin SSH with `target` through the connection to its jump host. Raises `ChannelOpenError`."""
    connection = CarriedTargetConnection(asyncio.get_running_loop(), options, wait="auth")
    connection.below = hop
    await carry(JumpChannel(hop), connection, target.host, target.port)
    return connection
