"""A running app with a still clock, and words for what a person does in it: for screenshots and tests."""

import asyncio
from collections.abc import Callable

from textual.pilot import Pilot

from hoop_tui.app import HoopApp
from hoop_tui.demo import FrozenClock
from hoop_tui.screens.replay import ReplayScreen
from hoop_tui.screens.sessions import SessionsScreen
from hoop_tui.widgets.preview import Preview

PATIENCE_SECONDS = 20.0
_LOOK_SECONDS = 0.01


class Scenery:
    """A running app with a still clock, and words for what a person does in it."""

    def __init__(self, app: HoopApp, pilot: "Pilot[int]", clock: FrozenClock) -> None:
        self.app, self.pilot, self.clock = app, pilot, clock

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)

    async def until(self, there: Callable[[], bool]) -> None:
        """Wait for the screen, not for time. Raises TimeoutError."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not there():
                if self.app.mistake is not None:
                    raise self.app.mistake
                await self._a_moment()
        await self.pilot.pause()

    async def _a_moment(self) -> None:
        """The pilot's own pause would draw all that has happened until then."""
        await asyncio.sleep(_LOOK_SECONDS)

    async def sessions(self, session: str = "s-77QA4TBN") -> None:
        """The list, with the cursor on this session and its preview drawn."""
        await self.until(lambda: isinstance(self.app.screen, SessionsScreen) and bool(self.app.screen.chosen))
        screen = self.app.screen
        assert isinstance(screen, SessionsScreen)
        screen.move_to(session)
        preview = screen.query_one(Preview)
        await self.until(lambda: not preview.display or preview.drawn == session)

    async def replay(self, session: str, at_us: int) -> None:
        """The recording of this session, paused at this moment."""
        await self.until(lambda: isinstance(self.app.screen, SessionsScreen))
        self.app.open_replay(session, at_us)
        await self.until(lambda: isinstance(self.app.screen, ReplayScreen) and self.app.screen.ready)

    async def settled_at(self, position_us: int) -> None:
        screen = self.app.screen
        assert isinstance(screen, ReplayScreen)
        await self.until(lambda: screen.ready and screen.position_us == position_us)
