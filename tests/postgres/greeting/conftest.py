"""A door of a gateway, and what comes to it."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.postgres.greeting.hall import Hall, a_hall


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A hall with its authorities, people and tables, to be copied: making one takes most of a test's time."""
    path = tmp_path_factory.mktemp("hall")

    async def make() -> None:
        async with a_hall(path):
            pass

    asyncio.run(make())
    return path


@pytest.fixture
async def hall(tmp_path: Path, prepared: Path) -> AsyncIterator[Hall]:
    """Everybody and everything that says who comes in, and a door that answers."""
    async with a_hall(tmp_path, prepared) as made:
        yield made
