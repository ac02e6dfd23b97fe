"""One JSON object a line: the session, then every command or statement with what is known of it, then how it ended.

For programs that search. What terminals showed is not in it; the rows of database sessions that were kept are.
"""

import json
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from gateway.core.frame import Frame, FrameKind
from gateway.recording.cells import type_name
from gateway.recording.meta import RecordingMeta, json_object
from gateway.recording.statement_list import Statement, Statements


class JsonLines:
    """Turns frames into lines. A statement's line comes when its result is there."""

    media_type = "application/jsonl"
    suffix = "jsonl"

    def __init__(self) -> None:
        self._statements = Statements()

    def head(self, meta: RecordingMeta) -> bytes:
        """The first line."""
        began = meta.started_at.isoformat() if meta.started_at else None
        told = {name: value for name, value in asdict(meta).items() if value not in ("", None)}
        return _line({"kind": "session"} | told | ({"started_at": began} if began else {}))

    def frames(self, frames: Iterable[Frame]) -> bytes:
        """The lines of these frames."""
        return b"".join([self._lines(frame) for frame in frames])

    def tail(self, problem: str) -> bytes:
        """Statements that had no end, and why the recording is cut if it is."""
        return self._rest() + (_line({"kind": "cut", "text": problem}) if problem else b"")

    def _lines(self, frame: Frame) -> bytes:
        if frame.kind not in (FrameKind.MARK, FrameKind.ROWS, FrameKind.EXIT):
            return b""
        done = self._statements.take(frame)
        if done is not None:
            return b"".join([_line(_told(statement)) for statement in done])
        facts = {"at_us": frame.at_us} | (json_object(frame.data) or {})
        if frame.kind is FrameKind.EXIT:
            return self._rest() + _line(facts | {"kind": "exit"})
        return _line(facts) if frame.kind is FrameKind.MARK else b""

    def _rest(self) -> bytes:
        return b"".join([_line(_told(statement)) for statement in self._statements.rest()])


def _told(statement: Statement) -> dict[str, Any]:
    names = (
        "n",
        "of",
        "like",
        "text",
        "verb",
        "values",
        "values_left_out",
        "state",
        "rule",
        "request",
        "said",
    )
    told: dict[str, Any] = {"at_us": statement.at_us, "kind": "statement"}
    told |= {name: value for name in names if (value := getattr(statement, name))}
    if statement.columns:
        told["columns"] = [
            {"name": column.name, "type": type_name(column.oid, column.type), "masked": column.masked}
            for column in statement.columns
        ]
    if statement.copy is not None:
        told["copy"] = statement.copy.way
    if statement.kept:
        told["shown_rows"] = [list(row) for row in statement.rows()]
    if statement.result is not None:
        result = asdict(statement.result)
        del result["n"]
        told |= {name: value for name, value in result.items() if value not in ("", {})}
    return told


def _line(value: object) -> bytes:
    """ASCII only: whatever a recording holds, no terminal acts upon it."""
    return json.dumps(value, separators=(",", ":")).encode("ascii") + b"\n"
