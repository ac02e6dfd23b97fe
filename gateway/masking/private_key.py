"""Private key blocks of several lines: PEM, OpenSSH, PGP and SSH2.

From its BEGIN line on a block is covered byte by byte, so that it is never buffered. It ends with its END line, or
after three lines in a row without key material (it was cut, and a prompt follows), or after 64 KiB.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from gateway.masking.detector import Detector, Span, compiled
from gateway.masking.view import View

_WHAT = rb"[A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?"
_BEGIN = rb"-----BEGIN " + _WHAT + rb"-----|---- BEGIN " + _WHAT + rb" ----"
_BEGINS = compiled(_BEGIN)
_ENDS = compiled(rb"-----END [A-Z0-9 ]{0,60}-----|---- END [A-Z0-9 ]{0,60} ----")
_MATERIAL = compiled(rb"[A-Za-z0-9+/=]{16}")
_LONGEST_END = 80
_MOST_DULL_LINES = 3
_LONGEST_BLOCK = 64 << 10


@dataclass(frozen=True, slots=True)
class Cover:
    """A stretch of a key block, as offsets into the whole stream."""

    begun: int
    """Where the block begins."""
    start: int
    end: int
    is_header: bool


class KeyBlocks:
    """Follows one stream through key blocks. Offsets are those of the stream, so text may be dropped behind it."""

    def __init__(self) -> None:
        self._inside = False
        self._done = 0
        self._line = 0
        self._begun = 0
        self._has_material = False
        self._dull_lines = 0
        self._length = 0
        self._covers: list[Cover] = []

    @property
    def busy(self) -> bool:
        """Whether a block is open or a part of one has not been shown yet."""
        return self._inside or bool(self._covers)

    def follow(self, text: View, origin: int, shown: int) -> list[Cover]:
        """Everything of key blocks that is not shown yet. `origin` is where in the stream `text` begins."""
        self._covers = [cover for cover in self._covers if cover.end > shown]
        at = text.at(max(0, self._done - origin))
        while True:
            if self._inside:
                at = self._body(text, origin, at)
                if self._inside:
                    break
            begin = _BEGINS.search(text.data, at)
            if begin is None:
                break
            at = begin.end()
            self._enter(text, origin, begin.start(), at)
        return self._covers

    def _enter(self, text: View, origin: int, start: int, end: int) -> None:
        self._inside, self._has_material, self._dull_lines, self._length = True, False, 0, 0
        self._done = self._line = origin + text.raw(end)
        self._begun = origin + text.raw(start)
        self._covers.append(Cover(self._begun, self._begun, self._done, True))

    def _body(self, text: View, origin: int, at: int) -> int:
        data, first = text.data, at
        while self._inside and at < len(data):
            newline = data.find(b"\n", at)
            end = newline if newline != -1 else len(data)
            line = text.at(max(0, self._line - origin))
            stop = _ENDS.search(data, max(line, at - _LONGEST_END), end)
            if stop is not None and stop.end() > at:
                at, self._inside = stop.end(), False
                break
            left = _LONGEST_BLOCK - self._length
            if end - at >= left:
                at, self._inside = at + left, False
                break
            self._has_material |= _MATERIAL.search(data, max(line, at - 15), end) is not None
            self._length += end - at
            at = end
            if newline != -1:
                at += 1
                self._next_line(origin + text.raw(at))
        self._done = origin + text.raw(at)
        if at > first:
            self._covers.append(Cover(self._begun, origin + text.raw(first), self._done, False))
        return at

    def _next_line(self, start: int) -> None:
        self._dull_lines = 0 if self._has_material else self._dull_lines + 1
        self._has_material, self._line = False, start
        self._inside = self._dull_lines < _MOST_DULL_LINES


def find(text: bytes, first: int) -> Iterator[Span]:
    """Nothing: `KeyBlocks` does the work, because a block has no longest length."""
    return iter(())


PRIVATE_KEY = Detector(
    name="private-key",
    gate=_BEGIN,
    tail=rb"-{1,5}|-{4,5} ?B(?:E(?:G(?:I(?:N(?: [A-Z0-9 ]{0,60}-{0,5})?)?)?)?)?|---- ",
    find=find,
)
