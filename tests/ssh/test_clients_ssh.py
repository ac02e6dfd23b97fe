"""What people do with `ssh` itself: each case once directly and once through the gateway, with equal results."""

import asyncio
import hashlib
import os
from pathlib import Path

import pytest

from tests.ssh.client import PATIENCE, Ran, StockSsh
from tests.ssh.direct import DirectSsh
from tests.ssh.house import House
from tests.ssh.sshd import Sshd
from tests.ssh.test_exec import until

pytestmark = [pytest.mark.interop, pytest.mark.needs("ssh", "sshd")]

GW = "web-1@gw"
BIG = 64 << 20
HUGE = 1 << 30


@pytest.fixture
def direct(tmp_path: Path, sshd: Sshd) -> DirectSsh:
    return DirectSsh(tmp_path / "direct", sshd)


SAME = {
    "nothing to say": (["true"], b""),
    "words joined": (["echo", "a  b", "'c  d'"], b""),
    "both streams": (["echo out; echo err >&2; exit 3"], b""),
    "no such command": (["no-such-command-anywhere"], b""),
    "a last line without its end": (["printf no-newline"], b""),
    "bytes that are no text": ([r"printf '\000\377\200\r\n\033[31m'"], b""),
    "input echoed": (["cat"], b"line\nno end"),
    "input not read": (["exit 7"], b"x" * 300_000),
    "input closed early by the command": (["head -c 1; exit 4"], b"y" * 300_000),
    "output after the input's end": (["cat >/dev/null; echo late"], b"z" * 100_000),
    "-T shell": (["-T", "echo $0 | tr -d -; tty; exit 5"], b""),
    "shell from a script": ([], b"echo one; (exit 6)\n"),
    "shell that is told to exit": ([], b"exit 9\necho never\n"),
    "-n": (["-n", "cat; echo done"], b"never sent"),
    "-q": (["-q", "echo quiet; exit 2"], b""),
    "-C": (["-C", "echo squeezed"], b""),
    "-x and no agent": (["-x", "-a", "echo $DISPLAY$SSH_AUTH_SOCK."], b""),
    "BatchMode": (["-oBatchMode=yes", "echo batch"], b""),
    "-tt": (["-tt", "stty -a | tr ';' '\\n' | sed -n '3,$p'; exit 8"], b""),
    "-tt without a size": (["-tt", "stty size; echo $TERM"], b""),
    "LANG": (["-oSetEnv=LANG=de_DE.UTF-8 LC_TIME=C.UTF-8", "echo $LANG $LC_TIME"], b""),
    "text in other alphabets": (["printf 'héllo 世界 👩‍🚀 \\342\\202'; cat"], "ключ 🔑\n".encode()),
    "a long command": (["echo " + "0123456789" * 10_000], b""),
    "a command of several lines": (["for i in 1 2\ndo\n  echo $i\ndone\n# the end"], b""),
    "killed by TERM": (["kill -TERM $$"], b""),
    "killed by KILL": (["kill -KILL $$"], b""),
    "killed by HUP": (["kill -HUP $$"], b""),
    "killed by SEGV": (["kill -SEGV $$"], b""),
    "killed by a signal without a name": (["kill -34 $$"], b""),
    "left something behind": (["sleep 300 >/dev/null 2>&1 </dev/null & echo $! >&2; kill $!"], b""),
}


@pytest.mark.parametrize("share", range(3))
async def test_as_without_a_gateway(ssh: StockSsh, direct: DirectSsh, share: int) -> None:
    names = list(SAME)[share::3]
    at_once = asyncio.Semaphore(3)

    async def differs(name: str) -> str:
        arguments, typed = SAME[name]
        options = [word for word in arguments[:-1] if word.startswith("-")]
        words = [*options, GW, *arguments[len(options) :]]
        async with at_once:
            without, through = [await client.run(*words, typed=typed) for client in (direct, ssh)]
        if comparable(through) == comparable(without):
            return ""
        return f"{name}: {comparable(through)} and directly {comparable(without)}"

    assert [found for found in await asyncio.gather(*map(differs, names)) if found] == []


def comparable(ran: Ran) -> tuple[int, bytes, str]:
    """Without process numbers."""
    said = "".join(line for line in ran.said.splitlines(keepends=True) if not line.strip().isdigit())
    return ran.status, ran.out, said


async def test_exit_statuses_over_one_connection(ssh: StockSsh, house: House, tmp_path: Path) -> None:
    """By the stock client, some at a time. Over a shared connection it closes before it has heard the status."""
    statuses = sorted({*range(0, 256, 9), 1, 2, 124, 125, 127, 128, 130, 254, 255})
    control = f"{tmp_path}/c"
    master = await ssh.start("-M", "-S", control, "-N", GW)
    await until(Path(control).exists)
    one = " ".join(ssh.command("-S", control, GW))
    numbers = " ".join(map(str, statuses))
    script = f"echo {numbers} | tr ' ' '\\n' | xargs -P 6 -I% sh -c '{one} exit %; echo % $?'"
    process = await asyncio.create_subprocess_shell(script, stdin=-3, stdout=-1, stderr=-3)
    async with asyncio.timeout(4 * PATIENCE):
        out, _ = await process.communicate()
    assert sorted(out.decode().splitlines(), key=lambda line: int(line.split()[0])) == [
        f"{status} {status}" for status in statuses
    ]
    master.terminate()
    await master.communicate()
    assert sorted(await house.outcomes()) == sorted(f"exit {status}" for status in statuses)


async def pour(ssh: StockSsh, house: House, size: int, patience: float) -> None:
    """Up and down again in one run, without holding it in memory; the recording's figures agree."""
    block = os.urandom(1 << 20)
    sent, came = hashlib.sha256(), hashlib.sha256()
    process = await ssh.start(GW, "cat")
    stdin, stdout = process.stdin, process.stdout
    assert stdin is not None
    assert stdout is not None

    async def send() -> None:
        for index in range(size // len(block)):
            piece = index.to_bytes(8, "big") + block[8:]
            sent.update(piece)
            stdin.write(piece)
            await stdin.drain()
        stdin.close()

    async with asyncio.timeout(patience):
        sending = asyncio.create_task(send())
        total = 0
        while piece := await stdout.read(1 << 20):
            came.update(piece)
            total += len(piece)
        await sending
        assert await process.wait() == 0
    assert (total, came.hexdigest()) == (size, sent.hexdigest())
    (ended,) = await house.entries("session.ended")
    assert (ended.body["bytes_sent"], ended.body["bytes_shown"]) == (size, size)


async def test_megabytes_through_a_pipe(ssh: StockSsh, house: House) -> None:
    await pour(ssh, house, BIG, 4 * PATIENCE)


@pytest.mark.slow
async def test_a_gigabyte_through_a_pipe(ssh: StockSsh, house: House) -> None:
    await pour(ssh, house, HUGE, 1200.0)


async def test_into_the_background(ssh: StockSsh, house: House, tmp_path: Path) -> None:
    """`ssh -f` returns once signed in, and the command goes on."""
    done = tmp_path / "done"
    process = await asyncio.create_subprocess_exec(
        *ssh.command("-f", GW, f"sleep 0.3; echo yes > {done}"), stdin=-3, stdout=-3, stderr=-3
    )
    async with asyncio.timeout(PATIENCE):
        assert await process.wait() == 0
    await until(lambda: done.exists() and not house.gates())
    assert await house.outcomes() == ["exit 0"]


async def test_many_at_once(ssh: StockSsh, house: House) -> None:
    runs = [ssh.run(GW, f"cat; echo {number}; exit {number}", typed=b"%d-" % number) for number in range(16)]
    for number, ran in enumerate(await asyncio.gather(*runs)):
        assert (ran.status, ran.out) == (number, b"%d-%d\n" % (number, number))
    assert len(house.recordings()) == 16


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_one_after_another_leaves_nothing(ssh: StockSsh, house: House, sshd: Sshd) -> None:
    tasks = len(asyncio.all_tasks())
    handles = open_files()
    for _ in range(10):
        assert (await ssh.run(GW, "true")).status == 0
    assert house.adapter is not None
    await until(lambda: not house.adapter or not house.adapter._connections)
    await until(lambda: len(asyncio.all_tasks()) <= tasks + 1)
    assert open_files() <= handles + 4
    await until(lambda: not sshd.children())


async def test_a_target_that_takes_no_more_sessions(ssh: StockSsh, house: House, sshd: Sshd) -> None:
    """It lets the gateway in and then refuses: the client is told, and does not wait for an answer."""
    await sshd.stop()
    await sshd.start("MaxSessions 0")
    house.offer("web-1", sshd.port, sshd.user, sshd.login_key, host_keys=[sshd.host_key_line])
    ran = await ssh.run(GW, "true")
    assert (ran.status, ran.said) == (255, "hoop: web-1 did not start the session - nothing was run\n")


async def test_renewing_keys_all_the_time_on_both_legs(ssh: StockSsh, house: House, sshd: Sshd) -> None:
    """Both sides begin key exchanges every 16 kB, also at the same moment, while data goes both ways."""
    await sshd.stop()
    await sshd.start("RekeyLimit 16K")
    house.offer("web-1", sshd.port, sshd.user, sshd.login_key, host_keys=[sshd.host_key_line])
    data = os.urandom(3 << 20)
    ran = await ssh.run("-o", "RekeyLimit=16K", GW, "cat", typed=data, patience=4 * PATIENCE)
    assert ran.status == 0
    assert hashlib.sha256(ran.out).digest() == hashlib.sha256(data).digest()
