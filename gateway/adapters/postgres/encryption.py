"""TLS of one connection, as bytes in and bytes out: it touches no socket and never waits.

It stands in for the event loop's own TLS, because that costs more than all the rest of a small statement's way
through the gateway, and because here nothing has to be exchanged under a running conversation.
"""

import ssl
from contextlib import suppress

_READ_AT_ONCE = 256 << 10


class Encryption:
    """First `shake_hands` until it is done, then `decrypt` and `encrypt`. Everything raises `ssl.SSLError`; what
    is `due` then is still worth sending, it tells the other side why."""

    def __init__(self, context: ssl.SSLContext, *, server_side: bool, name: str) -> None:
        self._in = ssl.MemoryBIO()
        self._out = ssl.MemoryBIO()
        self.about = context.wrap_bio(
            self._in,
            self._out,
            server_side=server_side,
            server_hostname=None if server_side else name or None,
        )
        """What certificates and the other's choices say."""
        self.ended = False
        """The other side has said that nothing more comes."""

    def shake_hands(self, data: bytes = b"") -> bool:
        """With what came. True once both know each other; then what came too much is there to `decrypt`."""
        if data:
            self._in.write(data)
        try:
            self.about.do_handshake()
        except ssl.SSLWantReadError:
            return False
        return True

    def decrypt(self, data: bytes = b"") -> bytes:
        """What all of it says that has come so far."""
        waiting, about = self._in, self.about
        if data:
            waiting.write(data)
        pieces: list[bytes] = []
        with suppress(ssl.SSLWantReadError):
            while found := about.read(_READ_AT_ONCE):
                pieces.append(found)
                if not waiting.pending and not about.pending():
                    return found if len(pieces) == 1 else b"".join(pieces)
            self.ended = True
        return b"".join(pieces)

    def encrypt(self, data: bytes) -> bytes:
        """The same for the other side, and what else it has to be sent."""
        size = self.about.write(data)
        while size < len(data):
            size += self.about.write(memoryview(data)[size:])
        return self._out.read()

    @property
    def due(self) -> bytes:
        """What the other side has to be sent besides; reading it takes it."""
        return self._out.read() if self._out.pending else b""

    def goodbye(self) -> bytes:
        """What tells the other side that nothing more comes."""
        with suppress(ssl.SSLError):
            self.about.unwrap()
        return self.due
