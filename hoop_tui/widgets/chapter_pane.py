"""The chapters of a recording: when, a sign for decisions, and what. The one that plays has `>`; a click jumps."""

from dataclasses import dataclass

from textual.content import Content
from textual.events import Click
from textual.message import Message
from textual.strip import Strip
from textual.visual import Visual
from textual.widget import Widget

from hoop_tui.replay.player import PlayerState
from hoop_tui.replay.recording import Recording
from hoop_tui.safe_text import fitted, joined, safe
from hoop_tui.widgets.position_bar import SIGNS
from hoop_tui.wording import brief, position, size

_SILENCE_US = 30_000_000
"""Silences longer than this stand between the chapters."""
_FOOT = 3


@dataclass(frozen=True, slots=True)
class _Item:
    at_us: int
    sign: str
    text: str
    chapter: int | None
    """Its number; None for a silence."""


class ChapterPane(Widget):
    """Draws `tell(recording, state)`. It scrolls by itself so that the playing chapter is seen."""

    DEFAULT_CSS = """
    ChapterPane { background: $background; border-left: vkey $edge; padding: 0; }
    """
    ALLOW_SELECT = False

    class Jumped(Message):
        """Somebody clicked on a chapter, or on a silence."""

        def __init__(self, at_us: int) -> None:
            super().__init__()
            self.at_us = at_us

    def __init__(self) -> None:
        super().__init__(id="chapters")
        self._items: list[_Item] = []
        self._known = -1
        self._current: int | None = None
        self._state: PlayerState | None = None
        self._shown_bytes = 0

    def tell(self, recording: Recording, state: PlayerState) -> None:
        if len(recording) != self._known:
            self._known, self._items = len(recording), _items(recording)
            self._shown_bytes = recording.output_bytes(len(recording))
        before, self._state = self._state, state
        self._current = state.chapter
        if before is None or (before.chapter, before.frames, before.frame) != (
            state.chapter,
            state.frames,
            state.frame,
        ):
            self.refresh()

    @property
    def _top(self) -> int:
        """The first item that is shown."""
        room = max(1, self.size.height - 1 - self._foot)
        at = next((i for i, item in enumerate(self._items) if item.chapter == self._current), 0)
        return max(0, min(at - room // 2, len(self._items) - room))

    @property
    def _foot(self) -> int:
        return _FOOT if self.size.height > 14 else 0

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        if width < 2:
            return Strip.blank(width)
        return Visual.to_strips(
            self, joined(fitted(self._line(y, width), width - 1), safe(" ")), width, 1, self.visual_style
        )[0]

    def _line(self, y: int, width: int) -> Content:
        if y == 0:
            count = str(sum(item.chapter is not None for item in self._items))
            title = fitted(safe(" CHAPTERS", "bold $text-muted"), max(1, width - len(count) - 1))
            return joined(title, safe(count, "$text-muted"))
        if self._foot and y >= self.size.height - self._foot + 1:
            return self._total(y - (self.size.height - self._foot + 1))
        item = y - 1 + self._top
        if item >= len(self._items) or y > self.size.height - 1 - self._foot:
            return safe("")
        return self._item_line(self._items[item])

    def _item_line(self, item: _Item) -> Content:
        if item.chapter is None:
            return safe(f" ~ {item.text}", "$text-muted")
        current = item.chapter == self._current
        at = position(item.at_us).partition(".")[0]
        style = "bold" if current else ""
        mark = safe(">" if current else " ", "bold $text-accent")
        sign = safe(item.sign, "bold $text-warning")
        return joined(mark, sign, safe(f"{at} ", "$text-muted"), safe(item.text, style))

    def _total(self, line: int) -> Content:
        if self._state is None:
            return safe("")
        if line == 0:
            return safe(f" event {self._state.frame}/{self._state.frames}", "$text-muted")
        return safe(f" shown {size(self._shown_bytes)}", "$text-muted")

    def on_click(self, event: Click) -> None:
        item = event.y - 1 + self._top
        if 1 <= event.y < self.size.height - self._foot and 0 <= item < len(self._items):
            self.post_message(self.Jumped(self._items[item].at_us))


def _items(recording: Recording) -> list[_Item]:
    items = [
        _Item(chapter.at_us, SIGNS.get(chapter.kind, " "), _words(chapter.kind, chapter.text), number)
        for number, chapter in enumerate(recording.chapters)
    ]
    items += [
        _Item(gap.start_us, "~", f"idle {brief(gap.end_us - gap.start_us)}", None)
        for gap in recording.idle_gaps(_SILENCE_US)
    ]
    return sorted(items, key=lambda item: item.at_us)


def _words(kind: str, text: str) -> str:
    """Commands stand for themselves; a decision says what it was."""
    if kind in ("command", "login", "exit"):
        return text or kind
    return f"{kind} {text}".strip()
