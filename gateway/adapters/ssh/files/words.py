"""Splits a plain command line into words as sh does, and writes words that sh, bash, zsh and fish read alike.

"Plain" is what file transfer programs send: words, quotes, backslashes, file name patterns and a leading `~`. Any
line that makes a shell do more, or that shells read differently, is not plain, and `split` says so with None.
"""

import re
from dataclasses import dataclass

_DOES_MORE = frozenset("$`;&|<>(){}\"'\\")
"""Unquoted, these run, expand or redirect; quotes and backslashes are dealt with first."""

_PLAIN = re.compile(r"[A-Za-z0-9_./:@,+-][A-Za-z0-9_./:@,+=-]*")
_HOME = re.compile(r"~([A-Za-z_][A-Za-z0-9._-]*)?")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Word:
    """`text` is without quotes. `active` are the positions of what the shell replaces: a pattern's characters, and 0
    where the word begins with somebody's home directory."""

    text: str
    active: frozenset[int] = frozenset()

    @property
    def is_pattern(self) -> bool:
        """The shell replaces it by the names of the files that it describes."""
        return any(self.text[at] in "*?[" for at in self.active)

    @property
    def home(self) -> str:
        """`~` or `~name` where the shell puts a home directory in its place, else nothing."""
        if self.active and 0 in self.active and (found := _HOME.match(self.text)):
            return found[0]
        return ""

    def quoted(self) -> str:
        """As a shell must be given it."""
        begin = self.home + "/" if self.home and self.home != self.text else self.home
        out, quiet = [begin], ""
        for at in range(len(begin), len(self.text)):
            letter = self.text[at]
            if at in self.active:
                out += [_quote(quiet), letter] if quiet else [letter]
                quiet = ""
            else:
                quiet += letter
        if quiet or not self.text:
            out.append(_quote(quiet))
        return "".join(out)

    def harmless(self) -> "Word":
        """The same files, in a form that none of their names can make an option of."""
        if not self.active or 0 not in self.active or self.home:
            return self
        return Word(f"./{self.text}", frozenset(at + 2 for at in self.active))


def join(words: tuple[Word, ...]) -> str:
    """A command line of these words."""
    return " ".join(word.quoted() for word in words)


def split(line: str) -> tuple[Word, ...] | None:
    """The words of a plain line, or None."""
    if _CONTROL.search(line):
        return None
    words: list[Word] = []
    at = 0
    while True:
        while at < len(line) and line[at] in " \t":
            at += 1
        if at == len(line):
            return tuple(words)
        read = _read_word(line, at)
        word = _understood(*read[0]) if read else None
        if read is None or word is None:
            return None
        words.append(word)
        at = read[1]


def _read_word(line: str, at: int) -> tuple[tuple[str, list[bool]], int] | None:
    """The word that begins at `at`: its text, which letters stood bare, and where it ends."""
    if line[at] == "#":
        return None
    text: list[str] = []
    bare: list[bool] = []
    while at < len(line) and line[at] not in " \t":
        found = _read_piece(line, at)
        if found is None:
            return None
        piece, is_bare, at = found
        text.append(piece)
        bare += [is_bare] * len(piece)
    return ("".join(text), bare), at


def _read_piece(line: str, at: int) -> tuple[str, bool, int] | None:
    """One letter or one quotation, whether it is bare, and where the next begins."""
    letter = line[at]
    if letter == "\\":
        return (line[at + 1], False, at + 2) if at + 1 < len(line) and line[at + 1] != "\t" else None
    if letter == "'":
        end = line.find("'", at + 1)
        inside = line[at + 1 : end]
        return (inside, False, end + 1) if end >= 0 and "\t" not in inside else None
    if letter == '"':
        return _read_double(line, at + 1)
    return None if letter in _DOES_MORE else (letter, True, at + 1)


def _read_double(line: str, at: int) -> tuple[str, bool, int] | None:
    text: list[str] = []
    while at < len(line):
        letter = line[at]
        if letter == '"':
            return "".join(text), False, at + 1
        if letter in "$`\t":
            return None
        if letter == "\\" and line[at + 1 : at + 2] in ("$", "`", '"', "\\"):
            at += 1
            letter = line[at]
        text.append(letter)
        at += 1
    return None


def _understood(text: str, bare: list[bool]) -> Word | None:
    """The word with what the shell would replace in it; None where shells would not agree about that."""
    active = {at for at, letter in enumerate(text) if letter in "*?[]" and bare[at]}
    for at in sorted(active):
        if text[at] == "[":
            negated = text[at + 1 : at + 2] in ("!", "^")
            end = text.find("]", at + 2 + negated)
            if not all(bare[at : end + 1 or None]):
                return None
            if negated:
                active.add(at + 1)
    if text[:1] == "~" and bare[0]:
        prefix = text.split("/", 1)[0]
        if not all(bare[: len(prefix) + 1]) or not _HOME.fullmatch(prefix):
            return None
        active.add(0)
    return Word(text, frozenset(active))


def _quote(text: str) -> str:
    """For every shell: fish reads backslashes within single quotes, csh exclamation marks, so both stand outside."""
    if _PLAIN.fullmatch(text):
        return text
    pieces = re.split(r"(['\\!])", text)
    return "".join(f"\\{piece}" if piece in "'\\!" else f"'{piece}'" for piece in pieces if piece) or "''"
