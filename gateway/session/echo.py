"""Tells typed keys that the target echoed from keys that it did not: those may be a password.

Keys that show nothing by themselves (Enter, Tab, control and escape sequences) are always kept. A printable key
is kept only when the target's next output begins with it, after escape sequences; otherwise only the number of
keys is. It sees bytes and times only: no terminal emulation, no prompt matching. So it errs to the safe side:
keys in a full-screen program that draws something else than the key count as hidden.
"""

import re
from collections import deque
from dataclasses import dataclass

from gateway.core.frame import FrameKind

PATIENCE_US = 1_000_000
"""A key that was not echoed within this time is hidden."""

MOST_PENDING = 4096
"""A longer paste without any echo is hidden at once, so that memory stays bounded."""

_ESCAPES = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[ -/]*[0-~])|\x07")
_TYPED_ESCAPE = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|O.|.)?", re.DOTALL)
_MEMORY = 64


@dataclass(slots=True)
class _Key:
    data: bytes
    silent: bool
    """Shows nothing by itself, so it can be kept as it is."""
    at_us: int


def _keys(data: bytes, at_us: int) -> list[_Key]:
    keys: list[_Key] = []
    offset = 0
    while offset < len(data):
        if data[offset] == 0x1B:
            escape = _TYPED_ESCAPE.match(data, offset)
            size = len(escape.group()) if escape else 1
            keys.append(_Key(data[offset : offset + size], True, at_us))
            offset += size
        else:
            byte = data[offset]
            keys.append(_Key(data[offset : offset + 1], byte < 0x20 or byte == 0x7F, at_us))
            offset += 1
    return keys


class EchoWitness:
    """Feed it what was typed and what the target sent; it hands out what may be kept, in order."""

    def __init__(self) -> None:
        self._pending: deque[_Key] = deque()
        self._recent = b""
        self._ready: list[tuple[FrameKind, bytes]] = []

    @property
    def waiting(self) -> bool:
        """Some keys are neither kept nor hidden yet."""
        return bool(self._pending)

    def typed(self, data: bytes, at_us: int) -> None:
        """The person sent these bytes."""
        self._pending.extend(_keys(data, at_us))
        if len(self._pending) > MOST_PENDING:
            self._hide(len(self._pending))
        self._pass_silent()

    def answered(self, data: bytes, at_us: int) -> bool:
        """The target sent these bytes. True: all of it is the echo of typing."""
        if not self._pending:
            return False
        self.settle(at_us)
        text = _ESCAPES.sub(b"", data)
        stripped = text.lstrip(b"\b")
        matched, used = self._match(stripped)
        if matched:
            self._keep_run(matched)
            return used == len(stripped)
        if any(key.data in (b"\r", b"\n") for key in self._pending) and text[:1] in (b"\r", b"\n"):
            # Enter was echoed and the keys before it were not: they never will be.
            self._hide(next(i for i, key in enumerate(self._pending) if key.data in (b"\r", b"\n")))
            self._pass_silent()
        return False

    def settle(self, now_us: int) -> None:
        """Hide what has waited too long."""
        late = 0
        for key in self._pending:
            if now_us - key.at_us < PATIENCE_US:
                break
            late += 1
        if late:
            self._hide(late)
            self._pass_silent()

    def finish(self) -> None:
        """No echo can come any more."""
        self._hide(len(self._pending))

    def take(self) -> list[tuple[FrameKind, bytes]]:
        """What has been decided since the last call: INPUT bytes, or HIDDEN with a count as JSON."""
        ready, self._ready = self._ready, []
        return ready

    def _match(self, text: bytes) -> tuple[int, int]:
        """How many pending keys the text begins with, and how many of its bytes that took. Line editors may
        repaint what stands before the cursor first, so what was echoed before may come again."""
        run = b"".join(key.data for key in self._pending if not key.silent)
        for again in range(min(len(self._recent), len(text)) + 1):
            if not text.startswith(self._recent[len(self._recent) - again :]):
                continue
            rest = text[again:]
            matched = 0
            while matched < min(len(rest), len(run)) and rest[matched] == run[matched]:
                matched += 1
            if matched:
                return matched, again + matched
        return 0, 0

    def _keep_run(self, printable: int) -> None:
        while self._pending and (printable or self._pending[0].silent):
            key = self._pending.popleft()
            if not key.silent:
                printable -= 1
                self._recent = (self._recent + key.data)[-_MEMORY:]
            self._keep(key)

    def _pass_silent(self) -> None:
        while self._pending and self._pending[0].silent:
            self._keep(self._pending.popleft())

    def _keep(self, key: _Key) -> None:
        if key.silent:
            self._recent = b""
        if self._ready and self._ready[-1][0] is FrameKind.INPUT:
            self._ready[-1] = (FrameKind.INPUT, self._ready[-1][1] + key.data)
        else:
            self._ready.append((FrameKind.INPUT, key.data))

    def _hide(self, count: int) -> None:
        hidden = 0
        for _ in range(count):
            key = self._pending.popleft()
            if not key.silent:
                hidden += 1
                continue
            self._hidden(hidden)
            hidden = 0
            self._keep(key)
        self._hidden(hidden)

    def _hidden(self, keys: int) -> None:
        if keys:
            self._recent = b""
            self._ready.append((FrameKind.HIDDEN, b'{"keys": %d}' % keys))
