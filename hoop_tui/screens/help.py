"""`?`: the keys of the screen below, from the keymap. Any key that goes back closes it."""

from textual.app import ComposeResult
from textual.containers import VerticalScroll

from hoop_tui.keymap import Place, help_sections
from hoop_tui.safe_text import fitted, joined, safe
from hoop_tui.screens.base import HoopScreen
from hoop_tui.widgets.line import Line
from hoop_tui.widgets.panel import Panel

_KEYS_WIDTH = 18


class HelpScreen(HoopScreen):
    """Stands over the other screen; says what each key does."""

    CSS_PATH = "help.tcss"
    AUTO_FOCUS = "VerticalScroll"

    def __init__(self, about: tuple[Place, ...]) -> None:
        super().__init__()
        self._about = about

    def compose(self) -> ComposeResult:
        with Panel(id="help"), VerticalScroll():
            for title, rows in help_sections(*self._about, own=self.hoop.manner.keys):
                yield Line(safe(title, "bold $text-accent"), classes="title")
                for keys, does in rows:
                    shown = fitted(safe(keys, "bold"), _KEYS_WIDTH)
                    yield Line(joined(safe("  "), shown, safe(does)))

    def on_mount(self) -> None:
        self.query_one(Panel).set_heading(safe("Keys", "bold"), safe("Esc closes", "$text-muted"))

    def action_back(self) -> None:
        self.dismiss()
