"""Shells on a terminal: greeting, echo, size, signals."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from gateway.core.frame import FrameKind
from tests.ssh.client import StockSsh
from tests.ssh.house import House
from tests.ssh.terminal import Terminal

pytestmark = [pytest.mark.interop, pytest.mark.needs("ssh", "sshd")]


@pytest.fixture
async def desk() -> AsyncIterator[Terminal]:
    terminal = Terminal()
    yield terminal
    await terminal.close()


async def test_a_shell_by_hand(ssh: StockSsh, house: House, desk: Terminal) -> None:
    await desk.start(ssh.command("web-1@gw"))
    await desk.until(b"hoop: you are alice@example.com on web-1 (PROD) - recorded as s-")
    await desk.until(lambda seen: seen.rstrip().endswith((b"#", b"$")))
    desk.type(b"echo $TERM; stty size; tty\r")
    await desk.until(b"30 100")
    await desk.until(b"/dev/pts/")
    desk.type(b"exit 5\r")
    assert await desk.ended() == 5
    recording = house.recording()
    assert recording.meta["term"] == "xterm-256color"
    assert (recording.meta["cols"], recording.meta["rows"]) == (100, 30)
    assert b"echo $TERM; stty size; tty\r" in recording.bytes_of(FrameKind.INPUT)
    assert recording.facts_of(FrameKind.EXIT) == [{"status": 5}]
    assert await house.outcomes() == ["exit 5"]
    assert b"recorded as " + house.recording().meta["session"].encode() in desk.seen


async def test_a_script_for_a_shell_with_a_terminal(ssh: StockSsh) -> None:
    ran = await ssh.run("-tt", "web-1@gw", typed=b"echo one-$((1+1))\nexit 6\n")
    assert ran.status == 6
    assert b"one-2" in ran.out


async def test_a_shell_without_a_terminal_is_quiet(ssh: StockSsh) -> None:
    ran = await ssh.run("-T", "web-1@gw", typed=b"echo $((6*7))\nexit 0\n")
    assert (ran.status, ran.out) == (0, b"42\n")
    assert "you are" not in ran.said


async def test_exec_with_a_terminal(ssh: StockSsh) -> None:
    ran = await ssh.run("-tt", "web-1@gw", "tty; echo err >&2; exit 9")
    assert ran.status == 9
    assert ran.out.startswith(b"/dev/pts/")
    assert b"err\r\n" in ran.out
    assert "hoop:" not in ran.said


async def test_the_window_changes(ssh: StockSsh, house: House, desk: Terminal) -> None:
    await desk.start(
        # Not `trap ... WINCH`: bash forgets a signal that comes while the trap of the one before still runs.
        ssh.command("-t", "web-1@gw", "echo ready; while :; do stty size; sleep 0.05; done")
    )
    await desk.until(b"ready")
    desk.resize(77, 22)
    await desk.until(b"22 77")
    desk.resize(5000, 3000)
    await desk.until(b"3000 5000")
    desk.type(b"\x03")
    await desk.ended()
    sizes = house.recording().facts_of(FrameKind.RESIZE)
    assert sizes == [{"cols": 77, "rows": 22}, {"cols": 1000, "rows": 1000}]


async def test_ctrl_c_is_the_programs(ssh: StockSsh, desk: Terminal) -> None:
    await desk.start(ssh.command("-t", "web-1@gw", "trap 'echo caught; exit 42' INT; echo ready; sleep 60"))
    await desk.until(b"ready")
    desk.type(b"\x03")
    await desk.until(b"caught")
    assert await desk.ended() == 42


async def test_a_closed_window_ends_everything(ssh: StockSsh, house: House, desk: Terminal) -> None:
    await desk.start(ssh.command("web-1@gw"))
    await desk.until(b"recorded as")
    assert desk.process is not None
    desk.process.kill()
    await desk.ended()
    async with asyncio.timeout(10):
        while house.gates():
            await asyncio.sleep(0.02)
    assert await house.outcomes() == ["disconnected"]
