"""The benchmark of PostgreSQL runs, and measures everything that it promises. What it measures on a busy machine says
little, so no figure is judged here."""

import asyncio
import json
import sys
from pathlib import Path

import pytest

from bench.postgres import TARGETS

ROOT = Path(__file__).resolve().parents[2]
FIGURES = {
    "pgbench_prepared_ratio",
    "pgbench_simple_ratio",
    "select_bulk_ratio",
    "copy_bulk_ratio",
    "masked_bulk_ratio_interpreted",
    "masked_bulk_ratio_compiled",
    "added_ms_p50",
    "pgbouncer_prepared_ratio",
    "pgbouncer_simple_ratio",
    "pgbouncer_select_bulk_ratio",
    "pgbouncer_copy_bulk_ratio",
    "pgbouncer_added_ms_p50",
}
PATIENCE = 300.0


@pytest.mark.interop
@pytest.mark.needs("postgres", "pgbench", "pgbouncer")
async def test_it_runs_and_says_everything() -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, ROOT / "bench" / "postgres.py", "--quick", "--json"),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(PATIENCE):
            out, err = await process.communicate()
    except BaseException:
        process.kill()
        await process.communicate()
        raise
    assert process.returncode == 0, err.decode()
    *table, last = out.decode().splitlines()
    said = json.loads(last)
    assert said["name"] == "postgres"
    assert set(said["figures"]) == FIGURES == set(TARGETS)
    assert all(isinstance(value, float | int) for value in said["figures"].values())
    for way in ("direct", "gateway", "pgbouncer"):
        assert any(way in line for line in table)
