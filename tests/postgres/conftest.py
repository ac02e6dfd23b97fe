"""The real PostgreSQL of these tests: one for all of them, and a new database for each test that asks."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from gateway.session.database.parser import Parsers
from tests.postgres.house import House, a_house
from tests.postgres.interop.fixtures import gateway_process, hostile, suite_server, way
from tests.postgres.servers import DatabaseServer

__all__ = ["gateway_process", "hostile", "suite_server", "way"]


@pytest.fixture(scope="session")
def postgres() -> Iterator[DatabaseServer]:
    """A running PostgreSQL. Nobody changes its roles or settings; whoever wants to starts one of their own."""
    with DatabaseServer.running() as server:
        yield server


@pytest.fixture
def database(postgres: DatabaseServer) -> Iterator[str]:
    """The name of a new, empty database."""
    name = postgres.new_database()
    yield name
    postgres.drop_database(name)


@pytest.fixture
async def parsers() -> AsyncIterator[Parsers]:
    """What reads statements, running."""
    parsers = Parsers()
    await parsers.start()
    yield parsers
    await parsers.stop()


@pytest.fixture
async def house(
    tmp_path: Path, parsers: Parsers, postgres: DatabaseServer, database: str
) -> AsyncIterator[House]:
    """A gateway before that database, which allows everything."""
    async with a_house(tmp_path, parsers) as house:
        house.offer(postgres, database)
        yield house
