"""Staff steer a live session, seen from the stock client: input waits and is not lost, words come, ends come soon."""

import asyncio
import os
import shlex
import signal
from collections.abc import Awaitable, Callable
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from gateway.core.frame import FrameKind
from gateway.core.verdict import Hold
from gateway.session.gate import Gate
from tests.ssh.client import PATIENCE, StockSsh
from tests.ssh.house import BOB, House
from tests.ssh.sshd import Sshd
from tests.ssh.terminal import Terminal

pytestmark = [pytest.mark.interop, pytest.mark.needs("ssh", "sshd")]

SOON = 2.0
"""An end reaches everybody within so many seconds; what else the machine does comes on top."""
BUSY = 8.0
PAUSED = b"\r\nhoop: paused by bob@example.com - your input waits\r\n"


async def the_gate(house: House) -> Gate:
    async with asyncio.timeout(PATIENCE):
        while not house.gates():
            await asyncio.sleep(0.02)
    return house.gates()[0]


async def shell(ssh: StockSsh, house: House) -> tuple[Terminal, Gate]:
    desk = Terminal()
    await desk.start(ssh.command("-tt", "web-1@gw", "PS1='ready> ' sh"))
    await desk.until(b"ready> ")
    return desk, await the_gate(house)


async def until(there: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not there():
            await asyncio.sleep(0.02)


async def quickly(act: Awaitable[object]) -> None:
    """Within the time that is promised, where the machine has nothing else to do."""
    async with asyncio.timeout(SOON + BUSY):
        await act


async def test_input_waits_and_is_not_lost(ssh: StockSsh, house: House, tmp_path: Path) -> None:
    desk, gate = await shell(ssh, house)
    proof = tmp_path / "proof"
    await gate.steering.pause(BOB)
    await desk.until(PAUSED)
    desk.type(f"echo one >> {proof}\r".encode())
    desk.type(f"echo two >> {proof}\r".encode())
    await asyncio.sleep(0.5)
    assert not proof.exists()
    assert b"echo two" not in desk.seen, "the target has not seen a key of it"
    await gate.steering.resume(BOB)
    await desk.until(b"hoop: resumed\r\n")
    await until(lambda: proof.exists() and proof.read_text().endswith("two\n"))
    desk.type(b"exit\r")
    assert await desk.ended() == 0
    await desk.close()
    kinds = [mark["kind"] for mark in house.recording().facts_of(FrameKind.MARK)]
    assert [kind for kind in kinds if kind in ("pause", "resume")] == ["pause", "resume"]
    assert PAUSED in house.recording().errors


async def test_output_goes_on_and_ctrl_c_waits(ssh: StockSsh, house: House) -> None:
    desk, gate = await shell(ssh, house)
    desk.type(b"i=0; while true; do i=$((i+1)); echo tick-$i-; sleep 0.05; done\r")
    await desk.until(b"tick-3-")
    await gate.steering.pause(BOB)
    await desk.until(PAUSED)
    desk.type(b"\x03echo after-$((6*7))\r")
    count = int(desk.seen.rsplit(b"tick-", 1)[1].split(b"-")[0])
    await desk.until(b"tick-%d-" % (count + 8))
    assert b"after-42" not in desk.seen
    await gate.steering.resume(BOB)
    await desk.until(b"after-42")
    desk.type(b"exit\r")
    await desk.ended()
    await desk.close()


async def test_a_message_begins_a_line_of_its_own(ssh: StockSsh, house: House) -> None:
    desk, gate = await shell(ssh, house)
    await gate.steering.message(BOB, "deploys are frozen\x1b[2J")
    await desk.until(b'ready> \r\nhoop: message from bob@example.com: "deploys are frozen<U+001B>[2J"\r\n')
    desk.type(b"exit\r")
    assert await desk.ended() == 0
    await desk.close()


async def test_ended_by_staff_with_a_reason(ssh: StockSsh, house: House, sshd: Sshd) -> None:
    desk, gate = await shell(ssh, house)
    await gate.steering.end(BOB, "incident 4411")
    async with asyncio.timeout(SOON + BUSY):
        assert await desk.ended() == 130
        await until(lambda: not sshd.children())
    words = b'hoop: ended by bob@example.com: "incident 4411" - talk to them before you come back'
    assert b"ready> \r\n" + words + b"\r\n" in desk.seen
    assert words in house.recording().errors
    await desk.close()
    names = [entry.name for entry in await house.entries()]
    assert names.index("session.steered") < names.index("session.ended")
    assert await house.outcomes() == ["ended"]


async def test_words_for_a_command_come_on_standard_error(ssh: StockSsh, house: House) -> None:
    process = await ssh.start("web-1@gw", "cat")
    gate = await the_gate(house)
    assert process.stdin is not None
    await gate.steering.pause(BOB)
    await gate.steering.message(BOB, "one moment")
    process.stdin.write(b"data")
    process.stdin.close()
    await gate.steering.resume(BOB)
    async with asyncio.timeout(PATIENCE):
        out, err = await process.communicate()
    assert (process.returncode, out) == (0, b"data")
    assert b"hoop: paused by bob@example.com - your input waits\n" in err
    assert b'hoop: message from bob@example.com: "one moment"\nhoop: resumed\n' in err


def resident() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


async def test_a_flood_of_input_waits_outside(ssh: StockSsh, house: House, tmp_path: Path) -> None:
    """Paused in the middle of a big upload: nothing more arrives, nothing is lost, and little is kept here."""
    sent, first = 48 << 20, 1 << 20
    here, there, go = tmp_path / "here", tmp_path / "there", tmp_path / "go"
    here.write_bytes(bytes(range(256)) * (sent // 256))
    feed = f"head -c {first} {here}; until [ -e {go} ]; do sleep 0.02; done; tail -c +{first + 1} {here}"
    upload = shlex.join(ssh.command("web-1@gw", f"cat > {there}"))
    process = await asyncio.create_subprocess_exec(
        "sh", "-c", f"({feed}) | {upload}", stderr=asyncio.subprocess.DEVNULL
    )
    gate = await the_gate(house)
    await until(lambda: there.exists() and there.stat().st_size == first)
    await gate.steering.pause(BOB)
    before = resident()
    go.touch()
    now = 0
    while now != (now := resident()):
        await asyncio.sleep(0.5)  # until every window and pipe is full
    assert there.stat().st_size == first
    assert now - before < 16 << 20
    await gate.steering.resume(BOB)
    async with asyncio.timeout(PATIENCE):
        assert await process.wait() == 0
    assert sha256(there.read_bytes()).digest() == sha256(here.read_bytes()).digest()


async def test_what_is_no_input_waits_as_well(ssh: StockSsh, house: House) -> None:
    """Window sizes, and so signals and breaks, which take the same way."""
    desk, gate = await shell(ssh, house)
    desk.type(b"while true; do echo size $(stty size) end; sleep 0.05; done\r")
    await desk.until(b"size 30 100 end")
    await gate.steering.pause(BOB)
    await desk.until(PAUSED)
    desk.resize(132, 50)
    told = desk.seen.count(b"size 30 100 end")
    await desk.until(lambda seen: seen.count(b"size 30 100 end") > told + 8)
    assert b"size 50 132 end" not in desk.seen
    await gate.steering.resume(BOB)
    await desk.until(b"size 50 132 end")
    await gate.steering.end(BOB, "")
    await desk.ended()
    await desk.close()


async def test_the_end_of_input_waits_as_well(ssh: StockSsh, house: House) -> None:
    process = await ssh.start("web-1@gw", "cat; echo over")
    gate = await the_gate(house)
    await gate.steering.pause(BOB)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.close()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            await process.stdout.read(1)
    await gate.steering.resume(BOB)
    async with asyncio.timeout(PATIENCE):
        assert await process.stdout.read() == b"over\n"
    await process.wait()


async def test_a_client_that_does_not_read_is_ended_too(ssh: StockSsh, house: House, sshd: Sshd) -> None:
    process = await ssh.start("web-1@gw", "yes")
    gate = await the_gate(house)
    shown = -1
    while shown != (shown := gate._shown) or not shown:
        await asyncio.sleep(0.3)  # until every window and pipe is full
    await gate.steering.end(BOB, "enough")
    await quickly(until(lambda: not house.gates()))
    await quickly(until(lambda: not sshd.children()))
    assert process.stdout is not None
    while await process.stdout.read(1 << 20):
        pass
    async with asyncio.timeout(PATIENCE):
        assert await process.wait() == 130
    assert await house.outcomes() == ["ended"]


async def test_a_client_that_is_stopped_is_ended_too(ssh: StockSsh, house: House, sshd: Sshd) -> None:
    process = await ssh.start("web-1@gw", "yes")
    gate = await the_gate(house)
    assert process.stdout is not None
    await process.stdout.readexactly(100)
    process.send_signal(signal.SIGSTOP)
    shown = -1
    while shown != (shown := gate._shown):
        await asyncio.sleep(0.3)
    await gate.steering.end(BOB, "enough")
    await quickly(until(lambda: not house.gates()))
    await quickly(until(lambda: not sshd.children()))
    adapter = house.adapter
    assert adapter is not None
    await quickly(until(lambda: not adapter.open_sessions))
    process.kill()
    await process.communicate()


async def test_ended_while_held(ssh: StockSsh, house: House) -> None:
    house.decide = lambda operation, session: Hold("ask", "ask", frozenset({"sre"}), 1, timedelta(minutes=5))
    process = await ssh.start("web-1@gw", "reboot")
    gate = await the_gate(house)
    async with asyncio.timeout(PATIENCE):
        while not await house.ledger.approvals(state="held"):
            await asyncio.sleep(0.02)
    await gate.steering.end(BOB, "not today")
    async with asyncio.timeout(SOON + BUSY):
        _, err = await process.communicate()
    assert process.returncode == 130
    assert b'hoop: ended by bob@example.com: "not today"' in err
    (approval,) = await house.ledger.approvals()
    assert approval.state == "withdrawn"


async def test_ended_while_paused_forgets_the_input(ssh: StockSsh, house: House, tmp_path: Path) -> None:
    desk, gate = await shell(ssh, house)
    await gate.steering.pause(BOB)
    await desk.until(PAUSED)
    desk.type(f"touch {tmp_path}/never\r".encode())
    await asyncio.sleep(0.3)
    await gate.steering.end(BOB, "")
    async with asyncio.timeout(SOON + BUSY):
        assert await desk.ended() == 130
    await desk.close()
    await until(lambda: not house.gates())
    assert not (tmp_path / "never").exists()


async def test_everything_of_a_person_on_one_connection(ssh: StockSsh, house: House, tmp_path: Path) -> None:
    """Shared connections: each of their sessions ends, with words."""
    control = ["-o", f"ControlPath={tmp_path}/c"]
    running = [await ssh.start(*control, "-o", "ControlMaster=yes", "web-1@gw", "echo up; sleep 60")]
    stdout = running[0].stdout
    assert stdout is not None
    await stdout.readline()
    running += [await ssh.start(*control, "web-1@gw", "sleep 60") for _ in range(2)]
    await until(lambda: len(house.live.of("alice@example.com")) == 3)
    await asyncio.gather(*(gate.steering.end(BOB, "") for gate in house.live.of("alice@example.com")))
    for process in running:
        async with asyncio.timeout(SOON + BUSY):
            _, err = await process.communicate()
        assert process.returncode == 130
        assert b"hoop: ended by bob@example.com - talk to them before you come back" in err


async def test_who_is_not_known_any_more_opens_nothing(ssh: StockSsh, house: House, tmp_path: Path) -> None:
    """A connection that is there already is no way back in once its person was taken out and their sessions ended."""
    control = ["-o", f"ControlPath={tmp_path}/c"]
    master = await ssh.start(*control, "-o", "ControlMaster=yes", "-N", "web-1@gw")
    await until((tmp_path / "c").exists)
    assert (await ssh.run(*control, "web-1@gw", "echo hello")).out == b"hello\n"
    house.known.replace({})
    ran = await ssh.run(*control, "web-1@gw", "echo hello")
    assert (ran.status, ran.out) == (126, b"")
    assert ran.said == "hoop: you are not known here any more\n"
    master.kill()
    await master.communicate()
