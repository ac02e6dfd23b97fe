"""Every channel of a connection is judged by itself, when it is opened, as the account it is for; and of what a
client would put into an environment, only the harmless reaches a target."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import asyncssh
import pytest
from asyncssh.connection import SSHClientConnection

from gateway.core.operation import Operation
from gateway.core.people import Session
from gateway.core.verdict import Allow, Deny, Hold, Verdict
from tests.ssh.client import PATIENCE
from tests.ssh.fake_target import FakeTarget
from tests.ssh.forwarding import until
from tests.ssh.house import BOB, House
from tests.ssh.raw import untouched_target
from tests.ssh.test_jump import open_inner
from tests.ssh.test_proof import arguments

Way = Callable[[SSHClientConnection], Awaitable[object]]


class Refused(Exception):
    """However a client hears of it."""


async def ran(client: SSHClientConnection, *command: str, **options: Any) -> object:
    done = await client.run(*command, **{"input": "", **options})
    if done.exit_status != 0:
        raise Refused(done.stderr)
    return done


async def an_upload(client: SSHClientConnection) -> object:
    async with client.start_sftp_client() as sftp, sftp.open("uploaded", "w") as file:
        await file.write("x")
    return None


WAYS: dict[str, Way] = {
    "a command": lambda client: ran(client, "id"),
    "a command with a terminal": lambda client: ran(client, "id", term_type="xterm"),
    "a shell": lambda client: ran(client),
    "a shell with a terminal": lambda client: ran(client, term_type="xterm"),
    "a file over SFTP": an_upload,
    "a file over scp -O": lambda client: ran(client, "scp -t uploaded", input="C0644 1 uploaded\nx\0"),
    "a file over rsync": lambda client: ran(client, "rsync --server -e.iLsfxC . uploaded"),
    "a push": lambda client: ran(client, "git-receive-pack 'uploaded'"),
    "a connection to a port": lambda client: client.create_connection(
        asyncssh.SSHTCPSession, "127.0.0.1", 80
    ),
    "a connection to a socket": lambda client: client.create_unix_connection(
        asyncssh.SSHUNIXSession, "/run/x"
    ),
    "a listening port": lambda client: client.forward_remote_port("", 0, "127.0.0.1", 22),
    "a listening socket": lambda client: client.forward_remote_path("/tmp/never-made", "/run/x"),
}
REFUSED = (Refused, asyncssh.Error, asyncssh.ChannelListenError, OSError)


@pytest.mark.parametrize("way", WAYS)
async def test_an_account_that_is_not_offered_is_offered_to_nobody(house: House, way: str) -> None:
    """What holds for shells holds for files and tunnels: the target is not even dialled."""
    async with (
        untouched_target(house),
        asyncssh.connect(**arguments(house, username="root%web-1")) as client,
        asyncio.timeout(PATIENCE),
    ):
        with pytest.raises(REFUSED):
            await WAYS[way](client)
    assert await house.entries("session.opened") == []
    assert await house.entries("operation.admitted") == []
    (refused,) = await house.entries("identity.refused")
    assert refused.body["reason"] == 'the account "root" is not offered on web-1'


@pytest.fixture
async def target(house: House, tmp_path: Any) -> AsyncIterator[FakeTarget]:
    """It runs whatever it is asked to, and has files and ports."""

    async def answer(process: asyncssh.SSHServerProcess[bytes]) -> None:
        environments.append(dict(process.env))
        process.exit(0)

    environments: list[dict[str, str]] = []
    target = FakeTarget(answer)
    target.environments = environments  # type: ignore[attr-defined]
    await target.start(house, sftp_factory=True)
    yield target
    await target.stop()


def no_more(house: House) -> None:
    house.decide = lambda operation, session: Deny("freeze", "not any more")


def forgotten(house: House) -> None:
    house.known.replace({})


def gone(house: House) -> None:
    house.targets.replace([])


CHANGES = [no_more, forgotten, gone]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
async def test_a_connection_from_before_opens_nothing_after(
    house: House, target: FakeTarget, change: Callable[[House], None]
) -> None:
    """Signed in once and allowed then: of no use once the rules, the people or the targets are others."""
    async with asyncssh.connect(**arguments(house)) as client, asyncio.timeout(2 * PATIENCE):
        await ran(client, "before")
        assert target.commands == ["before"]
        change(house)
        for name, way in WAYS.items():
            opened = len(await house.entries("operation.admitted"))
            with pytest.raises(REFUSED):
                await way(client)
            assert len(await house.entries("operation.admitted")) == opened, name
        with pytest.raises(REFUSED):
            async with await open_inner(client, house) as inner:
                await ran(inner, "id")
        assert not client.is_closed()
    assert target.commands == ["before"]


async def test_an_approval_is_for_one_channel(house: House, target: FakeTarget) -> None:
    """The same command over the same connection is held again; its answer is its own."""
    house.decide = lambda operation, session: Hold("ask", "", frozenset({"sre"}))
    async with asyncssh.connect(**arguments(house)) as client, asyncio.timeout(PATIENCE):
        statuses = []
        for granted in (True, False):
            running = asyncio.create_task(client.run("reboot", stdin=asyncssh.DEVNULL))
            (request,) = await until(lambda: house.ledger.approvals(state="held"))
            await house.approvals.settle(request.id, BOB, granted, request.sha256, "go on")
            statuses.append((await running).exit_status)
    assert statuses == [0, 126]
    assert target.commands == ["reboot"]
    assert len(await house.ledger.approvals()) == 2


async def test_one_channel_held_and_another_opened_meanwhile(house: House, target: FakeTarget) -> None:
    """What one channel waits for is no way round for the next."""

    def judge(operation: Operation, session: Session) -> Verdict:
        return Hold("ask", "", frozenset({"sre"})) if operation.text == "reboot" else Allow("everything")

    house.decide = judge
    async with asyncssh.connect(**arguments(house)) as client, asyncio.timeout(PATIENCE):
        running = asyncio.create_task(client.run("reboot", stdin=asyncssh.DEVNULL))
        (request,) = await until(lambda: house.ledger.approvals(state="held"))
        assert (await client.run("id", stdin=asyncssh.DEVNULL)).exit_status == 0
        assert target.commands == ["id"]
        no_more(house)
        assert (await client.run("id", stdin=asyncssh.DEVNULL)).exit_status == 126
        await house.approvals.settle(request.id, BOB, False, request.sha256, "no")
        assert (await running).exit_status == 126
    assert target.commands == ["id"]


HARMFUL = {
    **{f"LD_{name}": "/tmp/evil.so" for name in ("PRELOAD", "LIBRARY_PATH", "AUDIT", "DEBUG")},
    **dict.fromkeys(("BASH_ENV", "ENV", "ZDOTDIR", "PYTHONSTARTUP", "PERL5OPT", "RUBYOPT"), "/tmp/evil"),
    **dict.fromkeys(("GIT_SSH_COMMAND", "GIT_EXTERNAL_DIFF", "EDITOR", "PAGER", "LESSOPEN"), "/tmp/evil"),
    **dict.fromkeys(("PATH", "HOME", "SHELL", "IFS", "PS4", "PROMPT_COMMAND", "SHELLOPTS"), "/tmp/evil"),
    "BASH_FUNC_ls%%": "() { evil; }",
    "SSH_AUTH_SOCK": "/tmp/evil",
    "DISPLAY": "evil:0",
    "LC_ESCAPE": "\x1b]0;owned\x07",
    "LC_NEWLINE": "C\nLD_PRELOAD=/tmp/evil.so",
    "LC_SHELL": "() { :;}; evil",
    "LC_PATH": "../../../tmp/evil",
    "LC_LONG": "x" * 5000,
    "LANG=C LD_PRELOAD": "x",
    "LANG ": "C",
    "lang": "C",
    "TERMINFO": "/tmp/evil",
    "": "x",
}
HARMLESS = {
    "LANG": "C.UTF-8",
    "LC_TIME": "de_DE.UTF-8",
    "COLORTERM": "truecolor",
    "GIT_PROTOCOL": "version=2",
}

ASKED: dict[str, dict[str, Any]] = {
    "a command": {"command": "x"},
    "a command with a terminal": {"command": "x", "term_type": "xterm"},
    "a shell": {},
    "a shell with a terminal": {"term_type": "xterm"},
}


@pytest.mark.parametrize("what", ASKED)
async def test_what_may_be_in_an_environment(house: House, target: FakeTarget, what: str) -> None:
    async with asyncssh.connect(**arguments(house)) as client, asyncio.timeout(PATIENCE):
        await client.run(env={**HARMFUL, **HARMLESS}, stdin=asyncssh.DEVNULL, **ASKED[what])
    (there,) = target.environments  # type: ignore[attr-defined]
    assert {name: value for name, value in there.items() if name != "TERM"} == HARMLESS
