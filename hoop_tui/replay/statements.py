"""The statements of a recorded database session: where each is among the frames, and what the frames say of it.

A hundred thousand of them take a few megabytes: only numbers are kept, and marks are read again when somebody looks.
It does not fetch, does not draw and does not search.
"""

import re
from array import array
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

from gateway.api.schema import FrameKind
from gateway.recording.cells import rows, text_of
from gateway.recording.statement_marks import (
    PASSED,
    Again,
    Column,
    Columns,
    Command,
    Copy,
    Mark,
    Result,
    Said,
    Values,
    read_mark,
    read_rows,
)
from hoop_tui.replay.recording import Recording

_REMEMBERED = 2048
_NOTHING = -1
_PLAIN = re.compile(
    rb'\{"kind":"(again|result|command)","n":([1-9][0-9]{0,17})(?:,"(?:of|like)":([1-9][0-9]{0,17}))?[,}]'
)
"""How the gateway begins the marks there are most of: the rest of them is read when somebody looks."""
Row = tuple[str | None, ...]
_Mark = TypeVar("_Mark", Command, Again, Columns, Result, Copy)


@dataclass(frozen=True, slots=True)
class Statement:
    """What is known of one by now. `place` counts from 0; `of` is the place whose text it repeats, or its own."""

    place: int
    n: int
    at_us: int
    of: int
    text: str
    verb: str
    values: Values
    values_left_out: int
    state: str
    rule: str
    request: str
    result: Result | None

    @property
    def is_refused(self) -> bool:
        """It never reached the server."""
        return self.state not in PASSED


class StatementIndex:
    """Over a recording that may grow: `catch_up`, then ask. Places count statements in the order they came."""

    def __init__(self, recording: Recording) -> None:
        self.recording = recording
        self._read = 0
        self._places: dict[int, int] = {}
        """Statement number to place."""
        self._begins, self._of, self._results = array("q"), array("q"), array("q")
        """For each place: its frame, the place of its text, and the frame of its result."""
        self._alike = array("q")
        self._decided: dict[int, int] = {}
        """Of those that were held: the frame that says what came of it."""
        self._columns: dict[int, int] = {}
        self._copies: dict[int, int] = {}
        self._rows: dict[int, list[int]] = {}
        self._said: dict[int, list[int]] = {}
        self._mark = lru_cache(_REMEMBERED)(self._mark_of_frame)

    def __len__(self) -> int:
        return len(self._begins)

    def catch_up(self) -> bool:
        """Read what has come. Whether anything had."""
        start, self._read = self._read, len(self.recording)
        for frame in range(start, self._read):
            kind = self.recording.kind(frame)
            if kind is FrameKind.MARK:
                self._note(frame)
            elif kind is FrameKind.ROWS:
                n, _ = read_rows(self.recording.frame(frame).data)
                if n in self._places:
                    self._rows.setdefault(self._places[n], []).append(frame)
        return self._read > start

    def of(self, place: int) -> int:
        """The place whose text this one repeats: itself for the first of a text."""
        return self._of[place]

    def alike(self, place: int) -> int:
        """The first place whose statement is like this one but for constants and values."""
        return self._alike[place]

    def statement(self, place: int) -> Statement:
        """All that is known of it but its rows."""
        begin, first = self._begun(place), self._first(place)
        return Statement(
            place,
            begin.n,
            self.recording.at_us(self._begins[place]),
            self._of[place],
            first.text,
            first.verb,
            begin.values,
            begin.values_left_out,
            first.state,
            first.rule,
            first.request,
            self._told(self._results[place], Result),
        )

    def values(self, place: int) -> Values:
        """Its bound values."""
        return self._begun(place).values

    def columns(self, place: int) -> tuple[Column, ...]:
        """Of its rows: its own, or those of the statement that it repeats."""
        frame = self._columns.get(place, self._columns.get(self._of[place], _NOTHING))
        told = self._told(frame, Columns)
        return told.columns if told else ()

    def copy(self, place: int) -> Copy | None:
        """That it moves data, if it does."""
        return self._told(self._copies.get(place, _NOTHING), Copy)

    def said(self, place: int) -> list[str]:
        """What the server said besides."""
        marks = [self._mark(frame) for frame in self._said.get(place, ())]
        return [mark.text for mark in marks if isinstance(mark, Said)]

    def has_rows(self, place: int) -> bool:
        return place in self._rows

    def rows(self, place: int) -> Iterator[Row]:
        """The rows that were kept, read one by one; None is NULL."""
        columns = self.columns(place)
        for frame in self._rows.get(place, ()):
            _, messages = read_rows(self.recording.frame(frame).data)
            for cells in rows(messages):
                yield tuple([_shown(columns, at, cell) for at, cell in enumerate(cells)])

    def at_us(self, place: int) -> int:
        """When it came."""
        return self.recording.at_us(self._begins[place])

    def place_at(self, at_us: int) -> int:
        """The last statement that had begun at that time; the first where none had."""
        frame = self.recording.frames_until(at_us)
        return max(0, bisect_right(self._begins, frame - 1) - 1)

    def _note(self, frame: int) -> None:
        data = self.recording.frame(frame).data
        if (plain := _PLAIN.match(data)) and (plain[3] or plain[1] == b"result"):
            n = int(plain[2])
            if plain[3]:
                first = int(plain[3])
                self._begin(Again(n, first) if plain[1] == b"again" else Command(n, "", like=first), frame)
            elif (place := self._places.get(n)) is not None:
                self._results[place] = frame
            return
        mark = read_mark(data)
        if isinstance(mark, Command | Again):
            self._begin(mark, frame)
        elif mark is not None and (place := self._places.get(mark.n)) is not None:
            match mark:
                case Result():
                    self._results[place] = frame
                case Columns():
                    self._columns[place] = frame
                case Copy():
                    self._copies[place] = frame
                case Said():
                    self._said.setdefault(place, []).append(frame)

    def _begin(self, mark: Command | Again, frame: int) -> None:
        held = self._places.get(mark.n) if isinstance(mark, Command) else None
        if held is not None and self._is_held(held):
            self._decided[held] = frame
            return
        place = len(self._begins)
        of = self._places.get(mark.of, place) if isinstance(mark, Again) else place
        self._places[mark.n] = place
        self._begins.append(frame)
        self._of.append(self._of[of] if of < place else place)
        like = self._places.get(mark.like, place) if isinstance(mark, Command) else self._of[place]
        self._alike.append(self._alike[like] if like < place else place)
        self._results.append(_NOTHING)

    def _begun(self, place: int) -> Command | Again:
        mark = self._mark(self._decided.get(place, self._begins[place]))
        return mark if isinstance(mark, Command | Again) else Again(0, 0)

    def _is_held(self, place: int) -> bool:
        begun = self._begun(place)
        return isinstance(begun, Command) and begun.state == "held"

    def _first(self, place: int) -> Command:
        """The statement whose text this is."""
        begin = self._begun(self._of[place])
        if isinstance(begin, Command):
            return begin
        return Command(begin.of, f"-- statement {begin.of} once more", state="admitted")

    def _told(self, frame: int, kind: type[_Mark]) -> _Mark | None:
        mark = self._mark(frame) if frame != _NOTHING else None
        return mark if isinstance(mark, kind) else None

    def _mark_of_frame(self, frame: int) -> Mark | None:
        return read_mark(self.recording.frame(frame).data)


def _shown(columns: Sequence[Column], at: int, cell: bytes | None) -> str | None:
    if cell is None:
        return None
    oid, format = (columns[at].oid, columns[at].format) if at < len(columns) else (0, 0)
    return text_of(cell, oid, format)
