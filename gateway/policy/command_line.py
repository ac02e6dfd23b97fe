"""What a command line would run, in the forms that rules are matched against.

For rules that restrict, every form a command might be meant in: the line itself, each simple command, what stands
behind `sudo`, `env`, `xargs` and their like, what a shell is given with `-c`, programs without their directory.
For rules that allow, only what is certain. An aid, not a boundary: see docs/rules.md.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from gateway.policy.shell_words import ShellWords, SimpleCommand, take_apart

_MANY_SPACES = re.compile(r"\s+")
_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\+?=")

_WRAPPER_NAMES = """
    at batch builtin busybox cgexec chroot chrt command coproc doas docker dumb-init entr env exec
    fakeroot find flock gosu ionice kubectl ltrace newgrp nice nohup nsenter numactl parallel pkexec
    podman prlimit proxychains rlwrap run0 runuser screen script setpriv setsid sg ssh start-stop-daemon
    stdbuf strace su su-exec sudo systemd-run taskset time timeout tini tmux torsocks toybox trap
    unbuffer unshare watch xargs
    """
_WRAPPERS = frozenset(_WRAPPER_NAMES.split())
"""Programs that run what stands behind them."""
_SHELLS = frozenset(["sh", "bash", "dash", "zsh", "ksh", "ash", "fish", "rbash"])
_SPELLS = frozenset(("eval", "source", "."))
_INTERPRETERS = _SHELLS | frozenset(
    ["python", "python3", "perl", "ruby", "node", "php", "lua", "awk", "tclsh"]
)
_MOST_FORMS = 2000
_MOST_LETTERS = 1 << 20
"""All forms together. A line that needs more is not read to its end, and so is not certain."""


@dataclass(frozen=True, slots=True)
class CommandLine:
    """A command line as rules see it."""

    forms: tuple[str, ...]
    """Everything that a restricting pattern is tried on."""
    commands: tuple[str, ...]
    """Each simple command, words joined by one space: what an allowing pattern must cover, every one of them."""
    certain: bool
    plain: bool


class _Forms:
    """The forms found so far, within bounds: lines come from attackers."""

    def __init__(self) -> None:
        self.texts: dict[str, None] = {}
        self._letters = 0

    @property
    def full(self) -> bool:
        return len(self.texts) >= _MOST_FORMS or self._letters >= _MOST_LETTERS

    def add(self, text: str) -> None:
        self._letters += len(text)
        self.texts[text] = None


@lru_cache(maxsize=512)
def read(line: str) -> CommandLine:
    """Understand `line` as far as it goes."""
    words = take_apart(line)
    forms = _Forms()
    forms.add(_MANY_SPACES.sub(" ", line).strip())
    forms.add(line)
    certain = _collect(words, forms, 0) and not forms.full
    return CommandLine(
        forms=tuple(forms.texts),
        commands=tuple(" ".join(command.words) for command in words.commands),
        certain=certain,
        plain=words.plain and certain,
    )


def _collect(found: ShellWords, forms: _Forms, depth: int) -> bool:
    certain = found.certain
    for command in dict.fromkeys(found.commands):
        if forms.full:
            return False
        certain &= _forms_of(command, forms, depth)
    return certain


def _forms_of(command: SimpleCommand, forms: _Forms, depth: int) -> bool:
    """Add the forms of one command; False where it may run what can not be seen."""
    words = command.words
    start = 0
    while start < len(words) and _ASSIGNMENT.match(words[start]):
        start += 1
    words = words[start:]
    certain = True
    for at in _starts(words):
        if forms.full:
            return False
        rest = words[at:]
        forms.add(" ".join(rest))
        forms.add(" ".join((_name(rest[0]), *rest[1:])))
        if at and _MANY_SPACES.search(rest[0]):
            # A whole command line in one word, as for `su -c` and `ssh`. It may as well be a harmless text with an
            # apostrophe, so only what it says counts, not what can not be read in it.
            _collect(take_apart(rest[0], depth + 1), forms, depth + 1)
        if at == 0 and rest[0] in _SPELLS:
            certain &= _spelled(rest, forms, depth)
        certain &= _shell_in(rest, command.after_pipe, forms, depth)
    return certain


def _starts(words: tuple[str, ...]) -> Iterator[int]:
    """Where a program may be named: first, and anywhere behind a program that runs others."""
    is_wrapped = False
    for at, word in enumerate(words):
        if at == 0 or is_wrapped:
            yield at
            is_wrapped = is_wrapped or _name(word) in _WRAPPERS


def _spelled(words: tuple[str, ...], forms: _Forms, depth: int) -> bool:
    """`eval` runs its words; what `source` runs is in a file."""
    inner = take_apart(" ".join(words[1:]), depth + 1)
    return _collect(inner, forms, depth + 1) and words[0] == "eval" and inner.plain


def _shell_in(words: tuple[str, ...], after_pipe: bool, forms: _Forms, depth: int) -> bool:
    """Look into what a shell is told to run."""
    program = _name(words[0])
    if program in _INTERPRETERS and after_pipe and "-c" not in words:
        return False
    if program in _SHELLS:
        for at, word in enumerate(words[1:-1], 1):
            if word.startswith("-") and not word.startswith("--") and "c" in word:
                return _collect(take_apart(words[at + 1], depth + 1), forms, depth + 1)
    return True


def _name(program: str) -> str:
    return program.rsplit("/", 1)[-1]
