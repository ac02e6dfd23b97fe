"""A word to choose with Enter or a click: what a button is, made of `Content` only."""

from textual.content import Content
from textual.events import Click
from textual.message import Message

from hoop_tui.keymap import bindings
from hoop_tui.safe_text import joined, safe
from hoop_tui.widgets.line import Line


class Choice(Line, can_focus=True):
    """Says why it can not be chosen, where that is so."""

    BINDINGS = bindings("choices")
    DEFAULT_CSS = """
    Choice { width: auto; padding: 0 1; }
    Choice:focus { background: $cursor; text-style: bold; }
    """

    class Chosen(Message):
        """Enter on it, or a click."""

        def __init__(self, choice: "Choice") -> None:
            super().__init__()
            self.choice = choice

        @property
        def control(self) -> "Choice":
            return self.choice

    def __init__(self, words: str, *, id: str) -> None:
        super().__init__(id=id)
        self._words = words
        self.why_not = ""
        self._draw()

    def allow(self, why_not: str = "", words: str = "") -> None:
        """From now on it can be chosen; not, where there is a reason."""
        self.why_not = why_not
        self._words = words or self._words
        self._draw()

    def _draw(self, focused: bool | None = None) -> None:
        is_focused = self.has_focus if focused is None else focused
        self.show(_drawn(self._words, bool(self.why_not), is_focused))

    def on_focus(self) -> None:
        self._draw(True)

    def on_blur(self) -> None:
        self._draw(False)  # it is told before it is so

    def action_choose(self) -> None:
        self.post_message(self.Chosen(self))

    def on_click(self, event: Click) -> None:
        event.stop()
        self.focus()
        self.action_choose()


def _drawn(words: str, is_off: bool, is_focused: bool) -> Content:
    mark = safe("> " if is_focused else "  ")
    if is_off:
        return joined(mark, safe(f"( {words}: not now )", "$text-muted"))
    return joined(mark, safe(f"[ {words} ]", "bold" if is_focused else ""))
