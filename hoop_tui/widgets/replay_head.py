"""The line above a recording: whose it is, when and how long, how it plays, and whether it is whole."""

from textual.content import Content

from gateway.api.schema import RecordingState, SessionSummary
from hoop_tui.replay.emulator import Screen
from hoop_tui.replay.player import PlayerState
from hoop_tui.replay.recording import Recording
from hoop_tui.safe_text import fitted, joined, safe
from hoop_tui.widgets.line import Line
from hoop_tui.wording import Zone, brief, minute_time, position, target_of

_SWALLOWING = 200
"""This many bytes inside one escape sequence mean that what follows them is not drawn."""


class ReplayHead(Line):
    """` s-2B8C erin -> ssh:web-1 PROD  2026-11-20 09:12Z  9m04s, active 0m41s  80x24     > 1x  whole`"""

    def tell(
        self,
        session: SessionSummary,
        recording: Recording,
        state: PlayerState,
        screen: Screen,
        crop: str,
        zone: Zone,
    ) -> None:
        target, env = target_of(session)
        person = session.person.partition("@")[0] or session.person
        length, active = recording.duration_us, recording.active_us()
        lengths = brief(length) + (f", active {brief(active)}" if length - active > 5_000_000 else "")
        left = joined(
            safe(f" {session.id} ", "bold $text-accent", limit=40),
            safe(person, "bold", limit=40),
            safe(" -> ", "$text-muted"),
            safe(target, limit=60),
            safe(f" {env}" if env else "", "bold", limit=20),
            safe(f"  {minute_time(session.started_at, zone)}", "$text-muted"),
            safe(f"  {lengths}"),
            safe(f"  {crop or f'{screen.cols}x{len(screen.rows)}'}", "$text-muted"),
            safe("  imported" if session.imported_from else "", "bold $text-warning"),
        )
        right = joined(_standing(state), safe("  "), _wholeness(recording, state), safe(" "))
        self.show(joined(fitted(left, self.size.width - right.cell_length - 1), safe(" "), right))


def _standing(state: PlayerState) -> Content:
    speed = f"{state.speed:g}x"
    if state.following and state.live:
        return safe("* LIVE", "bold $text-success")
    if state.seeking:
        return safe(f".. {speed}", "bold $text-warning")
    if state.playing:
        return safe(f"> {speed}", "bold $text-success")
    return safe(f"{'end' if state.at_end else '||'} {speed}", "bold")


def _wholeness(recording: Recording, state: PlayerState) -> Content:
    if state.following and state.live:
        return safe("")
    if recording.state is RecordingState.CUT:
        return safe("CUT", "bold $text-warning")
    if recording.live:
        return safe("live", "$text-success")
    return safe("fetching", "$text-muted") if recording.growing else safe("whole", "$text-success")


def warning(recording: Recording, state: PlayerState, screen: Screen) -> str:
    """What must be known of this picture or this recording; empty when all is well."""
    if state.notice:
        return state.notice
    if screen.unfinished > _SWALLOWING:
        return f"{screen.unfinished} bytes wait inside an escape sequence; what follows is not drawn"
    if recording.state is RecordingState.CUT:
        why = recording.info.problem.rstrip(".") or "it was never closed"
        return f"This recording ends at {position(recording.loaded_us).partition('.')[0]}: {why}."
    return ""
