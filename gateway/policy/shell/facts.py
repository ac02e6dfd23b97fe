"""What is known about a command line before it runs.

A word that only the shell on the target can complete has holes in its shape: `may_be` asks whether a pattern could
describe what comes to stand there. Next in the reading path: `reader.py`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gateway.policy.glob import matches

ANY = "\ue000"
"""Stands for whatever a variable, a command or a home directory may put here."""
PART = "\ue001"
"""Stands for what `*`, `?` or `[...]` may find: no slash."""


_FED_WORDS = frozenset(("xargs", "parallel", "sem"))
"""They give the programs that they run more words than stand in the line."""


@dataclass(frozen=True, slots=True)
class Word:
    """One word. `shape` differs from `text` where it has holes; `text` then has what was written there."""

    text: str
    shape: str
    splits: bool = False
    """It may become several words, or none."""

    @property
    def is_known(self) -> bool:
        return ANY not in self.shape and PART not in self.shape


@dataclass(frozen=True, slots=True)
class Command:
    """One program call as it is written, without assignments and redirections."""

    words: tuple[Word, ...]
    is_fed: bool = False
    """It is given input by a pipe, a file or the line itself."""

    @property
    def shapes(self) -> tuple[str, ...]:
        return tuple(word.shape for word in self.words)

    @property
    def argv(self) -> tuple[str, ...]:
        return tuple(word.text for word in self.words)


@dataclass(frozen=True, slots=True)
class ShellFacts:
    """Of one command line."""

    commands: tuple[Command, ...] = ()
    """Every simple command, also inside substitutions, functions, loops and what a shell is given with `-c`."""
    programs: tuple[str, ...] = ()
    """Their programs, and those behind `sudo` and its like, without directories."""
    reads: tuple[str, ...] = ()
    """Files that redirections read, as shapes."""
    writes: tuple[str, ...] = ()
    certain: bool = True
    why: str = ""
    """Why it is not certain: one clause, for people."""


@dataclass(frozen=True, slots=True)
class CommandLine:
    """A command line as rules see it."""

    forms: tuple[str, ...]
    """Everything that a restricting pattern is tried on."""
    commands: tuple[str, ...]
    """Each simple command, words joined by one space: what an allowing pattern must cover, every one of them."""
    certain: bool
    plain: bool
    """Certain, and nothing but words that mean themselves: what a rule that allows may look at."""
    facts: ShellFacts
    why: str
    """Why it is not certain: one clause, for people."""
    open_forms: tuple[str, ...]
    """Forms with holes, where only the shell on the target knows what comes to stand."""
    argvs: tuple[tuple[str, ...], ...]
    """The words of each of `commands`."""

    @property
    def words_are_known(self) -> bool:
        """No word of any command comes from the target or from another program."""
        return _FED_WORDS.isdisjoint(self.facts.programs) and all(
            word.is_known for command in self.facts.commands for word in command.words
        )

    @property
    def words(self) -> tuple[str, ...]:
        """Of all commands in it, each once. A program also without its directory."""
        found = [argv for argv in (*(command.argv for command in self.facts.commands), *self.argvs) if argv]
        names = [argv[0].rsplit("/", 1)[-1] for argv in found]
        return tuple(dict.fromkeys([word for argv in found for word in argv] + names))

    def may_have_word(self, patterns: Sequence[str]) -> bool:
        """For rules that restrict: whether one of them describes a word of a command, or what one may become."""
        if not _FED_WORDS.isdisjoint(self.facts.programs):
            return True
        known = self.words
        shapes = {
            word.shape for command in self.facts.commands for word in command.words if not word.is_known
        }
        return any(
            any(matches(pattern, word) for word in known) or any(may_be(pattern, shape) for shape in shapes)
            for pattern in patterns
        )

    def each_has_word(self, patterns: Sequence[str]) -> bool:
        """For rules that allow: whether every command has a word that one of them describes. Of a plain line only."""
        return bool(self.argvs) and all(
            any(matches(pattern, word) for pattern in patterns for word in argv) for argv in self.argvs
        )

    def may_be(self, patterns: Iterable[str]) -> bool:
        """For rules that restrict: whether one of them describes what the line runs, or what it may come to run."""
        return any(
            any(matches(pattern, form) for form in self.forms)
            or any(may_be(pattern, form) for form in self.open_forms)
            for pattern in patterns
        )


def may_be(pattern: str, shape: str) -> bool:
    """Whether `pattern` (`*` any text, `?` one character) may describe what `shape` becomes."""
    size = len(pattern)
    letters: dict[str, int] = {}
    stars = slashes = 0
    for at, letter in enumerate(pattern):
        if letter == "*":
            stars |= 1 << at
        elif letter == "?":
            letters["?"] = letters.get("?", 0) | 1 << at
        else:
            letters[letter] = letters.get(letter, 0) | 1 << at
            slashes |= (letter == "/") << at
    whole = (1 << size + 1) - 1
    wild = letters.pop("?", 0)
    states = _past_stars(1, stars)
    for letter in shape:
        if letter == ANY:
            states = whole & -(states & -states)
        elif letter == PART:
            states = _within(states, slashes, size)
        else:
            states = (states & stars) | (states & (wild | letters.get(letter, 0))) << 1
            states = _past_stars(states, stars)
        if not states:
            return False
    return bool(states >> size & 1)


def _past_stars(states: int, stars: int) -> int:
    """A star may also stand for nothing."""
    while more := (states & stars) << 1 & ~states:
        states |= more
    return states


def _within(states: int, slashes: int, size: int) -> int:
    """Wherever a text without a slash can lead."""
    reached, at = 0, 0
    moving = False
    for at in range(size + 1):
        moving = moving or bool(states >> at & 1)
        if moving:
            reached |= 1 << at
        if slashes >> at & 1:
            moving = False
    return reached
