"""Which line of a TOML text defines a key: tomllib reads values but forgets where they stood.

A forgiving scan that never raises: where the text stops making sense, the positions found so far remain. It
checks nothing and yields no values; `tomllib` does that.
"""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

Path = tuple[str | int, ...]

_BLANK = re.compile(r"[ \t]+")
_SPACE = re.compile(r"(?:[ \t\r\n]+|#[^\n]*)+")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_STRING = re.compile(
    r'"""(?:[^"\\]|\\.|"(?!""))*"{3,5}'
    r"|'''(?:[^']|'(?!''))*'{3,5}"
    r'|"(?:[^"\\\n]|\\.)*"'
    r"|'[^'\n]*'",
    re.DOTALL,
)
_SCALAR = re.compile(r"[^,\]}\n#]+")
_ERROR_LINE = re.compile(r"\(at line (\d+), column \d+\)")
_DEEPEST = 50


def line_of(text: str, path: Sequence[str | int]) -> int | None:
    """The line, counted from 1, on which `path` is defined: `("rule", 2, "match", "command")`.

    Where its last parts are not in the text (a missing key), the line of the nearest part above them; None
    where nothing of the path is in the text.
    """
    lines = _lines_of(text)
    for length in range(len(path), 0, -1):
        found = lines.get(tuple(path[:length]))
        if found is not None:
            return found
    return None


@lru_cache(maxsize=4)
def _lines_of(text: str) -> Mapping[Path, int]:
    """Of the texts asked about last: a file with many mistakes is scanned once."""
    return _Scan(text).lines()


def line_of_error(text: str, problem: Exception) -> int:
    """The line that a `tomllib.TOMLDecodeError` complains about; the last one when it names none."""
    last = max(1, text.count("\n") + (not text.endswith("\n")))
    named = _ERROR_LINE.search(str(problem))
    return min(int(named[1]), last) if named else last


class _Lost(Exception):
    """The text is not TOML from here on."""


class _Scan:
    """One pass over one text, collecting the line of every key and array element."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._counted = 0
        self._line = 1
        self._lines: dict[Path, int] = {}
        self._tables: dict[Path, int] = {}
        """How many tables each array of tables has so far."""

    def lines(self) -> dict[Path, int]:
        table: Path = ()
        try:
            while True:
                self._skip(_SPACE)
                if self._at >= len(self._text):
                    break
                if self._peek() == "[":
                    table = self._header()
                else:
                    self._assignment(table, 0)
        except _Lost:
            pass
        return self._lines

    def _header(self) -> Path:
        line = self._line_here()
        array = self._text.startswith("[[", self._at)
        self._at += 2 if array else 1
        keys = self._key()
        self._expect("]")
        if array:
            self._expect("]")
        path: Path = ()
        for depth, key in enumerate(keys):
            path = (*path, key)
            last = depth == len(keys) - 1
            if not (last and array):
                self._lines.setdefault(path, line)
            if last and array:
                self._tables[path] = self._tables.get(path, 0) + 1
                self._lines.setdefault(path, line)
            if path in self._tables:
                path = (*path, self._tables[path] - 1)
                self._lines.setdefault(path, line)
        return path

    def _assignment(self, table: Path, depth: int) -> None:
        line = self._line_here()
        path = table
        for key in self._key():
            path = (*path, key)
            self._lines.setdefault(path, line)
        self._expect("=")
        self._value(path, depth)

    def _key(self) -> list[str]:
        keys: list[str] = []
        while True:
            self._skip(_BLANK)
            found = _BARE_KEY.match(self._text, self._at)
            if found:
                keys.append(found[0])
            else:
                found = _STRING.match(self._text, self._at)
                if not found:
                    raise _Lost
                keys.append(_unquoted(found[0]))
            self._at = found.end()
            self._skip(_BLANK)
            if self._peek() != ".":
                return keys
            self._at += 1

    def _value(self, path: Path, depth: int) -> None:
        if depth > _DEEPEST:
            raise _Lost
        self._skip(_BLANK)
        first = self._peek()
        if first == "[":
            self._array(path, depth)
        elif first == "{":
            self._inline_table(path, depth)
        else:
            found = (_STRING if first in "\"'" else _SCALAR).match(self._text, self._at)
            if not found:
                raise _Lost
            self._at = found.end()

    def _array(self, path: Path, depth: int) -> None:
        self._at += 1
        index = 0
        while True:
            self._skip(_SPACE)
            if self._peek() == "]":
                self._at += 1
                return
            self._lines.setdefault((*path, index), self._line_here())
            self._value((*path, index), depth + 1)
            index += 1
            self._comma_before("]")

    def _inline_table(self, path: Path, depth: int) -> None:
        self._at += 1
        while True:
            self._skip(_SPACE)
            if self._peek() == "}":
                self._at += 1
                return
            self._assignment(path, depth + 1)
            self._comma_before("}")

    def _comma_before(self, closing: str) -> None:
        self._skip(_SPACE)
        if self._peek() == ",":
            self._at += 1
        elif self._peek() != closing:
            raise _Lost

    def _expect(self, mark: str) -> None:
        self._skip(_BLANK)
        if self._peek() != mark:
            raise _Lost
        self._at += 1

    def _peek(self) -> str:
        if self._at >= len(self._text):
            return "\0"
        return self._text[self._at]

    def _skip(self, what: re.Pattern[str]) -> None:
        found = what.match(self._text, self._at)
        if found:
            self._at = found.end()

    def _line_here(self) -> int:
        self._line += self._text.count("\n", self._counted, self._at)
        self._counted = self._at
        return self._line


_ESCAPE = re.compile(r'\\(u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|[btnfre"\\])')
_ESCAPED = {"b": "\b", "t": "\t", "n": "\n", "f": "\f", "r": "\r", "e": "\x1b", '"': '"', "\\": "\\"}


def _unquoted(key: str) -> str:
    body = key[1:-1]
    if key[0] == "'":
        return body
    return _ESCAPE.sub(lambda found: _unescaped(found[1]), body)


def _unescaped(code: str) -> str:
    if code in _ESCAPED:
        return _ESCAPED[code]
    point = int(code[1:], 16)
    return chr(point) if point <= 0x10FFFF else code
