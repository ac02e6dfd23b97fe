"""Where the player stands: `08:47.106 |▁▂█~~~~~▂H▂!▁|09:04.010`, and a caret under it where there is room.

Heights tell how much was shown, `~` is silence, letters are decisions: H held, ! blocked, denied or ended.
"""

import math
from itertools import pairwise

from textual.content import Content
from textual.events import Click, Resize
from textual.message import Message

from hoop_tui.opening import is_plain
from hoop_tui.replay.player import PlayerState
from hoop_tui.replay.recording import Recording
from hoop_tui.safe_text import fitted, joined, safe, stacked
from hoop_tui.widgets.line import Line
from hoop_tui.wording import brief, position

_WORTH_SAYING_US = 1_000_000
_HEIGHTS = "▁▂▃▄▅▆▇█"
SIGNS = {
    "held": "H",
    "blocked": "!",
    "denied": "!",
    "ended": "!",
    "end": "!",
    "expired": "!",
    "alert": "!",
    "killed": "!",
}


class PositionBar(Line):
    """Draws `tell(recording, state)`; a click jumps there."""

    class Jumped(Message):
        """Somebody clicked at this share of the recording."""

        def __init__(self, percent: float) -> None:
            super().__init__()
            self.percent = percent

    def __init__(self) -> None:
        super().__init__(id="bar")
        self._told: tuple[Recording, PlayerState] | None = None
        self._profile_key: tuple[int, int, int] = (-1, -1, -1)
        self._profile: list[tuple[str, str]] = []
        self._span = (0, 0)

    def tell(self, recording: Recording, state: PlayerState) -> None:
        self._told = (recording, state)
        self._draw()

    def on_resize(self, _: Resize) -> None:
        self._draw()

    def on_click(self, event: Click) -> None:
        start, width = self._span
        if width > 1 and start <= event.x < start + width:
            self.post_message(self.Jumped((event.x - start) * 100 / (width - 1)))

    def _draw(self) -> None:
        if self._told is None or self.size.width < 30:
            return
        recording, state = self._told
        if is_plain(self.app):
            self.show(
                safe(f" at {position(state.position_us)} of {position(state.duration_us)}, {_note(state)}")
            )
            return
        left, right = f" {position(state.position_us)} ", f" {position(state.duration_us)} "
        note = _note(state)
        width = self.size.width - len(left) - len(right) - len(note) - 2
        if width < 20:
            note, width = "", width + len(note)
        self._span = (len(left) + 1, width)
        at = min(width - 1, state.position_us * width // max(1, state.duration_us))
        cells = [
            _playhead(sign) if cell == at else safe(sign, style if cell < at else f"{style} dim")
            for cell, (sign, style) in enumerate(self._cells(recording, width))
        ]
        edge = safe("|", "$text-muted")
        line = joined(
            safe(left, "bold"), edge, *cells, edge, safe(right, "$text-muted"), safe(note, "$text-muted")
        )
        self.show(stacked(line, self._caret(at, state)) if self.size.height > 1 else line)

    def _cells(self, recording: Recording, width: int) -> list[tuple[str, str]]:
        key = (len(recording), recording.duration_us, width)
        if key != self._profile_key:
            self._profile_key, self._profile = key, profile(recording, width)
        return self._profile

    def _caret(self, at: int, state: PlayerState) -> Content:
        caret = safe(" " * (self._span[0] + at) + "^", "bold $text-accent")
        skipped = state.skipped.end_us - state.skipped.start_us if state.skipped else 0
        if skipped < _WORTH_SAYING_US:
            return fitted(caret, self.size.width)
        words = f"{brief(skipped)} of silence skipped"
        if caret.cell_length + len(words) + 2 <= self.size.width:
            return joined(caret, safe(f"  {words}", "$text-muted"))
        gap = max(0, self._span[0] + at - len(words) - 2)
        return joined(safe(" " * gap), safe(words, "$text-muted"), safe("  ^", "bold $text-accent"))


def _playhead(sign: str) -> Content:
    return safe(sign, "reverse bold") if sign.isalpha() or sign == "!" else safe("┃", "bold $text-warning")


def _note(state: PlayerState) -> str:
    return f"idle>{state.idle_limit_us / 1e6:g}s " if state.idle_skip else "idle off "


def profile(recording: Recording, width: int) -> list[tuple[str, str]]:
    """A sign and its style for each of `width` equal parts of the recording."""
    length = max(1, recording.duration_us)
    edges = [length * cell // width for cell in range(width + 1)]
    frames = [recording.frames_before(edge) for edge in edges[:-1]] + [len(recording)]
    shown = [recording.output_bytes(frame) for frame in frames]
    amounts = [after - before for before, after in pairwise(shown)]
    most = math.log1p(max(amounts, default=0)) or 1.0
    cells = [
        (_HEIGHTS[min(7, int(math.log1p(amount) / most * 7.99))], "$text-accent")
        if amount
        else ("▁", "$text-muted")
        for amount in amounts
    ]
    for gap in recording.idle_gaps():
        for cell in range(gap.start_us * width // length + 1, gap.end_us * width // length):
            if not amounts[cell]:
                cells[cell] = ("~", "$text-muted")
    for chapter in recording.chapters:
        if sign := SIGNS.get(chapter.kind):
            cells[min(width - 1, chapter.at_us * width // length)] = (sign, "bold $text-warning")
    return cells
