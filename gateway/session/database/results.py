"""The result of one statement on its way to the person: masked, counted, hashed, and kept up to a cap.

What it makes for the recording lies in `desk.frames` until the adapter has recorded it; only then may what was
returned here be shown. It knows rows as runs of bytes and never waits.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from struct import Struct

from gateway.core.errors import Fault
from gateway.core.frame import FrameKind
from gateway.core.sql import SqlFacts
from gateway.recording import statements as marks
from gateway.session import words
from gateway.session.database.masks import CopyMasker, Masks, RowMasker
from gateway.session.gate import Permit
from gateway.wire.postgres.messages import ColumnDescription, ErrorFields
from gateway.wire.postgres.rows import take

_HEAD = Struct(">Bi")
FRAME_MOST = 256 << 10
"""Bytes of rows in one frame of the recording."""


@dataclass(slots=True, eq=False)
class ResultDesk:
    """What all results of a session share."""

    masks: Masks
    keep_rows: int
    keep_bytes: int
    encoding: str = "UTF8"
    """The client's, as PostgreSQL calls it."""
    frames: list[tuple[FrameKind, bytes]] = field(default_factory=list)
    """For the recording, in order."""

    def mark(self, data: bytes) -> None:
        """Something worth a chapter, or about one."""
        self.frames.append((FrameKind.MARK, data))


class Results:
    """Of one statement. `describe`, then `rows` or `copied` as often as needed, then `done`."""

    __slots__ = (
        "_began",
        "_columns",
        "_copy",
        "_copying",
        "_count",
        "_desk",
        "_differs",
        "_keeping",
        "_kept",
        "_kept_bytes",
        "_masker",
        "_sent",
        "_sent_digest",
        "_shown",
        "_shown_digest",
        "_tail",
        "_tail_size",
        "_tail_wants",
        "facts",
        "is_done",
        "n",
        "permit",
    )

    def __init__(self, desk: ResultDesk, n: int, permit: Permit, facts: SqlFacts) -> None:
        self.n = n
        self.permit = permit
        self.facts = facts
        self.is_done = False
        self._desk = desk
        self._began = time.perf_counter_ns()
        self._columns: Sequence[ColumnDescription] | None = None
        self._masker: RowMasker | None = None
        self._copy: CopyMasker | None = None
        self._copying = False
        self._differs = False
        self._count = 0
        self._sent = 0
        self._shown = 0
        self._sent_digest = sha256()
        self._shown_digest = self._sent_digest
        self._keeping = desk.keep_rows > 0
        self._kept = 0
        self._kept_bytes = 0
        self._tail: list[bytes] = []
        """The message that the last run ended in the middle of, as far as it has come."""
        self._tail_size = self._tail_wants = 0

    def another(self, n: int) -> "Results":
        """One more of the same text, where nobody could tell how many it has."""
        self._desk.mark(marks.mark_again(n, self.n))
        return Results(self._desk, n, self.permit, self.facts)

    @property
    def wants_whole_rows(self) -> bool:
        """Rows have to come whole, because cells in them are masked."""
        return self._masker is not None or self._copy is not None

    @property
    def is_described(self) -> bool:
        """It is known what the rows that come consist of."""
        return self._columns is not None

    def describe(self, columns: Sequence[ColumnDescription], *, is_new: bool = True, also: int = 0) -> None:
        """What the rows consist of. Not new: the recording knows from an earlier run. `also`: it does not know it of
        that statement either. Raises `Fault`."""
        self._columns = columns
        fates: Sequence[bool] = ()
        if self.permit.masks:
            self._masker, fates = self._desk.masks.of_rows(self.permit.masks, columns, self.facts)
            if self._masker is not None:
                self._differ()
        if is_new and columns:
            told = [
                (column.name, column.type, column.format, bool(fates and fates[place]), "")
                for place, column in enumerate(columns)
            ]
            for n in {self.n, also or self.n}:
                self._desk.mark(marks.mark_columns(n, told))

    def describe_copy(self, way: str, format: int, formats: Sequence[int]) -> None:
        """Rows come, or go, as COPY has them. Raises `Fault`."""
        self._copying = True
        if way != "in" and self.permit.masks:
            self._copy = self._desk.masks.of_copy(
                self.permit.masks, self.facts, format, formats, self._desk.encoding
            )
            if self._copy is not None:
                self._differ()
        self._desk.mark(marks.mark_copy(self.n, "in" if way == "in" else "out", format, len(formats)))

    def rows(self, data: bytes, count: int, *, starts: bool) -> bytes:
        """A run of rows from the server: what of it may be shown. Raises `Fault`."""
        self._count += count
        self._sent += len(data)
        self._sent_digest.update(data)
        if self.permit.masks and self._columns is None:
            raise Fault(words.NOT_MASKED)
        if self._masker is not None:
            data = self._masker.mask(data)
            self._shown_digest.update(data)
        self._shown += len(data)
        if self._keeping:
            self._keep(data, starts)
        return data

    def whole_rows(self, data: bytes, count: int) -> None:
        """The same for a few rows that come whole, with nothing to mask in them."""
        if not self._keeping or self._tail or self.permit.masks:
            self.rows(data, count, starts=True)
            return
        size = len(data)
        desk = self._desk
        if (
            self._kept + count > desk.keep_rows
            or self._kept_bytes + size > desk.keep_bytes
            or size > FRAME_MOST
        ):
            self.rows(data, count, starts=True)
            return
        self._count += count
        self._sent += size
        self._sent_digest.update(data)
        self._shown += size
        self._kept += count
        self._kept_bytes += size
        self._keeping = self._kept < desk.keep_rows
        desk.frames.append((FrameKind.ROWS, marks.rows_frame(self.n, data)))

    def copied(self, data: bytes, count: int) -> bytes:
        """A run of COPY messages from the server: what of it may be shown, as messages. Raises `Fault`."""
        self._count += count
        self._sent += len(data)
        self._sent_digest.update(data)
        if self._copy is not None:
            data = self._copy.feed(data)
            self._shown_digest.update(data)
        self._shown += len(data)
        if self._keeping:
            self._keep(data, starts=not self._tail)
        return data

    def copy_over(self) -> bytes:
        """The server has copied everything: what was held back."""
        if self._copy is None:
            return b""
        data = self._copy.finish()
        self._shown_digest.update(data)
        self._shown += len(data)
        return data

    def copy_in(self, data: bytes, count: int) -> None:
        """The person copies to the server."""
        self._count += count
        self._sent += len(data)
        self._sent_digest.update(data)

    def done(self, tag: str, error: Mapping[str, str] | None = None) -> None:
        """It is over, one way or the other."""
        self.is_done = True
        # Of masked values no digest is kept: of a short one it would tell the value to whoever tries them all.
        changed = self._differs
        digest = self._sent_digest.hexdigest() if self._sent and not changed else ""
        rows = self._count if tag == "" or self._count else _affected(tag)
        self._desk.mark(
            marks.mark_result(
                self.n,
                tag,
                rows,
                self._shown if changed else self._sent,
                digest,
                (time.perf_counter_ns() - self._began) // 1000,
                kept=self._kept,
                shown_size=self._shown if changed else None,
                shown_sha256=self._shown_digest.hexdigest() if changed else "",
                masked=self.masked or None,
                error=error,
            )
        )

    @property
    def masked(self) -> Mapping[str, int]:
        """How many cells were masked, by what they are."""
        return self._desk.masks.counted(self._masker or self._copy)

    def words(self, fields: ErrorFields) -> ErrorFields:
        """What the server says about this statement, as it may be shown. Raises `Fault`."""
        if not self.permit.masks:
            return fields
        return self._desk.masks.of_words(self.permit.masks, self.facts, fields)

    def notice(self) -> str:
        """What the person is told about masks, where there were any."""
        masked = self.masked
        if not masked:
            return ""
        total = sum(masked.values())
        values = "1 value" if total == 1 else f"{total:,} values"
        rows = "1 row" if self._count == 1 else f"{self._count:,} rows"
        return f"masked {values} in {rows} ({', '.join(sorted(masked))})"

    def _differ(self) -> None:
        if not self._differs:
            self._differs = True
            self._shown_digest = sha256()

    def _keep(self, data: bytes, starts: bool) -> None:
        """Into the recording, as far as the caps go. A run may end, and then the next begins, in the middle of a
        message; one that has not come to its end is not kept."""
        if starts == bool(self._tail):
            self._keeping = False
            return
        if self._tail:
            self._tail.append(data)
            self._tail_size += len(data)
            if self._tail_size < self._tail_wants:
                return
            data = b"".join(self._tail)
            self._tail.clear()
        taken, at = take(data, self._desk.keep_rows - self._kept, self._desk.keep_bytes - self._kept_bytes)
        if taken:
            whole = data if at == len(data) else data[:at]
            if at <= FRAME_MOST:
                self._desk.frames.append((FrameKind.ROWS, marks.rows_frame(self.n, whole)))
            else:
                self._in_frames(whole)
            self._kept += taken
            self._kept_bytes += at
        self._keeping = self._kept < self._desk.keep_rows and (at == len(data) or self._waits_for(data[at:]))

    def _waits_for(self, tail: bytes) -> bool:
        """The rest of this may be kept once it has come."""
        size = _HEAD.size if len(tail) < _HEAD.size else _HEAD.unpack_from(tail)[1] + 1
        if not len(tail) < size <= max(_HEAD.size, self._desk.keep_bytes - self._kept_bytes):
            return False
        self._tail, self._tail_size, self._tail_wants = [tail], len(tail), size
        return True

    def _in_frames(self, data: bytes) -> None:
        start = at = 0
        while at < len(data):
            end = at + 1 + _HEAD.unpack_from(data, at)[1]
            if end - start > FRAME_MOST and at > start:
                self._desk.frames.append((FrameKind.ROWS, marks.rows_frame(self.n, data[start:at])))
                start = at
            at = end
        self._desk.frames.append((FrameKind.ROWS, marks.rows_frame(self.n, data[start:])))


def _affected(tag: str) -> int:
    last = tag.rpartition(" ")[2]
    return int(last) if last.isascii() and last.isdigit() and len(last) < 19 else 0
