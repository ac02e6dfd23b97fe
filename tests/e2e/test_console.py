"""`ssh -t console@gateway`: the app for whoever has nothing but ssh, with the stock client at a real terminal."""

import asyncio
import os
import re
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio

from tests.e2e.consoles import Desk, Town, is_alive
from tests.e2e.served import run
from tests.ssh.sshd import Sshd

pytestmark = [
    pytest.mark.interop,
    pytest.mark.needs("ssh", "sshd"),
    pytest.mark.asyncio(loop_scope="module"),
]

ALT_SCREEN_LEFT = b"\x1b[?1049l"
FEW = "[console]\nname = 'desk'\nmax_sessions = 2\nmax_per_person = 1\n"


@asynccontextmanager
async def served_town(directory: Path, more: str = "", *, only_ssh: bool = False) -> AsyncIterator[Town]:
    """Where nothing is configured it starts as people start it; what its processes may is looked at there."""
    sshd = Sshd(directory / "sshd")
    await sshd.start()
    town = await Town.build(directory, sshd, more, forked=bool(more))
    if only_ssh:
        config = town.served.config
        config.write_text(re.sub(r"(?m)^(api|admin) = .*\n", "", config.read_text()))
    try:
        await town.served.start()
        yield town
    finally:
        await town.close()
        await sshd.stop()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def usual(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Town]:
    async with served_town(tmp_path_factory.mktemp("usual")) as town:
        yield town


@pytest_asyncio.fixture(loop_scope="module")
async def town(usual: Town) -> AsyncIterator[Town]:
    """Everybody's, and nobody is in it."""
    yield usual
    await usual.leave()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def sparse(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Town]:
    async with served_town(tmp_path_factory.mktemp("small"), FEW, only_ssh=True) as town:
        yield town


@pytest_asyncio.fixture(loop_scope="module")
async def small_town(sparse: Town) -> AsyncIterator[Town]:
    """No port is open but that of ssh, and there are two consoles."""
    yield sparse
    await sparse.leave()


async def gone(pid: int, seconds: float = 1.0) -> None:
    async with asyncio.timeout(seconds):
        while is_alive(pid):
            await asyncio.sleep(0.01)


async def test_somebody_approves_with_nothing_but_ssh(small_town: Town) -> None:
    """No port is open but that of ssh, and what Bob decides is done at once."""
    town = small_town
    assert set(town.served.ports) == {"ssh"}
    desk = await town.console("bob", target="desk")
    await desk.shows("Sessions", "* live", "bob@example.com")
    asked = await asyncio.create_subprocess_exec(
        *town.ssh("alice", "web-1@127.0.0.1", "touch approved-by-bob && echo done"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    await desk.shows("Approvals 1")
    desk.type(b"\x1bOQ")
    await desk.shows("touch approved-by-bob", "Approve..")
    await desk.press(b"a", "You let", "Approve")
    desk.type(b"\t\t\r")
    out, err = await asyncio.wait_for(asked.communicate(), 20)
    assert (asked.returncode, out) == (0, b"done\n"), err
    assert b"by bob@example.com" in err
    desk.type(b"q")
    assert await desk.ended() == 0
    assert desk.seen.count(ALT_SCREEN_LEFT) == 1
    assert await town.kept("select actor from entries where name = 'approval.given'") == ["bob@example.com"]


async def test_it_is_a_session_like_any_other(town: Town) -> None:
    """Listed, recorded as it was shown with its sizes, and ended by whoever may end sessions."""
    desk = await town.console("bob")
    await desk.shows("LIVE", "console:console", "A console is not watched from a console while it is open.")
    desk.resize(132, 40)
    await desk.until(b"\x1b[40;")
    (session,) = await town.kept("select id from mine where kind = 'console' and target = 'console'")
    assert session in desk.seen.decode(errors="replace")
    shown = len(desk.seen)
    other = await town.console("alice")
    await other.shows("LIVE", "console:console")
    boss = await town.console("bob")
    await boss.shows("LIVE", "console:console")
    await desk.until(lambda seen: len(seen) > shown)
    ended = await town.end("bob@example.com", session)
    assert ended.status == 0, ended.err
    assert await desk.ended() == 130
    last = desk.seen.rpartition(ALT_SCREEN_LEFT)[2]
    assert b'hoop: ended by bob@example.com: "go home"' in last
    exported = await town.served.gateway(
        "recording", "export", session, "--as", "txt", "--config", str(town.served.config)
    )
    assert "Sessions" in exported.out, exported.err


async def test_who_gets_none(town: Town) -> None:
    """One plain sentence each, in the audit log; nothing but the app is to be had there."""
    desk = await town.console("dave")
    assert await desk.ended() == 126
    assert b"hoop: a console is for staff: approver, auditor, operator, admin\r\n" in desk.seen
    needs = "hoop: a console needs a terminal - use: ssh -t console@GATEWAY\n"
    plain: tuple[tuple[str, ...], ...] = (("-T", "console@127.0.0.1"), ("console@127.0.0.1", "id"))
    for arguments in plain:
        answer = await town.run("bob", *arguments)
        assert (answer.status, answer.out, answer.err) == (126, "", needs)
    answer = await town.run("bob", "-tt", "console@127.0.0.1", "id")
    assert answer.status == 126
    assert answer.err.strip() == "hoop: a console takes no command - use: ssh -t console@GATEWAY"
    ways = (("-s", "console@127.0.0.1", "sftp"), ("-W", "127.0.0.1:22", "console@127.0.0.1"))
    for arguments in ways:
        answer = await town.run("bob", *arguments)
        assert answer.status != 0
        assert not answer.out
    assert (await town.run("bob", "-W", "console:22", "web-1@127.0.0.1")).status == 255
    assert (
        await town.kept("select outcome, count(*) from mine where outcome != 'blocked' group by outcome")
        == []
    )
    assert not town.consoles()


async def test_no_more_than_so_many(small_town: Town) -> None:
    town = small_town
    desk = await town.console("bob", target="desk")
    await desk.shows("* live")
    second = await town.console("bob", target="desk")
    assert await second.ended() == 126
    assert b"hoop: 1 console of yours is open - leave it first\r\n" in second.seen
    await (await town.console("alice", target="desk")).shows("* live")
    desk.type(b"q")
    assert await desk.ended() == 0
    third = await town.console("bob", target="desk")
    await third.shows("* live")
    assert (await town.run("bob", "console@127.0.0.1")).err == (
        'hoop: there is no target "console" for you - ask your platform team\n'
    )


async def test_nobody_types(tmp_path: Path) -> None:
    async with served_town(tmp_path, "[console]\nidle = '4s'\n") as town:
        desk = await town.console("bob")
        await desk.shows("* live")
        begun = time.monotonic()
        desk.type(b"j")
        assert await desk.ended() == 130
        assert time.monotonic() - begun > 3
    assert b"hoop: ended - nobody has typed for 4 s" in desk.seen


async def test_whoever_is_locked_has_it_no_longer(tmp_path: Path) -> None:
    async with served_town(tmp_path, "") as town:
        desk = await town.console("bob")
        await desk.shows("* live")
        config = ("--config", str(town.served.config))
        done = await town.served.gateway("person", "lock", "bob@example.com", "--reason", "gone", *config)
        assert done.status == 0, done.err
        assert await desk.ended() != 0
        assert b"hoop: ended - your access to this gateway was revoked" in desk.seen
        answer = await town.run("bob", "-tt", "console@127.0.0.1")
        assert answer.status not in (0, 130)


async def test_switched_off(tmp_path: Path) -> None:
    async with served_town(tmp_path, "[console]\nenabled = false\n") as town:
        answer = await town.run("bob", "-tt", "console@127.0.0.1")
    assert answer.status == 126
    assert 'there is no target "console" for you' in answer.err


async def test_whoever_hangs_up_leaves_nothing_behind(town: Town) -> None:
    desk = await town.console("bob")
    await desk.shows("* live")
    (pid,) = town.consoles()
    assert desk.process is not None
    desk.process.kill()
    await gone(pid)
    assert not town.consoles()
    async with asyncio.timeout(5):
        while await town.kept("select id from mine where outcome = ''"):
            await asyncio.sleep(0.1)
    assert await town.kept("select outcome from mine") == ["disconnected"]


async def test_killed(town: Town) -> None:
    """A console, then what they are opened from: a sentence each, and the gateway goes on."""
    desk = await town.console("bob")
    await desk.shows("* live")
    other = await town.console("alice")
    await other.shows("* live")
    assert len(town.consoles()) == 2
    os.kill(town.consoles()[0], signal.SIGKILL)
    assert await desk.ended() == 255
    assert (
        b"hoop: ended - the console has failed, open it again\r\n" in desk.seen.rpartition(ALT_SCREEN_LEFT)[2]
    )
    zygote = town.zygote
    os.kill(zygote, signal.SIGKILL)
    assert await other.ended() == 255
    await town.served.says("what consoles are opened from has ended")
    again = await town.console("bob")
    await again.shows("* live")
    assert town.zygote != zygote
    assert (await town.run("alice", "web-1@127.0.0.1", "echo still here")).out == "still here\n"


async def test_what_a_console_has(town: Town) -> None:
    """No file of the gateway's, no environment, no descriptor but its terminal and its line."""
    desk = await town.console("bob")
    await desk.shows("* live")
    (pid,) = town.consoles()
    has = Path(f"/proc/{pid}")
    status = dict(line.split(":\t", 1) for line in (has / "status").read_text().splitlines() if ":\t" in line)
    assert status["NoNewPrivs"] == "1"
    assert os.getuid() != 0 or "0" not in status["Uid"].split()
    assert status["CapEff"].strip("0") == ""
    assert not (has / "environ").read_bytes() or b"HOOP" not in (has / "environ").read_bytes()
    for number in (has / "fd").iterdir():
        where = os.readlink(number)  # noqa: PTH115 - it may be no path
        assert where.startswith(("/dev/pts/", "socket:", "pipe:", "anon_inode:")), where
    token = (has / "cmdline").read_text()
    assert "hoop_" not in token.replace("hoop_tui", "")


INTO = """
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
pid, user = int(sys.argv[1]), int(sys.argv[2])
if os.getuid() != user:
    os.setgroups([]); os.setresgid(user, user, user); os.setresuid(user, user, user)
for name in ("mem", "environ", "maps", "stack", "fd/0"):
    try:
        os.close(os.open(f"/proc/{pid}/{name}", os.O_RDONLY))
        print(name)
    except OSError:
        pass
if libc.ptrace(16, pid, 0, 0) == 0:  # PTRACE_ATTACH
    os.waitpid(pid, 0x40000000); libc.ptrace(17, pid, 0, 0)
    print("ptrace")
handle = os.pidfd_open(pid)
for number in range(5):
    if libc.syscall(438, handle, number, 0) >= 0:  # pidfd_getfd
        print("pidfd_getfd", number)
"""


async def test_nobody_of_the_same_account_looks_into_one(town: Town) -> None:
    """Nor into what they are forked from: both have whatever the account may do to its own processes against them."""
    desk = await town.console("bob")
    await desk.shows("* live")
    for pid in (*town.consoles(), town.zygote):
        user = next(
            line.split()[1]
            for line in Path(f"/proc/{pid}/status").read_text().splitlines()
            if line.startswith("Uid:")
        )
        found = await run(sys.executable, "-I", "-c", INTO, str(pid), user)
        assert (found.status, found.out, found.err) == (0, "", "")


async def test_ways_past_the_app(town: Town) -> None:
    """No forwarding and no agent come with a console, nothing of the client's environment gets in."""
    back = ("-N", "-o", "ExitOnForwardFailure=yes", "-R", "0:127.0.0.1:22")
    answer = await town.run("bob", *back, "console@127.0.0.1")
    assert answer.status == 255
    assert "remote port forwarding failed" in answer.err
    os.environ["LC_ATTACK"] = "LD_PRELOAD=/tmp/x"
    desk = Desk()
    town.desks.append(desk)
    sent = ("-o", "SendEnv=LC_ATTACK", "-o", "SetEnv=PYTHONPATH=/tmp HOOP_GATEWAY=http://127.0.0.1:1", "-A")
    await desk.start(["env", "TERM=xterm-256color", *town.ssh("bob", "-tt", *sent, "console@127.0.0.1")])
    await desk.shows("* live")
    (pid,) = town.consoles()
    environment = (Path(f"/proc/{pid}") / "environ").read_bytes()
    assert not any(word in environment for word in (b"PRELOAD", b"PYTHONPATH", b"HOOP", b"SSH_AUTH"))


async def test_what_makes_no_sense_there_says_so(town: Town) -> None:
    """Saving a file says where else; keys that stop or suspend programs do neither."""
    assert (await town.run("alice", "web-1@127.0.0.1", "echo hello")).out == "hello\n"
    desk = await town.console("bob")
    await desk.shows("* live", "ssh:web-1")
    desk.type(b"j\r")
    await desk.shows("CHAPTERS")
    await desk.press(b"e", "A console over ssh saves no files")
    desk.type(b"\x03\x1a\x1c")
    desk.type(b"\x1b")
    await desk.shows("Sessions:")
    desk.type(b"y")
    await desk.until(b"\x1b]52;c;")


async def test_garbage(town: Town) -> None:
    """Whatever bytes come, the gateway serves others; and the one who sent them still has a terminal."""
    desk = await town.console("bob")
    await desk.shows("* live")
    junk = os.urandom(20_000).replace(b"q", b"") + b"\x1b[<" + b"9" * 5000 + b"\x1b[200~" + b"\xff" * 9000
    for at in range(0, len(junk), 500):
        desk.type(junk[at : at + 500])
        await asyncio.sleep(0.01)
        if desk.process is not None and desk.process.returncode is not None:
            break
    other = await town.console("alice")
    await other.shows("* live")
    assert (await town.run("alice", "web-1@127.0.0.1", "echo still here")).out == "still here\n"


async def test_consoles_do_not_watch_each_other(town: Town) -> None:
    """What one draws makes nobody draw: what is shown does not grow with what is shown."""
    desks = [await town.console(who) for who in ("bob", "alice")]
    for desk in desks:
        await desk.shows("* live", "A console is not watched")
    await asyncio.sleep(1)
    before = [len(desk.seen) for desk in desks]
    await asyncio.sleep(2)
    grown = [len(desk.seen) - had for desk, had in zip(desks, before, strict=True)]
    assert max(grown) < 2 * 2 * len(desks[0].seen[: before[0]]), grown
    redraws = [desk.seen[had:].count(b"hoop\x1b[0m") for desk, had in zip(desks, before, strict=True)]
    assert max(redraws) <= 4, redraws
