"""What the marks of a database session say, with types: the reading side of `statements.py`.

Any bytes may come: what is no such mark is None, and a field of the wrong type counts as absent, because a viewer
must be able to open any recording whose bytes are whole.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.recording.meta import clean, json_object
from gateway.recording.statements import ROWS_HEAD

_MOST = 1 << 63
PASSED = frozenset({"admitted", "held", ""})
"""States of statements that reached the server, or still may."""
Values = tuple[str | None, ...]


@dataclass(frozen=True, slots=True)
class Command:
    """A statement, and what was decided about it."""

    n: int
    text: str
    verb: str = ""
    values: Values = ()
    values_left_out: int = 0
    state: str = ""
    rule: str = ""
    request: str = ""
    like: int = 0
    """The statement that it differs from in constants only; 0 where none is known."""


@dataclass(frozen=True, slots=True)
class Again:
    """The text of statement `of` once more."""

    n: int
    of: int
    values: Values = ()
    values_left_out: int = 0


@dataclass(frozen=True, slots=True)
class Column:
    """Of a result."""

    name: str
    oid: int = 0
    format: int = 0
    masked: bool = False
    type: str = ""


@dataclass(frozen=True, slots=True)
class Columns:
    """What the rows of statement `n` consist of."""

    n: int
    columns: tuple[Column, ...]


@dataclass(frozen=True, slots=True)
class Result:
    """How statement `n` ended. `shown_bytes` and `shown_sha256` are those of the server where nothing was changed."""

    n: int
    tag: str = ""
    rows: int = 0
    bytes: int = 0
    sha256: str = ""
    shown_bytes: int = 0
    shown_sha256: str = ""
    us: int = 0
    kept: int = 0
    masked: Mapping[str, int] = field(default_factory=dict)
    error: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Copy:
    """Statement `n` moves data: `in`, `out` or `both`."""

    n: int
    way: str
    format: int = 0
    columns: int = 0


@dataclass(frozen=True, slots=True)
class Said:
    """What the server said besides: a `notice` about statement `n` or (0) about none, or a `notification`."""

    n: int
    kind: str
    text: str


Mark = Command | Again | Columns | Result | Copy | Said


def read_mark(data: bytes) -> Mark | None:
    """The mark in a MARK frame, if it is one of a database session."""
    told = json_object(data)
    if told is None:
        return None
    kind = told.get("kind")
    n = count(told.get("n"))
    if kind in ("notice", "notification"):
        return Said(n, str(kind), text(told.get("text")))
    if not n:
        return None
    match kind:
        case "command":
            return _command(n, told)
        case "again":
            return Again(n, count(told.get("of")), _values(told), count(told.get("values_left_out")))
        case "columns":
            return Columns(n, _columns(told.get("columns")))
        case "result":
            return _result(n, told)
        case "copy":
            way, format = text(told.get("way")), count(told.get("format"))
            return Copy(n, way, format, count(told.get("columns")))
    return None


def read_rows(data: bytes) -> tuple[int, bytes]:
    """Statement and messages of a ROWS frame; 0 for a frame that is none."""
    if len(data) < ROWS_HEAD.size:
        return 0, b""
    return ROWS_HEAD.unpack_from(data)[0], data[ROWS_HEAD.size :]


def text(value: object) -> str:
    return clean(value) if isinstance(value, str) else ""


def count(value: object) -> int:
    """A number that can be one of something; 0 for what can not."""
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return value if is_number and isinstance(value, int) and 0 <= value < _MOST else 0


def _command(n: int, told: Mapping[str, Any]) -> Command:
    words = {name: text(told.get(name)) for name in ("text", "verb", "state", "rule", "request")}
    left_out, like = count(told.get("values_left_out")), count(told.get("like"))
    return Command(n, values=_values(told), values_left_out=left_out, like=like, **words)


def _values(told: Mapping[str, Any]) -> Values:
    values = told.get("values")
    if not isinstance(values, list):
        return ()
    return tuple([None if value is None else text(value) for value in values])


def _columns(told: object) -> tuple[Column, ...]:
    columns = [each for each in told if isinstance(each, dict)] if isinstance(told, list) else []
    return tuple(
        [
            Column(
                text(each.get("name")),
                count(each.get("oid")),
                count(each.get("format")),
                each.get("masked") is True,
                text(each.get("type")),
            )
            for each in columns
        ]
    )


def _result(n: int, told: Mapping[str, Any]) -> Result:
    size, sha256 = count(told.get("bytes")), text(told.get("sha256"))
    is_changed = "shown_bytes" in told
    masked, error = told.get("masked"), told.get("error")
    return Result(
        n,
        text(told.get("tag")),
        count(told.get("rows")),
        size,
        sha256,
        count(told.get("shown_bytes")) if is_changed else size,
        text(told.get("shown_sha256")) if is_changed else sha256,
        count(told.get("us")),
        count(told.get("kept")),
        {clean(name): count(found) for name, found in masked.items()} if isinstance(masked, dict) else {},
        {clean(name): text(said) for name, said in error.items()} if isinstance(error, dict) else {},
    )
