"""A gateway whose clock is not the database's says so, and goes by it for nothing."""

import asyncio
import logging
from datetime import UTC, datetime, timedelta

import pytest

from gateway.app.timekeeper import Timekeeper
from gateway.core.errors import Fault

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
Seconds = float


class TwoClocks:
    """Ours, that can be set, and the database's, that is right. An answer takes as long as is said."""

    def __init__(self) -> None:
        self.passed = 0.0
        self.set_by = 0.0
        self.answer_takes = 0.0
        self.there = True
        self.asked = asyncio.Event()

    def now(self) -> datetime:
        return NOON + timedelta(seconds=self.passed + self.set_by)

    def monotonic_us(self) -> int:
        return round(self.passed * 1e6)

    async def database(self) -> datetime | None:
        self.asked.set()
        if not self.there:
            raise Fault("the ledger's database does not answer")
        self.passed += self.answer_takes / 2
        looked = NOON + timedelta(seconds=self.passed)
        self.passed += self.answer_takes / 2
        return looked


@pytest.fixture
def clocks() -> TwoClocks:
    return TwoClocks()


@pytest.fixture
def timekeeper(clocks: TwoClocks) -> Timekeeper:
    return Timekeeper(clocks.database, clocks)


@pytest.mark.parametrize(
    ("off", "problem"),
    [
        (0, ""),
        (4.9, ""),
        (-4.9, ""),
        (42, "the gateway's clock is 42 s ahead of the ledger's"),
        (-42, "the gateway's clock is 42 s behind the ledger's"),
        (7200, "the gateway's clock is 2 h ahead of the ledger's"),
        (-600, "the gateway's clock is 10 min behind the ledger's"),
    ],
)
async def test_how_far_it_is_off(
    timekeeper: Timekeeper, clocks: TwoClocks, off: Seconds, problem: str
) -> None:
    clocks.set_by = off
    await timekeeper.look()
    assert timekeeper.problem() == problem
    if problem:
        with pytest.raises(Fault, match=f"^{problem}$"):
            await timekeeper.check()
    else:
        await timekeeper.check()


async def test_a_clock_that_is_set_is_noticed_before_the_next_look(
    timekeeper: Timekeeper, clocks: TwoClocks
) -> None:
    await timekeeper.look()
    clocks.passed += 3
    clocks.set_by = -60
    assert timekeeper.problem() == "the gateway's clock is 60 s behind the ledger's"
    clocks.set_by = 0
    assert timekeeper.problem() == ""


async def test_a_slow_answer_accuses_nobody(timekeeper: Timekeeper, clocks: TwoClocks) -> None:
    """Of a first one is believed what is certain, of a later one nothing."""
    clocks.answer_takes, clocks.set_by = 20, 8
    await timekeeper.look()
    assert timekeeper.problem() == ""
    clocks.set_by = 30
    assert timekeeper.problem() == "the gateway's clock is 20 s ahead of the ledger's"
    clocks.answer_takes, clocks.set_by = 0.1, 0
    await timekeeper.look()
    clocks.answer_takes = 60
    await timekeeper.look()
    assert timekeeper.problem() == ""


async def test_a_ledger_in_a_file_has_no_other_clock(clocks: TwoClocks) -> None:
    async def nothing() -> datetime | None:
        return None

    timekeeper = Timekeeper(nothing, clocks)
    await timekeeper.look()
    clocks.set_by = 3600
    await timekeeper.check()


async def test_it_is_said_once_and_when_it_is_over(
    clocks: TwoClocks, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "hoop.clock")
    timekeeper = Timekeeper(clocks.database, clocks, round=0.001)
    await timekeeper.look()
    timekeeper.start()
    for off, there in ((60, True), (60, False), (0, True)):
        clocks.set_by, clocks.there = off, there
        for _ in range(3):
            clocks.asked.clear()
            await asyncio.wait_for(clocks.asked.wait(), 5)
    await timekeeper.stop()
    assert [record.message for record in caplog.records] == [
        "nothing is held, approved or let through by an approval: the gateway's clock is 60 s ahead of the ledger's",
        "the gateway's clock is right again",
    ]
