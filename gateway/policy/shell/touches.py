"""Which files a command line plainly removes, moves, overwrites or changes, by the names and patterns that it has.

For people who are asked about it, never for rules: what is not in here may be touched all the same. It looks at no
target; patterns are kept as what each part of a path has to match.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from gateway.policy.shell.behind import base_name, likely_places
from gateway.policy.shell.facts import ANY, PART, Command, Word
from gateway.policy.shell.reader import read_shell
from gateway.policy.shell.runs import ASIDE, DIRECTORY_NOT_KNOWN, moved, moves

REMOVES, MOVES, WRITES, CHANGES = "removes", "moves", "overwrites", "changes"
MOST = 50
_ALL = {
    **dict.fromkeys(("rm", "unlink", "rmdir", "shred"), REMOVES),
    **dict.fromkeys(("truncate", "tee"), WRITES),
    **dict.fromkeys(("chmod", "chown", "chgrp"), CHANGES),
}
_TWO = {"mv": MOVES, "cp": "", "install": ""}
"""What is done to all but the last; the last is written."""
_SKIPPED = {"chmod": 1, "chown": 1, "chgrp": 1}
"""Operands that are no file."""
_VALUED = {"truncate": "sr", "shred": "ns", "install": "gmoS", "mv": "S", "cp": "S"}
_NOT_KNOWN = "its name is not known before it runs"

Part = str | re.Pattern[str]


@dataclass(frozen=True, slots=True)
class Touch:
    """Files that one word names. `why`: why that can not be told; then there are no `parts`."""

    does: str
    name: str
    parts: tuple[Part, ...] = ()
    """Of its path: a name, or what names have to match. An absolute one begins with an empty name."""
    into: bool = False
    """A directory of this name takes the files."""
    sources: tuple[str, ...] = ()
    """Their names, as far as they are known."""
    tree: bool = False
    """With all that is in it."""
    why: str = ""
    origin: tuple[str, ...] = ()
    """Parts of the path of the one file that it becomes, where that is known."""


def files_touched(line: str, directory: str | None) -> tuple[Touch, ...]:
    """In order. `directory` as for `runs.files_run`. Never raises."""
    reading = read_shell(line)
    in_turn = reading.is_straight and not ASIDE.search(line)
    commands = reading.own if in_turn else reading.facts.commands
    where = directory if in_turn or not any(map(moves, commands)) else None
    found: list[Touch] = []
    for command in commands:
        if in_turn and moves(command):
            where = moved(command, where)
        else:
            found += _of(command, where)
    for shape in reading.facts.writes:
        found.append(_touch(WRITES, Word(shape, shape), where))
    return tuple(found[:MOST])


def _of(command: Command, directory: str | None) -> Iterator[Touch]:
    for at in likely_places(command.words):
        words = command.words[at:]
        if not words:
            continue
        name = base_name(words[0].text)
        if name in _ALL:
            operands, options = _operands(name, words)
            tree = any(re.fullmatch(r"-[a-zA-Z]*[rR][a-zA-Z]*|--recursive", each) for each in options)
            for word in operands[_SKIPPED.get(name, 0) :]:
                yield _touch(_ALL[name], word, directory, tree=tree)
        elif name in _TWO:
            yield from _two(name, words, directory)


def _two(name: str, words: Sequence[Word], directory: str | None) -> Iterator[Touch]:
    operands, options = _operands(name, words)
    if len(operands) < 2 or any(each.startswith(("-t", "--target")) for each in options):
        return
    *sources, last = operands
    for word in sources if _TWO[name] else ():
        yield _touch(_TWO[name], word, directory, tree=True)
    names = tuple(base_name(word.text.rstrip("/")) for word in sources if word.is_known)
    written = _touch(WRITES, last, directory, into=True, sources=names)
    origin = _touch(WRITES, sources[0], directory).parts if len(sources) == 1 else ()
    known = tuple(part for part in origin if isinstance(part, str))
    yield replace(written, origin=known) if known == origin else written


def _operands(name: str, words: Sequence[Word]) -> tuple[list[Word], list[str]]:
    operands: list[Word] = []
    options: list[str] = []
    at = 1
    while at < len(words):
        text = words[at].text
        if text == "--":
            operands += words[at + 1 :]
            break
        if text.startswith("-") and len(text) > 1:
            options.append(text)
            at += len(text) == 2 and text[1] in _VALUED.get(name, "")
        else:
            operands.append(words[at])
        at += 1
    return operands, options


def _touch(
    does: str,
    word: Word,
    directory: str | None,
    *,
    tree: bool = False,
    into: bool = False,
    sources: tuple[str, ...] = (),
) -> Touch:
    text, shape, start = word.text, word.shape, directory
    if text.startswith("~/") and shape.startswith(ANY + "/"):
        text, shape, start = text[2:], shape[2:], ""
    if ANY in shape or not text or len(text) != len(shape) or "\0" in text:
        return Touch(does, word.text, why=_NOT_KNOWN)
    if text.startswith("/"):
        start = ""
    if start is None:
        return Touch(does, word.text, why=DIRECTORY_NOT_KNOWN.partition(": ")[2])
    parts = (*(start.split("/") if start else ()), *_parts(text, shape))
    return Touch(does, word.text, parts, into, sources, tree)


def _parts(text: str, shape: str) -> Iterator[Part]:
    """Letter by letter: what stands for itself, and what a shell would match."""
    at = 0
    for part in text.split("/"):
        yield _part(part, shape[at : at + len(part)])
        at += len(part) + 1


def _part(text: str, shape: str) -> Part:
    if PART not in shape:
        return text
    pattern = "" if text[0] == "." else r"(?!\.)"
    at = 0
    while at < len(text):
        letter, end = text[at], 0
        if shape[at] != PART:
            pattern += re.escape(letter)
        elif letter == "*":
            pattern += ".*"
        elif letter == "?":
            pattern += "."
        elif letter == "[" and (end := text.find("]", at + 2)) > 0:
            inner = text[at + 1 : end].replace("\\", r"\\").replace("[", r"\[")
            pattern += "[" + ("^" + inner[1:] if inner[0] in "!^" else inner) + "]"
            at = end
        else:
            pattern += re.escape(letter)
        at += 1
    try:
        return re.compile(pattern, re.DOTALL)
    except re.error:
        return text
