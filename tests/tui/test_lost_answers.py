"""A yes over a line that fails, to a real API: what the box says of it is true, and it counts once at most."""

import asyncio
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
from hoop_tui.screens.dialog import NOT_KNOWN
from hoop_tui.sign_in import Token
from tests.tui.conftest import OpenedApp, Program, words
from tests.tui.faulty_line import Fault, FaultyLine
from tests.tui.requests_gateway import RequestsGateway

STATEMENT = "select 1"
NOT_COUNTED = "It has not counted: {id} is held still."
COUNTED = "{id} has changed: approved by pia"


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
    """What has become of the request, and how often the books say that somebody has decided."""
    ledger = gateway.house.ledger
    given = sum(entry.name == "approval.given" for entry in gateway.run(ledger.entries()))
    return [(row.state, given) for row in gateway.run(ledger.approvals())]


async def test_it_breaks_once(gateway: RequestsGateway, open_app: OpenedApp) -> None:
    """The app sends it again by itself, with the same key, and it has counted once."""
    async with at_the_box(gateway, open_app) as (scenery, line):
        line.fail("unanswered", 1)
        await scenery.press("enter")
        await scenery.until(lambda: not isinstance(scenery.app.screen, ApproveDialog))
        assert decisions(gateway) == [("approved", 1)]
        assert len(line.keys) == 2
        assert len(set(line.keys)) == 1


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("lost", NOT_COUNTED),
        ("unanswered", COUNTED),
        ("refused afterwards", COUNTED),
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
        assert decisions(gateway) == [("approved", 1)]
        assert len(set(line.keys)) == 1


@pytest.mark.parametrize(("fault", "said"), [("lost", NOT_COUNTED), ("unanswered", COUNTED)])
async def test_nobody_can_say(fault: Fault, said: str, gateway: RequestsGateway, open_app: OpenedApp) -> None:
    """It can not be looked up either: the box says that it is not known, until it is."""
    async with at_the_box(gateway, open_app) as (scenery, line):
        screen = scenery.app.screen
        assert isinstance(screen, ApproveDialog)
        line.fail(fault, blind=True)
        await scenery.press("enter")
        await scenery.until(lambda: shown(scenery).count(NOT_KNOWN) == 1 and "Looking" not in shown(scenery))
        line.fail("")
        await scenery.until(lambda: said.format(id=screen.card.id) in shown(scenery))
        assert NOT_KNOWN not in shown(scenery)
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


async def test_a_command_says_it_too(gateway: RequestsGateway, tmp_path: Path) -> None:
    program = Program(tmp_path / "home", "")
    asked = gateway.ask(STATEMENT, effects=frozenset())
    (row,) = gateway.run(gateway.house.ledger.approvals())
    words = ("review", "approve", asked.id, "--yes", "--sha", row.sha256)

    async with FaultyLine(gateway.port) as line:
        environ = {"HOOP_GATEWAY": line.url, "HOOP_TOKEN": "token-of-pia"}
        happens: tuple[tuple[Fault, str], ...] = (
            ("lost", f"hoop-tui: it has not counted: {asked.id} is held still"),
            ("unanswered", f"hoop-tui: {asked.id} has changed meanwhile: approved by pia"),
        )
        for fault, said in happens:
            line.fail(fault)
            ended = await asyncio.to_thread(program, *words, **environ)
            assert (ended.returncode, ended.stderr.splitlines()[1:]) == (9, [said])
    assert decisions(gateway) == [("approved", 1)]
