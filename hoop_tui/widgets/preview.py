"""The last screen of a session, or its last statements, drawn small and kept current while the session lives."""

import asyncio
import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial

from textual import work
from textual.app import ComposeResult
from textual.content import Content

from gateway.api.schema import RecordingState, SessionState, SessionSummary
from hoop_tui.client import GatewayClient
from hoop_tui.errors import GatewayTrouble
from hoop_tui.fetch import fetch_recording
from hoop_tui.replay.emulator import EmulatorFailed
from hoop_tui.replay.folds import Folds
from hoop_tui.replay.keyframes import Keyframes
from hoop_tui.replay.projector import Projector
from hoop_tui.replay.recording import Recording
from hoop_tui.replay.statements import StatementIndex
from hoop_tui.safe_text import joined, safe
from hoop_tui.stage import Stage
from hoop_tui.statement_words import last_lines
from hoop_tui.widgets.line import Line
from hoop_tui.widgets.lines_view import LinesView
from hoop_tui.widgets.panel import Panel
from hoop_tui.widgets.terminal_view import TerminalView
from hoop_tui.wording import Zone, in_zone, is_database, short_id, target_of

_SETTLE_SECONDS = 0.12
"""The cursor may be running through the list: only where it rests is fetched."""
_FRAME_SECONDS = 0.1
_MOST_FRAMES = 4000
"""Of a longer recording only the end is fetched: the picture is then as good as that."""


class Preview(Panel):
    """`watch(session)` shows it; `watch(None)` shows nothing."""

    DEFAULT_CSS = """
    Preview > Line { height: 1; color: $text-muted; padding: 0 1; }
    Preview > TerminalView { height: 1fr; width: 1fr; }
    Preview > LinesView { height: 1fr; width: 1fr; scrollbar-size-vertical: 0; }
    """

    def __init__(self, client: GatewayClient, stage: Stage, *, id: str) -> None:
        super().__init__(id=id)
        self._client, self._stage = client, stage
        self._session: SessionSummary | None = None
        self._note, self.view, self.tail = Line(), TerminalView(), LinesView()
        self._state: RecordingState | None = None
        self._zone: Zone = "utc"
        self._show_tail: Callable[[], None] | None = None
        self.drawn = ""
        """The id of the session whose picture is complete and up to date."""

    @property
    def is_fetching(self) -> bool:
        """The picture is on its way. Where there is trouble it never comes."""
        return self.display and self._session is not None and not self.drawn

    def compose(self) -> ComposeResult:
        yield self._note
        yield self.view
        yield self.tail

    def on_mount(self) -> None:
        self.tail.can_focus = self.tail.display = False
        self._say(Content(""))

    def watch_session(self, session: SessionSummary | None) -> None:
        """Follow this session from now on. Calling it again for the same session only renews the heading."""
        before, self._session = self._session, session
        if session is None or before is None or before.id != session.id:
            self.drawn, self._state = "", None
        self._draw_title()
        if session is None:
            self.workers.cancel_group(self, "preview")
            self.view.show(None)
        elif before is None or before.id != session.id:
            self.view.show(None)
            self.tail.show(())
            self._show_tail = None
            self.tail.display = is_database(session)
            self.view.display = not self.tail.display
            self._say(safe("Fetching the recording"))
            self._follow(session)

    @work(group="preview", exclusive=True)
    async def _follow(self, session: SessionSummary) -> None:
        await asyncio.sleep(_SETTLE_SECONDS)
        try:
            info = await self._client.recording(session.id)
            recording, grown = Recording(info), asyncio.Event()
            start = max(0, info.frames - _MOST_FRAMES)
            if is_database(session):
                await fetch_recording(
                    self._client,
                    recording,
                    grown=self._statements_of(recording),
                    trouble=self._tell_trouble,
                    start=start,
                )
                return
            emulator = await self._stage.fresh()
            projector = Projector(recording, emulator, Keyframes(recording), time.monotonic)
            drawing = asyncio.create_task(self._draw(recording, projector, grown, start))
            try:
                await fetch_recording(
                    self._client, recording, grown=grown.set, trouble=self._tell_trouble, start=start
                )
                await drawing
            finally:
                drawing.cancel()
        except (GatewayTrouble, EmulatorFailed) as trouble:
            self._say(safe(str(trouble), "$text-warning"))

    def _statements_of(self, recording: Recording) -> Callable[[], None]:
        """What draws the last statements whenever more has come."""
        index = StatementIndex(recording)
        folds = Folds(index)

        def clock(at_us: int) -> str:
            moment = recording.info.started_at + timedelta(microseconds=at_us)
            return f"{in_zone(moment, self._zone):%H:%M:%S}"

        def show() -> None:
            self.tail.show(last_lines(index, folds, max(1, self.tail.size.height), clock))

        def draw() -> None:
            index.catch_up()
            folds.catch_up()
            show()
            self._say(Content("") if len(index) else safe("No statements yet."))
            self._state = recording.state
            if not recording.growing or recording.live:
                self.drawn = recording.info.session
            self.call_after_refresh(self._draw_title)

        self._show_tail = show
        return draw

    def tell_zone(self, zone: Zone) -> None:
        """How times are shown from now on."""
        before, self._zone = self._zone, zone
        if zone != before and self.tail.display and self._show_tail is not None:
            self._show_tail()

    async def _draw(
        self, recording: Recording, projector: Projector, grown: asyncio.Event, start: int
    ) -> None:
        while True:
            await grown.wait()
            grown.clear()
            # What comes in while this is drawn sets `grown` again, so it must not count as drawn.
            is_last, frames = not recording.growing, len(recording)
            await self._stage.run(partial(projector.go_to, frames))
            screen = await self._stage.run(projector.screen)
            self.view.show(screen)
            self._tell(recording, projector, only_end=start > 0)
            if frames >= recording.info.frames - start:
                self.drawn = recording.info.session
            if is_last:
                return
            await asyncio.sleep(_FRAME_SECONDS)

    def _tell(self, recording: Recording, projector: Projector, only_end: bool) -> None:
        if projector.gave_up:
            self._say(safe(projector.gave_up, "$text-warning"))
        elif len(recording) == 0:
            self._say(safe("Nothing was shown yet."))
        elif only_end:
            self._say(safe("A long recording: only its end is drawn here."))
        else:
            self._say(Content(""))
        self._state = recording.state
        # The note may have come or gone, which changes how much of the screen is seen.
        self.call_after_refresh(self._draw_title)

    def _tell_trouble(self, sentence: str) -> None:
        self._say(safe(sentence, "$text-warning"))

    def _draw_title(self) -> None:
        session = self._session
        if session is None:
            self.set_heading(safe("No session chosen", "$text-muted"))
            return
        target, env = target_of(session)
        live = session.state is SessionState.LIVE
        heading = [
            safe(session.state.value, "bold $text-success" if live else "bold"),
            safe(f" {short_id(session.id)} ", limit=40),
            safe(session.person.partition("@")[0], limit=40),
            safe(" -> ", "$text-muted"),
            safe(target, limit=60),
            safe(f" {env}" if env else "", "bold", limit=20),
        ]
        screen = self.view.recorded
        what = "last statements" if self.tail.display else "last screen"
        hint = [safe("watching, read-only" if live else what, "$text-muted")]
        if screen is not None:
            size = self.view.crop_note() or f"{screen.cols}x{len(screen.rows)}"
            hint.insert(0, safe(f"{size}  ", "$text-muted"))
        if self._state is RecordingState.CUT:
            hint.append(safe("  cut", "$text-warning"))
        self.set_heading(joined(*heading), joined(*hint))

    def _say(self, words: Content) -> None:
        self._note.show(words)
        self._note.display = bool(words)
