"""What an emulator is and what a screen looks like: the words every part of the replay shares.

A `Screen` is a picture, not a terminal: titles, links, clipboard writes, bells and questions of the recorded
program are not in it, so nothing can act on them. It knows nothing of time or of recordings.
"""

from dataclasses import dataclass, field
from typing import Protocol

MIN_COLS, MAX_COLS = 2, 1000
MIN_ROWS, MAX_ROWS = 2, 500
UNFINISHED_LIMIT = 1 << 20
"""How many bytes of an unfinished escape sequence are kept, and counted in `Screen.unfinished`."""


class EmulatorFailed(Exception):
    """The emulator crashed, hung or gave nonsense. Only `restart` works after it."""


@dataclass(frozen=True, slots=True)
class Style:
    """How a run looks. A colour is a palette index, `#rrggbb`, or None for the terminal's own.

    `flagged`: the recorded cell also carried invisible characters; they are left out and `reverse` is
    flipped so that the place can be seen.
    """

    fg: int | str | None = None
    bg: int | str | None = None
    bold: bool = False
    dim: bool = False
    italic: bool = False
    underline: bool = False
    reverse: bool = False
    strike: bool = False
    conceal: bool = False
    flagged: bool = False


PLAIN = Style()


@dataclass(frozen=True, slots=True)
class Run:
    """Neighbouring cells of one style. `cells` is the width the recorded terminal gave them.

    Where a library disagrees about the width of `text`, `cells` is right. A cell of several code points (an
    accent, an emoji sequence) is always a run of its own, so a disagreement stays in its place.
    """

    text: str
    cells: int
    style: Style = PLAIN


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the screen, from the left edge to the right."""

    runs: tuple[Run, ...]

    @property
    def text(self) -> str:
        """The line without its styles and without trailing blanks."""
        return "".join(run.text for run in self.runs).rstrip(" ")


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where the next character goes, counted from 0, and whether the program shows it."""

    x: int
    y: int
    visible: bool = True


@dataclass(frozen=True, slots=True)
class Screen:
    """What the person saw. `changed` holds the rows that differ from the screen asked for before this one.

    `unfinished` counts bytes that wait inside an escape sequence without an end. Hundreds of them mean that
    later output is being swallowed, which a reader of the replay must be told.
    """

    cols: int
    rows: tuple[Row, ...]
    cursor: Cursor
    alternate: bool = False
    unfinished: int = 0
    changed: frozenset[int] = field(default=frozenset(), compare=False)

    @property
    def text(self) -> str:
        """All lines as plain text."""
        return "\n".join(row.text for row in self.rows)


class Emulator(Protocol):
    """A terminal without a window. It never answers the recorded program.

    `feed`, `resize` and `clear` may be put off until `settle`, `screen`, `snapshot` or `restore`; each call may raise
    `EmulatorFailed`. Whatever was fed since the last of those four is then uncertain.
    """

    def ready(self) -> bool:
        """Whether a question would be answered now, without waiting for a process to start."""

    def feed(self, data: bytes) -> None:
        """Take output of the recorded program, cut anywhere."""

    def resize(self, cols: int, rows: int) -> None:
        """Change the size, clamped to what an emulator survives."""

    def settle(self) -> None:
        """Return when everything fed so far has been worked through."""

    def screen(self) -> Screen:
        """The picture now."""

    def snapshot(self) -> bytes | None:
        """The whole state, for `restore`; None where the state can not be kept just now."""

    def restore(self, snapshot: bytes) -> None:
        """Become what `snapshot` was taken from."""

    def clear(self) -> None:
        """Forget everything: an empty terminal of 80 by 24."""

    def restart(self) -> None:
        """`clear`, and the only way on after `EmulatorFailed`."""

    def close(self) -> None:
        """Give back memory and processes. Nothing works afterwards."""


def clamp_size(cols: int, rows: int) -> tuple[int, int]:
    """The nearest size that is safe: a recorded person's terminal may claim any."""
    return min(max(cols, MIN_COLS), MAX_COLS), min(max(rows, MIN_ROWS), MAX_ROWS)
