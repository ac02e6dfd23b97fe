"""What happens to a decision, told at a real terminal: psql before a served gateway, Bob at `hoop-tui` under tmux,
and rows in a real database that are there afterwards, or are not."""

import asyncio
import re
import signal
import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.e2e import holding
from tests.e2e.conftest import Terminal
from tests.e2e.holding import Town, ended
from tests.e2e.served import BIN

pytestmark = [
    pytest.mark.interop,
    pytest.mark.needs("ssh", "sshd", "postgres", "psql", "tmux"),
    pytest.mark.asyncio(loop_scope="module"),
]

postgres, gateway, town = holding.postgres, holding.gateway, holding.town
QUIET = 0.7
"""Seconds for which what changed under the cursor takes no decision."""


class Bob:
    """At the app, on the approvals screen."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self.keys = terminal.type

    def screen(self) -> str:
        return self._terminal.screen()

    async def see(self, pattern: str) -> str:
        return await asyncio.to_thread(self._terminal.see, pattern, 60.0)

    async def under_the_cursor(self, id: str) -> None:
        """With its card, for long enough to be decided."""
        await self.see(rf"(?m)^│> .*{id}")
        await self.see(rf"(?m)^.─ {id} .*denies itself in")
        await asyncio.sleep(QUIET + 0.2)

    async def approve(self) -> None:
        """What is under the cursor."""
        self.keys("a")
        await self.see(r"> \[ Cancel  Esc \]")
        self.keys("Tab", "Tab")
        await self.see(r"> \[ Approve \]")
        self.keys("Enter")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def app(gateway: Town, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bob]:
    """It is open all day long."""
    place = tmp_path_factory.mktemp("bob")
    terminal = Terminal(place, [str(BIN / "hoop-tui")], gateway.environment("bob"))
    try:
        there = Bob(terminal)
        await there.see(r"\* live")
        yield there
    finally:
        terminal.close()


@pytest_asyncio.fixture(loop_scope="module")
async def bob(app: Bob) -> Bob:
    """Whatever he did before, he is at an empty list of approvals."""
    app.keys("Escape", "F1", "F2")
    await app.see(r"Nothing waits for you")
    return app


async def test_a_held_delete_is_approved_and_its_rows_are_gone(town: Town, bob: Bob) -> None:
    psql = await town.psql("delete from payments where id > 7", "select count(*) from payments")
    id = (await town.held())["id"]
    await bob.under_the_cursor(id)
    assert "1  delete from payments where id > 7" in bob.screen()
    assert town.rows() == 10
    await bob.approve()
    await bob.see(rf"{id} is approved\.")
    answer = await ended(psql)
    assert answer.out == "DELETE 3\n7\n", answer.err
    assert f"hoop: approved {id} by bob@example.com" in answer.err
    assert town.rows() == 7


async def test_a_reason_is_read_word_for_word(town: Town, bob: Bob) -> None:
    psql = await town.psql("delete from payments", "select count(*) from payments")
    id = (await town.held())["id"]
    await bob.under_the_cursor(id)
    bob.keys("x")
    await bob.see(rf"Deny {id} \?")
    bob.keys("use the archive job [1/2] - it's 50% done", "Enter")
    await bob.see(r"> \[ Deny \]")
    bob.keys("Enter")
    answer = await ended(psql)
    assert f'hoop: denied {id} by bob@example.com: "use the archive job [1/2] - it\'s 50% done"' in answer.err
    assert answer.out == "10\n"
    assert town.rows() == 10


@pytest.mark.parametrize(("word", "left"), [("approve", 9), ("deny", 10)])
async def test_a_colleague_is_quicker(town: Town, bob: Bob, word: str, left: int) -> None:
    psql = await town.psql("delete from payments where id = 1")
    id = (await town.held())["id"]
    await bob.under_the_cursor(id)
    bob.keys("a")
    await bob.see(r"> \[ Cancel  Esc \]")
    if word == "approve":
        assert (await town.approve(id, "dan")).status == 0
    else:
        assert (await town.hoop_tui("dan", "review", "deny", id, "--reason", "not today")).status == 0
    said = "approved" if word == "approve" else "denied"
    shown = await bob.see(rf"{id} has changed: {said} by dan@example\.com")
    assert "[ Approve ]" not in shown
    bob.keys("Tab", "Tab", "Enter")
    await bob.see(r"Nothing waits for you")
    assert "by dan@example.com" in (await ended(psql)).err
    assert town.rows() == left


async def test_time_runs_out_while_the_box_is_open(town: Town, bob: Bob) -> None:
    psql = await town.psql("truncate payments")
    id = (await town.held())["id"]
    await bob.under_the_cursor(id)
    bob.keys("a")
    await bob.see(r"> \[ Cancel  Esc \]")
    shown = await bob.see(rf"{id} has changed: it is expired")
    assert "[ Approve ]" not in shown
    bob.keys("Tab", "Tab", "Enter")
    await bob.see(r"Nothing waits for you")
    assert f"hoop: expired {id}" in (await ended(psql)).err
    assert town.rows() == 10


async def test_the_cursor_stays_on_its_request(town: Town, bob: Bob) -> None:
    """What has less time left comes to stand above it."""
    first = await town.psql("delete from payments where id = 2")
    id = (await town.held())["id"]
    await bob.under_the_cursor(id)
    second = await town.psql("truncate payments")
    shown = await bob.see(r"Waiting for you 2")
    rows = re.findall(r"(?m)^│(>?) +\d\d:\d\d .*?(\w{3}-\w{4})", shown)
    assert [row[0] for row in rows] == ["", ">"]
    assert rows[1][1] == id
    await bob.approve()
    assert (await ended(first)).out == "DELETE 1\n"
    second.send_signal(signal.SIGINT)
    await ended(second)
    assert town.rows() == 9


async def test_a_key_that_was_meant_for_another_row_decides_nothing(town: Town, bob: Bob) -> None:
    """The request under the cursor is taken back, another one takes its place, and the key comes just then."""
    stays = await town.psql("delete from payments where id = 3")
    other = (await town.held())["id"]
    for _ in range(5):
        goes = await town.psql("truncate payments")
        shown = await bob.see(r"Waiting for you 2")
        id = next(each for each in re.findall(r"\w{3}-\w{4}", shown) if each != other)
        bob.keys("g")
        await bob.under_the_cursor(id)
        goes.send_signal(signal.SIGINT)
        before = time.monotonic()
        while not re.search(rf"(?m)^│> .*{other}", bob.screen()):
            before = time.monotonic()
        bob.keys("a")
        if time.monotonic() - before < QUIET / 2:
            break
        await ended(goes)
        bob.keys("Escape", "F2")
    else:
        pytest.fail("this machine is too busy to press a key in time")
    shown = await bob.see(r"This changed just now|nothing to decide here")
    assert "[ Approve ]" not in shown
    await ended(goes)
    await bob.under_the_cursor(other)
    await bob.approve()
    assert (await ended(stays)).out == "DELETE 1\n"
    assert town.rows() == 9
