"""The grammar of bash, by tree-sitter: a text becomes a tree, or nothing where that would take too much work.

It is C code within this process: docs/decisions/0017 says why, and what bounds it. Loaded when first needed.
"""

import time
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tree_sitter import Node, Parser

LONGEST = 4 << 10
MOST_NODES = 20_000
_BASE_SECONDS = 0.01
_SECONDS_EACH = 2e-6
"""For each letter. Ordinary texts take a tenth of it; some that were made for it would take minutes."""


class Budget:
    """How much work one line may make, with all that is found within it.

    A look at the clock is cheap, one at the work of this thread is not. So only what has taken too long by the clock
    is measured by its work, and a busy machine makes no line uncertain.
    """

    def __init__(self, letters: int) -> None:
        self._left = _BASE_SECONDS + _SECONDS_EACH * min(letters, LONGEST)

    def parse(self, text: bytes) -> "Node | None":
        """The root of the tree; None where the text is too long or too much work."""
        if len(text) > LONGEST or self._left <= 0:
            return None
        parser = _parser()
        watch = _Watch(self._left)
        try:
            tree = parser.parse(lambda at, _: text[at:], progress_callback=watch.is_over)
        except ValueError:  # it was stopped
            parser.reset()
            self._left = 0
            return None
        if watch.was_long:
            self._left = 0
        return tree.root_node if tree.root_node.descendant_count <= MOST_NODES else None


class _Watch:
    """Asked by the parser every now and then."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._end = time.perf_counter() + seconds
        self._work_end = 0.0
        self.was_long = False

    def is_over(self, offset: int, has_error: bool) -> bool:
        if time.perf_counter() < self._end:
            return False
        if not self.was_long:
            self.was_long = True
            self._work_end = time.thread_time() + self._seconds
        return time.thread_time() > self._work_end


@lru_cache(maxsize=1)
def _parser() -> "Parser":
    import tree_sitter_bash
    from tree_sitter import Language, Parser

    return Parser(Language(tree_sitter_bash.language()))
