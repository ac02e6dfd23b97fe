"""The keys that were typed, newest on the right, and how many bytes went either way."""

from textual.content import Content

from hoop_tui.replay.player import PlayerState
from hoop_tui.safe_text import fitted, joined, safe
from hoop_tui.widgets.line import Line
from hoop_tui.wording import size

_FRESH_US = 700_000
"""Keys typed this recently stand out."""
_PAUSE_US = 1_500_000
"""A longer pause between two keys shows as a dot."""


class KeyLane(Line):
    """One line: ` keys  s u d o Spc r m Ret          in 31 B  out 190 B`."""

    def tell(self, state: PlayerState) -> None:
        room = self.size.width
        counts = safe(f" in {size(state.input_bytes)}  out {size(state.output_bytes)} ", "$text-muted")
        head = safe(" keys  ", "$text-muted")
        keys = _keys(state, max(0, room - head.cell_length - counts.cell_length))
        self.show(joined(head, fitted(keys, room - head.cell_length - counts.cell_length), counts))


def _keys(state: PlayerState, room: int) -> Content:
    pieces: list[Content] = []
    used, later_us = 0, state.position_us
    for key in reversed(state.keys):
        name = safe(
            key.name, "bold $text-accent" if state.position_us - key.at_us < _FRESH_US else "", limit=40
        )
        paused = later_us - key.at_us > _PAUSE_US and bool(pieces)
        cost = name.cell_length + (3 if paused else 1)
        if used + cost > room:
            break
        if paused:
            pieces.append(safe("· ", "$text-muted"))
        pieces.append(joined(name, safe(" ")))
        used, later_us = used + cost, key.at_us
    return joined(*reversed(pieces))
