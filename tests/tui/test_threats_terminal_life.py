"""What happens around a terminal while somebody decides: keys by the hundred, what is pasted, no room, no terminal, a
line that breaks. Nothing is decided by it, and nothing is left half decided."""

import asyncio
import resource
import signal
import time
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from statistics import median

import pytest
from textual.events import Key

from gateway.api.schema import RequestCard
from hoop_tui import demo_requests
from hoop_tui.demo import demo_gateway
from hoop_tui.errors import Unreachable
from hoop_tui.screens.approvals import ApprovalsScreen
from hoop_tui.screens.approve import ApproveDialog
from tests.tui.conftest import OpenedApp, words
from tests.tui.requests_gateway import RequestsGateway
from tests.tui.seat import Seat

F2 = "\x1bOQ"


def pia_at(home: Path, gateway: RequestsGateway, term: str = "xterm-256color") -> Seat:
    """She is asked."""
    return Seat(home, term=term, HOOP_GATEWAY=gateway.url, HOOP_TOKEN="token-of-pia")


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[RequestsGateway]:
    made = RequestsGateway(tmp_path)
    made.house.groups["pia"] = {"dba"}
    yield made
    made.run(made.asking.gone())
    made.close()


def states(gateway: RequestsGateway) -> list[str]:
    return [row.state for row in gateway.run(gateway.house.ledger.approvals())]


def test_keys_by_the_hundred_paste_no_room_and_no_terminal(gateway: RequestsGateway, tmp_path: Path) -> None:
    for number in range(3):
        gateway.ask(f"drop table t{number}")
    seat = pia_at(tmp_path, gateway)
    try:
        seat.see("* live")
        seat.press(F2)
        seat.see("denies itself in")
        seat.rest(1)
        seat.press("\x1b[200~aaaa\r\ryyyy\rX \rno\r\x1b[201~")
        seat.press("y" * 100 + "\r" * 50 + "a" * 100 + "\r" * 100 + "yyyy" + "\r" * 50)
        seat.rest(2)
        assert states(gateway) == ["held"] * 3
        seat.press("\x1b")
        seat.rest(0.5)
        for size in ((1, 1), (2, 3), (1, 200), (200, 1), (30, 100)):
            seat.resize(*size)
            seat.rest(0.3)
            assert seat.process.poll() is None, seat.sent[-4000:]
        seat.press(F2)
        seat.see("F2 Approvals 3")
        seat.process.send_signal(signal.SIGHUP)
        assert seat.process.wait(30) != 0
        assert states(gateway) == ["held"] * 3
    finally:
        seat.close()


def test_keys_from_a_terminal_that_marks_no_paste_and_one_that_comes_back(
    gateway: RequestsGateway, tmp_path: Path
) -> None:
    """What is pasted there looks like keys: one request may be decided by it, and not the next ones. And a box that
    was out of sight takes no key before it was looked at."""
    for number in range(4):
        gateway.ask(f"select {number}", effects=frozenset())
    seat = pia_at(tmp_path, gateway)
    try:
        seat.see("* live")
        seat.press(F2)
        seat.see("denies itself in")
        seat.rest(1)
        seat.press("a\t\t\r" * 30)
        seat.rest(2)
        assert states(gateway).count("held") >= 3
        before = sorted(states(gateway))
        seat.press("\x1b")
        seat.rest(1)
        seat.press("a")
        seat.see("decides nothing")
        seat.press("\t\t")
        seat.see("> [ Approve ]")
        seat.process.send_signal(signal.SIGTSTP)
        stopped = Path(f"/proc/{seat.process.pid}/stat")
        while ") T " not in stopped.read_text():
            seat.rest(0.05)
        seat.rest(1)
        seat.sent = ""
        seat.process.send_signal(signal.SIGCONT)
        while "\x1b[?1049h" not in seat.sent:
            seat.rest(0.01)
        seat.press("\r")
        seat.see("This changed just now")
        assert sorted(states(gateway)) == before
        for size in ((1, 1), (30, 100)):
            seat.resize(*size)
            seat.rest(0.3)
        seat.process.send_signal(signal.SIGHUP)
        assert seat.left() != 0
        assert sorted(states(gateway)) == before
    finally:
        seat.close()


def test_a_dumb_terminal_is_no_reason_to_fall_over(gateway: RequestsGateway, tmp_path: Path) -> None:
    gateway.ask("drop table t")
    seat = pia_at(tmp_path, gateway, "dumb")
    try:
        seat.see("* live")
        seat.press("q")
        seat.rest(2)
        assert seat.process.wait(30) == 0
        assert "token-of-pia" not in seat.sent
    finally:
        seat.close()


async def test_a_line_that_breaks_during_a_yes_is_looked_at_again(open_app: OpenedApp) -> None:
    """The gateway has taken it, and its answer is lost: what the box says is what the gateway says afterwards."""
    gateway = demo_gateway()
    async with open_app(gateway) as scenery:
        await scenery.sessions()
        await scenery.press("f2")
        await scenery.until(lambda: "denies itself in" in words(scenery.app))
        taken = gateway.requests.approve

        async def lost(card: RequestCard, reason: str = "", scope: str = "once") -> RequestCard:
            await taken(card, reason, scope)
            raise Unreachable("The line to the gateway broke.")

        gateway.requests.approve = lost  # type: ignore[method-assign]
        scenery.clock.pass_seconds(1)
        await scenery.press("j")
        screen = scenery.app.screen
        assert isinstance(screen, ApprovalsScreen)
        await scenery.until(lambda: screen.card is not None and screen.card.id == "K4T-9XA2")
        scenery.clock.pass_seconds(1)
        await scenery.pilot.pause()
        await scenery.press("a")
        await scenery.until(lambda: isinstance(scenery.app.screen, ApproveDialog))
        await scenery.press("tab", "tab", "enter")
        await scenery.until(lambda: "K4T-9XA2 has changed: approved by bob@example.com" in words(scenery.app))
        assert [each for each in gateway.requests.said if each.startswith("approve")] == [
            "approve K4T-9XA2 once"
        ]


async def test_ten_megabytes_of_reason(open_app: OpenedApp) -> None:
    gateway = demo_gateway()
    made = demo_requests.card(
        "AAA-AAAA", "alice@example.com", "appdb", "delete from t", gateway.requests.now(), left=5
    )
    why = made.why.model_copy(update={"reason": "because " * 1_250_000})
    gateway.requests.cards[made.id] = made.model_copy(update={"why": why})
    async with open_app(gateway) as scenery:
        await scenery.sessions()
        await scenery.press("f2")
        began = time.monotonic()
        await scenery.until(lambda: "AAA-AAAA" in words(scenery.app) and "because" in words(scenery.app))
        assert time.monotonic() - began < 5


async def test_a_queue_of_thousands_that_never_rests(open_app: OpenedApp) -> None:
    """A thousand changes a second, each with its hint: keys are answered, and it does not grow with them."""
    gateway = demo_gateway()
    requests = gateway.requests
    for number in range(2000):
        id = f"{number // 1000:03}-{number % 1000:04}"
        person = f"p{number}@example.com"
        requests.cards[id] = demo_requests.card(id, person, "appdb", f"select {number}", requests.now())

    changed: list[str] = []

    async def churn() -> None:
        ids, began = cycle(list(requests.cards)), time.monotonic()
        while True:
            for _ in range(int((time.monotonic() - began) * 1000) - len(changed)):
                changed.append(next(ids))
                requests.change(changed[-1], claimed_by=f"c{len(changed)}")
                gateway.hint("approval", changed[-1])
            await asyncio.sleep(0.01)

    async with open_app(gateway) as scenery:
        await scenery.sessions()
        await scenery.press("f2")
        await scenery.until(lambda: "denies itself in" in words(scenery.app))
        screen = scenery.app.screen
        assert isinstance(screen, ApprovalsScreen)
        churning = asyncio.create_task(churn())
        await asyncio.sleep(0.5)
        before, took = resident(), []
        until = time.monotonic() + 3
        while time.monotonic() < until:
            chosen, pressed = screen.chosen, time.monotonic()
            key = "k" if chosen == screen._queue.rows[-1].id else "j"  # behind the last there may be none
            scenery.app.post_message(Key(key, key))
            while screen.chosen == chosen:
                await asyncio.sleep(0.002)
                assert time.monotonic() - pressed < 10
            took.append(time.monotonic() - pressed)
        churning.cancel()
        assert len(changed) > 3000
        assert median(took) < 1
        assert resident() - before < 100 << 20


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def test_a_terminal_that_goes_without_a_signal_takes_the_app_along(
    gateway: RequestsGateway, tmp_path: Path
) -> None:
    seat = pia_at(tmp_path, gateway)
    try:
        seat.see("* live")
        seat.hang_up()
        assert seat.process.wait(1) == 128 + signal.SIGHUP
    finally:
        seat.close()
