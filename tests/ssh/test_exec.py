"""Commands through the gateway with stock clients against a real sshd: as direct, and recorded."""

import asyncio
import hashlib
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.core.frame import FrameKind
from tests.ssh.client import PATIENCE, StockSsh
from tests.ssh.house import House
from tests.ssh.sshd import Sshd

pytestmark = [pytest.mark.interop, pytest.mark.needs("ssh", "sshd")]

BIG = 20 << 20


async def until(holds: Callable[[], bool]) -> None:
    """Wait for what another process or task will make true."""
    async with asyncio.timeout(PATIENCE):
        while not holds():
            await asyncio.sleep(0.02)


async def test_output_and_status(ssh: StockSsh, house: House) -> None:
    ran = await ssh.run("web-1@gw", "echo out; echo err >&2; exit 3")
    assert (ran.status, ran.out, ran.said) == (3, b"out\n", "err\n")
    recording = house.recording()
    assert (recording.output, recording.errors, recording.state) == (b"out\n", b"err\n", "whole")
    assert recording.facts_of(FrameKind.EXIT) == [{"status": 3}]
    assert recording.meta["command"] == "echo out; echo err >&2; exit 3"
    assert await house.outcomes() == ["exit 3"]


@pytest.mark.parametrize("status", [0, 1, 255])
async def test_statuses(ssh: StockSsh, status: int) -> None:
    assert (await ssh.run("web-1@gw", f"exit {status}")).status == status


async def test_killed_by_a_signal(ssh: StockSsh, house: House) -> None:
    ran = await ssh.run("web-1@gw", "kill -TERM $$")
    assert ran.status == 255
    assert await house.outcomes() == ["signal TERM"]


async def test_twenty_megabytes_each_way(ssh: StockSsh, house: House) -> None:
    data = os.urandom(BIG)
    ran = await ssh.run("web-1@gw", "cat", typed=data)
    assert ran.status == 0
    assert hashlib.sha256(ran.out).digest() == hashlib.sha256(data).digest()
    recording = house.recording()
    assert hashlib.sha256(recording.output).digest() == hashlib.sha256(data).digest()
    marks = [mark for mark in recording.facts_of(FrameKind.MARK) if mark["kind"] == "input"]
    assert [(mark["size"], mark["sha256"]) for mark in marks] == [(BIG, hashlib.sha256(data).hexdigest())]


async def test_the_tail_is_there_before_the_status(ssh: StockSsh) -> None:
    """The last bytes and the exit come together; the client is slow to read them."""
    process = await ssh.start("web-1@gw", "head -c 5000000 /dev/zero; echo the end; exit 7")
    assert process.stdout is not None
    assert process.stdin is not None
    process.stdin.close()
    out = b""
    while piece := await process.stdout.read(1 << 16):
        out += piece
        await asyncio.sleep(0.002)
    assert await process.wait() == 7
    assert (len(out), out[-8:]) == (5000008, b"the end\n")


async def test_streams_stay_apart_and_in_order(ssh: StockSsh, house: House) -> None:
    ran = await ssh.run(
        "web-1@gw", "for i in 1 2 3 4 5; do echo o$i; sleep 0.05; echo e$i >&2; sleep 0.05; done"
    )
    assert ran.out == b"o1\no2\no3\no4\no5\n"
    assert ran.said == "e1\ne2\ne3\ne4\ne5\n"
    shown = [
        frame.data for frame in house.recording().frames if frame.kind in (FrameKind.OUTPUT, FrameKind.ERROR)
    ]
    assert b"".join(shown) == b"o1\ne1\no2\ne2\no3\ne3\no4\ne4\no5\ne5\n"


async def test_end_of_input_ends_cat(ssh: StockSsh) -> None:
    process = await ssh.start("web-1@gw", "cat; echo bye")
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(b"one\n")
    assert await process.stdout.readline() == b"one\n"
    process.stdin.close()
    assert await process.stdout.read() == b"bye\n"
    assert await process.wait() == 0


async def test_output_may_end_before_the_command(ssh: StockSsh) -> None:
    ran = await ssh.run("web-1@gw", "exec >&-; cat >/dev/null; echo after >&2; exit 4", typed=b"x" * 100_000)
    assert (ran.status, ran.out, ran.said) == (4, b"", "after\n")


async def test_yes_into_head(ssh: StockSsh, house: House) -> None:
    """When the reader goes away the command on the target gets a broken pipe, as it does without a gateway."""
    line = subprocess.list2cmdline(ssh.command("web-1@gw", "yes"))
    process = await asyncio.create_subprocess_shell(
        f"{line} 2>/dev/null </dev/null | head -n 2", stdout=asyncio.subprocess.PIPE, start_new_session=True
    )
    try:
        async with asyncio.timeout(PATIENCE):
            out, _ = await process.communicate()
    except TimeoutError:
        os.killpg(process.pid, signal.SIGKILL)
        raise
    assert out == b"y\ny\n"
    await until(lambda: not house.gates())
    assert await house.outcomes() == ["signal PIPE"]


async def test_a_command_of_any_bytes(ssh: StockSsh, house: House) -> None:
    command = b"printf '\xff\xfe\xe2\x98\x83' | od -An -tx1"
    process = await asyncio.create_subprocess_exec(
        *[*map(os.fsencode, ssh.command("web-1@gw")), command], stdout=asyncio.subprocess.PIPE, stderr=-3
    )
    out, _ = await process.communicate()
    assert out.split() == [b"ff", b"fe", b"e2", b"98", b"83"]
    (admitted,) = await house.entries("operation.admitted")
    assert str(admitted.body["text"]).encode("utf-8", "surrogateescape") == command


async def test_only_language_and_terminal_reach_the_target(ssh: StockSsh, tmp_path: Path) -> None:
    sent = {
        "LANG": "de_DE.UTF-8",
        "LC_TIME": "C.UTF-8",
        "LC_EVIL": "\x1b]0;x\x07",
        "LC_PATHS": "../../tmp",
        "LD_PRELOAD": "/tmp/evil.so",
        "BASH_ENV": "/tmp/evil",
        "GIT_SSH_COMMAND": "evil",
        "COLORTERM": "truecolor",
    }
    options = [word for name in sent for word in ("-o", f"SendEnv={name}")]
    process = await asyncio.create_subprocess_exec(
        *ssh.command(*options, "web-1@gw", "env"), env={**os.environ, **sent}, stdout=-1, stderr=-3
    )
    out, _ = await process.communicate()
    there = dict(line.split("=", 1) for line in out.decode().splitlines() if "=" in line)
    assert {name: there[name] for name in sent if name in there} == {
        "LANG": "de_DE.UTF-8",
        "LC_TIME": "C.UTF-8",
        "COLORTERM": "truecolor",
    }


@pytest.mark.parametrize("side", ["person", "target"])
async def test_keys_are_renewed_on_the_way(ssh: StockSsh, house: House, sshd: Sshd, side: str) -> None:
    data = os.urandom(6 << 20)
    options = ["-o", "RekeyLimit=1M"] if side == "person" else []
    if side == "target":
        await sshd.stop()
        await sshd.start("RekeyLimit 1M")
        house.offer("web-1", sshd.port, sshd.user, sshd.login_key, host_keys=[sshd.host_key_line])
    ran = await ssh.run(*options, "web-1@gw", "cat", typed=data)
    assert ran.status == 0
    assert ran.out == data


async def test_a_killed_client_leaves_nothing(ssh: StockSsh, house: House, sshd: Sshd) -> None:
    process = await ssh.start("web-1@gw", "cat /dev/zero")
    assert process.stdout is not None
    await process.stdout.readexactly(1 << 20)
    process.kill()
    await process.communicate()
    await until(lambda: not house.gates() and not sshd.children())
    assert await house.outcomes() == ["disconnected"]
    assert house.recording().state == "whole"


async def test_a_killed_target_is_told(ssh: StockSsh, house: House, sshd: Sshd) -> None:
    process = await ssh.start("web-1@gw", "echo begun; sleep 60")
    assert process.stdout is not None
    assert await process.stdout.readline() == b"begun\n"
    sshd.kill_connections()
    _, err = await process.communicate()
    assert process.returncode == 255
    assert b"hoop: the connection to web-1 was lost" in err
    assert await house.outcomes() == ["unreachable"]


async def test_a_killed_target_loses_nothing_that_came(ssh: StockSsh, sshd: Sshd) -> None:
    """The person is not reading when the target dies: what it had sent by then, more than the person's window and
    our own buffer hold, still arrives."""
    process = await ssh.start("web-1@gw", "head -c 4000000 /dev/zero; sleep 60")
    assert process.stdout is not None
    await process.stdout.readexactly(1)
    await asyncio.sleep(0.5)
    sshd.kill_connections()
    out, _ = await process.communicate()
    assert len(out) == 3_999_999
    assert process.returncode == 255


async def test_two_sessions_over_one_connection(ssh: StockSsh, house: House, tmp_path: Path) -> None:
    """Each channel is a session of its own, judged when it is opened."""
    control = f"{tmp_path}/c"
    master = await ssh.start("-M", "-S", control, "-N", "web-1@gw")
    await until(Path(control).exists)
    shared = ["-S", control, "-o", "ControlMaster=no", "web-1@gw"]
    first, second = await asyncio.gather(ssh.run(*shared, "echo 1; sleep 0.3"), ssh.run(*shared, "echo 2"))
    assert (first.out, second.out) == (b"1\n", b"2\n")
    house.block("echo")
    third = await ssh.run(*shared, "echo 3")
    assert (third.status, third.out) == (126, b"")
    assert len(await house.entries("session.opened")) == 3
    assert len(await house.entries("identity.accepted")) == 1
    master.kill()
    await master.communicate()
