"""Masking that fails in the middle: nothing more is shown, and nothing unmasked ever was."""

from typing import Any

import pytest

from gateway.core.errors import Unreachable
from gateway.core.frame import FrameKind
from gateway.masking.tables.copying import CopyMasker
from gateway.masking.tables.rows import RowMasker
from tests.postgres.house import House
from tests.postgres.leaks import SCHEMA, SECRET
from tests.postgres.servers import DatabaseServer
from tests.postgres.test_masks import RULES

pytestmark = [pytest.mark.interop, pytest.mark.needs("postgres", "psql")]


@pytest.fixture
def house(house: House, postgres: DatabaseServer, database: str) -> House:
    with postgres.connect(database) as connection:
        connection.execute(SCHEMA)
    house.rules(RULES)
    return house


def fail(*given: object) -> Any:
    raise RuntimeError(f"{SECRET} was too much for me")


@pytest.mark.parametrize("statement", ["select id, ssn from app.customers", "copy app.customers to stdout"])
async def test_a_masker_that_raises(
    house: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, statement: str
) -> None:
    monkeypatch.setattr(RowMasker, "mask", fail)
    monkeypatch.setattr(CopyMasker, "feed", fail)
    code, out, err = await house.psql("-At", "-c", statement, "-c", "select 'behind it'")
    assert code != 0
    assert out == ""
    assert "hoop: ended" in err
    assert SECRET not in err
    assert "Traceback" not in err
    await house.over()
    recording = house.recording()
    assert SECRET.encode() not in recording.bytes_of(FrameKind.ROWS) + recording.bytes_of(FrameKind.ERROR)
    assert SECRET not in str(list(recording.facts_of(FrameKind.MARK)))
    monkeypatch.undo()
    async with await house.connect() as connection:
        cursor = await connection.execute("select ssn from app.customers where id = 1")
        assert await cursor.fetchone() == ("[masked:ssn]",)


async def test_a_catalog_that_can_not_be_read_masks_all_that_depends_on_it(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def gone(server: object) -> Any:
        raise Unreachable("gone")

    monkeypatch.setattr("gateway.adapters.postgres.session.read_catalog", gone)
    _, out, err = await house.psql("-At", "-c", "select id, ssn, ssn || '' from app.customers")
    assert SECRET not in out + err
