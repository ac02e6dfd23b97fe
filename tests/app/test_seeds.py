"""The recordings of replays/: whole, harmless, and listed with the times they were made at."""

from pathlib import Path

import pytest

from gateway.app.seeds import REPLAYS, plant
from gateway.blobs.local import LocalBlobs
from gateway.core.errors import Fault
from gateway.recording.verify import verify
from tests.store.fresh import fresh_ledger

RECORDINGS = sorted(REPLAYS.glob("*.hrec"))


def test_there_are_some() -> None:
    assert len(RECORDINGS) >= 3


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.stem)
def test_each_is_whole_and_small_and_says_what_it_needs_to(path: Path) -> None:
    found = verify([path.read_bytes()])
    assert found.ok
    assert found.whole
    assert path.stat().st_size < 100_000


async def test_they_are_listed_with_their_own_times(tmp_path: Path) -> None:
    ledger = await fresh_ledger(tmp_path / "hoop.db")
    try:
        blobs = LocalBlobs(tmp_path / "recordings", reserve_bytes=0)
        planted = await plant(ledger, blobs)
        assert len(planted) == len(RECORDINGS)
        rows = await ledger.sessions()
        assert [row.id for row in reversed(rows)] == planted
        assert all(row.imported_from for row in rows)
        assert [row.started_at for row in rows] == sorted((row.started_at for row in rows), reverse=True)
        for row in rows:
            assert row.ended_at is not None
            assert row.ended_at > row.started_at
        assert {row.imported_from: (row.outcome, row.blocked, row.commands) for row in rows}[
            "blocked-restart.hrec"
        ] == ("blocked", 1, 0)
        assert await plant(ledger, blobs) == []
    finally:
        await ledger.close()


async def test_a_damaged_one_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bad").mkdir()
    data = bytearray(RECORDINGS[0].read_bytes())
    data[-20] ^= 1
    (tmp_path / "bad" / "x.hrec").write_bytes(data)
    ledger = await fresh_ledger(tmp_path / "hoop.db")
    try:
        with pytest.raises(Fault, match=r"x\.hrec can not be brought in"):
            await plant(ledger, LocalBlobs(tmp_path / "recordings", reserve_bytes=0), tmp_path / "bad")
        assert await ledger.sessions() == []
    finally:
        await ledger.close()
