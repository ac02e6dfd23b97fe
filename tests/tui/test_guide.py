"""The strip of the demo: it follows what the person does, and once it is gone it stays away."""

from pathlib import Path

import pytest
from textual.widgets import Input

from gateway.api.schema import Me
from hoop_tui.app import HoopApp
from hoop_tui.demo import FrozenClock, demo_gateway
from hoop_tui.guide import Guide, Place, Seen
from hoop_tui.replay.ghostty import GhosttyEmulator
from hoop_tui.scenery import Scenery
from hoop_tui.screens.approvals import ApprovalsScreen
from hoop_tui.screens.base import RecordingScreen
from hoop_tui.screens.deny import DenyDialog
from hoop_tui.widgets.choice import Choice
from tests.tui.conftest import OpenedApp, words

_PLACES: tuple[Place, ...] = ("sessions", "approvals", "approving", "denying", "replay", "elsewhere")


def app(path: Path, *, demo: bool = True) -> HoopApp:
    gateway = demo_gateway()
    gateway.who = Me(person="bob@example.com", roles=["approver"], gateway="demo", version="1", demo=demo)
    return HoopApp(client=gateway, clock=FrozenClock(), emulators=GhosttyEmulator, guide=Guide(path))


async def shows(scenery: Scenery, told: str) -> None:
    await scenery.until(lambda: told in words(scenery.app))


async def test_five_steps_to_a_safe_decision(open_app: OpenedApp, tmp_path: Path) -> None:
    seen = tmp_path / "state" / "guide-seen"
    async with open_app(app=app(seen)) as scenery:
        await scenery.sessions()
        await shows(scenery, "1 of 5: Dave waits for your word: press F2")
        await scenery.press("f2")
        await scenery.until(
            lambda: isinstance(scenery.app.screen, ApprovalsScreen) and scenery.app.screen.card is not None
        )
        await shows(scenery, "2 of 5: read to its end with ctrl+d, then press a")
        await scenery.press("ctrl+d")
        scenery.app.draw_again()
        await shows(scenery, "2 of 5: read the card, then press a")
        scenery.clock.pass_seconds(1)
        await scenery.press("a")
        await shows(scenery, "3 of 5: type appdb in the lower box, then tab until > is at Approve")
        assert "2 of 5" not in words(scenery.app)
        scenery.app.screen.query_one("#name", Input).value = "appdb"
        scenery.app.screen.query_one("#yes", Choice).focus()
        await scenery.press("enter")
        await shows(scenery, "4 of 5: he has your answer. See it run in his session: F3")
        await scenery.press("f3")
        await shows(scenery, "4 of 5: see it run: g, then enter")
        await scenery.press("g", "enter")
        await scenery.until(lambda: isinstance(scenery.app.screen, RecordingScreen))
        await shows(scenery, "5 of 5: all that he runs is in here")
        assert not seen.exists()
        await scenery.press("f2")
        await scenery.until(lambda: "of 5:" not in words(scenery.app))
        assert seen.exists()


async def test_esc_sends_it_away_for_good_and_cancels_boxes_first(
    open_app: OpenedApp, tmp_path: Path
) -> None:
    seen = tmp_path / "guide-seen"
    async with open_app(app=app(seen)) as scenery:
        await scenery.sessions()
        await scenery.press("f2")
        await scenery.until(
            lambda: isinstance(scenery.app.screen, ApprovalsScreen) and scenery.app.screen.card is not None
        )
        scenery.clock.pass_seconds(1)
        await scenery.press("x")
        await scenery.until(lambda: isinstance(scenery.app.screen, DenyDialog))
        await scenery.press("escape")
        await shows(scenery, "3 of 5: press a to let it run")
        assert not seen.exists()
        await scenery.press("escape")
        await scenery.until(lambda: "of 5:" not in words(scenery.app))
        assert seen.exists()
        assert "[F2 Approvals" in words(scenery.app)
        await scenery.press("escape")
        assert "[F3 Sessions" in words(scenery.app)


async def test_who_has_seen_it_does_not_see_it_again(open_app: OpenedApp, tmp_path: Path) -> None:
    Guide(tmp_path / "guide-seen").leave()
    async with open_app(app=app(tmp_path / "guide-seen")) as scenery:
        await scenery.sessions()
        scenery.app.draw_guide()
        assert "of 5:" not in words(scenery.app)


async def test_only_a_demo_has_it(open_app: OpenedApp, tmp_path: Path) -> None:
    async with open_app(app=app(tmp_path / "seen", demo=False)) as scenery:
        await scenery.sessions()
        await scenery.press("escape")
        assert "of 5:" not in words(scenery.app)
    assert not (tmp_path / "seen").exists()


@pytest.mark.parametrize("place", _PLACES)
@pytest.mark.parametrize("waiting", [0, 3])
def test_it_fits_and_knows_what_to_do_everywhere(place: Place, waiting: int, tmp_path: Path) -> None:
    for before in range(1, 6):
        guide = Guide(tmp_path / "seen")
        guide.step = before
        said = guide.look(Seen(place, waiting, "appdb"))
        assert len(said) <= 100
        assert bool(said) == (not (before == 5 and place == "approvals"))
        (tmp_path / "seen").unlink(missing_ok=True)


def test_where_nothing_can_be_kept_it_is_gone_for_this_time(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    guide = Guide(tmp_path / "file" / "seen")
    guide.leave()
    assert guide.look(Seen("sessions")) == ""
