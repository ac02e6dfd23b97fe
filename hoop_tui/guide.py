"""The strip that leads a newcomer through the demo: five things to do, each said once the one before was done.

It follows what the person does, in whatever order, and never does anything itself. Once it is over or was sent away
it does not come back: a file says so. It knows no widgets; `app.py` tells it what is on the screen.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from hoop_tui.private_files import write_private

Place = Literal["sessions", "approvals", "approving", "denying", "replay", "elsewhere"]
LAST = 5
_HIDE: dict[Place, str] = {"sessions": "   Esc hides this", "approvals": "   Esc hides this"}


@dataclass(frozen=True, slots=True)
class Seen:
    """What is on the screen. `waiting`: so many requests that may be decided here. `typed`: the box that is open
    wants the target's name. `below`: the card goes on further down."""

    place: Place
    waiting: int = 0
    typed: str = ""
    below: bool = False


class Guide:
    """`path`: the file that keeps it away."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.step = 1
        self.is_over = path.exists()

    def look(self, seen: Seen) -> str:
        """What to do next, in a line; empty once it is over."""
        if self.is_over:
            return ""
        if self.step == 1 and seen.place == "approvals":
            self.step = 2
        if self.step <= 2 and seen.place in ("approving", "denying"):
            self.step = 3
        if self.step == 4 and seen.place == "replay":
            self.step = LAST
        if self.step == LAST and seen.place == "approvals":
            self.leave()
            return ""
        return f" {self.step} of {LAST}: {_words(self.step, seen)}{_HIDE.get(seen.place, '')}"

    def decided(self) -> None:
        """Somebody's request was approved or refused in this app."""
        self.step = max(self.step, 4)

    def leave(self) -> None:
        """For good, or, where that can not be kept, for this time."""
        self.is_over = True
        try:
            write_private(self._path, b"")
        except OSError:
            return


def _words(step: int, seen: Seen) -> str:
    there, waits = seen.place, seen.waiting > 0
    match step:
        case 1:
            return (
                "Dave waits for your word: press F2" if waits else "in a moment a colleague needs you: wait"
            )
        case 2 if there == "approvals":
            if not waits:
                return "wait for him"
            to_its_end = "to its end with ctrl+d" if seen.below else "the card"
            return f"read {to_its_end}, then press a: it only opens a box"
        case 2:
            return "press F2: somebody waits there for your word"
        case 3 if there == "approving":
            name = f"type {seen.typed} in the lower box, then " if seen.typed else ""
            return f"{name}tab until > is at Approve, then enter"
        case 3 if there == "denying":
            return "type why: he reads it. Then enter, and enter again"
        case 3:
            return (
                "press a to let it run, or x to refuse it"
                if there == "approvals"
                else "press F2 to decide it"
            )
        case 4:
            return (
                "see it run: g, then enter, on Dave's LIVE row"
                if there == "sessions"
                else "he has your answer. See it run in his session: F3"
            )
        case _:
            return "all that he runs is in here, as he runs it. He asks again soon: F2"
