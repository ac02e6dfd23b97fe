"""OpenSSH's own scripts through the gateway: some in every run, all 22 in three modes with the slow tests.

Also what scripts/interop-ssh itself promises: what it counts as a difference, and that it leaves nothing behind.
"""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from scripts.interop_ssh import Wish, told, verdict
from scripts.openssh_regress import SCRIPTS, Prepared, Result, edit
from scripts.regress_gateway import plain_keys
from tests.ssh.client import PATIENCE
from tests.ssh.sshd import descendants

ROOT = Path(__file__).resolve().parents[2]

SOME = ("connect", "broken-pipe", "sftp-uri", "forwarding")

needs_scripts = pytest.mark.needs("ssh", "sshd", "plink", "/usr/lib/openssh/regress/test-exec.sh")


@asynccontextmanager
async def interop(
    *words: str, module: str = "scripts.interop_ssh"
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Told to end, it ends everything that it has started."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", module, *words),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
            await process.communicate()


async def interop_says(*words: str, patience: float = 6 * PATIENCE) -> tuple[int | None, str]:
    async with interop(*words) as process, asyncio.timeout(patience):
        out, _ = await process.communicate()
    return process.returncode, out.decode()


@needs_scripts
@pytest.mark.interop
async def test_some_scripts() -> None:
    status, said = await interop_says("--mode", "rules", *SOME)
    assert status == 0, said
    assert f"gateway with rules: {len(SOME)} of {len(SOME)} passed" in said


@needs_scripts
@pytest.mark.interop
@pytest.mark.slow
async def test_all_scripts_in_every_mode() -> None:
    status, said = await interop_says(patience=1800)
    assert status == 0, said
    for title in ("direct", "gateway", "gateway with rules"):
        assert f"\n{title}: {len(SCRIPTS)} of {len(SCRIPTS)} passed" in said


@needs_scripts
@pytest.mark.interop
async def test_broken_off_it_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    async with interop("--mode", "rules", "exit-status") as process, asyncio.timeout(3 * PATIENCE):
        while not list(tmp_path.glob("hoop-interop-*/*/regress/ssh.log")):  # the script has begun
            await asyncio.sleep(0.05)
        started = descendants(process.pid)
        assert len(started) > 2  # the run, its gateway, its script
        process.terminate()
        out, _ = await process.communicate()
    assert process.returncode == 130, out
    assert not [pid for pid in started if Path(f"/proc/{pid}").exists()]
    assert list(tmp_path.iterdir()) == []


async def test_a_process_that_slipped_away_is_ended(tmp_path: Path) -> None:
    """Its parent has ended and it has a session of its own."""
    noted = tmp_path / "pid"
    program = (
        "import os, subprocess; from scripts.regress_run import adopt, end_all_children; adopt();"
        f"subprocess.run(['sh', '-c', 'setsid sh -c \"echo \\$\\$ >{noted}; exec sleep 600\" & true']);"
        f"import pathlib, time\nwhile not pathlib.Path({str(noted)!r}).exists(): time.sleep(0.02)\n"
        "end_all_children()"
    )
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", program, cwd=ROOT)
    async with asyncio.timeout(PATIENCE):
        assert await process.wait() == 0
    with pytest.raises(ProcessLookupError):
        os.kill(int(noted.read_text()), signal.SIG_DFL)


async def test_a_script_that_is_none() -> None:
    status, said = await interop_says("no-such-script")
    assert (status, "there is no script no-such-script" in said) == (2, True)


def results(**words: str) -> dict[tuple[str, str], Result]:
    """`connect="passed failed passed"`: in each mode."""
    return {
        (script, mode): Result(word, "its words")
        for script, listed in words.items()
        for mode, word in zip(("direct", "gateway", "rules"), listed.split(), strict=True)
    }


@pytest.mark.parametrize(
    ("connect", "agent", "status", "words"),
    [
        ("passed passed passed", "passed passed passed", 0, "everything that passes directly passes through"),
        ("passed passed failed", "passed passed passed", 1, "does not pass everywhere: connect"),
        ("passed hung passed", "passed passed passed", 1, "does not pass everywhere: connect"),
        ("passed skipped passed", "passed passed passed", 1, "does not pass everywhere: connect"),
        ("failed failed failed", "passed passed passed", 0, "--- connect, direct: failed\nits words"),
        ("failed failed failed", "skipped passed passed", 2, "nothing passes directly"),
    ],
)
def test_what_is_a_difference(connect: str, agent: str, status: int, words: str) -> None:
    wish = Wish(("connect", "agent"), ("direct", "gateway", "rules"), 1, 1.0, None)
    came = results(connect=connect, agent=agent)
    assert verdict(wish, came) == status
    assert words in "\n".join(told(wish, came))


def test_what_is_left_out_is_named() -> None:
    wish = Wish(("connect", "agent"), ("direct", "gateway"), 1, 1.0, None)
    lines = told(wish, results(connect="passed passed passed", agent="passed passed passed"))
    assert [line.split() for line in lines[1:3]] == [
        ["connect", "passed", "passed"],
        ["agent", "passed", "passed*"],
    ]
    assert (
        "  agent             sign-in with a certificate: the gateway takes certificates of its own authority only"
        in lines
    )
    assert not any("proxy-connect" in line for line in lines)


def test_another_version_of_the_scripts_is_noticed(tmp_path: Path) -> None:
    """Nothing is left out by an edit that has found nothing to change."""
    (tmp_path / "connect.sh").write_text("echo one\n")
    edit(tmp_path, {"connect.sh": [("echo one", "echo two")]})
    assert (tmp_path / "connect.sh").read_text() == "echo two\n"
    with pytest.raises(SystemExit, match="another one than was expected"):
        edit(tmp_path, {"connect.sh": [("echo one", "echo two")]})
    assert Prepared(tmp_path, "connect", "x", 20_000, through=True).objects == tmp_path / "regress"


def test_whoever_the_script_lets_in_and_nobody_else(tmp_path: Path) -> None:
    listed = tmp_path / "authorized_keys"
    assert plain_keys(listed) == []
    listed.write_text(
        "ssh-rsa BBBB comment\nssh-ed25519 AAAA\nssh-dss CCCC\n"
        'cert-authority,principals="estragon" ssh-ed25519 DDDD\nsk-ssh-ed25519@openssh.com EEEE x\n'
    )
    assert plain_keys(listed) == ["sk-ssh-ed25519@openssh.com EEEE", "ssh-ed25519 AAAA", "ssh-rsa BBBB"]
