"""Programs that own the screen, at a terminal through the gateway: tmux, vim, htop, other alphabets, other sizes."""

import asyncio
import os
import shlex
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.core.frame import FrameKind
from tests.ssh.client import StockSsh
from tests.ssh.direct import DirectSsh
from tests.ssh.house import House
from tests.ssh.sshd import Sshd
from tests.ssh.terminal import Terminal
from tests.ssh.test_exec import until

pytestmark = [pytest.mark.interop, pytest.mark.needs("ssh", "sshd")]

GW = "web-1@gw"


@pytest.fixture
async def desk() -> AsyncIterator[Terminal]:
    terminal = Terminal()
    yield terminal
    await terminal.close()


async def test_resized_to_132_by_50(ssh: StockSsh, house: House, desk: Terminal) -> None:
    await desk.start(ssh.command("-t", GW, "echo ready; while :; do stty size; sleep 0.05; done"))
    await desk.until(b"30 100")
    desk.resize(132, 50)
    await desk.until(b"50 132")
    await _pressed_until_it_ends(desk, b"\x03")
    assert house.recording().facts_of(FrameKind.RESIZE) == [{"cols": 132, "rows": 50}]


@pytest.mark.needs("vim")
async def test_vim(ssh: StockSsh, house: House, desk: Terminal, tmp_path: Path) -> None:
    written = tmp_path / "written.txt"
    await desk.start(ssh.command("-t", GW, f"LC_ALL=C.UTF-8 vim -u NONE -N {shlex.quote(str(written))}"))
    await desk.until(b"[New]")
    desk.type("iGrüße, 世界 🚀".encode())
    await desk.until("🚀".encode())
    desk.type(b"\x1b")
    desk.resize(132, 50)
    await desk.until(b"\x1b[50;")  # it draws on the new last line
    desk.type(b":normal yy3p\r:wq\r")
    assert await desk.ended() == 0
    assert written.read_text(encoding="utf-8") == "Grüße, 世界 🚀\n" * 4
    assert house.recording().output in desk.seen


@pytest.mark.needs("tmux")
async def test_tmux(ssh: StockSsh, house: House, desk: Terminal, tmp_path: Path) -> None:
    """Two panes, a detach and an attach: the work is where it was."""
    tmux = f"tmux -u -S {tmp_path}/t -f /dev/null"
    await desk.start(
        ssh.command("-t", GW, f"{tmux} new-session -s work 'env PS1=here: sh' \\; set default-command sh")
    )
    await desk.until(b"here:")
    desk.type(b"echo a-$((40+2))\r")
    await desk.until(b"a-42")
    desk.type(b'\x02"')
    await desk.until(b"[work] 0:")
    await _pressed_until(desk, b"\x02d", b"[detached (from session work)]")
    assert await desk.ended() == 0
    again = Terminal(132, 50)
    try:
        await again.start(ssh.command("-t", GW, f"{tmux} attach"))
        await again.until(b"a-42")
        await _pressed_until_it_ends(again, b"tmux kill-server\r")
    finally:
        await again.close()
        await (
            await asyncio.create_subprocess_exec("tmux", "-S", f"{tmp_path}/t", "kill-server", stderr=-3)
        ).wait()
    assert [recording.state for recording in house.recordings()] == ["whole", "whole"]


async def _pressed_until_it_ends(desk: Terminal, keys: bytes) -> None:
    """As a person does: what comes between two commands of a loop, or while a pane is made, may be lost."""
    ended = asyncio.ensure_future(desk.ended())
    while not ended.done():
        desk.type(keys)
        await asyncio.wait([ended], timeout=2)
    await ended


async def _pressed_until(desk: Terminal, keys: bytes, wanted: bytes) -> None:
    """tmux may drop keys that come while it makes a pane."""
    for _ in range(5):
        desk.type(keys)
        try:
            async with asyncio.timeout(5.0):
                await desk.until(wanted)
        except TimeoutError:
            continue
        return
    await desk.until(wanted)


@pytest.mark.needs("htop")
async def test_htop(ssh: StockSsh, desk: Terminal, tmp_path: Path) -> None:
    await desk.start(ssh.command("-t", GW, f"HTOPRC={tmp_path}/htoprc htop"))
    await desk.until(b"Load average")
    desk.resize(132, 50)
    await desk.until(b"\x1b[50;")
    desk.type(b"q")
    assert await desk.ended() == 0


async def test_text_of_every_kind(ssh: StockSsh, house: House, desk: Terminal) -> None:
    """Letters of several bytes arrive whole, each way, and LANG with them."""
    os.environ["LANG"] = "de_DE.UTF-8"
    try:
        await desk.start(ssh.command("-t", "-oSendEnv=LANG", GW, "echo $LANG; cat"))
        await desk.until(b"de_DE.UTF-8")
    finally:
        del os.environ["LANG"]
    typed = "Ünïcödé 日本語 👩‍👩‍👧‍👦 🇩🇪 é؁ \u202eabc"
    desk.type(f"{typed}\r".encode())
    await desk.until(lambda seen: seen.count(typed.encode()) == 2)
    desk.type(b"\x04")
    assert await desk.ended() == 0
    assert typed.encode() in house.recording().output


async def test_settings_of_the_terminal(ssh: StockSsh, sshd: Sshd, tmp_path: Path) -> None:
    """Every mode of the terminal is at the target as it was set here."""
    answers = []
    for client in (DirectSsh(tmp_path / "direct", sshd), ssh):
        desk = Terminal()
        try:
            command = shlex.join(client.command("-t", GW, "stty -a"))
            await desk.start(["sh", "-c", f"stty -ixon -icanon eof ^A intr ^B ospeed 9600; exec {command}"])
            await desk.until(b"-extproc")
            await desk.ended()
            answers.append(desk.seen.split(b"speed", 1)[1].split(b"Connection")[0])
        finally:
            await desk.close()
    assert answers[1] == answers[0]
    assert b"intr = ^B" in answers[1]


async def test_a_shell_stays_when_the_window_is_tiny(ssh: StockSsh, house: House, desk: Terminal) -> None:
    """A client may say any size, none and the largest there is too."""
    await desk.start(ssh.command(GW))
    await desk.until(b"recorded as")
    for cols, rows in ((1, 1), (0, 0), (65535, 65535), (132, 50)):
        desk.resize(cols, rows)
    desk.type(b"stty size; exit 3\r")
    await desk.until(b"50 132")
    assert await desk.ended() == 3
    await until(lambda: not house.gates())
    assert house.recording().state == "whole"
