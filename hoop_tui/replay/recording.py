"""One session's recording as the app knows it: frames that only ever grow in number, packed tight.

It knows what was recorded and when. It does not fetch, does not draw, and does not know what is shown now.
Frames may be added by one thread while others read: the times are written last.
"""

import json
import re
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from gateway.api.schema import FrameKind, RecordingInfo, RecordingState, WireFrame
from hoop_tui.replay.keys import KeyReader, hidden_keys
from hoop_tui.replay.visible import one_line

IDLE_FLOOR_US = 500_000
"""Shorter silences are never called idle, whatever limit a person sets."""
_SHOWN = frozenset({FrameKind.OUTPUT, FrameKind.ERROR})
_NO_CHAPTER = frozenset({"again", "columns", "result", "copy"})
"""Marks about a statement that has its chapter, or that repeats one."""
_PLAINLY_NONE = re.compile(
    rb'\{"kind":"(?:(?:again|columns|result|copy)",|command","n":[0-9]+,"like":)'
).match
"""How the gateway begins them: there are so many that they are not read for this."""


@dataclass(frozen=True, slots=True)
class Chapter:
    """A place worth jumping to. `kind` and `text` are safe to show."""

    at_us: int
    frame: int
    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class KeyPress:
    """One key, paste or group of hidden keys, by name."""

    at_us: int
    frame: int
    name: str


@dataclass(frozen=True, slots=True)
class Gap:
    """A silence between two events."""

    start_us: int
    end_us: int


@dataclass(frozen=True, slots=True)
class Resize:
    """The recorded terminal's size from this frame on, as claimed."""

    frame: int
    cols: int
    rows: int


class Recording:
    """Append-only. Frame numbers count from 0; `before frame n` means frames 0 to n-1.

    `pty` says whether the session had a terminal. Without one, nothing turned line feeds into new lines, so
    `screen_bytes` does. None takes the gateway's word, or where it has none infers it, frame by frame: a session
    with a command has no terminal until its first RESIZE frame; one without a command (a shell) has a terminal.
    """

    def __init__(self, info: RecordingInfo, pty: bool | None = None) -> None:
        self.info = info
        self.state = info.state
        self.growing = True
        """More frames may come: it is live, or not all of it was fetched yet."""
        self.ending = ""
        """How the session ended: `exit 0`, `signal TERM` or a reason."""
        self.chapters: list[Chapter] = []
        self.keys: list[KeyPress] = []
        self.resizes: list[Resize] = []
        self._pty = info.pty if pty is None else pty
        self._times = array("Q")
        self._kinds = bytearray()
        self._shown, self._other = bytearray(), bytearray()
        self._shown_ends, self._other_ends = array("Q", [0]), array("Q", [0])
        self._typed_frames, self._typed_totals = array("Q"), array("Q")
        self._gaps: list[Gap] = []
        self._key_reader = KeyReader()

    def __len__(self) -> int:
        return len(self._times)

    def extend(self, frames: Iterable[WireFrame]) -> None:
        """Add the frames that follow. A time that runs backwards counts as the time before it."""
        for frame in frames:
            self._append(max(frame.at_us, self.loaded_us), frame.kind, frame.data)

    def caught_up(self, state: RecordingState) -> None:
        """All frames that exist now were added, and the gateway calls the recording `state`."""
        self.state = state
        self.growing = state is RecordingState.LIVE

    @property
    def live(self) -> bool:
        """Whether the session still runs."""
        return self.state is RecordingState.LIVE

    @property
    def loaded_us(self) -> int:
        """The time of the last frame that is here."""
        return self._times[-1] if self._times else 0

    @property
    def duration_us(self) -> int:
        """How long the recording is, as far as anybody knows."""
        return max(self.info.duration_us, self.loaded_us)

    @property
    def playable_us(self) -> int:
        """How far one can go now."""
        return self.loaded_us if self.growing else self.duration_us

    def frame(self, number: int) -> WireFrame:
        """The frame as it was recorded."""
        kind = FrameKind(self._kinds[number])
        store, ends = (self._shown, self._shown_ends) if kind in _SHOWN else (self._other, self._other_ends)
        return WireFrame(self._times[number], kind, bytes(store[ends[number] : ends[number + 1]]))

    def kind(self, number: int) -> FrameKind:
        """What the frame is."""
        return FrameKind(self._kinds[number])

    def at_us(self, number: int) -> int:
        """The time of a frame."""
        return self._times[number]

    def frames_until(self, at_us: int) -> int:
        """How many frames had happened at that time."""
        return bisect_right(self._times, at_us)

    def frames_before(self, at_us: int) -> int:
        """How many frames had happened before that time."""
        return bisect_left(self._times, at_us)

    def output_bytes(self, frame: int) -> int:
        """Bytes shown before `frame`."""
        return self._shown_ends[frame]

    def frames_within(self, output_bytes: int) -> int:
        """The most frames whose output fits into so many bytes."""
        return bisect_right(self._shown_ends, output_bytes) - 1

    def input_bytes(self, frame: int) -> int:
        """Bytes sent by the person before `frame`."""
        count = bisect_left(self._typed_frames, frame)
        return self._typed_totals[count - 1] if count else 0

    def screen_bytes(self, start: int, end: int) -> bytes:
        """What frames `start` to `end` - 1 wrote on the screen, ready for an emulator.

        No RESIZE frame may lie inside the range, except as its first.
        """
        data = bytes(self._shown[self._shown_ends[start] : self._shown_ends[end]])
        return data if self._has_pty(start) else data.replace(b"\n", b"\r\n")

    def keys_before(self, frame: int, count: int) -> tuple[KeyPress, ...]:
        """The last `count` keys before `frame`, oldest first."""
        end = bisect_left(self.keys, frame, key=lambda key: key.frame)
        return tuple(self.keys[max(0, end - count) : end])

    def chapter_at(self, frame: int) -> int | None:
        """The number of the last chapter before `frame`."""
        before = bisect_left(self.chapters, frame, key=lambda chapter: chapter.frame)
        return before - 1 if before else None

    def idle_gaps(self, limit_us: int = 2_000_000) -> list[Gap]:
        """Silences longer than the limit, in order."""
        return [gap for gap in self._gaps if gap.end_us - gap.start_us > limit_us]

    def active_us(self, limit_us: int = 2_000_000) -> int:
        """The playing time with each silence cut to the limit."""
        limit_us = max(limit_us, IDLE_FLOOR_US)
        return self.duration_us - sum(
            gap.end_us - gap.start_us - limit_us for gap in self.idle_gaps(limit_us)
        )

    def _has_pty(self, frame: int) -> bool:
        if self._pty is not None:
            return self._pty
        return not self.info.command or bool(self.resizes and self.resizes[0].frame <= frame)

    def _append(self, at_us: int, kind: FrameKind, data: bytes) -> None:
        number = len(self._times)
        if kind in _SHOWN:
            self._shown += data
        else:
            self._other += data
            self._note(at_us, number, kind, data)
        if at_us - self.loaded_us > IDLE_FLOOR_US:
            self._gaps.append(Gap(self.loaded_us, at_us))
        self._shown_ends.append(len(self._shown))
        self._other_ends.append(len(self._other))
        self._kinds.append(kind)
        self._times.append(at_us)

    def _note(self, at_us: int, number: int, kind: FrameKind, data: bytes) -> None:
        match kind:
            case FrameKind.INPUT:
                self._typed_frames.append(number)
                self._typed_totals.append(len(data) + (self._typed_totals[-1] if self._typed_totals else 0))
                names = self._key_reader.read(data)
                self.keys += [KeyPress(at_us, number, name) for name in names]
            case FrameKind.HIDDEN:
                self.keys.append(KeyPress(at_us, number, hidden_keys(_told(data).get("keys"))))
            case FrameKind.RESIZE:
                cols, rows = (_told(data).get(name) for name in ("cols", "rows"))
                if type(cols) is int and type(rows) is int:
                    self.resizes.append(Resize(number, cols, rows))
            case FrameKind.MARK if not _PLAINLY_NONE(data):
                told = _told(data)
                kind_of_mark = one_line(str(told.get("kind") or "mark"), 20)
                if kind_of_mark in _NO_CHAPTER:
                    return
                text = str(told.get("text", "")) if told else "a mark that can not be read"
                self.chapters.append(Chapter(at_us, number, kind_of_mark, one_line(text)))
            case FrameKind.EXIT:
                self.ending = _ending(_told(data))
                self.chapters.append(Chapter(at_us, number, "exit", self.ending))
            case _:
                pass


def _told(data: bytes) -> dict[str, Any]:
    """The JSON object in a frame; empty if it is none."""
    try:
        told = json.loads(data)
    except (ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}


def _ending(told: dict[str, Any]) -> str:
    for name, words in (("status", "exit "), ("signal", "signal "), ("reason", "")):
        if isinstance(value := told.get(name), (int, str)):
            return one_line(f"{words}{value}", 60)
    return "ended"
