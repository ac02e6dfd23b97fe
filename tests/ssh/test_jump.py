"""ssh -J GATEWAY TARGET: SSH to the target ends at the gateway, so that it is judged and recorded like any other."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncssh
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.adapters.ssh.forward.roads import Inspected
from gateway.adapters.ssh.inside import Spawn
from gateway.adapters.ssh.jump.account import account_reader
from gateway.adapters.ssh.login_name import LoginName
from gateway.adapters.ssh.session import Visitor
from gateway.core.errors import Malformed
from gateway.core.people import Target
from tests.ssh.client import PATIENCE, StockSsh
from tests.ssh.forwarding import (
    digest,
    echo,
    ended_forwards,
    noise,
    running,
    serving,
    sessions_over,
    through,
    until,
)
from tests.ssh.house import ALICE, House
from tests.ssh.sshd import Sshd, free_port
from tests.ssh.terminal import Terminal
from tests.ssh.test_flow import Behaviour, evil, flood, gate_of, settled
from tests.ssh.test_garbage import resident
from tests.ssh.test_proof import arguments

pytestmark = [pytest.mark.interop, pytest.mark.needs("ssh", "sshd")]

__all__ = ["evil"]


@pytest.fixture
def jump(ssh: StockSsh, house: House) -> StockSsh:
    """A client whose targets are behind the gateway, as people configure it: nothing but ProxyJump."""
    key = (ssh.directory / "known_hosts").read_text().split(" ", 1)[1]
    with (ssh.directory / "known_hosts").open("a") as known:
        known.write(f"web-1,web-2,db-1,nowhere {key}")
    (ssh.directory / "config").write_text(
        f"""
        Host gw
        HostName 127.0.0.1
        Port {house.port}
        Host * !gw
        ProxyJump gw
        Host *
        IdentityFile {ssh.directory}/id
        IdentitiesOnly yes
        IdentityAgent none
        GlobalKnownHostsFile /dev/null
        UserKnownHostsFile {ssh.directory}/known_hosts
        StrictHostKeyChecking yes
        BatchMode yes
        """
    )
    return ssh


async def test_a_command(jump: StockSsh, house: House, sshd: Sshd) -> None:
    """The client's own user name was chosen by nobody: it is the target's account."""
    ran = await jump.run(
        "-l", "somebody", "-J", "somebody@gw", "web-1", "echo $SSH_CONNECTION; id -un; exit 3"
    )
    assert ran.status == 3
    assert ran.out.decode().splitlines()[1] == sshd.user
    assert await sessions_over(house) == ["exit 3"]
    (opened,) = await house.entries("session.opened")
    assert (opened.body["target"], opened.body["login"]) == ("web-1", sshd.user)
    assert opened.body["address"] == "127.0.0.1"
    assert opened.body["client"].startswith("OpenSSH")
    (admitted,) = await house.entries("operation.admitted")
    assert admitted.body["verb"] == "exec"
    assert len(await house.entries("identity.accepted")) == 2
    assert house.recording().output == ran.out
    assert ran.said.count("hoop:") == 0
    assert ran.err.count(b"may be watched") == 1


async def test_no_option_at_all(jump: StockSsh, house: House) -> None:
    assert (await jump.run("web-1", "echo", "hello")).out == b"hello\n"
    (opened,) = await house.entries("session.opened")
    assert opened.body["target"] == "web-1"


async def test_a_proxy_command(jump: StockSsh, house: House, tmp_path: Path) -> None:
    command = f"ProxyCommand=ssh -F {jump.directory}/config -W %h:%p gw"
    ran = await jump.run("-o", "ProxyJump=none", "-o", command, "web-1", "echo", "hello")
    assert ran.out == b"hello\n"


async def test_an_account_that_is_asked_for(jump: StockSsh, house: House, sshd: Sshd) -> None:
    house.change("web-1", logins=["deploy"])
    ran = await jump.run("deploy@web-1", "id -un")
    (opened,) = await house.entries("session.opened")
    assert opened.body["login"] == "deploy"
    assert "web-1 can not be reached - it does not let the gateway in" in ran.said, "there is no such account"
    ran = await jump.run(f"{sshd.user}@web-1", "id -un")
    assert ran.out.decode().strip() == sshd.user
    ran = await jump.run("postgres@web-1", "id -un")
    assert (ran.status, ran.out) == (126, b"")
    assert 'hoop: the account "postgres" is not offered on web-1' in ran.said


async def test_blocked(jump: StockSsh, house: House, sshd: Sshd) -> None:
    house.block("rm")
    before = sshd.log
    ran = await jump.run("web-1", "rm -rf /tmp/x")
    assert (ran.status, ran.said) == (126, "hoop: blocked by no-such - not on my watch\n")
    assert sshd.log == before


async def test_a_terminal(jump: StockSsh, house: House) -> None:
    terminal = Terminal()
    await terminal.start(jump.command("-tt", "web-1"))
    await terminal.until(b"hoop: you are alice@example.com on web-1 (PROD)")
    terminal.type(b"echo $((6*7)); exit 5\r")
    await terminal.until(b"42\r\n")
    assert await terminal.ended() == 5
    await terminal.close()
    assert await sessions_over(house) == ["exit 5"]


async def test_much_of_it(jump: StockSsh, house: House) -> None:
    data = noise(8 << 20)
    ran = await jump.run("web-1", "cat", typed=data)
    assert digest(ran.out) == digest(data)
    assert house.recording().output == data


async def test_files(jump: StockSsh, house: House, tmp_path: Path) -> None:
    """scp by either protocol, and sftp: each file is judged inside, and written down."""
    content = noise(2 << 20)
    (tmp_path / "file").write_bytes(content)
    for number, options in enumerate((["-O"], [])):
        ran = await jump.run(*options, f"{tmp_path}/file", f"web-1:{tmp_path}/copy{number}", program="scp")
        assert (ran.status, ran.said) == (0, "")
        assert (tmp_path / f"copy{number}").read_bytes() == content
    batch = f"get {tmp_path}/copy0 {tmp_path}/back\n".encode()
    assert (await jump.run("-b", "-", "web-1", program="sftp", typed=batch)).status == 0
    assert (tmp_path / "back").read_bytes() == content
    transferred = [entry.body for entry in await house.entries("file.transferred")]
    assert [each["direction"] for each in transferred] == ["upload", "upload", "download"]
    assert {each["sha256"] for each in transferred} == {digest(content)}


async def test_forwards_of_a_jump(jump: StockSsh, house: House) -> None:
    """They are the inner connection's: from the target, judged and recorded."""
    port, there_too = free_port(), free_port()
    async with serving(echo) as there:
        local = ("-L", f"{port}:127.0.0.1:{there}", "-R", f"{there_too}:127.0.0.1:{there}")
        async with running(jump, "-N", *local, "web-1"):
            assert await through(port, b"x" * 100_000) == b"x" * 100_000
            assert await through(there_too, b"y" * 100_000) == b"y" * 100_000
            await ended_forwards(house, 2)
    (opened,) = await house.entries("session.opened")
    assert opened.body["target"] == "web-1"


async def test_a_shared_connection(jump: StockSsh, house: House, tmp_path: Path) -> None:
    control = ("-o", f"ControlPath={tmp_path}/c")
    async with running(jump, "-N", "-M", *control, "web-1"):
        while not (tmp_path / "c").exists():
            await asyncio.sleep(0.02)
        for number in range(3):
            ran = await jump.run(*control, "web-1", f"echo {number}; exit {number}")
            assert (ran.status, ran.out) == (number, b"%d\n" % number)
    assert await sessions_over(house, 3) == ["exit 0", "exit 1", "exit 2"]


async def test_names_that_are_no_targets(jump: StockSsh, house: House) -> None:
    ran = await jump.run("nowhere", "true")
    assert ran.status == 255
    assert 'hoop: there is no target "nowhere" for you - ask your platform team' in ran.said
    ran = await jump.run("-p", "2222", "web-1", "true")
    assert "hoop: web-1 is reached by SSH, on port 22: ssh -J GATEWAY web-1" in ran.said
    (refused,) = await house.entries("identity.refused")
    assert "nowhere" in refused.body["reason"]
    assert refused.body["login"] == "nowhere"


async def test_the_port_of_the_target(jump: StockSsh, sshd: Sshd) -> None:
    assert (await jump.run("-p", str(sshd.port), "web-1", "echo hello")).out == b"hello\n"


async def test_from_target_to_target(jump: StockSsh, house: House, sshd: Sshd) -> None:
    """Whether by way of a target or by a forward from it: what is a target is reached through the gateway only."""
    house.offer("web-2", sshd.port, sshd.user, sshd.login_key, host_keys=[sshd.host_key_line])
    ran = await jump.run("-J", "gw,web-1", "web-2", "true")
    assert ran.status == 255
    assert "hoop: jump to web-2 from the gateway itself, not from another target" in ran.said
    assert (await jump.run("-J", "web-1@gw", "web-2", "echo hello")).out == b"hello\n"
    opened = [entry.body["target"] for entry in await house.entries("session.opened")]
    assert opened == ["web-2"]


async def test_a_kind_that_nobody_inspects_yet(jump: StockSsh, house: House) -> None:
    house.add(Target("db-1", "postgres", "127.0.0.1", 5432))
    for name in ("somebody", "web-1"):
        ran = await jump.run("-W", "db-1:5432", f"{name}@gw")
        assert (
            "administratively prohibited: hoop: db-1 can not be reached through ssh - try: ssh -t db-1@GATEWAY"
            in ran.said
        )


async def test_a_kind_that_is_inspected(jump: StockSsh, house: House) -> None:
    """The seam for databases: whoever speaks their protocol gets the channel, and who is there."""
    seen: list[object] = []

    class Shouting(asyncssh.SSHTCPSession[bytes]):
        def connection_made(self, chan: asyncssh.SSHTCPChannel[bytes]) -> None:
            self.channel = chan

        def data_received(self, data: bytes, datatype: int | None) -> None:
            self.channel.write(data.upper())

        def eof_received(self) -> bool:
            self.channel.close()
            return True

    def inspect(visitor: Visitor, target: Target, spawn: Spawn) -> Shouting:
        seen.append((visitor.principal.id, target.name))
        return Shouting()

    assert house.adapter is not None
    house.adapter._around = replace(house.adapter._around, inspected={"postgres": Inspected(5432, inspect)})
    house.add(Target("db-1", "postgres", "127.0.0.1", 6543))
    for port in (5432, 6543):
        ran = await jump.run("-W", f"db-1:{port}", "somebody@gw", typed=b"select 1")
        assert ran.out == b"SELECT 1"
    assert seen == [(ALICE.id, "db-1")] * 2
    ran = await jump.run("-W", "db-1:5433", "somebody@gw")
    assert "administratively prohibited: hoop: db-1 is on port 5432 here" in ran.said
    assert len(seen) == 2


async def test_another_key_inside(ssh: StockSsh, house: House) -> None:
    """The outer sign-in is worth nothing inside."""
    stranger = asyncssh.generate_private_key("ssh-ed25519")
    async with asyncssh.connect(**arguments(house, username="somebody")) as outer:
        with pytest.raises(asyncssh.PermissionDenied):
            await open_inner(outer, house, client_keys=[stranger])
    assert await house.entries("session.opened") == []
    (refused,) = await until(lambda: house.entries("identity.refused"))
    assert stranger.get_fingerprint() in refused.body["reason"]


async def test_ended_by_staff(jump: StockSsh, house: House) -> None:
    async with running(jump, "web-1", "cat") as client:
        gate = await gate_of(house)
        gate.end("a test")
        async with asyncio.timeout(PATIENCE):
            _, err = await client.communicate()
    assert client.returncode == 130
    assert b"hoop: ended - a test" in err


async def test_the_client_goes_away(jump: StockSsh, house: House) -> None:
    async with running(jump, "web-1", "cat") as client:
        await gate_of(house)
        client.kill()
    assert await sessions_over(house) == ["disconnected"]
    assert house.adapter is not None
    async with asyncio.timeout(PATIENCE):
        while house.adapter._connections:
            await asyncio.sleep(0.02)
    assert not house.adapter._doorstep._addresses, "both places are free again"


async def test_too_many_jumps(ssh: StockSsh, sshd: Sshd, tmp_path: Path) -> None:
    house = await House.open(tmp_path / "small", max_forwards=2)
    house.offer("web-1", sshd.port, sshd.user, sshd.login_key, host_keys=[sshd.host_key_line])
    async with asyncssh.connect(**arguments(house, username="somebody")) as outer:
        inner = [await open_inner(outer, house) for _ in range(2)]
        with pytest.raises(asyncssh.ChannelOpenError, match="too many forwards"):
            await open_inner(outer, house)
        for connection in inner:
            assert (await connection.run("echo hello")).stdout == "hello\n"
            connection.close()
            await connection.wait_closed()
    await house.close()


class Wide:
    """Offers a gigabyte of window for what goes through a connection."""

    def __init__(self, outer: asyncssh.SSHClientConnection) -> None:
        self._outer = outer

    async def create_connection(self, made: Any, host: str, port: int) -> Any:
        return await self._outer.create_connection(made, host, port, window=1 << 30)


async def open_inner(outer: Any, house: House, **more: Any) -> asyncssh.SSHClientConnection:
    given = arguments(house, username="somebody", tunnel=outer, **more)
    return await asyncssh.connect(**{**given, "host": "web-1", "port": 22})


async def test_a_reader_that_stops(house: House, evil: Callable[[Behaviour], None]) -> None:
    """Windows of a gigabyte inside and outside, and nothing is read: the gateway keeps a few megabytes."""
    evil(flood)
    async with asyncssh.connect(**arguments(house, username="somebody")) as outer:
        connection = await open_inner(Wide(outer), house)
        await connection.create_session(asyncssh.SSHClientSession, "x", encoding=None, window=1 << 30)
        assert outer._transport is not None
        outer._transport.pause_reading()
        before = resident()
        assert await settled(await gate_of(house)) < 48 << 20
        assert resident() - before < 64 << 20
        outer.abort()


@given(st.text(max_size=20))
def test_inner_names(name: str) -> None:
    """Each means one account, or nothing."""
    target = Target("web-1", "ssh", "h", 22, "app", options={"logins": ["deploy"]})
    try:
        login = account_reader(LoginName("alice"), target)(name)
    except Malformed:
        return
    assert login.target == "web-1"
    assert login.account in ("", name, name.removesuffix("%web-1"))


@pytest.mark.parametrize(
    ("outer", "inner", "account"),
    [
        ("alice", "alice", ""),
        ("alice", "web-1", ""),
        ("alice", "app", "app"),
        ("alice", "deploy", "deploy"),
        ("deploy", "deploy", "deploy"),
        ("alice", "bob", "bob"),
        ("alice", "deploy%web-1", "deploy"),
        ("bob%web-2", "bob%web-2", ""),
    ],
)
def test_which_account_is_meant(outer: str, inner: str, account: str) -> None:
    target = Target("web-1", "ssh", "h", 22, "app", options={"logins": ["deploy"]})
    name = LoginName(*reversed(outer.split("%"))) if "%" in outer else LoginName(outer)
    assert account_reader(name, target)(inner) == LoginName("web-1", account)


@pytest.mark.parametrize(
    "name", ["", "a b", "a@b", "deploy%web-2", "%web-1", "x" * 129, "-x", "a\n", "\u00e4"]
)
def test_names_that_are_no_accounts(name: str) -> None:
    target = Target("web-1", "ssh", "h", 22, "app")
    with pytest.raises(Malformed, match="must be an account on web-1"):
        account_reader(LoginName("alice"), target)(name)
