"""The benchmark of SSH runs, measures everything it promises, and keeps the bounds that do not depend on the load."""

import asyncio
import json
import sys
from pathlib import Path

import pytest

from bench.ssh import TARGETS
from tests.e2e.served import run

ROOT = Path(__file__).resolve().parents[2]
FIGURES = {
    "sftp_download_ratio",
    "sftp_upload_ratio",
    "exec_recorded_ratio",
    "jump_ratio",
    "cpu_s_per_gb",
    "echo_added_ms_p50",
    "setup_added_ms",
    "idle_session_kb",
    "stalled_client_mb",
}
PATIENCE = 300.0


@pytest.mark.interop
@pytest.mark.needs("ssh", "sshd", "sftp")
async def test_it_runs_and_says_everything() -> None:
    bench = asyncio.create_subprocess_exec(
        sys.executable, ROOT / "bench" / "ssh.py", "--quick", "--json", stdout=-1, stderr=-1, cwd=ROOT
    )
    process = await bench
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
    assert said["name"] == "ssh"
    assert set(said["figures"]) == FIGURES == set(TARGETS)
    assert all(isinstance(value, float | int) for value in said["figures"].values())
    assert any("direct" in line and "gateway" in line and "jump" in line for line in table)
    assert any(line.startswith("load of the machine") for line in table)
    assert said["figures"]["stalled_client_mb"] < 16
    assert said["figures"]["idle_session_kb"] < 300


async def test_the_script_names_it() -> None:
    """Without a name it says which there are."""
    answer = await run("bash", ROOT / "scripts" / "bench")
    assert answer.status == 2
    assert "ssh" in answer.err.split()
