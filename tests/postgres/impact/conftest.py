"""The shop, before a gateway that holds what changes it."""

import pytest

from tests.postgres.house import House
from tests.postgres.impact.asking import Asking
from tests.postgres.servers import DatabaseServer


@pytest.fixture
async def shop(house: House, postgres: DatabaseServer, database: str) -> Asking:
    return await Asking.at(house, postgres, database)
