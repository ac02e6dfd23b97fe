"""What a yes covers: one of what the rule lists, chosen with the arrows; the rest is greyed, with the reason."""

from collections.abc import Sequence

from textual.content import Content

from hoop_tui.keymap import bindings
from hoop_tui.request_words import scope_words
from hoop_tui.safe_text import joined, safe, stacked
from hoop_tui.widgets.line import Line

KINDS = ("once", "shape", "session", "target")


class ScopeChoice(Line, can_focus=True):
    """`chosen` is as the gateway wrote it."""

    BINDINGS = bindings("scopes")
    DEFAULT_CSS = """
    ScopeChoice { height: auto; }
    ScopeChoice:focus { background: $cursor-blurred; }
    """

    def __init__(self, scopes: Sequence[str], *, wider: bool = False, id: str | None = None) -> None:
        """`wider`: begin with the first that is more than once, if there is one."""
        super().__init__(id=id)
        self._scopes = list(scopes) or ["once"]
        self._at = 1 if wider and len(self._scopes) > 1 else 0
        self._draw()

    @property
    def chosen(self) -> str:
        return self._scopes[self._at]

    def action_move(self, by: int) -> None:
        self._at = min(max(self._at + by, 0), len(self._scopes) - 1)
        self._draw()

    def _draw(self) -> None:
        lines = [self._line(scope) for scope in self._scopes]
        listed = {scope.partition(" ")[0] for scope in self._scopes}
        left = [kind for kind in KINDS if kind not in listed]
        if left:
            lines.append(safe(f"(-) {', '.join(left)}: the rule does not list it", "$text-muted"))
        self.show(stacked(*lines))

    def _line(self, scope: str) -> Content:
        is_chosen = scope == self.chosen
        mark = safe("(o) " if is_chosen else "( ) ", "bold $text-accent" if is_chosen else "")
        return joined(mark, safe(scope_words(scope), "bold" if is_chosen else "", limit=80))
