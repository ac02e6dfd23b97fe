"""Writes a recording: frames in, the file's next bytes out. Where those bytes go is the caller's business.

A chunk is sealed whenever the caller asks, so that nothing is shown before it is in the file; one keystroke
costs 73 bytes besides itself. Long output is cut into chunks of about a megabyte.
"""

import json
import struct
from collections.abc import Mapping, Sequence
from functools import lru_cache
from hashlib import sha256
from typing import Any

import zstandard

from gateway.core.errors import Fault
from gateway.core.frame import Frame, FrameKind
from gateway.recording import columns, layout

CHUNK_BYTES = 1 << 20
"""A chunk is closed when it holds this much."""
MAX_PIECE = 8 << 20
"""Longer data becomes several frames of the same moment, where that means the same."""
_WORTH_COMPRESSING = 200
_ONE = struct.Struct(layout.CHUNK.format + "B4xI")
"""A chunk of one frame, up to its data."""
_DIVISIBLE = layout.SHOWN_KINDS | {FrameKind.INPUT}


class RecordingWriter:
    """One recording. `head()` first, then `add` and `seal` as often as needed."""

    def __init__(self, meta: Mapping[str, Any]) -> None:
        """`meta` is any JSON object; `meta.RecordingMeta` says which fields have a meaning. Raises `Fault`."""
        self.compress = True
        """Whether chunks that are closed from now on may be compressed."""
        self._head = _head(meta)
        self._digest = layout.link(b"", self._head)
        self._seq = 0
        self._frames: list[Frame] = []
        self._bytes = 0
        self._last_us = 0
        self._sealed: list[bytes] = []
        self._compressor: zstandard.ZstdCompressor | None = None

    def head(self) -> bytes:
        """The first bytes of the file. The same at every call."""
        return self._head + layout.link(b"", self._head)

    @property
    def pending(self) -> int:
        """How many bytes of frames were added and not handed out yet."""
        return self._bytes + sum(map(len, self._sealed))

    def add(self, frame: Frame) -> None:
        """Add a frame. Raises `ValueError` when time runs backwards, `Fault` for what fits in no file."""
        if not self._last_us <= frame.at_us <= layout.MAX_AT_US:
            raise ValueError(f"a frame at {frame.at_us} us can not follow one at {self._last_us} us")
        if len(frame.data) <= MAX_PIECE:
            self._add(frame)
        elif frame.kind in _DIVISIBLE:
            for start in range(0, len(frame.data), MAX_PIECE):
                self._add(Frame(frame.at_us, frame.kind, frame.data[start : start + MAX_PIECE]))
        else:
            raise Fault("a single event of this session is too large to be recorded")

    def seal(self) -> bytes:
        """The bytes that follow in the file and hold all that was added; empty when there is nothing."""
        return b"".join(self.seal_in_pieces())

    def seal_in_pieces(self) -> list[bytes]:
        """The same, in pieces that follow one another: output that is not compressed is not copied either."""
        self._close_chunk()
        pieces, self._sealed = self._sealed, []
        return pieces

    def seal_at_once(self, at_us: int, frames: Sequence[tuple[FrameKind, bytes]]) -> bytes:
        """The bytes that follow in the file and hold these few frames of one moment, uncompressed: what `add` and
        `seal` do, in a fraction of the time, for what is written thousands of times a second. Only while nothing else
        is waiting, and for no more than `CHUNK_BYTES` together."""
        count = len(frames)
        if self._frames or self._sealed or not 0 < count <= layout.MAX_FRAMES:
            raise ValueError("frames are waiting, or there are none")
        if not self._last_us <= at_us <= layout.MAX_AT_US:
            raise ValueError(f"a frame at {at_us} us can not follow one at {self._last_us} us")
        if count == 1:
            kind, data = frames[0]
            size = layout.FRAME_COST + len(data)
            chunk = (
                _ONE.pack(layout.CHUNK_MAGIC, 0, self._seq, at_us, 0, 1, size, size, kind, len(data)) + data
            )
        else:
            kinds = [kind for kind, _ in frames]
            pieces = [data for _, data in frames]
            sizes = list(map(len, pieces))
            size = layout.FRAME_COST * count + sum(sizes)
            start = _start_of(count).pack(
                layout.CHUNK_MAGIC, 0, self._seq, at_us, 0, count, size, size, *kinds, *sizes
            )
            if not layout.SHOWN_KINDS.isdisjoint(kinds):
                shown = [data for kind, data in frames if kind in layout.SHOWN_KINDS]
                pieces = shown + [data for kind, data in frames if kind not in layout.SHOWN_KINDS]
            chunk = start + b"".join(pieces)
        self._digest = digest = sha256(self._digest + chunk).digest()
        self._last_us = at_us
        self._seq += 1
        return chunk + digest

    def _add(self, frame: Frame) -> None:
        if self._frames and frame.at_us - self._frames[0].at_us > layout.MAX_STEP_US:
            self._close_chunk()
        self._frames.append(frame)
        self._last_us = frame.at_us
        self._bytes += layout.FRAME_COST + len(frame.data)
        if self._bytes >= CHUNK_BYTES or len(self._frames) == layout.MAX_FRAMES:
            self._close_chunk()

    def _close_chunk(self) -> None:
        if not self._frames:
            return
        raw = columns.pack(self._frames)
        size = sum(map(len, raw))
        flags, payload = self._smallest(raw, size)
        t0_us = self._frames[0].at_us
        head = layout.CHUNK.pack(
            layout.CHUNK_MAGIC,
            flags,
            self._seq,
            t0_us,
            self._last_us - t0_us,
            len(self._frames),
            size,
            sum(map(len, payload)),
        )
        self._digest = layout.link(self._digest, head, *payload)
        self._sealed += (head, *payload, self._digest)
        self._seq += 1
        self._frames.clear()
        self._bytes = 0

    def _smallest(self, raw: list[bytes], size: int) -> tuple[int, list[bytes]]:
        if self.compress and size >= _WORTH_COMPRESSING:
            if self._compressor is None:  # most sessions are idle or typing: they need none
                self._compressor = zstandard.ZstdCompressor(level=1, write_content_size=True)
            packed = self._compressor.compress(b"".join(raw))
            if len(packed) < size:
                return layout.COMPRESSED, [packed]
        return 0, raw


@lru_cache(256)
def _start_of(count: int) -> struct.Struct:
    """A chunk of so many frames of one moment, up to their data."""
    return struct.Struct(f"{layout.CHUNK.format}{count}B{4 * count}x{count}I")


def _head(meta: Mapping[str, Any]) -> bytes:
    body = json.dumps(dict(meta), separators=(",", ":")).encode("ascii")
    if len(body) > layout.MAX_META:
        raise Fault("what describes this session is too large to be recorded")
    return layout.HEAD.pack(layout.MAGIC, layout.VERSION, 0, 0, len(body)) + body
