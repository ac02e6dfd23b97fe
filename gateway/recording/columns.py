"""Frames as columns: the unpacked payload of one chunk, written and read.

Knows nothing of chunk headers, digests or compression (`layout.py` describes the columns).
"""

import sys
from array import array
from collections.abc import Sequence

from gateway.core.frame import Frame, FrameKind
from gateway.recording.layout import FRAME_COST, MAX_STEP_US, SHOWN_KINDS

_KINDS = tuple(FrameKind)
_FEW = 8
_MUST_SWAP = sys.byteorder != "little"

if array("I").itemsize != 4:  # pragma: no cover - no such platform is known to run this Python
    raise ImportError("this platform has no 32-bit unsigned int")


class BadColumns(ValueError):
    """The columns contradict each other or name an unknown kind."""


def pack(frames: Sequence[Frame]) -> list[bytes]:
    """The columns of frames that are in order and no more than `MAX_STEP_US` apart, in pieces that follow one
    another: large data is not copied."""
    first = last = frames[0].at_us
    steps = array("I")
    for frame in frames:
        steps.append(frame.at_us - last)
        last = frame.at_us
    assert last - first <= MAX_STEP_US
    lengths = array("I", [len(frame.data) for frame in frames])
    shown = [frame.data for frame in frames if frame.kind in SHOWN_KINDS]
    other = [frame.data for frame in frames if frame.kind not in SHOWN_KINDS]
    kinds = bytes([frame.kind for frame in frames])
    return [b"".join((kinds, _little(steps), _little(lengths))), *_few(shown), *_few(other)]


def unpack(raw: bytes, count: int, t0_us: int, duration_us: int) -> list[Frame]:
    """The frames again. Raises `BadColumns`."""
    kinds = raw[:count]
    if count and max(kinds) >= len(_KINDS):
        raise BadColumns(f"a newer hoop is needed to read it (a frame of kind {max(kinds)})")
    steps = _numbers(raw[count : 5 * count])
    lengths = _numbers(raw[5 * count : FRAME_COST * count])
    if len(lengths) != count or FRAME_COST * count + sum(lengths) != len(raw):
        raise BadColumns("its lengths do not add up")
    if sum(steps) != duration_us:
        raise BadColumns("its times do not add up")
    return _rows(raw, kinds, steps, lengths, t0_us)


def _rows(raw: bytes, kinds: bytes, steps: Sequence[int], lengths: Sequence[int], at_us: int) -> list[Frame]:
    shown_at = FRAME_COST * len(kinds)
    other_at = shown_at + sum(n for k, n in zip(kinds, lengths, strict=True) if _KINDS[k] in SHOWN_KINDS)
    frames: list[Frame] = []
    for number, step, length in zip(kinds, steps, lengths, strict=True):
        at_us += step
        kind = _KINDS[number]
        if kind in SHOWN_KINDS:
            frames.append(Frame(at_us, kind, raw[shown_at : shown_at + length]))
            shown_at += length
        else:
            frames.append(Frame(at_us, kind, raw[other_at : other_at + length]))
            other_at += length
    return frames


def _few(pieces: list[bytes]) -> list[bytes]:
    """The same bytes in a few pieces."""
    return pieces if len(pieces) <= _FEW else [b"".join(pieces)]


def _little(numbers: "array[int]") -> bytes:
    if _MUST_SWAP:
        numbers.byteswap()
    return numbers.tobytes()


def _numbers(data: bytes) -> "array[int]":
    numbers = array("I")
    numbers.frombytes(data[: len(data) - len(data) % 4])
    if _MUST_SWAP:
        numbers.byteswap()
    return numbers
