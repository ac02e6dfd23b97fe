"""What is wrong in a rule: where in it, and a sentence."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches


class Wrong(ValueError):
    """The path inside the rule, and a sentence."""

    def __init__(self, path: Sequence[str | int], sentence: str) -> None:
        super().__init__(sentence)
        self.path = tuple(path)


def did_you_mean(given: str, known: Iterable[str]) -> str:
    """`; did you mean command?`, or nothing."""
    near = get_close_matches(given, list(known), n=1)
    return f"; did you mean {near[0]}?" if near else ""
