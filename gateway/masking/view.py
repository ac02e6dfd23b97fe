"""The text of a terminal stream without its escape sequences, and the way back to the bytes as they came.

Colours, modes and window titles may stand in the middle of a secret: they are skipped. Sequences that move the
cursor part the text like a line end. Nothing is decoded: bytes in any encoding pass as they are.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass

_CSI = rb"\x1b\[[0-?]{0,60}[ -/]{0,4}[@-~]"
_OSC = rb"\x1b\][^\x07\x1b]{0,1000}(?:\x07|\x1b\\)"
_ESCAPE = re.compile(rb"(?:%s|%s|\x1b[ -/]{0,2}[0-Z\\^-~])" % (_CSI, _OSC))
_MOVES = re.compile(rb"\x1b(?:\[[0-?]{0,60}[@ABDEFGHIJLMPSTUXZ`adefrsu]|[78DEHMc])")
_UNFINISHED = re.compile(rb"\x1b(?:\[[0-?]{0,60}[ -/]{0,4}|\][^\x07\x1b]{0,1000}\x1b?|[ -/]{1,2})?\Z")
_LONGEST_SKIP = 160
"""Escape sequences that follow one another for longer than this part the text, so that what is held stays small."""


@dataclass(frozen=True, slots=True)
class View:
    """Bytes of a text with some left out. `pieces` are (offset here, offset in the raw bytes), ascending."""

    data: bytes
    pieces: tuple[tuple[int, int], ...]
    end: int
    """Where in the raw bytes this text ends: what follows is an unfinished escape sequence."""

    @property
    def is_plain(self) -> bool:
        """Nothing is left out: offsets here are offsets in the raw bytes."""
        return len(self.pieces) == 1 and self.pieces[0] == (0, 0)

    def raw(self, at: int) -> int:
        """The offset in the raw bytes of the byte `at`."""
        if at >= len(self.data):
            return self.end
        here, there = self.pieces[bisect_right(self.pieces, at, key=_here) - 1]
        return there + at - here

    def at(self, raw: int) -> int:
        """The first byte that stands at `raw` or after it."""
        index = bisect_right(self.pieces, raw, key=_there) - 1
        if index < 0:
            return 0
        here, there = self.pieces[index]
        following = self.pieces[index + 1][0] if index + 1 < len(self.pieces) else len(self.data)
        return min(here + raw - there, following)

    def ranges(self, start: int, end: int) -> Iterator[tuple[int, int, int]]:
        """The stretches of raw bytes behind `start:end`, each with its offset here."""
        index = max(0, bisect_right(self.pieces, start, key=_here) - 1)
        while start < end and index < len(self.pieces):
            here, there = self.pieces[index]
            following = self.pieces[index + 1][0] if index + 1 < len(self.pieces) else len(self.data)
            stop = min(end, following)
            if stop > start:
                yield start, there + start - here, there + stop - here
                start = stop
            index += 1

    def without(self, cuts: list[tuple[int, int]]) -> "View":
        """This text with `cuts` left out too."""
        data: list[bytes] = []
        pieces: list[tuple[int, int]] = []
        length = 0
        for start, end in zip(
            [0, *(cut[1] for cut in cuts)], [*(cut[0] for cut in cuts), len(self.data)], strict=True
        ):
            pieces += [(length + here - start, there) for here, there, _ in self.ranges(start, end)]
            data.append(self.data[start:end])
            length += end - start
        return View(b"".join(data), tuple(pieces) or ((0, 0),), self.end)


def _here(piece: tuple[int, int]) -> int:
    return piece[0]


def _there(piece: tuple[int, int]) -> int:
    return piece[1]


def visible(raw: bytes, whole: bool) -> View:
    """The text of `raw`. `whole`: nothing follows, so an unfinished sequence is text."""
    if b"\x1b" not in raw:
        return View(raw, ((0, 0),), len(raw))
    end = len(raw)
    if not whole:
        unfinished = _unfinished(raw)
        end = unfinished if unfinished is not None else end
    return _skipped(raw, end)


def _unfinished(raw: bytes) -> int | None:
    # An operating system command may hold one ESC, of the two-byte end that it waits for.
    last = raw.rfind(b"\x1b")
    for start in (raw.rfind(b"\x1b", 0, max(last, 0)), last):
        if start != -1 and _UNFINISHED.match(raw, start):
            return start
    return None


def _skipped(raw: bytes, end: int) -> View:
    data: list[bytes] = []
    pieces: list[tuple[int, int]] = []
    length = at = 0
    skipping = 0
    for found in _ESCAPE.finditer(raw, 0, end):
        start, stop = found.span()
        if start > at:
            pieces.append((length, at))
            data.append(raw[at:start])
            length += start - at
            skipping = 0
        skipping += stop - start
        if skipping > _LONGEST_SKIP or _MOVES.match(raw, start, stop):
            pieces.append((length, start))
            data.append(b"\x1b")
            length += 1
        at = stop
    if end > at:
        pieces.append((length, at))
        data.append(raw[at:end])
    return View(b"".join(data), tuple(pieces) or ((0, 0),), end)
