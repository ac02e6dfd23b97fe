"""What `ctrl+p` finds besides themes and commands: sessions, and moments in them (`2B8C@8:39`)."""

from typing import TYPE_CHECKING, cast

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content

from gateway.api.schema import SessionSummary
from hoop_tui.moments import parse_link
from hoop_tui.safe_text import joined, safe, visible
from hoop_tui.wording import short_id, target_of

if TYPE_CHECKING:
    from hoop_tui.app import HoopApp


class SessionProvider(Provider):
    """Offers the sessions that the sessions screen has, and whatever looks like a link."""

    @property
    def _hoop(self) -> "HoopApp":
        return cast("HoopApp", self.app)

    def _sessions(self) -> list[SessionSummary]:
        from hoop_tui.screens.sessions import SessionsScreen

        for screen in self.app.screen_stack:
            if isinstance(screen, SessionsScreen):
                return list(screen.sessions)
        return []

    def _open(self, session: str, at_us: int | None = None) -> None:
        self._hoop.open_replay(session, at_us)

    async def discover(self) -> Hits:
        for session in self._sessions()[:8]:
            yield DiscoveryHit(_shown(session), lambda id=session.id: self._open(id), text=_words(session))

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for session in self._sessions():
            score = matcher.match(_words(session))
            if score > 0:
                yield Hit(score, _shown(session), lambda id=session.id: self._open(id), text=_words(session))
        if "@" in query:
            try:
                session_id, at_us = parse_link(query)
            except ValueError:
                return
            words = joined(safe("Open "), safe(query, "bold", limit=60))
            yield Hit(1.0, words, lambda: self._open(session_id, at_us), text=visible(query[:60]))


def _words(session: SessionSummary) -> str:
    target, _ = target_of(session)
    return visible(f"{short_id(session.id)[:20]} {session.person[:60]} {target[:60]} {session.state}")


def _shown(session: SessionSummary) -> Content:
    return safe(_words(session))
