"""Who may cancel what: keys that the gateway has made itself, for sessions of its own.

The process number is the server's, so that it means something to people; the secret is ours, so that nobody's key
opens somebody else's session, on this gateway or on another one. An unknown key is answered by silence.
"""

import hmac
import secrets
from collections.abc import Awaitable, Callable

Cancel = Callable[[], Awaitable[None]]

SHORT, LONG = 4, 32
"""Bytes of a secret: what protocol 3.0 has room for, and what 3.2 can take."""


class CancelKeys:
    """Of one door."""

    def __init__(self) -> None:
        self._sessions: dict[int, list[tuple[bytes, Cancel]]] = {}

    def give(self, pid: int, protocol: tuple[int, int], cancel: Cancel) -> bytes:
        """A new secret for a session whose server has this process number."""
        secret = secrets.token_bytes(LONG if protocol >= (3, 2) else SHORT)
        self._sessions.setdefault(pid, []).append((secret, cancel))
        return secret

    def take_back(self, pid: int, secret: bytes) -> None:
        """The session is over."""
        left = [known for known in self._sessions.get(pid, ()) if known[0] != secret]
        if left:
            self._sessions[pid] = left
        else:
            self._sessions.pop(pid, None)

    def find(self, pid: int, secret: bytes) -> Cancel | None:
        """What to do for whoever shows this key."""
        found = None
        for known, cancel in self._sessions.get(pid, ()):
            if hmac.compare_digest(known, secret):
                found = cancel
        return found
