"""Forwards that may not be: what people see of it in a stock client, and that nothing was dialled."""

import asyncio
import contextlib
from pathlib import Path

import asyncssh
import pytest
from asyncssh.constants import MSG_REQUEST_FAILURE, OPEN_ADMINISTRATIVELY_PROHIBITED, OPEN_RESOURCE_SHORTAGE
from asyncssh.packet import String, UInt32

from gateway.core.verdict import Allow, Deny, Hold
from tests.ssh.client import StockSsh, told_to_leave
from tests.ssh.forwarding import (
    connect_unix,
    echo,
    running,
    serving,
    sessions_over,
    shut,
    through,
    turned_away,
    until,
)
from tests.ssh.house import BOB, House
from tests.ssh.sshd import Sshd, free_port
from tests.ssh.test_proof import arguments

pytestmark = [pytest.mark.interop, pytest.mark.needs("ssh", "sshd")]


def block_forwards(house: House) -> None:
    house.decide = lambda operation, session: (
        Deny("no-tunnels", "ask for access to it")
        if operation.verb in ("forward", "listen")
        else Allow("everything")
    )


async def test_blocked(ssh: StockSsh, house: House, sshd: Sshd) -> None:
    block_forwards(house)
    before, port = sshd.log, free_port()
    async with running(ssh, "-N", "-L", f"{port}:127.0.0.1:22", "web-1@gw") as client:
        assert await turned_away(port)
        assert await turned_away(port)
        _, err = await told_to_leave(client)
    text = b"open failed: administratively prohibited: hoop: blocked by no-tunnels - ask for access to it"
    assert err.count(text) == 2
    assert await sessions_over(house) == ["blocked"]
    denied = await house.entries("operation.denied")
    assert [entry.body["text"] for entry in denied] == ["forward to 127.0.0.1:22"] * 2
    assert sshd.log == before, "nobody has dialled the target"


async def test_blocked_standard_input(ssh: StockSsh, house: House) -> None:
    block_forwards(house)
    ran = await ssh.run("-W", "127.0.0.1:22", "web-1@gw")
    assert ran.status == 255
    assert "administratively prohibited: hoop: blocked by no-tunnels - ask for access to it" in ran.said


async def test_blocked_socket(ssh: StockSsh, house: House, tmp_path: Path) -> None:
    block_forwards(house)
    here = tmp_path / "here"
    async with running(ssh, "-N", "-L", f"{here}:/run/docker.sock", "web-1@gw") as client:
        reader, writer = await connect_unix(here)
        with contextlib.suppress(ConnectionError):
            assert await reader.read() == b""
        await shut(writer)
        _, err = await told_to_leave(client)
    assert b"hoop: blocked by no-tunnels" in err
    (denied,) = await house.entries("operation.denied")
    assert denied.body["text"] == "forward to unix:/run/docker.sock"


async def test_nobody_listens_there(ssh: StockSsh, house: House) -> None:
    ran = await ssh.run("-W", f"127.0.0.1:{free_port()}", "web-1@gw")
    assert ran.status == 255
    assert "connect failed: hoop: web-1 could not connect there - Connection refused" in ran.said
    assert len(await house.entries("operation.admitted")) == 1


async def test_a_target_that_is_not_there(ssh: StockSsh, house: House, sshd: Sshd) -> None:
    await sshd.stop()
    ran = await ssh.run("-W", "127.0.0.1:80", "web-1@gw")
    assert "connect failed: hoop: web-1 can not be reached - it refused the connection" in ran.said
    assert await sessions_over(house) == ["unreachable"]


async def test_a_target_that_forwards_nothing(tmp_path: Path, house: House) -> None:
    server = Sshd(tmp_path / "strict")
    await server.start("AllowTcpForwarding no\nAllowStreamLocalForwarding no")
    house.offer("web-1", server.port, server.user, server.login_key, host_keys=[server.host_key_line])
    ssh = StockSsh(tmp_path / "client", house)
    ran = await ssh.run("-W", "127.0.0.1:80", "web-1@gw")
    assert "hoop: web-1 could not connect there - open failed" in ran.said
    ran = await ssh.run("-v", "-N", "-o", "ExitOnForwardFailure=yes", "-R", "0:127.0.0.1:22", "web-1@gw")
    assert "Remote: hoop: web-1 does not listen on localhost:0" in ran.said
    await server.stop()


async def test_no_such_target(ssh: StockSsh, house: House) -> None:
    ran = await ssh.run("-W", "127.0.0.1:80", "web-9@gw")
    assert 'hoop: there is no target "127.0.0.1" for you - ask your platform team' in ran.said
    ran = await ssh.run("-W", "web-1:80", "nobody@gw")
    assert "hoop: web-1 is reached by SSH, on port 22: ssh -J GATEWAY web-1" in ran.said


async def test_an_account_that_is_not_offered(ssh: StockSsh, house: House, sshd: Sshd) -> None:
    before = sshd.log
    ran = await ssh.run("-W", "127.0.0.1:80", "postgres%web-1@gw")
    assert 'hoop: the account "postgres" is not offered on web-1' in ran.said
    assert sshd.log == before


async def test_what_can_not_be_masked(ssh: StockSsh, house: House) -> None:
    house.mask("card")
    async with serving(echo) as there:
        ran = await ssh.run("-W", f"127.0.0.1:{there}", "web-1@gw", typed=b"x")
    assert "hoop: blocked - forwards through web-1 can not be masked" in ran.said
    assert len(await house.entries("operation.denied")) == 1


async def test_tunnels_and_x11(ssh: StockSsh) -> None:
    ran = await ssh.run("-X", "web-1@gw", "echo display=$DISPLAY")
    assert ran.out == b"display=\n"


@pytest.mark.parametrize(
    ("host", "port"),
    [
        ("127.1", 80),
        ("0x7f.0.0.1", 80),
        ("2130706433", 80),
        ("127.0.0.1", 0),
        ("127.0.0.1", 65536),
        ("", 80),
        ("a b", 80),
        ("evil\n", 80),
        ("fe80::1%eth0", 80),
        ("x" * 300, 80),
        ("ü.example.com", 80),
    ],
)
async def test_places_that_rules_could_miss(ssh: StockSsh, house: House, host: str, port: int) -> None:
    async with asyncssh.connect(**arguments(house)) as connection:
        with pytest.raises(asyncssh.ChannelOpenError, match=r"hoop: (a forward needs|the destination)"):
            await connection.create_connection(asyncssh.SSHTCPSession, host, port)
    assert await house.entries("session.opened") == []


async def test_tunnel_devices(ssh: StockSsh, house: House) -> None:
    async with asyncssh.connect(**arguments(house)) as connection:
        for create in (connection.create_tun, connection.create_tap):
            with pytest.raises(asyncssh.ChannelOpenError) as refused:
                await create(asyncssh.SSHTunTapSession)
            assert refused.value.code == OPEN_ADMINISTRATIVELY_PROHIBITED
            assert refused.value.reason == "hoop: tunnels are not offered on this gateway"


async def test_too_many(sshd: Sshd, tmp_path: Path) -> None:
    """Those that are open go on; when one ends there is room again."""
    house = await House.open(tmp_path / "small", max_forwards=3)
    house.offer("web-1", sshd.port, sshd.user, sshd.login_key, host_keys=[sshd.host_key_line])
    async with serving(echo) as there, asyncssh.connect(**arguments(house)) as connection:
        open_now = [await connection.open_connection("127.0.0.1", there) for _ in range(3)]
        with pytest.raises(asyncssh.ChannelOpenError) as refused:
            await connection.open_connection("127.0.0.1", there)
        assert refused.value.code == OPEN_RESOURCE_SHORTAGE
        assert refused.value.reason == "hoop: too many forwards over one connection"
        kind, _ = await connection._make_global_request(b"tcpip-forward", String("localhost"), UInt32(0))
        assert kind == MSG_REQUEST_FAILURE
        for reader, writer in open_now:
            writer.write(b"x")
            assert await reader.readexactly(1) == b"x"
        open_now[0][1].close()

        async def room() -> bool:
            try:
                await connection.open_connection("127.0.0.1", there)
            except asyncssh.ChannelOpenError:
                return False
            return True

        await until(room)
    await house.close()


async def test_held_and_approved(ssh: StockSsh, house: House) -> None:
    """The client waits with the channel; its terminal says why."""
    house.decide = lambda operation, session: (
        Hold("ask-first", "", frozenset({"sre"})) if operation.verb == "forward" else Allow("everything")
    )
    port = free_port()
    async with (
        serving(echo) as there,
        running(ssh, "-L", f"{port}:127.0.0.1:{there}", "web-1@gw", "cat") as client,
    ):
        waiting = asyncio.create_task(through(port, b"patience"))
        (request,) = await until(lambda: house.ledger.approvals(state="held"))
        assert client.stderr is not None
        said = b""
        while b"hoop: held" not in said:
            said = await client.stderr.readline()
        assert f"hoop: held {request.id} (rule ask-first, ask sre" in said.decode()
        assert request.text == f"forward to 127.0.0.1:{there}"
        await house.approvals.settle(request.id, BOB, True, request.sha256, "go on")
        assert await waiting == b"patience"
        assert b"hoop: approved" in await client.stderr.readline()


async def test_held_and_denied(ssh: StockSsh, house: House) -> None:
    house.decide = lambda operation, session: Hold("ask-first", "", frozenset({"sre"}))
    waiting = asyncio.create_task(ssh.run("-W", "127.0.0.1:80", "web-1@gw"))
    (request,) = await until(lambda: house.ledger.approvals(state="held"))
    await house.approvals.settle(request.id, BOB, False, request.sha256, "use the replica")
    ran = await waiting
    assert f'hoop: denied {request.id} by {BOB.name}: "use the replica" - nothing was run' in ran.said
    assert await sessions_over(house) == ["denied"]


async def test_held_and_gone(ssh: StockSsh, house: House) -> None:
    house.decide = lambda operation, session: Hold("ask-first", "", frozenset({"sre"}))
    async with running(ssh, "-W", "127.0.0.1:80", "web-1@gw"):
        (request,) = await until(lambda: house.ledger.approvals(state="held"))
    await sessions_over(house)
    settled = await house.ledger.approval(request.id)
    assert settled is not None
    assert settled.state == "withdrawn"
