"""Verifies a whole recording: is every byte what was written, in order, to the end?

It can not know what a file that was exchanged as a whole, or cut between two chunks, once was: compare
`Verification.root` with the digest that was noted elsewhere.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from gateway.recording.reader import RecordingReader


@dataclass(frozen=True, slots=True)
class Verification:
    """What came out. `root` is the chain's last good digest, in hex."""

    ok: bool
    """Every byte belongs, and the recording ends with its EXIT."""
    whole: bool
    frames: int
    chunks: int
    good_bytes: int
    duration_us: int
    root: str
    problem: str = ""
    bad_offset: int | None = None
    """Where the first part begins that can not be trusted."""


def verify(parts: Iterable[bytes]) -> Verification:
    """Read everything, keep nothing. `parts` are the file's bytes, cut anywhere."""
    reader = RecordingReader()
    for part in parts:
        reader.receive(part)
        while reader.next_frames() is not None:
            pass
        if reader.problem:
            break
    reader.finish()
    whole = reader.state() == "whole"
    place = reader.place
    missing_end = "" if whole else f"the recording ends at byte {place.offset} without its EXIT: it is cut"
    problem = reader.problem or missing_end
    return Verification(
        ok=not problem,
        whole=whole,
        frames=place.frames,
        chunks=place.chunks,
        good_bytes=place.offset,
        duration_us=place.end_us,
        root=place.digest.hex(),
        problem=problem,
        bad_offset=reader.problem_at if reader.problem else None,
    )
