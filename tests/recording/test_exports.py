"""Exports: every line is valid, nothing shown is lost, and where the bytes were cut makes no difference."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.frame import Frame, FrameKind
from gateway.recording.exports import EXPORTS, Exporting, export
from gateway.recording.writer import RecordingWriter

META: dict[str, object] = {
    "session": "s-2B8CK4TQ",
    "person": "ana",
    "target": "web-1",
    "started_at": datetime(2026, 11, 20, 9, 30, tzinfo=UTC).isoformat(),
    "cols": 100,
    "rows": 30,
    "term": "xterm-256color",
    "command": "uptime",
}
OUT, ERR, IN, EXIT, MARK = (
    FrameKind.OUTPUT,
    FrameKind.ERROR,
    FrameKind.INPUT,
    FrameKind.EXIT,
    FrameKind.MARK,
)
END = Frame(9_000_000, EXIT, b'{"status": 0}')


def recorded(frames: Iterable[Frame], meta: dict[str, object] = META) -> bytes:
    writer = RecordingWriter(meta)
    parts = [writer.head()]
    for frame in frames:
        writer.add(frame)
        parts.append(writer.seal())
    return b"".join(parts)


def cast(data: bytes, step: int = 1 << 20) -> list[Any]:
    pieces = (data[start : start + step] for start in range(0, len(data), step))
    text = b"".join(export("cast2", pieces)).decode("utf-8")
    assert text.endswith("\n")
    return [json.loads(line) for line in text.removesuffix("\n").split("\n")]


def shown(lines: list[Any], code: str = "o") -> str:
    return "".join(text for _, kind, text in lines[1:] if kind == code)


def transcript(*frames: Frame) -> str:
    return b"".join(export("txt", [recorded([*frames, END])])).decode()


def said(*pieces: bytes) -> str:
    """What a transcript makes of output that arrives in these pieces."""
    lines = transcript(*(Frame(n, OUT, piece) for n, piece in enumerate(pieces))).split("\n")
    assert lines[0].startswith("-- s-2B8CK4TQ")
    assert lines[-2] == "-- 00:00:09.000 end: status 0"
    return "\n".join(lines[2:-2])


def test_cast_header_and_events() -> None:
    lines = cast(
        recorded(
            [
                Frame(0, OUT, b"$ "),
                Frame(1_500_001, IN, b"ls\r"),
                Frame(2_000_000, FrameKind.RESIZE, b'{"cols": 120, "rows": 40}'),
                Frame(2_000_001, MARK, b'{"kind": "command", "text": "ls"}'),
                Frame(3_000_000, ERR, b"no\r\n"),
                Frame(3_000_001, FrameKind.HIDDEN, b'{"keys": 8}'),
                END,
            ]
        )
    )
    assert lines[0] == {
        "version": 2,
        "width": 100,
        "height": 30,
        "timestamp": 1795167000,
        "command": "uptime",
        "title": "s-2B8CK4TQ ana -> web-1",
        "env": {"TERM": "xterm-256color"},
    }
    assert lines[1:] == [
        [0.0, "o", "$ "],
        [1.500001, "i", "ls\r"],
        [2.0, "r", "120x40"],
        [2.000001, "m", "ls"],
        [3.0, "o", "no\r\n"],
    ]


def test_times_stay_exact_after_years() -> None:
    text = b"".join(export("cast2", [recorded([Frame(2**53 + 1, OUT, b"x")])])).decode()
    assert '[9007199254.740993,"o","x"]' in text


def test_characters_split_across_frames_stay_whole() -> None:
    euro, face = "€".encode(), "🙂".encode()
    frames = [Frame(n, OUT, bytes([byte])) for n, byte in enumerate(euro + face)]
    frames.insert(2, Frame(1, ERR, euro[:1]))
    frames.insert(4, Frame(2, ERR, euro[1:]))
    lines = cast(recorded([*frames, END]))
    assert shown(lines) == "€€🙂"
    assert "�" not in shown(lines)


def test_bytes_that_are_no_text() -> None:
    lines = cast(recorded([Frame(0, OUT, b"a\xff\xfeb"), Frame(1, OUT, b"\xe2\x82"), END]))
    assert shown(lines) == "a��b�"


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(FrameKind), st.binary(max_size=20)), max_size=20), st.integers(1, 200)
)
def test_any_recording_exports_to_valid_lines(told: list[tuple[FrameKind, bytes]], step: int) -> None:
    data = recorded(Frame(n, kind, body) for n, (kind, body) in enumerate(told))
    lines = cast(data, step)
    assert {code for _, code, _ in lines[1:]} <= {"o", "i", "r", "m"}
    b"".join(export("txt", [data])).decode("utf-8")
    for code, kinds in (("o", {OUT}), ("i", {IN})):
        if not any(kind is ERR for kind, _ in told):
            expected = b"".join(body for kind, body in told if kind in kinds).decode("utf-8", "replace")
            assert shown(lines, code) == expected


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=80), st.lists(st.integers(0, 200), max_size=6))
def test_text_survives_the_cast_whole(text: str, cuts: list[int]) -> None:
    body = text.encode()
    edges = [0, *sorted(min(cut, len(body)) for cut in cuts), len(body)]
    frames = [Frame(n, OUT, body[a:b]) for n, (a, b) in enumerate(pairwise(edges))]
    assert shown(cast(recorded([*frames, END]))) == text


def test_strange_marks_and_sizes_are_left_out() -> None:
    frames = [
        Frame(0, MARK, b"no json"),
        Frame(0, MARK, b'{"text": 5}'),
        Frame(0, MARK, b'{"text": "ls \\udcff"}'),
        Frame(0, FrameKind.RESIZE, b'{"cols": "80", "rows": 24}'),
        Frame(0, FrameKind.RESIZE, b'{"cols": 1e9, "rows": -1}'),
        Frame(0, FrameKind.RESIZE, b"[80, 24]"),
        END,
    ]
    assert cast(recorded(frames))[1:] == [[0.0, "m", "ls ?"]]


@pytest.mark.parametrize("name", sorted(EXPORTS))
def test_a_cut_recording_exports_its_good_part_and_says_so(name: str) -> None:
    text, mark = name != "jsonl", b'{"kind": "command", "text": "%s"}'
    frames = [
        Frame(n, OUT if text else MARK, word if text else mark % word)
        for n, word in enumerate((b"before", b"after"))
    ]
    data = recorded([*frames, END])
    out = b"".join(export(name, [data[:-150]])).decode()
    assert "before" in out
    assert "after" not in out
    assert "the recording is cut at byte" in out
    assert "its end is missing" in b"".join(export(name, [recorded([])])).decode()


def test_what_is_no_recording_exports_as_such() -> None:
    lines = cast(b"something else entirely")
    assert lines[0]["version"] == 2
    assert "this is not a recording of hoop" in lines[1][2]


def test_a_live_recording_is_not_called_cut() -> None:
    work = Exporting(EXPORTS["txt"]())
    work.receive(recorded([Frame(0, OUT, b"so far\n")]))
    out = work.take() + work.finish(live=True)
    assert out.decode().endswith("\nso far\n")


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        ([b"plain\r\n"], "plain"),
        ([b"\x1b[1;31mred\x1b[0m\r\n"], "red"),
        ([b"\x1b]0;title\x07text\n"], "text"),
        ([b"\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\\n"], "link"),
        ([b"\x1b(Bset\x1b=\x1b>\n"], "set"),
        ([b"10%\r20%\r\r\n"], "10%\n20%"),
        ([b"bell\x07 back\x08\x7f\x00\n"], "bell back"),
        (["c1 \u009b31m\n".encode()], "c1 31m"),
        (["a\u202eb\u200b\n".encode()], "a<U+202E>b<U+200B>"),
        ([b"\x1b]0;never ended\nstill seen\n"], "\nstill seen"),
        ([b"\x1b]0;" + b"x" * 4094 + b"seen\n"], "seen"),
        ([b"tab\tstays\n"], "tab\tstays"),
        ([b"no newline"], "no newline"),
    ],
)
def test_transcript_of(pieces: list[bytes], expected: str) -> None:
    assert said(*pieces) == expected


STEERING = st.lists(
    st.sampled_from(
        ["a", "ä", "€", "\r", "\n", "\x1b", "\x1b[", "\x1b]", "\x1bP", "0", ";", "m", "\x07", "\x1b\\", " "]
    ),
    max_size=25,
).map("".join)


@settings(max_examples=200, deadline=None)
@given(STEERING, st.lists(st.integers(0, 60), max_size=6))
def test_cuts_make_no_difference_to_a_transcript(text: str, cuts: list[int]) -> None:
    body = text.encode()
    edges = [0, *sorted(min(cut, len(body)) for cut in cuts), len(body)]
    pieces = [body[a:b] for a, b in pairwise(edges)]
    assert said(*pieces) == said(body)


def test_nothing_in_a_transcript_steers_a_terminal() -> None:
    hostile = "".join(map(chr, range(0x100))) + "\x1b]52;c;AAAA\x07" + "\u202e"
    mark = json.dumps({"kind": "x\x1b[2J", "text": hostile}).encode()
    meta = META | {"person": hostile, "command": hostile}
    data = recorded([Frame(0, OUT, hostile.encode()), Frame(1, MARK, mark), END], meta)
    text = b"".join(export("txt", [data])).decode()
    assert {c for c in text if not c.isprintable()} <= {"\n", "\t", "\xa0", "\xad"}
    assert len([line for line in text.split("\n") if line.startswith("-- ")]) == 4


def test_marks_and_both_streams_in_a_transcript() -> None:
    text = transcript(
        Frame(0, OUT, b"$ "),
        Frame(1_250_000, MARK, b'{"kind": "command", "text": "ls; rm"}'),
        Frame(1_300_000, ERR, b"ls: no\r\n"),
        Frame(1_400_000, IN, b"secret"),
    )
    assert text.split("\n")[2:] == [
        "$ ",
        "-- 00:00:01.250 command: ls; rm",
        "ls: no",
        "-- 00:00:09.000 end: status 0",
        "",
    ]


def test_an_unknown_format() -> None:
    with pytest.raises(KeyError):
        next(export("avi", []))


def test_what_a_command_hides_is_told() -> None:
    """Output loses what steers a terminal; the words of an entry lose nothing, or the entry would lie."""
    mark = {"kind": "command", "text": "echo \x1b[2K\u202ehi\r\nrm x\t-f"}
    text = transcript(Frame(1_000_000, MARK, json.dumps(mark).encode()))
    assert "command: echo <U+001B>[2K<U+202E>hi<U+000D> rm x -f\n" in text
