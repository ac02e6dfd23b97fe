"""Text on the screen: the one widget that shows words, and it takes nothing but `Content`."""

from textual.content import Content
from textual.widget import Widget


class Line(Widget):
    """A line, or a few: its style sheet says how high. Not focusable, not selectable, never markup."""

    DEFAULT_CSS = """
    Line { height: 1; width: 1fr; }
    """
    ALLOW_SELECT = False

    def __init__(self, content: Content | None = None, *, id: str | None = None, classes: str = "") -> None:
        super().__init__(id=id, classes=classes or None)
        self._content = content or Content("")

    def show(self, content: Content) -> None:
        """Draw this from now on."""
        if not self._content.is_same(content):
            self._content = content
            self.refresh(layout=self.styles.height is not None and self.styles.height.is_auto)

    @property
    def content(self) -> Content:
        return self._content

    def render(self) -> Content:
        return self._content
