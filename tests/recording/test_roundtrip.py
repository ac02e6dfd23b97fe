"""What was written comes back, whatever it was, wherever it was sealed, however its bytes arrive."""

import json
import random
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.errors import Fault
from gateway.core.frame import Frame, FrameKind
from gateway.recording import layout
from gateway.recording.meta import RecordingMeta
from gateway.recording.reader import RecordingReader, Start
from gateway.recording.verify import verify
from gateway.recording.writer import CHUNK_BYTES, MAX_PIECE, RecordingWriter

META = {"session": "s-2B8CK4TQ", "person": "ana", "target": "web-1", "cols": 80, "rows": 24}
HOUR_US = 3_600_000_000

pauses = st.one_of(
    st.integers(0, 50_000), st.sampled_from([0, layout.MAX_STEP_US, layout.MAX_STEP_US + 1, 30 * HOUR_US])
)
events = st.lists(
    st.tuples(
        pauses,
        st.sampled_from(FrameKind),
        st.one_of(st.binary(max_size=40), st.binary(min_size=200, max_size=300)),
    ),
    max_size=25,
)


def at_times(told: list[tuple[int, FrameKind, bytes]]) -> list[Frame]:
    now, frames = 0, []
    for pause, kind, data in told:
        now += pause
        frames.append(Frame(now, kind, data))
    return frames


def recorded(
    frames: list[Frame], seals: set[int] | None = None, meta: dict[str, object] | None = None
) -> bytes:
    writer = RecordingWriter(META if meta is None else meta)
    parts = [writer.head()]
    for number, frame in enumerate(frames):
        writer.add(frame)
        if seals is None or number in seals:
            parts.append(writer.seal())
    parts.append(writer.seal())
    assert writer.pending == 0
    return b"".join(parts)


def read(data: bytes, cuts: list[int] | None = None) -> tuple[list[Frame], RecordingReader]:
    reader, frames = RecordingReader(), []
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts or []), len(data)]
    for start, end in pairwise(edges):
        reader.receive(data[start:end])
        while (more := reader.next_frames()) is not None:
            frames += more
    reader.finish()
    return frames, reader


@settings(max_examples=150, deadline=None)
@given(events, st.sets(st.integers(0, 24)), st.lists(st.integers(0, 1 << 20), max_size=12))
def test_any_frames_any_seals_any_cuts(
    told: list[tuple[int, FrameKind, bytes]], seals: set[int], cuts: list[int]
) -> None:
    frames = at_times(told)
    got, reader = read(recorded(frames, seals), cuts)
    assert got == frames
    assert reader.problem == ""
    assert reader.meta == META
    assert reader.place.frames == len(frames)
    assert reader.state() == ("whole" if frames and frames[-1].kind is FrameKind.EXIT else "cut")


@settings(max_examples=40, deadline=None)
@given(events, st.integers(0, 30))
def test_reading_resumes_at_any_place(told: list[tuple[int, FrameKind, bytes]], skipped: int) -> None:
    frames = at_times(told)
    data = recorded(frames)
    first = RecordingReader()
    first.receive(data)
    for _ in range(skipped):
        if first.next_frames() is None:
            break
    first.next_frames()
    assert first.meta is not None
    second = RecordingReader(Start(first.meta, first.place))
    second.receive(data[first.place.offset :])
    got: list[Frame] = []
    while (more := second.next_frames()) is not None:
        got += more
    second.finish()
    assert got == frames[first.place.frames :]
    assert second.problem == ""


def test_one_byte_at_a_time() -> None:
    frames = [Frame(5, FrameKind.OUTPUT, b"a" * 500), Frame(9, FrameKind.EXIT, b"{}")]
    data = recorded(frames)
    got, reader = read(data, list(range(len(data))))
    assert (got, reader.state(), reader.problem) == (frames, "whole", "")


def test_a_keystroke_is_small() -> None:
    writer = RecordingWriter(META)
    writer.add(Frame(1, FrameKind.OUTPUT, b"x"))
    assert writer.pending > 0
    assert len(writer.seal()) - 1 < 80
    assert writer.seal() == b""


def test_long_output_is_compressed_and_cut_into_chunks() -> None:
    frames = [Frame(n, FrameKind.OUTPUT, b"the same line again\r\n" * 5000) for n in range(30)]
    data = recorded(frames, seals=set())
    assert len(data) < sum(len(frame.data) for frame in frames) / 50
    got, reader = read(data)
    assert got == frames
    assert 3 <= reader.place.chunks <= 4
    assert sum(len(frame.data) for frame in frames) > 3 * CHUNK_BYTES


def test_many_tiny_frames_are_cut_into_chunks() -> None:
    frames = [Frame(n, FrameKind.OUTPUT, b"") for n in range(layout.MAX_FRAMES + 10)]
    got, reader = read(recorded(frames, seals=set()))
    assert got == frames
    assert reader.place.chunks == 2


def test_what_can_not_be_compressed_is_stored_as_it_is() -> None:
    noise = random.Random(1).randbytes(400)
    data = recorded([Frame(0, FrameKind.OUTPUT, noise)])
    head = layout.ChunkHead._make(layout.CHUNK.unpack_from(data, read(data[:-1])[1].place.offset))
    assert head.flags == 0
    assert read(data)[0][0].data == noise


def test_huge_output_becomes_several_frames_of_one_moment() -> None:
    big = bytes(range(256)) * (MAX_PIECE // 256) + b"tail"
    got, reader = read(recorded([Frame(7, FrameKind.OUTPUT, big)]))
    assert b"".join(frame.data for frame in got) == big
    assert {frame.at_us for frame in got} == {7}
    assert reader.problem == ""


def test_a_huge_mark_is_refused() -> None:
    with pytest.raises(Fault):
        RecordingWriter(META).add(Frame(0, FrameKind.MARK, bytes(MAX_PIECE + 1)))


def test_a_huge_head_is_refused() -> None:
    with pytest.raises(Fault):
        RecordingWriter({"command": "x" * layout.MAX_META})


@pytest.mark.parametrize("at_us", [4, -1, layout.MAX_AT_US + 1])
def test_time_never_runs_backwards(at_us: int) -> None:
    writer = RecordingWriter(META)
    writer.add(Frame(5, FrameKind.OUTPUT, b""))
    with pytest.raises(ValueError, match="can not follow"):
        writer.add(Frame(at_us, FrameKind.OUTPUT, b""))


def test_a_recording_without_frames() -> None:
    got, reader = read(recorded([]))
    assert (got, reader.problem, reader.state()) == ([], "", "cut")


def test_shown_bytes_lie_together() -> None:
    """A player feeds them to its emulator as one slice."""
    frames = [
        Frame(0, FrameKind.OUTPUT, b"one "),
        Frame(1, FrameKind.INPUT, b"keys"),
        Frame(2, FrameKind.ERROR, b"two "),
        Frame(3, FrameKind.OUTPUT, b"three"),
    ]
    assert b"one two threekeys" in recorded(frames, seals=set())


def test_verify_a_whole_recording() -> None:
    frames = [Frame(1, FrameKind.OUTPUT, b"hi"), Frame(HOUR_US, FrameKind.EXIT, b'{"status": 0}')]
    data = recorded(frames)
    result = verify([data[:50], data[50:]])
    assert result.ok
    assert result.whole
    assert (result.frames, result.chunks, result.duration_us) == (2, 2, HOUR_US)
    assert result.good_bytes == len(data)
    assert result.root == data[-layout.DIGEST_SIZE :].hex()


def test_meta_keeps_undecodable_commands_and_reads_safely() -> None:
    meta: dict[str, object] = {
        "command": "echo \udcff",
        "cols": 100000,
        "rows": True,
        "started_at": "never",
        "kind": "ssh",
    }
    _, reader = read(recorded([], meta=meta))
    assert reader.meta == meta
    about = RecordingMeta.of(json.loads(json.dumps(reader.meta)))
    assert (about.command, about.cols, about.rows, about.started_at) == ("echo ?", 80, 24, None)
    assert about.protocol == "ssh"


moments = st.lists(
    st.lists(st.tuples(st.sampled_from(FrameKind), st.binary(max_size=60)), min_size=1, max_size=12),
    min_size=1,
    max_size=8,
)


@settings(max_examples=150, deadline=None)
@given(moments, st.lists(st.booleans(), min_size=8, max_size=8))
def test_a_few_frames_at_once_read_like_any_others(
    told: list[list[tuple[FrameKind, bytes]]], at_once: list[bool]
) -> None:
    writer, parts = RecordingWriter(META), []
    for moment, (frames, short) in enumerate(zip(told, at_once, strict=False)):
        if short:
            parts.append(writer.seal_at_once(moment * 1000, frames))
        else:
            for kind, data in frames:
                writer.add(Frame(moment * 1000, kind, data))
            parts.append(writer.seal())
    found, reader = read(writer.head() + b"".join(parts))
    assert reader.problem == ""
    meant = [Frame(at * 1000, kind, data) for at, frames in enumerate(told) for kind, data in frames]
    assert found == meant


def test_nothing_overtakes_what_waits() -> None:
    writer = RecordingWriter(META)
    with pytest.raises(ValueError, match="there are none"):
        writer.seal_at_once(0, [])
    writer.add(Frame(5, FrameKind.OUTPUT, b"x"))
    with pytest.raises(ValueError, match="waiting"):
        writer.seal_at_once(5, [(FrameKind.OUTPUT, b"y")])
    writer.seal()
    with pytest.raises(ValueError, match="can not follow"):
        writer.seal_at_once(4, [(FrameKind.OUTPUT, b"y")])
