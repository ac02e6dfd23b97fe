"""The benchmark of the app runs, and measures everything that it promises. No figure is judged here."""

import asyncio
import json
import sys
from pathlib import Path

from bench.tui import TARGETS

ROOT = Path(__file__).resolve().parents[2]


async def test_it_runs_and_says_everything() -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, ROOT / "bench" / "tui.py", "--quick", "--json"),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(120):
            out, err = await process.communicate()
    except BaseException:
        process.kill()
        await process.communicate()
        raise
    assert process.returncode == 0, err.decode()
    last = out.decode().splitlines()[-1]
    said = json.loads(last)
    assert said["name"] == "tui"
    assert set(said["figures"]) == set(TARGETS)
    assert all(value > 0 for value in said["figures"].values())
