"""What a detector is: a name, the words the engine looks for, and a function that says which bytes are secret.

A detector may look only at the bytes near a candidate: what it says about a position must not depend on where
the text handed to it begins (beyond `LOOK_BACK`) nor on where it ends, except that a candidate which touches the
end is marked `open`. That is what makes masking independent of chunk boundaries.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import re2

from gateway.masking.replacement import Replacement, labelled

LONGEST_HELD = 2048
"""Visible bytes of one candidate that may wait for their end. A run that is longer counts as a secret whether or
not it proves to be one: nothing is let through just because it is long."""

LOOK_BACK = 512
"""Visible bytes before an undecided candidate that detectors may still need."""

REACH = 352
"""The longest beginning of a secret that the `tail` patterns describe."""


class Match(Protocol):
    """What we use of a match."""

    def start(self) -> int: ...
    def end(self) -> int: ...
    def span(self) -> tuple[int, int]: ...


class Pattern(Protocol):
    """What we use of a compiled re2 pattern."""

    def search(self, text: bytes, pos: int = ..., endpos: int = ...) -> Match | None: ...
    def match(self, text: bytes, pos: int = ..., endpos: int = ...) -> Match | None: ...
    def finditer(self, text: bytes, pos: int = ..., endpos: int = ...) -> Iterator[Match]: ...


class Span(NamedTuple):
    """A secret, or what may become one, in visible bytes."""

    start: int
    end: int
    open: bool = False
    """It touches the end of the text: what follows may make it longer, or make it harmless."""
    sure: bool = True
    """It is a secret if nothing follows."""
    goes_on: Pattern | None = None
    """Matches the bytes that would continue it, for a secret that has no longest length."""


Find = Callable[[bytes, int], Iterator[Span]]
"""`find(text, first)`: the spans of `text`, in candidates that begin at `first` or later."""


@dataclass(frozen=True, slots=True)
class Detector:
    """One class of secrets."""

    name: str
    gate: bytes
    """A pattern that is found wherever `find` may have something to say: cheap, and without captures."""
    tail: bytes
    """A pattern for the beginnings of secrets that `find` can not see yet. It is used at the end of a text only."""
    find: Find
    replacement: Replacement = labelled


def compiled(pattern: bytes) -> Pattern:
    """An re2 pattern over single bytes, whatever their encoding."""
    options: Any = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    options.log_errors = False
    found: Pattern = re2.compile(pattern, options)
    return found
