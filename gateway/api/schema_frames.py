"""Frames of recordings as they travel: binary, because JSON can not hold arbitrary bytes.

Clients import them from `schema.py`.
"""

import struct
from collections.abc import Iterable, Iterator
from enum import IntEnum
from typing import NamedTuple

FRAMES_MEDIA_TYPE = "application/vnd.hoop.frames"
NEXT_HEADER = "Hoop-Next"  # index of the first frame that was not sent: ask for it next
STATE_HEADER = "Hoop-Recording"  # the recording's `RecordingState` at the moment of the answer


class FrameKind(IntEnum):
    """The kinds of frames, numbered as in the recording format."""

    OUTPUT = 0
    INPUT = 1
    RESIZE = 2
    EXIT = 3
    MARK = 4
    ERROR = 5
    HIDDEN = 6
    TOWARD = 7
    BACK = 8
    ROWS = 9


class WireFrame(NamedTuple):
    """One event of a recording; `data` as described at `gateway.core.frame.FrameKind`."""

    at_us: int
    kind: FrameKind
    data: bytes


_FRAME = struct.Struct("<BQI")


def pack_frames(frames: Iterable[tuple[int, int, bytes]]) -> bytes:
    """`(at_us, kind, data)` triples as one binary body."""
    parts: list[bytes] = []
    for at_us, kind, data in frames:
        parts += (_FRAME.pack(kind, at_us, len(data)), data)
    return b"".join(parts)


def unpack_frames(body: bytes) -> Iterator[WireFrame]:
    """The frames of a body. Raises ValueError where it is cut or names an unknown kind."""
    offset = 0
    while offset < len(body):
        if len(body) - offset < _FRAME.size:
            raise ValueError("the frames are cut inside a header")
        kind, at_us, length = _FRAME.unpack_from(body, offset)
        offset += _FRAME.size
        if len(data := body[offset : offset + length]) != length:
            raise ValueError("the frames are cut inside a frame")
        offset += length
        yield WireFrame(at_us, FrameKind(kind), data)
