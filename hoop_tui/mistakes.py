"""What is said and kept of a mistake in the program: where it happened, and nothing of what it was about.

No values are kept, not even the words of the error: a token may be among them. Standard library only, for the sake
of commands that start fast.
"""

import os
import sys
import traceback
from collections.abc import Iterator

FAILED = 1
_MOST = 20
"""Errors of which one is because of the other."""


def where_it_was(problem: BaseException) -> str:
    """Files, lines and functions, and of which kinds the errors were; the first one first."""
    told = [f"{''.join(traceback.format_tb(each.__traceback__))}{_kind(each)}\n" for each in _causes(problem)]
    return "\n".join(reversed(told))


def tell_mistake(problem: BaseException) -> int:
    """One sentence for the person, and the rest into a file of theirs. Gives back the exit code."""
    from hoop_tui.private_files import write_private
    from hoop_tui.sign_in import state_dir

    path = state_dir(os.environ) / "mistake.txt"
    try:
        write_private(path, where_it_was(problem).encode(errors="replace"))
        where = f"{path} shows where"
    except OSError:
        where = "where could not be written down"
    said = f"hoop-tui: this is a mistake in the program ({_kind(problem)}); {where}"
    print(said, file=sys.stderr)
    return FAILED


def _kind(problem: BaseException) -> str:
    return type(problem).__name__


def _causes(problem: BaseException) -> Iterator[BaseException]:
    """The error, what it came from, and what that came from; of a group, all that is in it."""
    found: list[BaseException] = []
    waiting: list[BaseException | None] = [problem]
    while waiting and len(found) < _MOST:
        each = waiting.pop(0)
        if each is None or any(each is known for known in found):
            continue
        found.append(each)
        waiting += each.exceptions if isinstance(each, BaseExceptionGroup) else ()
        waiting.append(each.__cause__ or (None if each.__suppress_context__ else each.__context__))
    yield from found
