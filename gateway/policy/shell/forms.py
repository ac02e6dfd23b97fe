"""Puts together what the two readings of a command line found, as the forms that rules are matched against.

For rules that restrict, every form a command might be meant in: the line itself, each simple command, what stands
behind `sudo`, `env`, `xargs` and their like, what a shell is given with `-c`, programs without their directory.
For rules that allow, only what both readings agree on.
"""

import posixpath
import re
from collections.abc import Callable, Sequence

from gateway.policy.shell.behind import ASSIGNMENT, base_name, starts
from gateway.policy.shell.documents import without_document
from gateway.policy.shell.facts import ANY, PART, Command, CommandLine, ShellFacts
from gateway.policy.shell.reader import LONGEST, Reading, read_shell
from gateway.policy.shell_words import ShellWords, take_apart

_MANY_SPACES = re.compile(r"\s+")
_ODD_PATH = re.compile(r"//|/\.\.?(/|$)|^\.\.?/")
_HOLE = re.compile(f"[{ANY}{PART}]")
_PLAIN_LETTERS = re.compile(r"[\x20-\x7e\n\t]*")
_MOST_FORMS = 2000
_MOST_LETTERS = 1 << 20
"""All forms together. A line that needs more is not read to its end, and so is not certain."""
_MOST_OPEN_LETTERS = 32 << 10
"""Of forms with holes: matching them takes longer."""


class _Forms:
    """The forms found so far, within bounds: lines come from attackers."""

    def __init__(self) -> None:
        self.texts: dict[str, None] = {}
        self.open: dict[str, None] = {}
        self._letters = 0
        self._open_letters = 0

    @property
    def full(self) -> bool:
        return (
            len(self.texts) + len(self.open) >= _MOST_FORMS
            or self._letters >= _MOST_LETTERS
            or self._open_letters >= _MOST_OPEN_LETTERS
        )

    def add(self, text: str) -> None:
        self._letters += len(text)
        self.texts[text] = None

    def add_words(self, words: Sequence[str], shapes: Sequence[str] = ()) -> None:
        """A command from each place on where its program may stand."""
        if words and ASSIGNMENT.fullmatch(words[0]):
            self.add(" ".join(words))
        first = next((at for at, word in enumerate(words) if not ASSIGNMENT.fullmatch(word)), len(words))
        words, shapes = words[first:], shapes[first:]
        is_open = any(map(_HOLE.search, shapes))
        for at in starts(words):
            if self.full:
                return
            self._add_from(words, at, self.add)
            if is_open:
                self._add_from(shapes, at, self._add_open)

    def _add_from(self, words: Sequence[str], at: int, add: Callable[[str], None]) -> None:
        rest = " ".join(words[at:]).replace(f" {ANY}", ANY)  # a word that may turn out to be none
        program = words[at]
        add(rest)
        if (name := base_name(program)) != program:
            add(name + rest[len(program) :])
        if _ODD_PATH.search(rest):
            tidy = [_tidied(word) for word in words[at:]]
            add(" ".join((base_name(tidy[0]), *tidy[1:])))

    def _add_open(self, shape: str) -> None:
        self._open_letters += len(shape)
        self.open[shape] = None


def understand(line: str) -> CommandLine:
    """Read `line` as far as it goes. Never raises."""
    if len(line) > LONGEST:
        why = "it is too long"
        return CommandLine((line,), (), False, False, ShellFacts(certain=False, why=why), why, (), ())
    words = take_apart(without_document(line))
    reading = read_shell(line)
    forms = _Forms()
    forms.add(_MANY_SPACES.sub(" ", line).strip())
    forms.add(line)
    known = set()
    for command in reading.facts.commands:
        known.add(argv := command.argv)
        forms.add_words(argv, command.shapes)
    for simple in words.commands:
        if simple.words not in known:
            known.add(simple.words)
            forms.add_words(simple.words)
    for path in reading.facts.writes:
        _redirection(">", path, forms)
    for path in reading.facts.reads:
        _redirection("<", path, forms)
    why = _doubt(words, reading, forms)
    return CommandLine(
        forms=tuple(forms.texts),
        commands=tuple(" ".join(command.words) for command in words.commands),
        certain=not why,
        plain=not why and _is_plain(line, words, reading.own, is_flat=reading.is_flat),
        facts=reading.facts,
        why=why,
        open_forms=tuple(forms.open),
        argvs=tuple(command.words for command in words.commands),
    )


def _doubt(words: ShellWords, reading: Reading, forms: _Forms) -> str:
    if reading.facts.why:
        return reading.facts.why
    if not words.certain:
        return "two readings of it differ"
    return "it has too many forms" if forms.full else ""


def _redirection(sign: str, path: str, forms: _Forms) -> None:
    """`> /etc/passwd` and `< /etc/shadow` are forms of their own, however the line writes them."""
    forms.add(f"{sign} {_tidied(path)}")
    if _HOLE.search(path):
        forms._add_open(f"{sign} {path}")


def _is_plain(line: str, words: ShellWords, own: Sequence[Command], *, is_flat: bool) -> bool:
    """Whether both readings see the same commands, in letters that every shell understands alike."""
    return (
        words.plain
        and is_flat
        and _PLAIN_LETTERS.fullmatch(line) is not None
        and "\\\n" not in line
        and [command.words for command in words.commands] == [command.argv for command in own]
    )


def _tidied(word: str) -> str:
    """A path without `//`, `.` and `..`, as far as the text alone can tell."""
    if "/" not in word or not _ODD_PATH.search(word):
        return word
    plain = posixpath.normpath(word)
    return plain[1:] if plain.startswith("//") else plain
