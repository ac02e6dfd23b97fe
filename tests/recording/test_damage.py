"""Damage of any sort: the good prefix is returned, the rest is reported and not shown, nothing crashes."""

import json
import struct

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.frame import Frame, FrameKind
from gateway.recording import layout
from gateway.recording.reader import RecordingReader
from gateway.recording.verify import verify
from gateway.recording.writer import RecordingWriter

FRAMES = [
    Frame(10, FrameKind.RESIZE, b'{"cols": 80, "rows": 24}'),
    Frame(20, FrameKind.OUTPUT, b"$ "),
    Frame(30, FrameKind.OUTPUT, b"the same words " * 30),
    Frame(40, FrameKind.EXIT, b'{"status": 0}'),
]


def chunks_of(frames: list[Frame]) -> list[bytes]:
    """The head, then one chunk per frame."""
    writer = RecordingWriter({"session": "s-2B8CK4TQ"})
    parts = [writer.head()]
    for frame in frames:
        writer.add(frame)
        parts.append(writer.seal())
    return parts


PARTS = chunks_of(FRAMES)
WHOLE = b"".join(PARTS)
STARTS = [sum(map(len, PARTS[:n])) for n in range(len(PARTS) + 1)]


def read(data: bytes) -> tuple[list[Frame], RecordingReader]:
    reader, frames = RecordingReader(), []
    reader.receive(data)
    while (more := reader.next_frames()) is not None:
        frames += more
    reader.finish()
    return frames, reader


def forged(raw: bytes, frames: int, *, payload: bytes | None = None, flags: int = 0, **changed: int) -> bytes:
    """A file with one chunk whose digest is right, whatever the rest is."""
    head = PARTS[0]
    body = raw if payload is None else payload
    fields = {
        "seq": 0,
        "t0_us": 0,
        "duration_us": 0,
        "frames": frames,
        "rawlen": len(raw),
        "clen": len(body),
    } | changed
    chunk = layout.CHUNK.pack(layout.CHUNK_MAGIC, flags, *fields.values())
    return head + chunk + body + layout.link(head[-layout.DIGEST_SIZE :], chunk, body)


def column(kind: int, step: int, length: int, data: bytes) -> bytes:
    return struct.pack("<BII", kind, step, length) + data


@pytest.mark.parametrize("flip", [0x01, 0x80, 0xFF])
def test_every_byte_mutated(flip: int) -> None:
    for offset in range(len(WHOLE)):
        data = bytearray(WHOLE)
        data[offset] ^= flip
        part = max(n for n, start in enumerate(STARTS[:-1]) if start <= offset)
        frames, reader = read(bytes(data))
        assert frames == FRAMES[: max(0, part - 1)], offset
        assert reader.problem_at == STARTS[part]
        assert str(STARTS[part]) in reader.problem or "cut at byte" in reader.problem
        assert reader.state() == "cut"
        assert not verify([bytes(data)]).ok


def test_truncated_at_each_length() -> None:
    for length in range(len(WHOLE)):
        frames, reader = read(WHOLE[:length])
        complete = sum(1 for start in STARTS[1:] if start <= length)
        assert frames == FRAMES[: max(0, complete - 1)]
        assert reader.state() == "cut"
        if length in STARTS[1:]:
            assert reader.problem == ""
            assert (
                verify([WHOLE[:length]]).problem
                == f"the recording ends at byte {length} without its EXIT: it is cut"
            )
        else:
            assert ("empty" if length == 0 else f"byte {length},") in reader.problem
            assert reader.problem_at == max(start for start in STARTS if start <= length)


@pytest.mark.parametrize(
    ("order", "good"),
    [
        ([0, 2, 1, 3, 4], 0),
        ([0, 1, 1, 2, 3, 4], 1),
        ([0, 1, 3, 4], 1),
        ([0, 1, 2, 3, 4, 4], 4),
        ([1, 2, 3, 4], 0),
    ],
    ids=["swapped", "repeated", "left out", "end repeated", "head left out"],
)
def test_reordered_repeated_and_missing_chunks(order: list[int], good: int) -> None:
    frames, reader = read(b"".join(PARTS[n] for n in order))
    assert frames == FRAMES[:good]
    assert reader.problem
    assert reader.state() == "cut"


def test_a_chunk_of_another_recording_does_not_fit() -> None:
    other = RecordingWriter({"session": "s-00000000"})
    other.add(FRAMES[0])
    frames, reader = read(PARTS[0] + other.seal())
    assert frames == []
    assert reader.problem.endswith("the chunk does not match its digest")


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300), st.sampled_from([b"", WHOLE[:8], PARTS[0], WHOLE]), st.integers(1, 50))
def test_garbage_never_crashes(garbage: bytes, before: bytes, step: int) -> None:
    reader, frames = RecordingReader(), []
    data = before + garbage
    for start in range(0, len(data), step):
        reader.receive(data[start : start + step])
        while (more := reader.next_frames()) is not None:
            frames += more
    reader.finish()
    assert frames == (FRAMES if before == WHOLE else [])
    if garbage:
        assert reader.problem


@settings(max_examples=200, deadline=None)
@given(
    raw=st.binary(max_size=60),
    frames=st.integers(0, 7) | st.integers(0, 0xFFFF_FFFF),
    flags=st.sampled_from([0, layout.COMPRESSED]),
    t0_us=st.integers(0, layout.MAX_AT_US),
    duration_us=st.integers(0, 300),
)
def test_forged_chunks_never_crash(raw: bytes, frames: int, flags: int, t0_us: int, duration_us: int) -> None:
    """Whoever can recompute the chain can still not make the reader fail or grow."""
    got, reader = read(forged(raw, frames, flags=flags, t0_us=t0_us, duration_us=duration_us))
    assert reader.problem or len(got) == frames


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (forged(column(0, 0, 2, b"hi"), 1, seq=1), "chunk 1 is where chunk 0 belongs"),
        (forged(column(10, 0, 2, b"hi"), 1), "a newer hoop is needed to read it (a frame of kind 10)"),
        (
            forged(column(0, 0, 2, b"hi"), 1, flags=0x02),
            "a newer hoop is needed to read this chunk (flags 0x02)",
        ),
        (forged(column(0, 0, 3, b"hi"), 1), "its lengths do not add up"),
        (forged(column(0, 5, 2, b"hi"), 1, duration_us=4), "its times do not add up"),
        (forged(b"", 0), "its size is impossible"),
        (forged(column(0, 0, 0, b""), 2), "its size is impossible"),
        (forged(column(0, 0, 2, b"hi"), 1, rawlen=layout.MAX_RAW + 1), "its size is impossible"),
        (forged(column(0, 0, 2, b"hi"), 1, clen=0xFFFF_FFFF), "its size is impossible"),
        (forged(bytes(9 * 70_000), 70_000), "its size is impossible"),
        (forged(column(0, 1, 0, b""), 1, t0_us=layout.MAX_AT_US, duration_us=1), "its time is impossible"),
        (
            forged(column(0, 0, 2, b"hi") * 2, 1, flags=1, payload=b"not zstd"),
            "its payload can not be unpacked",
        ),
    ],
)
def test_forged_chunks_are_refused_in_words(data: bytes, why: str) -> None:
    frames, reader = read(data)
    assert frames == []
    assert reader.problem == f"the recording can not be read from byte {len(PARTS[0])} on: {why}"


def test_time_that_runs_backwards_is_refused() -> None:
    first = forged(column(0, 0, 2, b"hi"), 1, t0_us=100)
    chunk = layout.CHUNK.pack(layout.CHUNK_MAGIC, 0, 1, 99, 0, 1, 11, 11)
    body = column(0, 0, 2, b"ho")
    frames, reader = read(first + chunk + body + layout.link(first[-layout.DIGEST_SIZE :], chunk, body))
    assert [frame.data for frame in frames] == [b"hi"]
    assert "its time is impossible" in reader.problem


@pytest.mark.parametrize("claims_size", [True, False])
def test_zstd_bomb(claims_size: bool) -> None:
    """A gigabyte of zeros in a few kilobytes: neither an honest nor a silent claim gets memory."""
    import resource

    packer = zstandard.ZstdCompressor(level=1).compressobj(size=1 << 30 if claims_size else -1)
    bomb = b"".join(packer.compress(bytes(1 << 20)) for _ in range(1 << 10)) + packer.flush()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    frames, reader = read(forged(bytes(layout.MAX_RAW), 1, payload=bomb, flags=layout.COMPRESSED))
    assert frames == []
    assert "can not be unpacked" in reader.problem
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000


def test_trailing_bytes_inside_the_payload_are_refused() -> None:
    raw = column(0, 0, 300, b"x" * 300)
    payload = zstandard.ZstdCompressor().compress(raw) + b"hidden"
    _, reader = read(forged(raw, 1, payload=payload, flags=layout.COMPRESSED))
    assert "can not be unpacked" in reader.problem


def file_head(body: bytes, version: int = 1, flags: int = 0, magic: bytes = layout.MAGIC) -> bytes:
    head = layout.HEAD.pack(magic, version, flags, 0, len(body)) + body
    return head + layout.link(b"", head)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (file_head(b"{}", version=2), "a newer hoop is needed to read it (version 2, flags 0x00)"),
        (file_head(b"{}", flags=1), "a newer hoop is needed to read it (version 1, flags 0x01)"),
        (file_head(b"{}", magic=b"HOOP-ABC"), "this is not a recording of hoop"),
        (file_head(b"[]"), "its head is not a JSON object"),
        (file_head(b"[" * 100_000), "its head is not a JSON object"),
        (file_head(json.dumps("x").encode()[:-1]), "its head is not a JSON object"),
        (layout.HEAD.pack(layout.MAGIC, 1, 0, 0, layout.MAX_META + 1), "its head has an impossible size"),
    ],
)
def test_unknown_heads_are_refused_in_words(data: bytes, why: str) -> None:
    _, reader = read(data)
    assert reader.problem == f"the recording can not be read from byte 0 on: {why}"


def test_after_a_problem_nothing_is_kept() -> None:
    reader = RecordingReader()
    reader.receive(b"garbage garbage garbage")
    assert reader.next_frames() is None
    reader.receive(WHOLE)
    assert reader.next_frames() is None
    assert reader.meta is None


def test_a_live_tail_is_no_problem() -> None:
    reader = RecordingReader()
    reader.receive(WHOLE[: STARTS[2] + 5])
    assert reader.next_frames() == FRAMES[:1]
    assert reader.next_frames() is None
    assert reader.problem == ""
    reader.receive(WHOLE[STARTS[2] + 5 :])
    assert reader.next_frames() == FRAMES[1:2]
