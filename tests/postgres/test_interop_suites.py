"""PostgreSQL's own tests through the gateway, with the slow tests: they are fetched and built at the first time."""

import asyncio
import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.interop
@pytest.mark.slow
@pytest.mark.needs("postgres")
@pytest.mark.parametrize(
    ("suite", "count"), [("libpq_pipeline", 20), ("isolation", 115), ("pg_regress", 217)]
)
async def test_all_of_them_pass_everywhere(suite: str, count: int) -> None:
    """Directly, through a gateway that allows everything, and through one whose rules are about something else."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "scripts.interop_postgres", suite),
        cwd=ROOT,
        env=os.environ,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(2400):
            out, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()
    said = out.decode()
    assert process.returncode == 0, said
    assert said.count(f"{count}/{count} ") == 3, said
