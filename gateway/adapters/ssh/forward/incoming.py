"""A target's connection on which the target may open channels to us: what came in on a forwarded port, or its wish
to ask the person's agent. Without somebody who expects such a channel, each is refused, as everything else is.
"""

from collections.abc import Awaitable
from typing import Any, NoReturn, Protocol

from asyncssh.constants import OPEN_ADMINISTRATIVELY_PROHIBITED
from asyncssh.misc import ChannelOpenError
from asyncssh.packet import SSHPacket

from gateway.adapters.ssh.connection import TargetConnection
from gateway.adapters.ssh.forward.end import FlowChannel, FlowEnd

Opened = tuple[FlowChannel, Awaitable[FlowEnd]]


class Incoming(Protocol):
    """Who expects channels of a target. Each may raise `ChannelOpenError`."""

    def from_port(
        self, connection: TargetConnection, at: tuple[str, int], origin: tuple[str, int]
    ) -> Opened: ...
    def from_socket(self, connection: TargetConnection, at: str) -> Opened: ...
    def agent(self, connection: TargetConnection) -> Opened: ...


class ReceivingConnection(TargetConnection):
    """The gateway's end toward a target that somebody may expect channels of."""

    incoming: Incoming | None = None

    def _process_forwarded_tcpip_open(self, packet: SSHPacket) -> Any:
        at = _text(packet), packet.get_uint32()
        origin = _text(packet), packet.get_uint32()
        packet.check_end()
        return self._expected.from_port(self, at, origin)

    def _process_forwarded_streamlocal_at_openssh_dot_com_open(self, packet: SSHPacket) -> Any:
        at = _text(packet)
        packet.get_string()  # reserved
        packet.check_end()
        return self._expected.from_socket(self, at)

    def _process_auth_agent_at_openssh_dot_com_open(self, packet: SSHPacket) -> Any:
        packet.check_end()
        return self._expected.agent(self)

    @property
    def _expected(self) -> Incoming:
        if self.incoming is None:
            unexpected()
        return self.incoming


def unexpected() -> NoReturn:
    """Refuse a channel that nobody has asked for."""
    raise ChannelOpenError(OPEN_ADMINISTRATIVELY_PROHIBITED, "nobody has asked for this")


def _text(packet: SSHPacket) -> str:
    return packet.get_string().decode("utf-8", "replace")
