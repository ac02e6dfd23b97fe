"""The quick ones of OpenSSH's own scripts, through the gateway. All 22 in three modes: scripts/interop-ssh."""

import asyncio
import sys
from pathlib import Path

import pytest

from scripts.openssh_regress import Prepared, edit
from tests.ssh.client import PATIENCE

ROOT = Path(__file__).resolve().parents[2]

QUICK = ("connect", "proxy-connect", "broken-pipe", "localcommand")


async def interop(*words: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "scripts.interop_ssh", *words),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(6 * PATIENCE):
            out, err = await process.communicate()
    except BaseException:
        process.kill()
        await process.communicate()
        raise
    assert process.returncode is not None
    return process.returncode, (out + err).decode()


@pytest.mark.interop
@pytest.mark.needs("ssh", "sshd", "plink", "/usr/lib/openssh/regress/test-exec.sh")
async def test_the_quick_scripts() -> None:
    status, said = await interop("--mode", "rules", *QUICK)
    assert status == 0, said
    assert f"rules: {len(QUICK)} of {len(QUICK)}" in said


async def test_a_script_that_is_none() -> None:
    status, said = await interop("no-such-script")
    assert (status, "there is no script no-such-script" in said) == (2, True)


def test_another_version_of_the_scripts_is_noticed(tmp_path: Path) -> None:
    """Nothing is left out by an edit that has found nothing to change."""
    (tmp_path / "connect.sh").write_text("echo one\n")
    edit(tmp_path, {"connect.sh": [("echo one", "echo two")]})
    assert (tmp_path / "connect.sh").read_text() == "echo two\n"
    with pytest.raises(SystemExit, match="another one than was expected"):
        edit(tmp_path, {"connect.sh": [("echo one", "echo two")]})
    assert Prepared(tmp_path, "connect", "x", 1, 2, 3, 4).objects == tmp_path / "regress"
