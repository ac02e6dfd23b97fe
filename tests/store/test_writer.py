"""The writer shares transactions, which is what makes durable appends cheap. SQLite only: it is about our queue."""

import asyncio
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
