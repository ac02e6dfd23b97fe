"""A yes over a line that fails, to a real API: what the box says of it is true, and it counts once at most."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

import hoop_tui.client
from hoop_tui.app import HoopApp
from hoop_tui.client import HttpGateway
from hoop_tui.demo import FrozenClock
from hoop_tui.scenery import Scenery
from hoop_tui.screens.approve import ApproveDialog
from hoop_tui.sign_in import Token
from tests.tui.conftest import OpenedApp, words
from tests.tui.faulty_line import Fault, FaultyLine
from tests.tui.requests_gateway import RequestsGateway

STATEMENT = "select 1"


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[RequestsGateway]:
    made = RequestsGateway(tmp_path)
    made.house.groups["pia"] = {"dba"}
    yield made
    made.run(made.asking.gone())
    made.close()


@asynccontextmanager
async def at_the_box(
    gateway: RequestsGateway, open_app: OpenedApp
) -> AsyncIterator[tuple[Scenery, FaultyLine]]:
    """Pia, with the box of the one request open and its yes under her finger."""
    gateway.ask(STATEMENT, effects=frozenset())
    async with FaultyLine(gateway.port) as line:
        app = HoopApp(client=HttpGateway(line.url, Token("token-of-pia")), clock=FrozenClock())
        async with open_app(app=app) as scenery:
            await scenery.until(lambda: "* live" in words(app))
            await scenery.press("f2")
            await scenery.until(lambda: "denies itself in" in words(app))
            scenery.clock.pass_seconds(1)
            await scenery.pilot.pause()
            await scenery.press("a")
            await scenery.until(lambda: isinstance(app.screen, ApproveDialog))
            await scenery.press("tab", "tab")
            yield scenery, line


def shown(scenery: Scenery) -> str:
    """What is on the screen, without its lines and frames."""
    return " ".join(words(scenery.app).replace("│", " ").split())


def decisions(gateway: RequestsGateway) -> list[tuple[str, int]]:
    return [(row.state, len(row.votes)) for row in gateway.run(gateway.house.ledger.approvals())]


@pytest.mark.parametrize("fault", ["lost", "unanswered"])
async def test_it_breaks_once(fault: Fault, gateway: RequestsGateway, open_app: OpenedApp) -> None:
    """The app sends it again by itself, with the same key, and it has counted once."""
    async with at_the_box(gateway, open_app) as (scenery, line):
        line.fail(fault, 1)
        await scenery.press("enter")
        await scenery.until(lambda: not isinstance(scenery.app.screen, ApproveDialog))
        assert decisions(gateway) == [("approved", 1)]
        assert len(line.keys) == 2
        assert len(set(line.keys)) == 1


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("lost", "It has not counted: {id} is held still."),
        ("refused", "It has not counted: {id} is held still."),
        ("unanswered", "{id} has changed: approved by pia"),
        ("refused afterwards", "{id} has changed: approved by pia"),
    ],
)
async def test_it_stays_broken(
    fault: Fault, said: str, gateway: RequestsGateway, open_app: OpenedApp
) -> None:
    """The box looks what became of it, and says that. Pressed again, it is the same yes."""
    async with at_the_box(gateway, open_app) as (scenery, line):
        screen = scenery.app.screen
        assert isinstance(screen, ApproveDialog)
        line.fail(fault)
        await scenery.press("enter")
        await scenery.until(lambda: said.format(id=screen.card.id) in shown(scenery))
        line.fail("")
        await scenery.press("enter")
        await scenery.until(lambda: not isinstance(scenery.app.screen, ApproveDialog))
        gateway.until(lambda: bool(gateway.asking.asked[0].waiting.done()) or said.startswith("{id}"))
        assert decisions(gateway) == [("approved", 1)]
        assert len(set(line.keys)) == 1


@pytest.mark.parametrize("fault", ["lost", "unanswered"])
async def test_nobody_can_say(fault: Fault, gateway: RequestsGateway, open_app: OpenedApp) -> None:
    """It can not be looked up either: the box says that it is not known, until it is."""
    async with at_the_box(gateway, open_app) as (scenery, line):
        screen = scenery.app.screen
        assert isinstance(screen, ApproveDialog)
        line.fail(fault, blind=True)
        await scenery.press("enter")
        await scenery.until(lambda: shown(scenery).count("Whether it counted is not known.") == 1)
        await scenery.until(lambda: "Looking" not in shown(scenery))
        assert "Whether it counted is not known." in shown(scenery)
        line.fail("")
        await scenery.press("enter")
        await scenery.until(lambda: not isinstance(scenery.app.screen, ApproveDialog))
        assert decisions(gateway) == [("approved", 1)]
        assert len(set(line.keys)) == 1


async def test_it_is_slow(
    gateway: RequestsGateway, open_app: OpenedApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Slower than the app waits: it arrives after all, twice, and counts once."""
    monkeypatch.setattr(hoop_tui.client, "_ANSWER_SECONDS", 0.3)
    async with at_the_box(gateway, open_app) as (scenery, line):
        line.fail("slow")
        await scenery.press("enter")
        await scenery.until(lambda: "did not answer in time. It has not counted" in shown(scenery))
        await scenery.until(lambda: "has changed: approved by pia" in shown(scenery))
        assert decisions(gateway) == [("approved", 1)]
        assert len(line.keys) == 2
        assert len(set(line.keys)) == 1
