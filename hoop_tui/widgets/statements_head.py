"""The line above the statements of a database session: whose, where, when, how many, and whether all is there."""

from textual.content import Content

from gateway.api.schema import RecordingState, SessionSummary
from hoop_tui.replay.recording import Recording
from hoop_tui.safe_text import fitted, joined, safe
from hoop_tui.widgets.line import Line
from hoop_tui.wording import Zone, brief, minute_time, position, target_of


class StatementsHead(Line):
    """` s-91XKD0PM alice -> pg:appdb PROD  2026-11-20 09:12Z  9m04s  1,204 statements     * LIVE`"""

    def tell(
        self, session: SessionSummary, recording: Recording, count: int, following: bool, zone: Zone
    ) -> None:
        target, env = target_of(session)
        left = joined(
            safe(f" {session.id} ", "bold $text-accent", limit=40),
            safe(session.person.partition("@")[0] or session.person, "bold", limit=40),
            safe(" -> ", "$text-muted"),
            safe(target, limit=60),
            safe(f" {env}" if env else "", "bold", limit=20),
            safe(f"  {minute_time(session.started_at, zone)}", "$text-muted"),
            safe(f"  {brief(recording.duration_us)}"),
            safe(f"  {count:,} statement{'' if count == 1 else 's'}"),
            safe("  imported" if session.imported_from else "", "bold $text-warning"),
        )
        right = joined(_wholeness(recording, following), safe(" "))
        self.show(joined(fitted(left, self.size.width - right.cell_length - 1), safe(" "), right))


def _wholeness(recording: Recording, following: bool) -> Content:
    if recording.live:
        return safe("* LIVE" if following else "live", "bold $text-success")
    if recording.state is RecordingState.CUT:
        return safe("CUT", "bold $text-warning")
    return safe("fetching", "$text-muted") if recording.growing else safe("whole", "$text-success")


def warning(recording: Recording) -> str:
    """What must be known of this recording; empty when all is well."""
    if recording.state is not RecordingState.CUT:
        return ""
    why = recording.info.problem.rstrip(".") or "it was never closed"
    return f"This recording ends at {position(recording.loaded_us).partition('.')[0]}: {why}."
