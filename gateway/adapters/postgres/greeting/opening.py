"""From the first byte to the packet that says what is wanted: TLS, refusals of other encryption, cancellations.

| came | before TLS | inside TLS |
|---|---|---|
| a TLS handshake, as the first byte | taken, if it asks for `postgresql` by ALPN | - |
| SSLRequest | `S` and TLS, once; `N` where there is none | refused |
| GSSENCRequest | `N`, once | refused |
| CancelRequest | is what is wanted | is what is wanted |
| StartupMessage | is what is wanted | is what is wanted |

Nothing may come behind a request for encryption before it is answered.
"""

import ssl
from collections.abc import Callable
from dataclasses import dataclass

from gateway.adapters.postgres.end import End, SocketEnd
from gateway.adapters.postgres.greeting.turned_away import BROKEN_PROTOCOL, NOT_LET_IN, TurnedAway
from gateway.core.errors import Malformed
from gateway.wire.postgres.startup import (
    CancelRequest,
    First,
    GssEncRequest,
    SslRequest,
    Startup,
    StartupReader,
)

ALPN = "postgresql"


class Gone(Exception):
    """The client has hung up."""


@dataclass(frozen=True, slots=True)
class Opened:
    """What is wanted, and what came behind it."""

    packet: Startup | CancelRequest
    rest: bytes


class Opening:
    """One client's way there. `open` it once."""

    def __init__(
        self,
        end: End,
        tls: Callable[[], ssl.SSLContext] | None,
        no_handshake: Callable[[], str] = lambda: "",
    ) -> None:
        """Without `tls` there is none. `no_handshake` says why somebody gets none: it costs more than words."""
        self._end = end
        self._tls = tls
        self._no_handshake = no_handshake
        self._reader = StartupReader()
        self._encrypted = False
        self._asked: set[type[First]] = set()

    async def open(self) -> Opened:
        """Raises `Malformed`, `TurnedAway`, `Gone`; `OSError` where the encryption fails."""
        await self._begun()
        while True:
            packet = await self._next()
            if isinstance(packet, CancelRequest | Startup):
                return Opened(packet, self._reader.unread)
            await self._encryption(packet)

    async def _begun(self) -> None:
        """The first bytes: they may be those of TLS itself."""
        self._reader.receive(await self._more())
        if self._tls is None or not self._reader.is_tls or not isinstance(self._end, SocketEnd):
            return
        begun, self._reader = self._reader.unread, StartupReader()
        if self._no_handshake():
            raise Gone
        await self._end.go_on_with_tls(self._tls(), begun)
        self._encrypted = True
        if self._end.tls is None or self._end.tls.selected_alpn_protocol() != ALPN:
            raise Malformed("TLS began without the protocol's name")

    async def _encryption(self, asked: SslRequest | GssEncRequest) -> None:
        if self._encrypted or type(asked) in self._asked:
            raise TurnedAway(BROKEN_PROTOCOL, "encryption was asked for where it can not begin")
        if self._reader.unread:
            raise Malformed("bytes came behind a request for encryption")
        self._asked.add(type(asked))
        if isinstance(asked, GssEncRequest) or self._tls is None:
            self._end.write(b"N")
            return
        if why := self._no_handshake():
            raise TurnedAway(NOT_LET_IN, why)
        self._end.write(b"S")
        await self._end.start_tls(self._tls(), server_side=True)
        self._encrypted = True

    async def _next(self) -> First:
        while (packet := self._reader.next()) is None:
            self._reader.receive(await self._more())
        return packet

    async def _more(self) -> bytes:
        data = await self._end.read()
        if not data:
            raise Gone
        return data
