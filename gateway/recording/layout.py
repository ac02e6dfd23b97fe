"""The recording file, byte by byte. All integers are little-endian; the file only ever grows at its end.

    file   = head chunk*
    head   = "HOOP-REC" version:u8 flags:u8 zero:u16 length:u32 | JSON object of `length` bytes | digest
    chunk  = "HCK" flags:u8 seq:u32 t0_us:u64 duration_us:u32 frames:u32 rawlen:u32 clen:u32
             | payload of `clen` bytes | digest
    digest = sha256(previous digest + everything of this part before its digest); the head has no previous one

The payload, unpacked, is columnar: `frames` kinds (u8), as many time steps in microseconds (u32; the first from
`t0_us`), as many lengths (u32), then the bytes that were shown (OUTPUT and ERROR, in order, so that a player can
feed them as one slice), then the bytes of all other frames.

The digests chain: what was changed, reordered, repeated or left out in the middle shows. A tail cut off exactly
between two chunks does not show here; that takes the EXIT frame and a digest kept elsewhere. A reader refuses
any version, flag or kind of frame that it does not know: later features (encryption, signatures) take a flag.
"""

import struct
from hashlib import sha256
from typing import NamedTuple

from gateway.core.frame import FrameKind

MAGIC = b"HOOP-REC"
VERSION = 1
DIGEST_SIZE = 32
HEAD = struct.Struct("<8sBBHI")
CHUNK = struct.Struct("<3sBIQIIII")
CHUNK_MAGIC = b"HCK"

COMPRESSED = 0x01
"""Chunk flag: the payload is one zstd frame that states its unpacked size. Without it: stored as it is."""
KNOWN_CHUNK_FLAGS = COMPRESSED

MAX_META = 2 << 20
MAX_RAW = 16 << 20
"""No chunk unpacks to more than this: a reader never needs more memory, whatever a file claims."""
MAX_FRAMES = 1 << 16
"""A frame takes nine bytes in a file but ten times that in memory, so their number is bounded as well."""
FRAME_COST = 9
"""Bytes a frame takes beside its data: kind, time step, length."""
MAX_STEP_US = 0xFFFF_FFFF
"""71 minutes. A longer pause starts a new chunk, whose `t0_us` holds any time."""
MAX_AT_US = 0xFFFF_FFFF_FFFF_FFFF

SHOWN_KINDS = frozenset({FrameKind.OUTPUT, FrameKind.ERROR})


class ChunkHead(NamedTuple):
    """The fixed start of a chunk, as it is in the file."""

    magic: bytes
    flags: int
    seq: int
    t0_us: int
    duration_us: int
    frames: int
    rawlen: int
    clen: int

    def complaint(self, seq: int, earliest_us: int) -> str:
        """What is wrong with it, given what must come next; empty when nothing is."""
        if self.magic != CHUNK_MAGIC:
            return "this is not the start of a chunk"
        if self.flags & ~KNOWN_CHUNK_FLAGS:
            return f"a newer hoop is needed to read this chunk (flags 0x{self.flags:02x})"
        if self.seq != seq:
            return f"chunk {self.seq} is where chunk {seq} belongs"
        if self.t0_us < earliest_us or self.t0_us + self.duration_us > MAX_AT_US:
            return "its time is impossible"
        if not 1 <= self.frames <= MAX_FRAMES or not FRAME_COST * self.frames <= self.rawlen <= MAX_RAW:
            return "its size is impossible"
        stored_well = self.clen < self.rawlen if self.flags & COMPRESSED else self.clen == self.rawlen
        return "" if stored_well else "its size is impossible"


def link(previous: bytes, *parts: bytes | memoryview) -> bytes:
    """The digest that follows `previous`."""
    state = sha256(previous)
    for part in parts:
        state.update(part)
    return state.digest()
