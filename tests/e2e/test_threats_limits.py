"""A gateway that runs out of descriptors: who is inside goes on, nobody comes in unrecorded, and it recovers."""

import asyncio
import resource
import signal
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.e2e.served import Served, run
from tests.ssh.client import PATIENCE
from tests.ssh.sshd import Sshd
from tests.ssh.terminal import Terminal

pytestmark = [pytest.mark.interop, pytest.mark.needs("ssh", "sshd")]

SPARE = 12
"""Descriptors that are left: a few strangers take them all."""


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    sshd = Sshd(tmp_path / "sshd")
    await sshd.start()
    try:
        made = Served(tmp_path, sshd, forked=True)
        made.write()
        await made.start()
        yield made
        await made.stop(signal.SIGKILL)
    finally:
        await sshd.stop()


def descriptors(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


async def still_answers(desk: Terminal, number: int) -> None:
    desk.type(b"echo still-$((6*%d))\r" % number)
    await desk.until(b"still-%d\r\n" % (6 * number))


async def test_no_descriptors_left(served: Served, tmp_path: Path) -> None:
    assert served.process is not None
    pid = served.process.pid
    shared = ("-S", f"{tmp_path}/c", "web-1@127.0.0.1")
    master = await asyncio.create_subprocess_exec(*served.ssh("-M", "-N", *shared), stdin=-3, stdout=-3)
    async with asyncio.timeout(PATIENCE):
        while not (tmp_path / "c").exists():
            await asyncio.sleep(0.02)
    desk = Terminal()
    await desk.start(served.ssh("-tt", "web-1@127.0.0.1", "PS1='ready> ' sh"))
    await desk.until(b"ready> ")
    _, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    most = descriptors(pid) + SPARE
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (most, hard))
    strangers = [socket.create_connection(("127.0.0.1", served.ports["ssh"])) for _ in range(3 * SPARE)]
    async with asyncio.timeout(PATIENCE):
        while descriptors(pid) < most:
            await asyncio.sleep(0.02)
    await still_answers(desk, 7)
    refused = await run(*served.ssh(*shared, "echo unrecorded"))
    assert (refused.status, refused.out) == (125, "")
    assert refused.err.startswith("hoop: blocked - this session can not be recorded"), refused.err
    for stranger in strangers:
        stranger.close()
    async with asyncio.timeout(PATIENCE):
        while (answer := await run(*served.ssh("web-1@127.0.0.1", "echo again"))).out != "again\n":
            assert answer.status != 0
    await still_answers(desk, 9)
    desk.type(b"exit\r")
    assert await desk.ended() == 0
    await desk.close()
    master.terminate()
    await master.wait()
    assert served.process.returncode is None
    told = [line for line in served.log if "new ones wait" in line]
    assert 1 <= len(told) <= 3, "now and then, and not for every connection"
    assert "Traceback" not in "".join(served.log)
