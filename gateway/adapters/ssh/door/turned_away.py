"""Says why somebody is turned away, before any key exchange: a version line and one packet in the clear.

It costs no cryptography and keeps no state of SSH; nothing that the client says is read.
"""

import asyncio

from asyncssh.constants import DISC_TOO_MANY_CONNECTIONS, MSG_DISCONNECT
from asyncssh.packet import Byte, String, UInt32

from gateway.adapters.ssh.door.settings import VERSION_FOR_PEOPLE
from gateway.core.plain import sentence

PATIENCE = 1.0
"""Seconds that the client has to hang up first: hanging up on unread bytes would take our words back."""

LISTENING = 64
"""So many get that time at once; others are cut off."""

_BLOCK = 8


class TurnedAway(asyncio.Protocol):
    """Takes a connection over from whoever had it."""

    _now = 0

    def __init__(self, transport: asyncio.Transport, why: str) -> None:
        self._transport = transport
        transport.set_protocol(self)
        transport.write(f"SSH-2.0-{VERSION_FOR_PEOPLE}\r\n".encode() + _disconnect(sentence(why)))
        TurnedAway._now += 1
        patience = PATIENCE if TurnedAway._now <= LISTENING else 0
        self._timer = asyncio.get_running_loop().call_later(patience, transport.abort)

    def eof_received(self) -> None:
        """The client has hung up: so do we."""

    def connection_lost(self, exc: Exception | None) -> None:
        """It is over."""
        TurnedAway._now -= 1
        self._timer.cancel()


def _disconnect(words: str) -> bytes:
    payload = Byte(MSG_DISCONNECT) + UInt32(DISC_TOO_MANY_CONNECTIONS) + String(words) + String("en")
    padding = -(5 + len(payload)) % _BLOCK
    if padding < 4:
        padding += _BLOCK
    return UInt32(1 + len(payload) + padding) + Byte(padding) + payload + bytes(padding)
