"""Several sessions over one connection: ControlMaster, and editors that keep long commands open side by side."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.core.verdict import Allow, Hold
from tests.ssh.client import PATIENCE, Ran, StockSsh
from tests.ssh.house import House
from tests.ssh.sshd import Sshd
from tests.ssh.test_exec import until

pytestmark = [pytest.mark.interop, pytest.mark.needs("ssh", "sshd")]

GW = "web-1@gw"

# What an editor's server does: it announces itself, then answers line by line for as long as it is asked.
SERVER = """\
set -eu
name=$1
printf 'listening-%s\\n' "$name"
while IFS= read -r line; do
    case "$line" in
        quit) printf 'bye-%s\\n' "$name"; exit 7 ;;
        *) printf '%s:%s:%s\\n' "$name" "${#line}" "$line" ;;
    esac
done
"""


@dataclass
class Shared:
    """A master connection, and sessions over it."""

    ssh: StockSsh
    control: str
    master: asyncio.subprocess.Process

    def words(self, *arguments: str) -> list[str]:
        return ["-S", self.control, "-oControlMaster=no", "-oProxyCommand=false", *arguments]

    async def run(self, *arguments: str, typed: bytes = b"") -> Ran:
        """Over the master, or not at all."""
        return await self.ssh.run(*self.words(*arguments), typed=typed)

    async def start(self, *arguments: str) -> asyncio.subprocess.Process:
        return await self.ssh.start(*self.words(*arguments))


@pytest.fixture
async def shared(ssh: StockSsh, tmp_path: Path) -> AsyncIterator[Shared]:
    control = f"{tmp_path}/c"
    master = await ssh.start("-M", "-S", control, "-N", GW)
    await until(Path(control).exists)
    yield Shared(ssh, control, master)
    if master.returncode is None:
        master.kill()
    await master.communicate()


async def test_check_and_exit(shared: Shared, house: House) -> None:
    checked = await shared.run("-O", "check", GW)
    assert (checked.status, b"Master running" in checked.err) == (0, True)
    assert (await shared.run(GW, "exit 3")).status == 3
    assert (await shared.run("-O", "exit", GW)).status == 0
    async with asyncio.timeout(PATIENCE):
        await shared.master.wait()
    assert (await shared.run(GW, "true")).status == 255
    assert house.adapter is not None
    await until(lambda: house.adapter is not None and not house.adapter._connections)
    assert len(await house.entries("identity.accepted")) == 1


async def test_stop_lets_the_running_command_finish(shared: Shared) -> None:
    running = await shared.start(GW, "echo begun; read line; echo $line; exit 6")
    assert running.stdout is not None
    assert await running.stdout.readline() == b"begun\n"
    assert (await shared.run("-O", "stop", GW)).status == 0
    out, _ = await running.communicate(b"still here\n")
    assert (running.returncode, out) == (6, b"still here\n")
    async with asyncio.timeout(PATIENCE):
        await shared.master.wait()


async def test_a_session_that_nobody_reads_holds_up_no_other(shared: Shared) -> None:
    stuck = await shared.start(GW, "cat /dev/zero")
    assert stuck.stdout is not None
    await stuck.stdout.readexactly(1)
    for number in range(3):
        ran = await shared.run(GW, f"cat; exit {number}", typed=b"x" * 500_000)
        assert (ran.status, len(ran.out)) == (number, 500_000)
    stuck.kill()
    await stuck.communicate()


async def test_a_session_that_is_held_holds_up_no_other(shared: Shared, house: House) -> None:
    house.decide = lambda operation, session: (
        Hold("ask", "ask first", frozenset({"sre"}), timeout=timedelta(minutes=1))
        if "held" in operation.text
        else Allow("all")
    )
    waiting = await shared.start(GW, "echo held")
    assert waiting.stderr is not None
    assert b"hoop: held" in await waiting.stderr.readline()
    assert (await shared.run(GW, "echo free")).out == b"free\n"
    waiting.kill()
    await waiting.communicate()
    await until(lambda: not house.gates())
    assert sorted(await house.outcomes()) == ["disconnected", "exit 0"]


async def test_a_killed_session_leaves_the_others(shared: Shared, sshd: Sshd, house: House) -> None:
    first = await shared.start(GW, "echo one; cat; echo last")
    second = await shared.start(GW, "echo two; sleep 60")
    assert first.stdout is not None
    assert second.stdout is not None
    assert (await first.stdout.readline(), await second.stdout.readline()) == (b"one\n", b"two\n")
    second.kill()
    await second.communicate()
    await until(lambda: len(house.gates()) == 1)
    out, _ = await first.communicate(b"more\n")
    assert (first.returncode, out) == (0, b"more\nlast\n")
    await until(lambda: not sshd.children())


async def test_a_status_long_after_the_output(shared: Shared, house: House) -> None:
    """The client closes its side when the output is over, and still wants to know how it went."""
    ran = await shared.run("-n", GW, "exec >/dev/null 2>&1; sleep 0.5; exit 44")
    assert (ran.status, await house.outcomes()) == (44, ["exit 44"])


async def test_more_sessions_than_there_is_room_for(shared: Shared) -> None:
    """The eleventh is refused and says so; the ten go on."""
    running = [await shared.start(GW, "echo begun; read line; exit 5") for _ in range(10)]
    for each in running:
        assert each.stdout is not None
        assert await each.stdout.readline() == b"begun\n"
    refused = await shared.run(GW, "true")
    assert refused.status == 255
    for each in running:
        await each.communicate(b"go\n")
    assert [each.returncode for each in running] == [5] * 10


async def test_as_an_editor_does(shared: Shared, house: House) -> None:
    """A server script through the input of a shell, then four of them talking at once, each for hundreds of lines."""
    installed = await shared.run("-T", GW, "bash -s", typed=b"uname -s; echo installed; exit 0\n")
    assert (installed.status, installed.out) == (0, b"Linux\ninstalled\n")
    script = SERVER.replace("'", "'\\''")

    async def converse(name: str) -> str:
        server = await shared.start("-T", GW, f"bash -c '{script}' server {name}")
        assert server.stdin is not None
        assert server.stdout is not None
        assert await server.stdout.readline() == f"listening-{name}\n".encode()
        heard = hashlib.sha256()
        for number in range(150):
            line = f"{name} asks {number} {'x' * (number * 13 % 2000)}"
            server.stdin.write(f"{line}\n".encode())
            answer = await server.stdout.readline()
            assert answer == f"{name}:{len(line)}:{line}\n".encode()
            heard.update(answer)
        server.stdin.write(b"quit\n")
        assert await server.stdout.readline() == f"bye-{name}\n".encode()
        assert await server.wait() == 7
        return heard.hexdigest()

    async with asyncio.timeout(2 * PATIENCE):
        digests = await asyncio.gather(*map(converse, ("alpha", "beta", "gamma", "delta")))
    assert len(set(digests)) == 4
    await until(lambda: not house.gates())
    assert sorted(await house.outcomes()) == ["exit 0", *["exit 7"] * 4]
    assert len(await house.entries("identity.accepted")) == 1
