"""`--plain`: lines that can be read aloud. No box, no bar, no colour, nothing that moves; keys are as ever."""

import re

from hoop_tui.approval_shots import approvals, approving_great
from hoop_tui.opening import Manner
from hoop_tui.scenery import Scenery
from hoop_tui.screens.approve import ApproveDialog
from hoop_tui.screens.statements import StatementsScreen
from tests.tui.conftest import OpenedApp, words

PLAIN = Manner(plain=True)
DRAWN = re.compile(r"[\u2500-\u259f]")


def colours(scenery: Scenery) -> set[str]:
    """Those that would reach the terminal."""
    svg = scenery.app.export_screenshot()
    return set(re.findall(r"-r\d+ \{ fill: #([0-9a-f]{6})", svg)) - {"c5c8c6", "292929"}


async def test_the_lists(open_app: OpenedApp) -> None:
    async with open_app(manner=PLAIN) as scenery:
        await scenery.sessions()
        shown = words(scenery.app)
        assert "> state LIVE, id 77QA4TBN, who carol, target ssh:web-3 PROD" in shown
        assert not DRAWN.search(shown)
        assert colours(scenery) == set()
        assert scenery.app.animation_level == "none"
        await scenery.press("j")
        assert "> state ENDED, id 2B8CK4TQ" in words(scenery.app)
        await approvals(scenery)
        assert "> left 01:1" in words(scenery.app)
        assert not DRAWN.search(words(scenery.app))


async def test_a_box_stands_alone(open_app: OpenedApp) -> None:
    async with open_app(manner=PLAIN) as scenery:
        await approving_great(scenery)
        await scenery.pilot.pause()
        shown = words(scenery.app)
        assert isinstance(scenery.app.screen, ApproveDialog)
        assert "Approve 7QF-2KM4 ?" in shown
        assert "[ Cancel  Esc ]" in shown
        assert "> left" not in shown
        assert not DRAWN.search(shown)


async def test_recordings(open_app: OpenedApp) -> None:
    async with open_app(manner=PLAIN) as scenery:
        await scenery.replay("s-2B8CK4TQ", 525_500_000)
        await scenery.settled_at(525_500_000)
        shown = words(scenery.app)
        assert "at 08:45.500 of 08:57.952" in shown
        assert "denied by bob@example.com" in shown
        assert not DRAWN.search(shown)
        await scenery.press("escape")
        await scenery.sessions("s-6DBX3QWA")
        await scenery.press("enter")
        await scenery.until(
            lambda: isinstance(scenery.app.screen, StatementsScreen) and scenery.app.screen.ready
        )
        assert "verb set, statement set application_name" in words(scenery.app)
        assert not DRAWN.search(words(scenery.app))
