"""Reads a recording as its bytes arrive: a pull decoder that never raises on what it reads.

The good prefix of a damaged file is returned, chunk by chunk; from the first damage on nothing is, because
nothing there can be trusted, and `problem` says where and why. Reading can be resumed at any `Place`.
"""

from dataclasses import dataclass
from typing import Any, Literal

import zstandard

from gateway.core.frame import Frame, FrameKind
from gateway.recording import columns, layout
from gateway.recording.layout import CHUNK, COMPRESSED, DIGEST_SIZE, HEAD, ChunkHead
from gateway.recording.meta import json_object

State = Literal["whole", "cut"]


@dataclass(frozen=True, slots=True)
class Place:
    """A boundary between two chunks: all that a reader must know to go on from there."""

    offset: int = 0
    digest: bytes = b""
    chunks: int = 0
    frames: int = 0
    end_us: int = 0
    ended: bool = False
    """The frame before this place is an EXIT."""


@dataclass(frozen=True, slots=True)
class Start:
    """The place after the head, with what the head said: readers of later parts begin here."""

    meta: dict[str, Any]
    place: Place


class RecordingReader:
    """One pass over a recording. Feed it with `receive`, take frames with `next_frames` until that is None."""

    def __init__(self, resume: Start | None = None) -> None:
        self.meta: dict[str, Any] | None = resume.meta if resume else None
        """What the head says; None until it was read."""
        self.start = resume
        """Where this reader's frames begin; None until the head was read."""
        self.place = resume.place if resume else Place()
        """Where the frames handed out so far end."""
        self.problem = ""
        """One sentence, with the offset, once something was wrong."""
        self.problem_at = -1
        self._buffer = bytearray()
        self._finished = False
        self._unpacker = zstandard.ZstdDecompressor()

    def receive(self, data: bytes) -> None:
        """More bytes of the file, cut anywhere. After a problem they are ignored."""
        if not self.problem:
            self._buffer += data

    def next_frames(self) -> list[Frame] | None:
        """The frames of the next chunk. None: more bytes are needed, or there was a problem."""
        if self.problem or (self.meta is None and not self._read_head()):
            return None
        return self._read_chunk()

    def finish(self) -> None:
        """The file has no more bytes. Call it when `next_frames` had nothing more."""
        self._finished = True
        if self._buffer or self.meta is None:
            self._starve()

    def state(self) -> State:
        """`whole` when the recording, as far as it was read, ends with its EXIT and nothing was wrong."""
        return "whole" if self.place.ended and not self.problem else "cut"

    def _read_head(self) -> bool:
        buffer = self._buffer
        if len(buffer) < HEAD.size:
            return self._starve()
        magic, version, flags, zero, length = HEAD.unpack_from(buffer)
        if magic != layout.MAGIC:
            return self._stop("this is not a recording of hoop")
        if version != layout.VERSION or flags or zero:
            return self._stop(f"a newer hoop is needed to read it (version {version}, flags 0x{flags:02x})")
        if length > layout.MAX_META:
            return self._stop("its head has an impossible size")
        size = HEAD.size + length
        if len(buffer) < size + DIGEST_SIZE:
            return self._starve()
        head = bytes(buffer[:size])
        digest = layout.link(b"", head)
        if digest != buffer[size : size + DIGEST_SIZE]:
            return self._stop("its head does not match its digest")
        meta = json_object(head[HEAD.size :])
        if meta is None:
            return self._stop("its head is not a JSON object")
        self.meta = meta
        self._advance(size + DIGEST_SIZE, Place(size + DIGEST_SIZE, digest))
        self.start = Start(meta, self.place)
        return True

    def _read_chunk(self) -> list[Frame] | None:
        buffer, place = self._buffer, self.place
        if len(buffer) < CHUNK.size:
            self._starve()
            return None
        head = ChunkHead._make(CHUNK.unpack_from(buffer))
        complaint = head.complaint(place.chunks, place.end_us)
        if complaint:
            self._stop(complaint)
            return None
        size = CHUNK.size + head.clen
        if len(buffer) < size + DIGEST_SIZE:
            self._starve()
            return None
        with memoryview(buffer) as view, view[:size] as part, view[CHUNK.size : size] as stored:
            digest = layout.link(place.digest, part)
            payload = bytes(stored)
        if digest != buffer[size : size + DIGEST_SIZE]:
            self._stop("the chunk does not match its digest")
            return None
        frames = self._unpack(head, payload)
        if frames is not None:
            self._advance(
                size + DIGEST_SIZE,
                Place(
                    offset=place.offset + size + DIGEST_SIZE,
                    digest=digest,
                    chunks=place.chunks + 1,
                    frames=place.frames + len(frames),
                    end_us=head.t0_us + head.duration_us,
                    ended=frames[-1].kind is FrameKind.EXIT,
                ),
            )
        return frames

    def _unpack(self, head: ChunkHead, payload: bytes) -> list[Frame] | None:
        try:
            raw = self._inflate(payload, head.rawlen) if head.flags & COMPRESSED else payload
            return columns.unpack(raw, head.frames, head.t0_us, head.duration_us)
        except (zstandard.ZstdError, columns.BadColumns) as problem:
            broken = isinstance(problem, zstandard.ZstdError)
            self._stop("its payload can not be unpacked" if broken else str(problem))
            return None

    def _inflate(self, payload: bytes, rawlen: int) -> bytes:
        """The library allocates what the payload claims, so the claim is compared first."""
        claim = zstandard.get_frame_parameters(payload)
        if claim.content_size != rawlen or claim.dict_id:
            raise zstandard.ZstdError("the payload claims another size than its chunk")
        return self._unpacker.decompress(payload, max_output_size=rawlen, allow_extra_data=False)

    def _advance(self, size: int, place: Place) -> None:
        del self._buffer[:size]  # a bytearray only moves its start: no copy
        self.place = place

    def _starve(self) -> bool:
        """More bytes are needed. If there are none, the file is cut: that is a problem, too."""
        if self._finished and not self.problem:
            if not self._buffer and self.meta is None:
                self._report("the recording is empty")
            else:
                end = self.place.offset + len(self._buffer)
                part = (
                    "its head" if self.meta is None else f"the chunk that starts at byte {self.place.offset}"
                )
                self._report(f"the recording is cut at byte {end}, inside {part}")
        return False

    def _stop(self, why: str) -> bool:
        self._report(f"the recording can not be read from byte {self.place.offset} on: {why}")
        return False

    def _report(self, sentence: str) -> None:
        self.problem = sentence
        self.problem_at = self.place.offset
        self._buffer.clear()
