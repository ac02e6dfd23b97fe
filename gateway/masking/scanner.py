"""Runs a set of detectors over one text. Knows no streams, no escape sequences and no replacements."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from gateway.masking.detector import LONGEST_HELD, LOOK_BACK, REACH, Detector, Span, compiled
from gateway.masking.detectors import DETECTORS

_CUT = 16
"""Candidates this near to where a text was cut off on the left are not looked at: what stood before is unknown."""


class Finding(NamedTuple):
    """A secret and the place of its detector in the order of precedence."""

    rank: int
    span: Span


@dataclass(frozen=True, slots=True)
class Findings:
    """What a text holds."""

    decided: Sequence[Finding]
    open: Sequence[Finding]
    """Touch the end of the text and would be secrets if nothing followed."""
    undecided: int
    """From here on something may still become a secret, or be longer than it looks."""


class Scanner:
    """The chosen detectors as two patterns, a gate and a tail, and their `find` functions."""

    def __init__(self, names: frozenset[str]) -> None:
        unknown = names - DETECTORS.keys()
        if unknown:
            raise ValueError(f"no such detector: {', '.join(sorted(unknown))}")
        self.detectors: tuple[Detector, ...] = tuple(d for d in DETECTORS.values() if d.name in names)
        self._gate = compiled(b"|".join(d.gate for d in self.detectors)) if names else None
        self._gates = [compiled(detector.gate) for detector in self.detectors]
        tails = [d.tail for d in self.detectors if d.tail]
        self._tail = compiled(rb"(?:" + b"|".join(tails) + rb")\z") if tails else None

    def quiet(self, text: bytes) -> bool:
        """Whether no detector has anything to say about this text. Joining lines is tried by the caller."""
        return self._gate is None or self._gate.search(text) is None

    def tail(self, text: bytes) -> int:
        """Where the longest possible beginning of a secret at the end of `text` starts."""
        if self._tail is None:
            return len(text)
        found = self._tail.search(text, max(0, len(text) - REACH))
        return found.start() if found else len(text)

    def scan(self, text: bytes, is_cut: bool) -> Findings:
        """Everything in `text`. `is_cut`: it went on to the left."""
        decided: list[Finding] = []
        ends: list[Finding] = []
        undecided = self.tail(text)
        first = _CUT if is_cut else 0
        for rank, detector in enumerate(self.detectors):
            if self._gates[rank].search(text, first) is None:
                continue
            for span in detector.find(text, first):
                if not span.open or is_too_long(span):
                    decided.append(Finding(rank, span))
                    continue
                undecided = min(undecided, span.start)
                if span.sure:
                    ends.append(Finding(rank, span))
        return Findings(decided, ends, undecided)


def is_too_long(span: Span) -> bool:
    """It has gone on for so long that it is masked without waiting for its end."""
    return span.goes_on is not None and span.end - span.start >= LONGEST_HELD


@lru_cache(maxsize=64)
def scanner(names: frozenset[str]) -> Scanner:
    """The scanner for these detectors. Raises ValueError for a name that is not one."""
    return Scanner(names)


assert _CUT < LOOK_BACK
