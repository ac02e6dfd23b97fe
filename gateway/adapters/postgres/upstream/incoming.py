"""What a server says, message by message, while the gateway itself talks to it: a bounded amount."""

from gateway.adapters.postgres.end import End
from gateway.adapters.postgres.upstream.refusal import Missed
from gateway.core.errors import Malformed
from gateway.wire.postgres.frames import BackendReader, Message, Run
from gateway.wire.postgres.tables import Phase

MOST = 1 << 20
"""Bytes. An honest start-up has a few hundred."""


class Incoming:
    """Pull with `next`. What came too early for that is in `rest`."""

    def __init__(self, end: End) -> None:
        self._end = end
        self._reader = BackendReader(Phase.SIGN_IN, whole=True)
        self._left = MOST

    @property
    def rest(self) -> bytes:
        """What has come and was not looked at."""
        return self._reader.unread

    def has_begun(self) -> None:
        """The sign-in is over: from now on other messages belong here."""
        self._reader.phase = Phase.SESSION

    async def next(self) -> Message | Run:
        """Raises `Missed` where nothing more comes, and `Malformed`."""
        while True:
            item = self._reader.next()
            if item is not None:
                return item
            data = await self._end.read()
            if not data:
                raise Missed("it closed the connection")
            self._left -= len(data)
            if self._left < 0:
                raise Malformed("a server that has too much to say before it begins")
            self._reader.receive(data)
