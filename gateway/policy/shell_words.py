"""A second reading of a command line, letter by letter and independent of the grammar in `gateway/policy/shell`.

Grammars guess where a text is odd, and a guess can be arranged. This one splits wherever any shell could: rules that
restrict see what either reading finds, and rules that allow need both to agree. It expands nothing and never raises.
"""

import re
from dataclasses import dataclass, field

from gateway.policy.shell.words import read_ansi

LONGEST = 64 * 1024
DEEPEST = 8
MOST_COMMANDS = 2000
"""Nobody writes more into one line. It is not read further, and so not certain."""

_ENDS = frozenset(";&|\n(){}")
_SPACE = frozenset(" \t\r")
_REDIRECT = frozenset("<>")
_KEYWORDS = frozenset(("if", "then", "else", "elif", "fi", "do", "done", "while", "until", "esac", "!"))
"""Words that may stand before a command, or alone."""
_RENAMING = frozenset(("function", "alias"))
"""After these a program may be called by another name."""
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*\+?=", re.ASCII)
_ORDINARY = re.compile(r"[^ \t\r\n#'\"\\$`<>;&|(){}*?\[~]+")
"""Letters that mean nothing but themselves, wherever they stand."""
_QUOTED = re.compile(r'[^"\\$`]+')
"""The same between double quotes."""
_NESTING = re.compile(r"[\\'()]")


@dataclass(frozen=True, slots=True)
class SimpleCommand:
    """The words of one program call, unquoted. `program_is_known`: its first word is plain text."""

    words: tuple[str, ...]
    program_is_known: bool
    after_pipe: bool = False


@dataclass(slots=True)
class ShellWords:
    """What was found in a command line."""

    commands: list[SimpleCommand] = field(default_factory=list)
    certain: bool = True
    """Every program is plain text, quotes are balanced, and nothing was met that this module does not understand."""
    plain: bool = True
    """Moreover no expansion and no redirection anywhere: what the words say is what the program gets."""


def take_apart(line: str, depth: int = 0) -> ShellWords:
    """The simple commands of `line`. The deeper it was found in another, the shorter it has to be: otherwise a line
    that holds itself is read as often as it is deep."""
    found = ShellWords()
    if len(line) > LONGEST >> max(0, depth - 1) or depth > DEEPEST:
        found.certain = found.plain = False
        return found
    _Scan(line, found, depth).run()
    if not found.certain:
        found.plain = False
    return found


class _Scan:
    """One pass over a line: ordinary letters at once, all others one by one."""

    def __init__(self, line: str, found: ShellWords, depth: int) -> None:
        self._line = line
        self._found = found
        self._depth = depth
        self._at = 0
        self._words: list[str] = []
        self._word: list[str] = []
        self._in_word = False
        self._word_expands = False
        self._first_expands = False
        self._only_assigned = True
        self._skip_word = False
        self._after_pipe = False

    def run(self) -> None:
        line, size = self._line, len(self._line)
        while self._at < size:
            if ordinary := _ORDINARY.match(line, self._at):
                self._add(ordinary[0])
                self._at = ordinary.end()
            else:
                self._step(line[self._at])
                if len(self._found.commands) > MOST_COMMANDS:
                    self._unsure()
                    return
        self._end_command(False)

    def _step(self, letter: str) -> None:
        self._at += 1
        if letter in _SPACE:
            self._end_word()
        elif letter == "#" and not self._in_word:
            self._at = _or_end(self._line.find("\n", self._at), self._line)
        elif letter == "'":
            self._single()
        elif letter == '"':
            self._double()
        elif letter == "\\":
            self._escape()
        elif letter == "$" or letter == "`":
            self._expansion(letter)
        elif letter in _REDIRECT:
            self._redirect(letter)
        elif letter in "{}" and (self._in_word or not self._stands_alone()):
            self._found.plain = False
            self._add(letter)
            if letter == "{" or "," in self._line:
                self._word_expands = True
        elif letter in _ENDS:
            self._end_command(
                letter == "|" and self._peek() != "|" and self._line[self._at - 2 : self._at - 1] != "|"
            )
        else:
            if letter in "*?[~":
                self._found.plain = False
            self._add(letter)

    def _stands_alone(self) -> bool:
        return self._peek() in ("", " ", "\t", "\n", ";")

    def _peek(self) -> str:
        return self._line[self._at : self._at + 1]

    def _add(self, text: str) -> None:
        self._in_word = True
        self._word.append(text)

    def _single(self) -> None:
        end = self._line.find("'", self._at)
        if end < 0:
            self._unsure()
        self._add(self._line[self._at : _or_end(end, self._line)])
        self._at = _or_end(end, self._line) + 1

    def _double(self) -> None:
        self._add("")
        while self._at < len(self._line):
            if ordinary := _QUOTED.match(self._line, self._at):
                self._add(ordinary[0])
                self._at = ordinary.end()
                continue
            letter = self._line[self._at]
            self._at += 1
            if letter == '"':
                return
            if letter == "\\" and self._peek() in ('"', "\\", "$", "`", "\n"):
                self._add(self._peek().replace("\n", ""))
                self._at += 1
            elif letter in "$`":
                self._expansion(letter)
            else:
                self._add(letter)  # a backslash that stands for itself
        self._unsure()

    def _escape(self) -> None:
        if self._at >= len(self._line):
            self._unsure()
            return
        letter = self._line[self._at]
        self._at += 1
        if letter != "\n":
            self._add(letter)

    def _expansion(self, letter: str) -> None:
        self._found.plain = False
        if letter == "`":
            end = self._line.find("`", self._at)
            self._inside(self._line[self._at : _or_end(end, self._line)], end < 0)
            self._at = _or_end(end, self._line) + 1
        elif self._peek() == "(":
            end = _closing(self._line, self._at)
            self._inside(self._line[self._at + 1 : _or_end(end, self._line)], end < 0)
            self._at = _or_end(end, self._line) + 1
        elif self._peek() == "'":
            self._word_expands = True
            text, self._at = read_ansi(self._line, self._at + 1)
            self._add(text)
            if self._at > len(self._line):
                self._unsure()
        elif self._peek() == '"':
            self._word_expands = True  # it may be translated
        elif self._peek() not in ("", *_SPACE, *_ENDS):
            self._word_expands = True
            self._add("$")
        else:
            self._add("$")

    def _inside(self, line: str, is_cut: bool) -> None:
        if is_cut:
            self._unsure()
        self._word_expands = True
        self._add("$()")
        inner = take_apart(line, self._depth + 1)
        self._found.commands += inner.commands
        self._found.certain &= inner.certain

    def _redirect(self, letter: str) -> None:
        self._found.plain = False
        if letter == "<" and self._peek() == "<" and self._line[self._at : self._at + 2] != "<<":
            self._unsure()  # a here-document that nobody cut out
        if self._word and "".join(self._word).isdigit():
            self._word, self._in_word = [], False
        self._end_word()
        while self._peek() and self._peek() in ">&|<":
            self._at += 1
        self._skip_word = True

    def _end_word(self) -> None:
        if not self._in_word:
            return
        word, expands = "".join(self._word), self._word_expands
        self._word, self._in_word, self._word_expands = [], False, False
        if self._skip_word:
            self._skip_word = False
            return
        if not self._words:
            if word in _KEYWORDS:
                return
            if word in _RENAMING:
                self._unsure()
        if self._only_assigned and not _ASSIGNMENT.match(word):
            self._first_expands, self._only_assigned = expands, False
        self._words.append(word)

    def _end_command(self, is_pipe: bool) -> None:
        self._end_word()
        self._skip_word = False
        if self._words:
            if self._first_expands:
                self._found.certain = False
            self._found.commands.append(
                SimpleCommand(tuple(self._words), not self._first_expands, self._after_pipe)
            )
            self._after_pipe = is_pipe
        elif is_pipe:
            self._after_pipe = True
        self._words, self._first_expands, self._only_assigned = [], False, True

    def _unsure(self) -> None:
        self._found.certain = False


def _or_end(at: int, line: str) -> int:
    return at if at >= 0 else len(line)


def _closing(line: str, start: int) -> int:
    """Where the parenthesis that opens at `start` closes; -1 where it does not. Quotes are respected."""
    depth, at = 0, start
    while found := _NESTING.search(line, at):
        letter, at = found[0], found.end()
        if letter == "\\":
            at += 1
        elif letter == "'":
            at = line.find("'", at) + 1
            if at == 0:
                return -1
        elif letter == "(":
            depth += 1
            if depth > MOST_COMMANDS:
                return -1
        else:
            depth -= 1
            if depth == 0:
                return at - 1
    return -1
