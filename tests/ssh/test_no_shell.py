"""A target without a shell, with the stock client and a real sshd: what gets there, and what does not."""

import asyncio
from asyncio.subprocess import DEVNULL
from collections.abc import AsyncIterator
from pathlib import Path
from typing import cast

import asyncssh
import pytest

from gateway.policy.decide import decide
from gateway.policy.loader import load_policy
from tests.ssh.client import StockSsh
from tests.ssh.house import House
from tests.ssh.sshd import Sshd, free_port
from tests.ssh.test_only_commands import COMMANDS, bypasses

pytestmark = [pytest.mark.interop, pytest.mark.needs("ssh", "sshd")]


@pytest.fixture
async def echo(tmp_path: Path) -> AsyncIterator[Sshd]:
    """An sshd that runs nothing of what it is asked: it says what the account's shell would have been given."""
    server = Sshd(tmp_path / "echo")
    await server.start("""ForceCommand printf '<%%s>' "$SSH_ORIGINAL_COMMAND" && env""".replace("%%", "%"))
    yield server
    await server.stop()


@pytest.fixture
def bare(tmp_path: Path, house: House, echo: Sshd) -> StockSsh:
    house.offer(
        "web-1",
        echo.port,
        echo.user,
        echo.login_key,
        host_keys=[echo.host_key_line],
        shell="none",
        commands=COMMANDS,
    )
    return StockSsh(tmp_path / "client", house)


async def test_a_listed_command(bare: StockSsh, house: House) -> None:
    ran = await bare.run("-o", "SendEnv=LANG LC_ALL", "web-1@gw", "probe   status  'a'")
    assert ran.status == 0
    assert ran.out.startswith(b"<probe status a>")
    assert b"LC_ALL=" not in ran.out
    (admitted,) = await house.entries("operation.admitted")
    assert (admitted.body["verb"], admitted.body["text"]) == ("exec", "probe status a")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["web-1@gw"], "web-1 has no shell, only single commands"),
        (["-tt", "web-1@gw"], "web-1 has no shell, only single commands"),
        (["-tt", "web-1@gw", "probe"], "web-1 gives no terminal - leave out -t"),
        (["-s", "web-1@gw", "netconf"], "web-1 does not offer netconf"),
        (["web-1@gw", "id"], "web-1 does not run this command"),
        (
            ["web-1@gw", "probe;", "id"],
            "web-1 takes only letters, digits and _-./,:+@=",
        ),
    ],
)
async def test_what_is_not_listed(
    bare: StockSsh, house: House, echo: Sshd, arguments: list[str], told: str
) -> None:
    ran = await bare.run(*arguments)
    assert (ran.status, ran.out) == (126, b"")
    assert f"hoop: blocked by only-commands - {told}\n" in ran.said
    (denied,) = await house.entries("operation.denied")
    assert denied.body["rule"] == "only-commands"
    assert await house.outcomes() == ["blocked"]
    assert "Connection from" not in echo.log, "it was not even connected to"


async def test_policy_still_has_its_say(bare: StockSsh, house: House) -> None:
    house.block("probe status")
    assert (await bare.run("web-1@gw", "probe")).status == 0
    assert "hoop: blocked by no-such" in (await bare.run("web-1@gw", "probe", "status", "a")).said


async def test_no_attempt_gets_through(bare: StockSsh, house: House, echo: Sshd) -> None:
    """Over one connection, which is how a script would try."""
    async with asyncssh.connect(
        "127.0.0.1",
        house.port,
        username="web-1",
        client_keys=[house.person_key],
        known_hosts=None,
        config=None,
    ) as connection:
        for line in bypasses():
            command = cast(str, line.encode("utf-8", "surrogateescape"))
            try:
                ran = await connection.run(command, encoding=None, timeout=30)
            except asyncssh.ChannelOpenError:
                continue  # a line that is not even a command
            assert ran.stdout == b"", line
            assert ran.exit_status in (126, None), line
    assert "Connection from" not in echo.log


async def test_nothing_is_forwarded(bare: StockSsh, house: House, echo: Sshd) -> None:
    port = free_port()
    ran = await bare.run("-W", f"127.0.0.1:{echo.port}", "web-1@gw")
    assert ran.status != 0
    assert ran.out == b""
    listening = await bare.run(
        "-N", "-o", "ExitOnForwardFailure=yes", "-R", f"{port}:127.0.0.1:1", "web-1@gw"
    )
    assert listening.status != 0
    denied = await house.entries("operation.denied")
    assert [entry.body["verb"] for entry in denied] == ["forward", "listen"]
    assert {entry.body["rule"] for entry in denied} == {"only-commands"}
    assert "Connection from" not in echo.log


async def test_the_agent_stays_away(bare: StockSsh, house: House) -> None:
    """Even where both were written down together, which the configuration refuses."""
    house.change("web-1", agent_forwarding=True)
    ran = await bare.run("-A", "web-1@gw", "probe")
    assert b"SSH_AUTH_SOCK" not in ran.out


@pytest.mark.needs("sftp", "scp", "rsync")
async def test_files_pass_as_rules_allow_them(ssh: StockSsh, house: House, tmp_path: Path) -> None:
    """No entry in `commands` is needed, each file is an operation, and no rule lets more through than its paths."""
    house.change("web-1", shell="none", commands=())
    allowed, other = tmp_path / "allowed", tmp_path / "other"
    allowed.mkdir()
    other.mkdir()
    rules = f'[[rule]]\nid = "files"\nmatch = {{ path = ["{allowed}", "{allowed}/*"] }}\ndo = "allow"\n'
    rules += '[[rule]]\nid = "all"\nmatch = { user = "*" }\ndo = "allow"\n'
    policy = load_policy([("rules.toml", rules)], ())
    house.decide = lambda operation, session: decide(policy, operation, session)
    (tmp_path / "note").write_text("hello\n")
    note = str(tmp_path / "note")
    config = ["-F", str(ssh.directory / "config")]

    async def copied(place: Path, *command: str) -> bool:
        process = await asyncio.create_subprocess_exec(
            *command, note, f"web-1@gw:{place}/note", stdout=DEVNULL, stderr=DEVNULL, stdin=DEVNULL
        )
        status = await process.wait()
        there = (place / "note").exists()
        assert there is (status == 0)
        (place / "note").unlink(missing_ok=True)
        return there

    rsync = ["rsync", "-e", f"ssh -F {ssh.directory / 'config'}"]
    for command in (["scp", *config], ["scp", "-O", *config], rsync):
        assert await copied(allowed, *command), command
        assert not await copied(other, *command), command
    admitted = await house.entries("operation.admitted")
    assert {entry.body["verb"] for entry in admitted} <= {"upload", "list", "stat"}
