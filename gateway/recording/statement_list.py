"""The statements of a database session, put together from its frames as they come: text, verdict, result, rows.

Frames of statements that overlap may come in any order. A statement is given out when its result is there, or when
nothing more comes; memory stays bounded by what is open and by the texts that repeats refer to.
"""

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from gateway.core.frame import Frame, FrameKind
from gateway.recording.cells import rows, text_of
from gateway.recording.statement_marks import (
    PASSED,
    Again,
    Column,
    Columns,
    Command,
    Copy,
    Result,
    Said,
    Values,
    read_mark,
    read_rows,
)

_MOST_OPEN_BYTES = 32 << 20
_MOST_TEXT_BYTES = 16 << 20
_MOST_SAID = 1000


@dataclass(slots=True)
class Statement:
    """One statement, and all that is known of it. `of`: the one whose text it repeats; 0 for the first of a text."""

    n: int
    at_us: int
    text: str
    verb: str = ""
    values: Values = ()
    values_left_out: int = 0
    state: str = ""
    rule: str = ""
    request: str = ""
    of: int = 0
    like: int = 0
    """The statement that it differs from in constants only, where that is known."""
    columns: tuple[Column, ...] = ()
    copy: Copy | None = None
    result: Result | None = None
    said: list[str] = field(default_factory=list)
    kept: list[bytes] = field(default_factory=list)
    """The shown rows that were kept, as messages of the wire."""
    kept_bytes: int = 0

    @property
    def is_refused(self) -> bool:
        """It never reached the server."""
        return self.state not in PASSED

    def rows(self) -> Iterator[tuple[str | None, ...]]:
        """The rows that were kept, for people to read; None is NULL."""
        for piece in self.kept:
            for cells in rows(piece):
                yield tuple([self._cell(at, cell) for at, cell in enumerate(cells)])

    def _cell(self, at: int, cell: bytes | None) -> str | None:
        if cell is None:
            return None
        column = self.columns[at] if at < len(self.columns) else Column("")
        return text_of(cell, column.oid, column.format)


class Statements:
    """Frames in with `take`, whole statements out; `rest` at the end."""

    def __init__(self) -> None:
        self._open: OrderedDict[int, Statement] = OrderedDict()
        self._open_bytes = 0
        self._texts: OrderedDict[int, Statement] = OrderedDict()
        self._text_bytes = 0

    def take(self, frame: Frame) -> list[Statement] | None:
        """The statements that are complete with this frame. None: the frame is about no statement."""
        if frame.kind is FrameKind.ROWS:
            return self._rows(frame.data)
        mark = read_mark(frame.data) if frame.kind is FrameKind.MARK else None
        match mark:
            case Command():
                return self._begin(_first(mark, frame.at_us))
            case Again():
                return self._begin(self._repeated(mark, frame.at_us))
            case Result():
                return self._end(mark)
            case Columns() | Copy() | Said() if mark.n:
                self._note(mark)
                return []
        return None

    def rest(self) -> list[Statement]:
        """Those whose result has not come."""
        found = list(self._open.values())
        self._open.clear()
        self._open_bytes = 0
        return found

    def _begin(self, statement: Statement) -> list[Statement]:
        given = self._given(statement.n)
        if given and given[0].state == "held":
            statement.at_us = given.pop().at_us  # now it is known what came of it
        if statement.is_refused:
            return [*given, statement]
        self._open[statement.n] = statement
        if not statement.of:
            self._remember(statement)
        return [*given, *self._room_for(len(statement.text))]

    def _remember(self, statement: Statement) -> None:
        replaced = self._texts.pop(statement.n, None)
        self._text_bytes += len(statement.text) - (len(replaced.text) if replaced else 0)
        self._texts[statement.n] = Statement(
            statement.n,
            statement.at_us,
            statement.text,
            statement.verb,
            state=statement.state,
            rule=statement.rule,
        )
        while self._text_bytes > _MOST_TEXT_BYTES and len(self._texts) > 1:
            _, oldest = self._texts.popitem(last=False)
            self._text_bytes -= len(oldest.text)

    def _repeated(self, again: Again, at_us: int) -> Statement:
        first = self._texts.get(again.of)
        if first is None:
            first = Statement(again.of, at_us, f"-- statement {again.of} once more", state="admitted")
        else:
            self._texts.move_to_end(again.of)
        return Statement(
            again.n,
            at_us,
            first.text,
            first.verb,
            again.values,
            again.values_left_out,
            first.state,
            first.rule,
            of=again.of,
            columns=first.columns,
        )

    def _end(self, result: Result) -> list[Statement]:
        given = self._given(result.n)
        for statement in given:
            statement.result = result
        return given

    def _note(self, mark: Columns | Copy | Said) -> None:
        statement = self._open.get(mark.n)
        if isinstance(mark, Columns) and (first := self._texts.get(mark.n)):
            first.columns = mark.columns
        if statement is None:
            return
        if isinstance(mark, Columns):
            statement.columns = mark.columns
        elif isinstance(mark, Copy):
            statement.copy = mark
        elif len(statement.said) < _MOST_SAID:
            statement.said.append(mark.text)

    def _rows(self, data: bytes) -> list[Statement]:
        n, messages = read_rows(data)
        statement = self._open.get(n)
        if statement is None or statement.kept_bytes + len(messages) > _MOST_OPEN_BYTES:
            return []
        statement.kept.append(messages)
        statement.kept_bytes += len(messages)
        return self._room_for(len(messages))

    def _room_for(self, size: int) -> list[Statement]:
        """Rather a statement without its end than a recording that fills the memory."""
        self._open_bytes += size
        given: list[Statement] = []
        while self._open_bytes > _MOST_OPEN_BYTES and len(self._open) > 1:
            given += self._given(next(iter(self._open)))
        return given

    def _given(self, n: int) -> list[Statement]:
        statement = self._open.pop(n, None)
        if statement is None:
            return []
        self._open_bytes -= statement.kept_bytes + len(statement.text)
        return [statement]


def statements(frames: Iterable[Frame]) -> Iterator[Statement]:
    """Every statement of a recording, in the order in which they ended."""
    reader = Statements()
    for frame in frames:
        yield from reader.take(frame) or ()
    yield from reader.rest()


def _first(command: Command, at_us: int) -> Statement:
    return Statement(
        command.n,
        at_us,
        command.text,
        command.verb,
        command.values,
        command.values_left_out,
        command.state,
        command.rule,
        command.request,
        like=command.like,
    )
