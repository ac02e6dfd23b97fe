"""Many held statements at once over real gateways, decided at random, while gateways are killed: each runs exactly
once with an approval, or never.

The large one, with 10,000 of them, 200 at a time and twenty kills, takes long, by what else the machine does, and
prints what it saw:

    scripts/test --slow -n 0 -s tests/e2e/test_crowd.py::test_ten_thousand

Told to with `kill -USR1`, it stops to ask for more, compares what there is, and fails because that is not all.
"""

import asyncio
import signal
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.contracts.postgres_server import MISSING, binaries
from tests.e2e import crowd_book
from tests.e2e.crowd import Crowd
from tests.e2e.crowd_town import a_town

pytestmark = [pytest.mark.interop, pytest.mark.needs("sshd", "postgres")]


async def a_crowd(
    directory: Path, *, seed: int, many: int, at_once: int, kills: int, alone: bool = False
) -> Counter[str]:
    """What became of the requests."""
    programs = binaries()
    if programs is None:
        pytest.skip(MISSING)
    async with a_town(directory, programs, alone=alone) as town:
        await town.open()
        crowd = Crowd(town, seed, many, at_once, kills)
        asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, crowd.enough)
        began = time.monotonic()
        await crowd.run()
        took = time.monotonic() - began
        for gateway in town.gateways:
            assert await gateway.stop() == 0, gateway.log
        book = await crowd_book.read(town, 3 * many)
        tell(crowd, book, took)
        states = crowd_book.compare(town, crowd.fates, book)
        recordings = await crowd_book.recordings(town, book)
        print(f"ran: {len(town.executed())}; recordings: {dict(recordings)}")
    assert len(crowd.fates) == many, "it was told to stop before the end"
    return states


def tell(crowd: Crowd, book: crowd_book.Book, took: float) -> None:
    """For whoever runs the large one."""
    states = Counter(each.state for found in book.requests.values() for each in found)
    print(f"\n{len(crowd.fates)} operations in {took:.0f} s, {crowd.most_waiting} waited at once")
    print(f"killed: {dict(crowd.killed)}; ledger: {len(book.entries)} entries; requests: {dict(states)}")
    print(f"told: {dict(Counter(fate.told for fate in crowd.fates))}")
    print(f"answers: {dict(sorted(crowd.answers.items()))}")


async def test_once_with_an_approval_or_never(tmp_path: Path) -> None:
    """By two gateways on one ledger."""
    states = await a_crowd(tmp_path, seed=1, many=80, at_once=40, kills=1)
    assert {"approved", "denied", "withdrawn", "expired"} <= states.keys()


@pytest.mark.slow
async def test_two_gateways(tmp_path: Path) -> None:
    """The same for longer."""
    states = await a_crowd(tmp_path, seed=3, many=1000, at_once=100, kills=8)
    assert {"approved", "denied", "withdrawn", "expired"} <= states.keys()


@pytest.mark.slow
async def test_ten_thousand(tmp_path: Path) -> None:
    """By one gateway, whose ledger is a file."""
    states = await a_crowd(tmp_path, seed=2, many=10_000, at_once=200, kills=20, alone=True)
    assert {"approved", "denied", "withdrawn", "expired"} <= states.keys()
