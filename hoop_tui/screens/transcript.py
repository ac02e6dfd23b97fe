"""A session as plain text: the gateway's own export, to read and scroll."""

import codecs

from textual import work
from textual.app import ComposeResult

from hoop_tui.errors import GatewayTrouble
from hoop_tui.safe_text import safe
from hoop_tui.screens.base import RecordingPart
from hoop_tui.widgets.footer_line import FooterLine
from hoop_tui.widgets.lines_view import LinesView, Piece, TextLine
from hoop_tui.widgets.panel import Panel
from hoop_tui.wording import short_id
from hoop_tui.wrapping import wrapped

_MOST_LINES = 200_000
_REST = "There is more: an export has all of it."


class TranscriptScreen(RecordingPart):
    """Lines are wrapped for the width that the screen has when they arrive."""

    places = ("everywhere", "lists")
    CSS_PATH = "transcript.tcss"
    AUTO_FOCUS = "LinesView"

    def __init__(self, session: str) -> None:
        super().__init__()
        self._session = session
        self._view, self._panel = LinesView(), Panel()

    def compose(self) -> ComposeResult:
        with self._panel:
            yield self._view
        yield FooterLine(*self.places)

    def on_mount(self) -> None:
        self._panel.set_heading(safe(f"Transcript of {short_id(self._session)}", "bold", limit=40))
        self.call_after_refresh(self._fetch)

    @work(group="transcript", exclusive=True)
    async def _fetch(self) -> None:
        lines: list[TextLine] = []
        width = max(20, self._view.size.width - 2)
        decoder, rest = codecs.getincrementaldecoder("utf-8")("replace"), ""
        try:
            async for piece in self.hoop.client.export(self._session, "txt"):
                *whole, rest = (rest + decoder.decode(piece)).split("\n")
                lines += [_line(part) for line in whole for part in wrapped(line, width)]
                if len(lines) > _MOST_LINES:
                    rest = _REST
                    break
                self._view.extend_to(lines)
        except GatewayTrouble as trouble:
            rest = trouble.sentence
        self._view.extend_to([*lines, *[_line(part) for part in wrapped(rest, width) if part]])


def _line(text: str) -> TextLine:
    return (Piece(text, "$text-muted" if text.startswith("--") else ""),)
