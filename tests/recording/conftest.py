"""A real PostgreSQL, to compare with what it says itself."""

from collections.abc import Iterator

import pytest

from tests.contracts.postgres_server import PostgresServer


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A running PostgreSQL."""
    with PostgresServer.running() as server:
        yield server
