"""What every screen has: where the app's shared things are, and what happens when the gateway hints."""

import asyncio
from typing import TYPE_CHECKING, Generic, TypeVar, cast

from textual import work
from textual.await_complete import AwaitComplete
from textual.screen import Screen
from textual.widgets import Input

from gateway.api.schema import FeedEvent
from hoop_tui.errors import GatewayTrouble, NotSignedIn
from hoop_tui.feed import RECONNECTED
from hoop_tui.keymap import WRITING, Place, bindings, shown_of

if TYPE_CHECKING:
    from hoop_tui.app import HoopApp

_UPDATE_SECONDS = 0.2
"""However often the gateway hints, a list is fetched five times a second at most."""
_Page = TypeVar("_Page")


class HoopScreen(Screen[None]):
    """`places` says which keys of the keymap work here."""

    places: tuple[Place, ...] = ("everywhere",)
    BINDINGS = bindings("everywhere")
    AUTO_FOCUS = "*"

    @property
    def hoop(self) -> "HoopApp":
        return cast("HoopApp", self.app)

    def on_screen_resume(self) -> None:
        self.call_after_refresh(self.hoop.draw_guide)

    def shown_key(self, action: str) -> str:
        """The keys of an action of this screen, as they are in force and as people read them."""
        return shown_of(f"{self.places[-1]}.{action}", self.hoop.manner.keys)

    def hear(self, event: FeedEvent) -> None:
        """Something changed. Called on the screen that is shown, and on those below it."""

    def redraw(self) -> None:
        """The time, the time zone or the freshness changed. Must be cheap: it runs every second."""

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keys that open a box come before all others, but not before those written into one."""
        return not (action in WRITING and isinstance(self.focused, Input))

    def dismiss(self, result: None = None) -> AwaitComplete:
        """Once. A key that is held down asks for it again while it closes, and would close what is below."""
        return super().dismiss(result) if self.is_active else AwaitComplete()

    def action_back(self) -> None:
        if not self.hoop.leave_guide() and len(self.app.screen_stack) > 2:
            self.dismiss()

    def action_reload(self) -> None:
        """Ask the gateway again, where the screen shows something of it."""


class ListScreen(HoopScreen, Generic[_Page]):
    """Shows a list of the gateway's, and asks for it again whenever that hints."""

    topic = ""
    """Of the hints that make the list stale."""

    def __init__(self) -> None:
        super().__init__()
        self._stale = asyncio.Event()
        self.shown = asyncio.Event()
        """What was asked for last is on the screen."""
        self._trouble = ""

    async def _ask_for(self) -> _Page | None:
        """What the gateway has; None where something else is wanted by now. Raises `GatewayTrouble`."""
        raise NotImplementedError

    def _show(self, page: _Page) -> None:
        """Put it on the screen."""
        raise NotImplementedError

    @work(group="list", exclusive=True)
    async def _keep_current(self) -> None:
        while True:
            self._stale.clear()
            await self._fetch()
            await asyncio.sleep(_UPDATE_SECONDS)
            await self._stale.wait()

    async def _fetch(self) -> None:
        try:
            page = await self._ask_for()
        except NotSignedIn as trouble:
            self.hoop.sign_in_again(trouble.sentence)
        except GatewayTrouble as trouble:
            self._trouble = trouble.sentence
            self.redraw()
        else:
            self._trouble = ""
            if page is not None:
                self._show(page)
                self.shown.set()

    def hear(self, event: FeedEvent) -> None:
        if event.topic in (self.topic, RECONNECTED):
            self._stale.set()

    def action_reload(self) -> None:
        self._stale.set()


class SigningIn(HoopScreen):
    """Nobody is signed in yet: what belongs to a gateway is out of reach."""


class RecordingScreen(HoopScreen):
    """A recording is open: which, and where in it somebody is."""

    def __init__(self, session: str, at_us: int | None = None) -> None:
        super().__init__()
        self._session, self._at_us = session, at_us

    @property
    def session(self) -> str:
        return self._session

    @property
    def steered(self) -> str:
        return self._session

    @property
    def position_us(self) -> int:
        """Where the recording was opened; screens that move know better."""
        return self._at_us or 0


class RecordingPart(HoopScreen):
    """Stands over an open recording and shows a part of it."""

    def action_back(self) -> None:
        self.dismiss()
