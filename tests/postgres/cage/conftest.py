"""psql in a cage on the real server of tests/postgres, and a skip where this kernel has no cage."""

import pytest

from gateway.adapters.postgres.cage import landlock, seccomp
from tests.postgres.cage.inside import Inside
from tests.postgres.servers import DatabaseServer


@pytest.fixture
def inside(postgres: DatabaseServer, database: str) -> Inside:
    """psql for `by_trust` in a new database."""
    if not landlock.abi() or seccomp.machine() is None:
        pytest.skip("needs a Linux kernel with landlock, on x86_64 or aarch64")
    return Inside(postgres, database)
