"""Save a recording: as an asciicast, as text or as JSON lines. Never over a file that is there already."""

from pathlib import Path

from textual import work
from textual.app import ComposeResult

from hoop_tui.client import GatewayClient
from hoop_tui.errors import GatewayTrouble
from hoop_tui.safe_text import safe
from hoop_tui.screens.base import HoopScreen
from hoop_tui.widgets.line import Line
from hoop_tui.widgets.panel import Panel
from hoop_tui.widgets.row_table import Column, RowTable
from hoop_tui.wording import short_id

FORMS = {
    "cast2": ("asciicast v2, for asciinema and its player", ".cast"),
    "txt": ("plain text, as it was shown", ".txt"),
    "jsonl": ("JSON lines: commands or statements, with results", ".jsonl"),
}


class ExportScreen(HoopScreen):
    """Three rows to choose from; the file lands in the directory the app was started in."""

    places = ("everywhere", "lists")
    CSS_PATH = "export.tcss"
    AUTO_FOCUS = "RowTable"

    def __init__(self, session: str) -> None:
        super().__init__()
        self._session = session

    def compose(self) -> ComposeResult:
        with Panel(id="export"):
            yield RowTable((Column("AS", 6), Column("WHAT", 20, share=1)))
            yield Line(safe(""), id="said")

    def on_mount(self) -> None:
        heading = safe(f"Export {short_id(self._session)}", "bold", limit=40)
        self.query_one(Panel).set_heading(heading, safe("Esc closes", "$text-muted"))
        self.query_one(RowTable).show_rows(list(FORMS), lambda form: (safe(form), safe(FORMS[form][0])))

    def on_row_table_chosen(self, event: RowTable.Chosen) -> None:
        self._save(event.key)

    @work(group="export", exclusive=True)
    async def _save(self, form: str) -> None:
        said = self.query_one("#said", Line)
        said.show(safe("Fetching"))
        try:
            path = await save_export(self.hoop.client, self._session, form, Path.cwd())
        except (GatewayTrouble, OSError) as trouble:
            said.show(safe(str(trouble), "$text-warning"))
            return
        self.dismiss()
        self.hoop.say(safe(f"Saved as {path.name}"))

    def action_back(self) -> None:
        self.dismiss()


async def save_export(client: GatewayClient, session: str, form: str, directory: Path) -> Path:
    """Write `hoop-2B8CK4TQ.cast` into `directory`, or `hoop-2B8CK4TQ-2.cast` where that exists."""
    path = _free_name(directory, short_id(session), FORMS[form][1])
    try:
        with path.open("xb") as file:
            async for piece in client.export(session, form):
                file.write(piece)
    except GatewayTrouble:
        path.unlink(missing_ok=True)
        raise
    return path


def _free_name(directory: Path, session: str, ending: str) -> Path:
    stem = "hoop-" + "".join(letter for letter in session if letter.isascii() and letter.isalnum())[:16]
    number = 1
    while True:
        path = directory / f"{stem}{f'-{number}' if number > 1 else ''}{ending}"
        if not path.exists():
            return path
        number += 1
