"""Lines that need no grammar: words and plain quotes in lists and pipelines. Most lines are."""

import re

from gateway.policy.shell.facts import Command, Word

_WORD = r"""(?:[A-Za-z0-9_./:@,+%=-]|'[^']*'|"[^"$`\\]*")+"""
_WORDS = rf"{_WORD}(?: +{_WORD})*"
_JOINT = r" *(?:\|\||&&|[|;]) *"
_LINE = re.compile(rf" *{_WORDS}(?:{_JOINT}{_WORDS})* *;? *")
_PARTS = re.compile(rf"({_WORD})|(\|\||&&|[|;])")
_QUOTES = re.compile(r"""'([^']*)'|"([^"]*)\"""")
_OTHERWISE_NAMES = """
    if then else elif fi for while until do done case esac select function in coproc export declare typeset readonly
    local unset let time
    """
_OTHERWISE = frozenset(_OTHERWISE_NAMES.split())
"""First words that make the grammar mean something else."""
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*\+?=", re.ASCII)


def read_simple(text: str) -> list[Command] | None:
    """The commands of such a line; None for any other."""
    if not _LINE.fullmatch(text):
        return None
    found: list[Command] = []
    words: list[Word] = []
    is_fed = False
    for part in _PARTS.finditer(text):
        raw = part[1]
        if raw is None:
            found.append(Command(tuple(words), is_fed))
            words, is_fed = [], part[2] == "|"
        elif not words and (raw in _OTHERWISE or _ASSIGNMENT.match(raw)):
            return None
        else:
            word = raw if "'" not in raw and '"' not in raw else _QUOTES.sub(_inside, raw)
            words.append(Word(word, word))
    if words:
        found.append(Command(tuple(words), is_fed))
    return found


def _inside(quoted: "re.Match[str]") -> str:
    return quoted[1] if quoted[1] is not None else quoted[2]
