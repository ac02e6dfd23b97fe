"""A door of a gateway, and what comes to it."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.store.ledger import SqlLedger
from tests.postgres.greeting.hall import Hall, a_hall


@pytest.fixture(scope="session")
def empty_ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger with its tables and nothing in them, to be copied: making one takes most of a test's time."""
    path = tmp_path_factory.mktemp("ledger") / "ledger.db"

    async def make() -> None:
        await (await SqlLedger.open(f"sqlite:///{path}")).close()

    asyncio.run(make())
    return path


@pytest.fixture
async def hall(tmp_path: Path, empty_ledger: Path) -> AsyncIterator[Hall]:
    """Everybody and everything that says who comes in, and a door that answers."""
    async with a_hall(tmp_path, empty_ledger) as made:
        yield made
