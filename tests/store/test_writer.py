"""The writer shares transactions, which is what makes durable appends cheap. SQLite only: it is about our queue."""

import asyncio
import time
from pathlib import Path

import pytest
from sqlalchemy import event

from gateway.core.errors import Fault
from gateway.core.events import GatewayStopped
from gateway.store.ledger import SqlLedger
from tests.contracts.conftest import opened


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/hoop.db"


async def test_appends_that_wait_together_share_a_transaction(url: str) -> None:
    ledger = await SqlLedger.open(url, patience=10)
    commits: list[object] = []
    event.listen(ledger._database.writing.sync_engine, "commit", commits.append)
    await asyncio.gather(*(ledger.append(GatewayStopped()) for _ in range(250)))
    assert len(commits) <= 2
    await asyncio.gather(*(ledger.append(GatewayStopped()) for _ in range(600)))
    assert len(commits) <= 6
    assert len(await ledger.entries(limit=1000)) == 850
    await ledger.close()


async def test_one_bad_entry_among_many_costs_few_transactions(url: str) -> None:
    ledger = await SqlLedger.open(url, patience=10)
    await ledger.append(opened("s-bad"))
    commits: list[object] = []
    event.listen(ledger._database.writing.sync_engine, "commit", commits.append)
    events = [opened("s-bad" if n == 77 else f"s-{n}") for n in range(128)]
    outcomes = await asyncio.gather(*(ledger.append(event) for event in events), return_exceptions=True)
    assert [n for n, outcome in enumerate(outcomes) if isinstance(outcome, Fault)] == [77]
    assert len(commits) <= 8
    await ledger.close()


async def test_a_mistake_of_ours_reaches_its_caller_and_nobody_else(url: str) -> None:
    ledger = await SqlLedger.open(url, patience=10)

    def mistaken(connection: object) -> None:
        raise KeyError("a mistake")

    outcomes = await asyncio.gather(
        ledger.append(GatewayStopped()),
        ledger._writer.write(mistaken),
        ledger.append(GatewayStopped()),
        return_exceptions=True,
    )
    assert isinstance(outcomes[1], KeyError)
    assert sorted(outcome for outcome in outcomes if isinstance(outcome, int)) == [1, 2]
    await ledger.close()


async def test_a_busy_process_is_not_taken_for_a_silent_database(url: str) -> None:
    """Thousands of others have their turns before an answer is looked at: that is no reason to end sessions."""
    ledger = await SqlLedger.open(url, patience=0.6)
    await ledger.append(GatewayStopped())
    busy = True

    def others() -> None:
        time.sleep(0.05)
        if busy:
            loop.call_soon(others)

    loop = asyncio.get_running_loop()
    for _ in range(3):
        loop.call_soon(others)
    began = loop.time()
    try:
        await ledger.append(GatewayStopped())
    finally:
        busy = False
    assert loop.time() - began > 0.6, "it was not busy enough to show anything"
    await ledger.close()


async def test_a_database_that_is_silent_is_given_up_on_in_time(url: str) -> None:
    ledger = await SqlLedger.open(url, patience=0.5)
    await ledger.append(GatewayStopped())

    began = asyncio.get_running_loop().time()
    stuck = asyncio.Event()

    async def attempt(batch: object) -> list[object]:
        await stuck.wait()
        return []

    ledger._writer._attempt = attempt  # type: ignore[method-assign] # the driver's answer that never comes
    with pytest.raises(Fault, match="does not answer"):
        await ledger.append(GatewayStopped())
    assert 0.4 < asyncio.get_running_loop().time() - began < 3
    stuck.set()
    await ledger.close()
