"""Resolves one word of a command line: quotes, escapes, `$'..'`, braces; and marks what it can not know.

The grammar says where a word begins and ends and which parts of it are expansions; those arrive here as `ANY`.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from gateway.policy.shell.facts import ANY, PART, Word

_PLAIN = re.compile(r"[A-Za-z0-9_./:@,+%=^-]+")
_ORDINARY = re.compile(rf"[^'\"\\$`*?\[~(){ANY}]+")
_IN_QUOTES = re.compile(rf'[^"\\$`{ANY}]+')
_NAME_FOLLOWS = re.compile(r"[A-Za-z0-9_{(?@*#!$\[-]")
_USER = re.compile(r"[A-Za-z0-9_.+-]*")
_BRACES = re.compile(r"\{([^{}]*,[^{}]*)\}")
_BRACED = re.compile(r"[\w./:@,+%={}-]+", re.ASCII)
_MOST_VARIANTS = 16
_ESCAPES = {
    "a": "\a",
    "b": "\b",
    "e": "\x1b",
    "E": "\x1b",
    "f": "\f",
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "v": "\v",
}
_CODES = re.compile(
    r"x([0-9A-Fa-f]{1,2})|u([0-9A-Fa-f]{1,4})|U([0-9A-Fa-f]{1,8})|([0-7]{1,3})|c(.)", re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Resolved:
    """What became of a word: usually one; several of `{a,b}`. `doubt`: why it can not be told."""

    words: tuple[Word, ...]
    doubt: str = ""
    is_disguised: bool = False
    """Written so that nobody reads it at a glance: `$'..'`, or several words out of braces."""


def resolve(raw: str, expansions: Sequence[str] = ()) -> Resolved:
    """`raw` as it is written, with `ANY` in the place of each of the `expansions`."""
    if _PLAIN.fullmatch(raw):
        return Resolved((Word(raw, raw),))
    if "{" in raw and ("," in raw or ".." in raw):
        return _braces(raw)
    reader = _Reader(raw, expansions)
    reader.run()
    return Resolved((reader.word(),), reader.doubt, reader.is_disguised)


def _braces(raw: str) -> Resolved:
    """`{a,b}`: each as a word, where nothing else is in it; otherwise whatever it may be."""
    if not _BRACED.fullmatch(raw) or ".." in raw.replace("/..", ""):
        return Resolved((Word(raw.replace(ANY, "$"), ANY, splits=True),))
    found = [raw]
    while any(_BRACES.search(text) for text in found):
        found = [variant for text in found for variant in _one_brace(text)]
        if len(found) > _MOST_VARIANTS:
            return Resolved((Word(raw, ANY, splits=True),))
    return Resolved(tuple(Word(text, text) for text in found), is_disguised=len(found) > 1)


def _one_brace(text: str) -> list[str]:
    inner = _BRACES.search(text)
    if inner is None:
        return [text]
    return [text[: inner.start()] + part + text[inner.end() :] for part in inner[1].split(",")][
        : _MOST_VARIANTS + 1
    ]


class _Reader:
    """One pass over a word."""

    def __init__(self, raw: str, expansions: Sequence[str]) -> None:
        self._raw = raw
        self._at = 0
        self._expansions = iter(expansions)
        self._text: list[str] = []
        self._shape: list[str] = []
        self._splits = False
        self.doubt = ""
        self.is_disguised = False

    def word(self) -> Word:
        return Word("".join(self._text), "".join(self._shape), self._splits)

    def run(self) -> None:
        while self._at < len(self._raw):
            if ordinary := _ORDINARY.match(self._raw, self._at):
                self._add(ordinary[0])
                self._at = ordinary.end()
            else:
                self._at += 1
                self._step(self._raw[self._at - 1])

    def _step(self, letter: str) -> None:
        if letter == "'":
            end = self._raw.find("'", self._at)
            if end < 0:
                self.doubt, end = "a quote is not closed", len(self._raw)
            self._add(self._raw[self._at : end])
            self._at = end + 1
        elif letter == '"':
            self._double()
        elif letter == "\\":
            escaped = self._raw[self._at : self._at + 1]
            self._at += 1
            self._add("" if escaped == "\n" else escaped)
        elif letter == ANY:
            self._hole(splits=True)
        elif letter == "$":
            self._dollar()
        elif letter in "*?[":
            self._text.append(letter)
            self._shape.append(PART)
            self._splits = True
        elif letter == "~" and (not self._text or self._text[-1][-1:] in ("=", ":")):
            name = _USER.match(self._raw, self._at)
            self._at = name.end() if name else self._at
            self._open("~" + (name[0] if name else ""))
        elif letter in "`()":
            self.doubt = "an expansion is not understood"
            self._open(letter)
            self._splits = True
        else:
            self._add(letter)

    def _double(self) -> None:
        raw = self._raw
        while self._at < len(raw):
            if ordinary := _IN_QUOTES.match(raw, self._at):
                self._add(ordinary[0])
                self._at = ordinary.end()
                continue
            letter = raw[self._at]
            self._at += 1
            if letter == '"':
                return
            if letter == "\\" and raw[self._at : self._at + 1] in ('"', "\\", "$", "`", "\n"):
                self._add(raw[self._at].replace("\n", ""))
                self._at += 1
            elif letter == ANY:
                self._hole(splits=False)
            elif letter == "`" or (letter == "$" and _NAME_FOLLOWS.match(raw, self._at)):
                self.doubt = "an expansion is not understood"
                self._open(letter)
            else:
                self._add(letter)
        self.doubt = "a quote is not closed"

    def _dollar(self) -> None:
        following = self._raw[self._at : self._at + 1]
        if following == "'":
            text, end = read_ansi(self._raw, self._at + 1)
            self.is_disguised = True
            self._at = end
            if end > len(self._raw):
                self.doubt = "a quote is not closed"
            self._text.append(text.replace(ANY, "?"))
            self._shape.append(text)
        elif following == '"':
            self._open("$")  # it may be translated
        elif _NAME_FOLLOWS.match(following):
            self.doubt = "an expansion is not understood"
            self._open("$")
        else:
            self._add("$")

    def _add(self, text: str) -> None:
        self._text.append(text)
        self._shape.append(text)

    def _open(self, text: str) -> None:
        self._text.append(text)
        self._shape.append(ANY)

    def _hole(self, *, splits: bool) -> None:
        self._open(next(self._expansions, "$"))
        self._splits |= splits


def read_ansi(text: str, at: int) -> tuple[str, int]:
    """What `$'..'` spells, from behind its quote on, and where it ends: beyond the text if it does not."""
    found: list[str] = []
    while at < len(text):
        letter = text[at]
        at += 1
        if letter == "'":
            return "".join(found), at
        if letter != "\\" or at >= len(text):
            found.append(letter)
        elif code := _CODES.match(text, at):
            found.append(_letter(code))
            at = code.end()
        else:
            found.append(_ESCAPES.get(text[at], text[at] if text[at] in "\\'\"?" else "\\" + text[at]))
            at += 1
    return "".join(found), len(text) + 1


def _letter(code: "re.Match[str]") -> str:
    if code[5]:
        return ANY
    number = int(code[1] or code[2] or code[3] or code[4], 8 if code[4] else 16)
    return chr(number) if 0 < number < 0x80 else ANY
