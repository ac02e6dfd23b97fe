"""F4: a recording, played. A session that is still live is followed as it happens, read-only."""

from typing import Literal

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Container, Horizontal
from textual.events import Resize
from textual.widgets import Input

from hoop_tui.errors import GatewayTrouble, NotSignedIn
from hoop_tui.keymap import bindings
from hoop_tui.moments import HOW, link, parse_moment
from hoop_tui.playback import Command, NoTerminal, Picture, Playback
from hoop_tui.replay.emulator import EmulatorFailed
from hoop_tui.safe_text import safe
from hoop_tui.screens.base import RecordingScreen
from hoop_tui.screens.steering import SteeringScreen
from hoop_tui.stage import Stage
from hoop_tui.widgets.chapter_pane import ChapterPane
from hoop_tui.widgets.footer_line import FooterLine
from hoop_tui.widgets.key_lane import KeyLane
from hoop_tui.widgets.line import Line
from hoop_tui.widgets.position_bar import PositionBar
from hoop_tui.widgets.replay_head import ReplayHead, warning
from hoop_tui.widgets.terminal_view import TerminalView

_PANE_WIDTHS = {"off": 0, "narrow": 20, "wide": 44}
_Pane = Literal["off", "narrow", "wide"]
_PANES: tuple[_Pane, ...] = ("narrow", "wide", "off")


class ReplayScreen(RecordingScreen, SteeringScreen):
    """Its keys are handed to a `Playback`, which draws when there is something new."""

    places = ("everywhere", "replay", "steering")
    BINDINGS = bindings("replay", "steering")
    CSS_PATH = "replay.tcss"
    AUTO_FOCUS = ""

    def __init__(self, session: str, at_us: int | None = None) -> None:
        super().__init__(session, at_us)
        self._stage: Stage | None = None
        self._pane: _Pane | None = None
        self._trouble = ""
        self._has_statements = False
        self.playback: Playback | None = None
        self._head, self._view, self._chapters = ReplayHead(id="head"), TerminalView(), ChapterPane()
        self._notice, self._lane, self._bar = Line(id="notice"), KeyLane(id="lane"), PositionBar()
        self._box = Input(id="goto", placeholder="8:39  +30s  50%  09:20:15Z", compact=True)

    def compose(self) -> ComposeResult:
        yield self._head
        with Horizontal(id="middle"):
            with Container(id="room"):
                yield self._view
            yield self._chapters
        yield self._notice
        yield self._lane
        yield self._bar
        yield self._box
        yield FooterLine(*self.places, lines=2)

    def on_mount(self) -> None:
        self._box.display = False
        self._notice.display = False
        self._head.show(safe(" Fetching the recording", "$text-muted"))
        self._stage = Stage(self.hoop.emulators)
        self.playback = Playback(
            self.hoop.client, self.hoop.clock, self._stage, drawn=self._draw, said=self._say_trouble
        )
        self._run(self.playback)

    @work(group="playback", exclusive=True)
    async def _run(self, playback: Playback) -> None:
        try:
            await playback.run(self._session, self._at_us)
        except NoTerminal:
            self._has_statements = True
            self._leave_to_statements()
        except NotSignedIn as trouble:
            self.hoop.sign_in_again(trouble.sentence)
        except (GatewayTrouble, EmulatorFailed) as trouble:
            self._say_trouble(str(trouble))
            self._head.show(safe(" This recording can not be shown.", "$text-warning"))

    def on_screen_resume(self) -> None:
        self._leave_to_statements()

    def _leave_to_statements(self) -> None:
        """What has no terminal has a screen of its own, as soon as nothing covers this one."""
        if self._has_statements and self.is_current:
            self.hoop.show_statements(self._session, self._at_us)

    async def on_unmount(self) -> None:
        self.workers.cancel_group(self, "playback")
        if self._stage is not None:
            await self._stage.close()

    def _draw(self, picture: Picture) -> None:
        playback = self.playback
        if playback is None or playback.recording is None or playback.session is None or not self.is_mounted:
            return
        view, recording, state = self._view, playback.recording, picture.state
        before = view.recorded
        if before is None or (before.cols, len(before.rows)) != (
            picture.screen.cols,
            len(picture.screen.rows),
        ):
            view.styles.width, view.styles.height = picture.screen.cols, len(picture.screen.rows)
        view.show(picture.screen)
        self._head.tell(playback.session, recording, state, picture.screen, view.crop_note(), self.hoop.zone)
        self._chapters.tell(recording, state)
        self._lane.tell(state)
        self._bar.tell(recording, state)
        self._draw_notice(warning(recording, state, picture.screen) or self._trouble)

    def _draw_notice(self, sentence: str) -> None:
        self._notice.show(safe(f" ! {sentence}", "bold $text-warning", limit=400))
        self._notice.display = bool(sentence)

    def _say_trouble(self, sentence: str) -> None:
        self._trouble = sentence
        if self.is_mounted:
            self._draw_notice(sentence)
            self._redraw_all()

    def _redraw_all(self) -> None:
        if self.playback is not None and self.playback.picture is not None:
            self._draw(self.playback.picture)

    def redraw(self) -> None:
        self._redraw_all()

    def on_resize(self, event: Resize) -> None:
        self.set_class(event.size.height >= 30, "roomy")
        if self._pane is None or event.size.width < 100:
            fits = "wide" if event.size.width >= 130 else "narrow" if event.size.width >= 100 else "off"
            self._set_pane(fits)
        self.call_after_refresh(self._redraw_all)

    def _set_pane(self, pane: str) -> None:
        self._chapters.display = pane != "off"
        if not self.hoop.manner.plain:
            self._chapters.styles.width = _PANE_WIDTHS[pane]

    def _do(self, command: Command) -> None:
        if self.playback is not None:
            self.playback.do(command)

    def _go(self, command: Command) -> None:
        """A jump: whatever moment was waited for does not matter any more."""
        if self.playback is not None:
            self.playback.forget_wanted()
            self.playback.do(command)

    @property
    def ready(self) -> bool:
        """Whether the picture is drawn and complete."""
        playback = self.playback
        if playback is None or playback.recording is None or playback.picture is None:
            return False
        return not playback.picture.state.seeking and not playback.waiting

    @property
    def following(self) -> bool:
        picture = self.playback.picture if self.playback else None
        return picture is not None and picture.state.following

    @property
    def position_us(self) -> int:
        picture = self.playback.picture if self.playback else None
        return picture.state.position_us if picture else self._at_us or 0

    def action_toggle_play(self) -> None:
        self._do(lambda player: player.toggle())

    def action_slower(self) -> None:
        self._do(lambda player: player.slower())

    def action_faster(self) -> None:
        self._do(lambda player: player.faster())

    def action_normal_speed(self) -> None:
        self._do(lambda player: player.normal_speed())

    def action_seek(self, seconds: int) -> None:
        self._go(lambda player: player.seek_by(int(seconds * 1_000_000 * max(1.0, player.state.speed / 4))))

    def action_seek_share(self, percent: int) -> None:
        self._go(lambda player: player.seek_by(player.recording.playable_us * percent // 100))

    def action_step(self, events: int) -> None:
        self._go(lambda player: player.step(events))

    def action_chapter(self, direction: int) -> None:
        self._go(lambda player: player.next_chapter() if direction > 0 else player.previous_chapter())

    def action_to_tenth(self, tenth: int) -> None:
        self._go(lambda player: player.seek_percent(tenth * 10))

    def action_go_live(self) -> None:
        self._view.follow()
        self._go(lambda player: player.go_live())

    def action_toggle_idle(self) -> None:
        self._do(lambda player: player.set_idle_skip(not player.state.idle_skip))

    def action_toggle_lane(self) -> None:
        self._lane.display = not self._lane.display
        self.call_after_refresh(self._redraw_all)

    def action_cycle_chapters(self) -> None:
        now = self._pane or ("narrow" if self._chapters.display else "off")
        self._pane = _PANES[(_PANES.index(now) + 1) % len(_PANES)]
        self._set_pane(self._pane)
        self.call_after_refresh(self._redraw_all)

    def action_pan(self, dx: int, dy: int) -> None:
        self._view.pan(dx, dy)

    def action_copy(self) -> None:
        if self.playback and self.playback.session:
            self.hoop.copy(link(self.playback.session.id, self.position_us))

    def action_export(self) -> None:
        if self.playback and self.playback.session:
            self.hoop.open_export(self.playback.session.id)

    def action_reload(self) -> None:
        self.hoop.open_replay(self._session, self.position_us)

    def action_go_to(self) -> None:
        self._box.value, self._box.display = "", True
        self.set_focus(self._box)

    @on(Input.Submitted, "#goto")
    def _went(self, event: Input.Submitted) -> None:
        recording = self.playback.recording if self.playback else None
        if recording is None or self.playback is None:
            return
        try:
            at_us = parse_moment(
                event.value,
                here_us=self.position_us,
                length_us=recording.duration_us,
                started_at=recording.info.started_at,
            )
        except ValueError:
            self.hoop.say(safe(HOW), wrong=True)
            return
        self._close_box()
        self.playback.seek_when_loaded(max(0, at_us))

    def _close_box(self) -> None:
        self._box.display = False
        self.set_focus(None)

    @on(PositionBar.Jumped)
    def _bar_jumped(self, event: PositionBar.Jumped) -> None:
        self._go(lambda player: player.seek_percent(event.percent))

    @on(ChapterPane.Jumped)
    def _chapter_jumped(self, event: ChapterPane.Jumped) -> None:
        self._go(lambda player: player.seek_to(event.at_us))

    def action_back(self) -> None:
        if self._box.display:
            self._close_box()
            return
        self.hoop.remember(self._session, self.position_us)
        self.dismiss()
