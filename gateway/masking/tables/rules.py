"""What the masks of a verdict say about tables: detectors that look into values, and columns by their names.

`email` is a detector. `app.customers.ssn`, `customers.ssn` and `*.ssn` are columns: schema, table and column, of
which the schema may be left out; `*` and `?` stand for any text and any letter. `:null` behind either asks for NULL
in place of words.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

from gateway.masking.detector import Pattern, compiled
from gateway.masking.scanner import scanner

_NULL = ":null"
_PART = re.compile(r'"(?:[^"]|"")+"|[^".]+')
_LONGEST = 200
_WILD = {b"*": rb".*", b"?": rb"(?:[\x00-\x7f]|[\x80-\xff][\x80-\xbf]*)"}


@dataclass(frozen=True, slots=True)
class ColumnPattern:
    """One rule about columns."""

    text: str
    schema: str
    table: str
    column: str
    null: bool

    def matches(self, schema: str, table: str, column: str) -> bool:
        """Whether it is about this column. Letter case makes no difference: too much is better than too little."""
        return _is(self.column, column) and _is(self.table, table) and _is(self.schema, schema)


@dataclass(frozen=True, slots=True, eq=False)
class ColumnRules:
    """All rules of one verdict. The same masks give the same object, so that finding what was worked out is quick."""

    patterns: tuple[ColumnPattern, ...] = ()
    detectors: frozenset[str] = frozenset()
    nulling: frozenset[str] = frozenset()
    """Detectors whose hits make the whole cell NULL."""

    @classmethod
    def of(cls, masks: frozenset[str]) -> "ColumnRules":
        """Raises ValueError for a mask that is neither a detector nor the name of a column."""
        return _read(masks)

    def match(self, schema: str, table: str, column: str) -> ColumnPattern | None:
        """The rule about a column; one that asks for NULL before others."""
        found = None
        for pattern in self.patterns:
            if pattern.matches(schema, table, column):
                if pattern.null:
                    return pattern
                found = found or pattern
        return found


@lru_cache(maxsize=256)
def _read(masks: frozenset[str]) -> ColumnRules:
    patterns = []
    detectors = set()
    nulling = set()
    for mask in sorted(masks):
        name, null = (mask.removesuffix(_NULL), True) if mask.endswith(_NULL) else (mask, False)
        if "." in name:
            patterns.append(_pattern(name, null))
            continue
        detectors.add(name)
        if null:
            nulling.add(name)
    scanner(frozenset(detectors))
    return ColumnRules(tuple(patterns), frozenset(detectors), frozenset(nulling))


def _pattern(text: str, null: bool) -> ColumnPattern:
    parts: list[str] = []
    at = 0
    while at <= len(text):
        part = _PART.match(text, at)
        if part is None or len(parts) == 3 or len(text) > _LONGEST:
            break
        parts.append(_unquoted(part.group()))
        at = part.end() + 1
        if at <= len(text) and text[at - 1] != ".":
            break
    if at != len(text) + 1 or len(parts) < 2:
        raise ValueError(f"no name of a column: {text}")
    schema, table, column = ["*", *parts][-3:]
    return ColumnPattern(text, schema, table, column, null)


def _unquoted(part: str) -> str:
    return part[1:-1].replace('""', '"') if part.startswith('"') else part


@lru_cache(maxsize=4096)
def _glob(pattern: str) -> Pattern:
    # re2, because names come from whoever may create a table, and a few stars make other engines slow.
    pieces = re.split(rb"([*?])", pattern.casefold().encode())
    return compiled(rb"(?s)\A" + b"".join(_WILD.get(piece) or re.escape(piece) for piece in pieces) + rb"\z")


def _is(pattern: str, name: str) -> bool:
    return (
        pattern == "*" or _glob(pattern).match(name.casefold().encode("utf-8", "surrogateescape")) is not None
    )
