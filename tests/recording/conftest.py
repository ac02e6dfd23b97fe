"""A real PostgreSQL, to compare with what it says itself."""

from collections.abc import Iterator

import pytest

from tests.contracts.postgres_server import MISSING, PostgresServer, binaries


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A running PostgreSQL."""
    programs = binaries()
    if programs is None:
        pytest.skip(MISSING)
    server = PostgresServer.create(programs)
    try:
        server.start()
        yield server
    finally:
        server.remove()
