"""ssh -R: the target listens, and what comes in there is brought to the person, recorded on the way."""

import asyncio
import re
from pathlib import Path

import asyncssh
import pytest
from asyncssh.constants import MSG_REQUEST_FAILURE
from asyncssh.packet import String, UInt32

from gateway.adapters.ssh.forward.jobs import Spot
from gateway.adapters.ssh.forward.roads import Roads
from gateway.core.frame import FrameKind
from gateway.core.verdict import Allow, Deny, Hold
from tests.ssh.client import PATIENCE, StockSsh
from tests.ssh.forwarding import (
    connect,
    connect_unix,
    digest,
    echo,
    ended_forwards,
    exchange,
    noise,
    running,
    serving,
    sessions_over,
    through,
    turned_away,
    until,
)
from tests.ssh.house import BOB, House
from tests.ssh.sshd import Sshd, free_port
from tests.ssh.test_proof import arguments

pytestmark = [pytest.mark.interop, pytest.mark.needs("ssh", "sshd")]


async def test_a_port_of_the_target(ssh: StockSsh, house: House) -> None:
    data, there = noise(3 << 20), free_port()
    async with serving(echo) as here, running(ssh, "-N", "-R", f"{there}:127.0.0.1:{here}", "web-1@gw"):
        assert digest(await through(there, data)) == digest(data)
        (ended,) = await ended_forwards(house)
    assert ended.pop("origin").startswith("127.0.0.1:")
    assert ended == {
        "way": "back",
        "destination": f"localhost:{there}",
        "bytes_toward": len(data),
        "bytes_back": len(data),
        "sha256_toward": digest(data),
        "sha256_back": digest(data),
        "content": "whole",
        "outcome": "closed",
    }
    (admitted,) = await house.entries("operation.admitted")
    assert (admitted.body["verb"], admitted.body["text"]) == ("listen", f"listen on localhost:{there}")
    await sessions_over(house)
    marks = [mark["text"] for mark in house.recording().facts_of(FrameKind.MARK)]
    assert marks[:2] == [f"listen on localhost:{there}", f"listening on localhost:{there}"]
    assert marks[2] == f"back from localhost:{there} open"
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", there)


async def test_a_port_that_the_target_chooses(ssh: StockSsh, house: House) -> None:
    two = ("127.0.0.1:0:127.0.0.1:{}", "-R", "*:0:127.0.0.1:{}")
    async with (
        serving(echo) as here,
        running(ssh, "-N", "-R", *(each.format(here) for each in two), "web-1@gw") as client,
    ):
        first = re.search(r"Allocated port (\d+)", await read_until(client.stderr, "Allocated port"))
        assert first is not None
        await read_until(client.stderr, "Allocated port")
        assert await through(int(first[1]), b"x" * 100_000) == b"x" * 100_000
        (ended,) = await ended_forwards(house)
    assert ended["destination"] == f"127.0.0.1:{first[1]}"
    texts = [entry.body["text"] for entry in await house.entries("operation.admitted")]
    assert texts == ["listen on 127.0.0.1:0", "listen on *:0"]


async def test_a_socket_of_the_target(ssh: StockSsh, house: House, tmp_path: Path) -> None:
    there = tmp_path / "there"
    async with serving(echo) as here, running(ssh, "-N", "-R", f"{there}:127.0.0.1:{here}", "web-1@gw"):
        assert await exchange(*await connect_unix(there), b"x" * 70_000) == b"x" * 70_000
        (ended,) = await ended_forwards(house)
    assert (ended["destination"], ended["bytes_toward"]) == (f"unix:{there}", 70_000)


async def test_a_dynamic_one(ssh: StockSsh, house: House) -> None:
    """`-R PORT` alone: the client speaks SOCKS, with whatever the target brings."""
    there = free_port()
    async with serving(echo) as here, running(ssh, "-N", "-R", str(there), "web-1@gw"):
        reader, writer = await connect(there)
        writer.write(b"\x05\x01\x00")
        assert await reader.readexactly(2) == b"\x05\x00"
        writer.write(b"\x05\x01\x00\x01\x7f\x00\x00\x01" + here.to_bytes(2, "big"))
        assert (await reader.readexactly(10))[:2] == b"\x05\x00"
        assert await exchange(reader, writer, b"hello") == b"hello"
        (ended,) = await ended_forwards(house)
    assert ended["way"] == "back"


async def test_cancelled_by_the_client(ssh: StockSsh, house: House, tmp_path: Path) -> None:
    """No more comes in; what is open stays open."""
    control, there = f"ControlPath={tmp_path}/c", free_port()
    async with serving(echo) as here, running(ssh, "-N", "-M", "-o", control, "web-1@gw"):
        while not (tmp_path / "c").exists():
            await asyncio.sleep(0.02)
        forward = ("-R", f"{there}:127.0.0.1:{here}")
        assert (await ssh.run("-o", control, "-O", "forward", *forward, "web-1@gw")).status == 0
        reader, writer = await connect(there)
        writer.write(b"one")
        assert await reader.readexactly(3) == b"one"
        assert (await ssh.run("-o", control, "-O", "cancel", *forward, "web-1@gw")).status == 0

        async def closed() -> bool:
            try:
                (await asyncio.open_connection("127.0.0.1", there))[1].close()
            except OSError:
                return True
            return False

        await until(closed)
        assert await exchange(reader, writer, b"two") == b"two"
        assert (await ssh.run("-o", control, "-O", "forward", *forward, "web-1@gw")).status == 0
        assert await through(there, b"three") == b"three"


async def read_until(stream: asyncio.StreamReader | None, *wanted: str) -> str:
    """What is read from a client until it has said all of this."""
    assert stream is not None
    said = ""
    async with asyncio.timeout(PATIENCE):
        while not all(each in said for each in wanted):
            line = await stream.readline()
            assert line, f"it never said {wanted}, but {said}"
            said += line.decode()
    return said


async def test_a_port_that_is_taken(ssh: StockSsh, house: House) -> None:
    """The client goes on without it."""
    taken = free_port()
    again = ("-v", "-R", f"{taken}:127.0.0.1:22", "web-1@gw", "cat")
    async with serving(echo) as here, running(ssh, "-N", "-R", f"{taken}:127.0.0.1:{here}", "web-1@gw"):
        assert await through(taken, b"x") == b"x"
        async with running(ssh, *again) as client:
            await read_until(
                client.stderr,
                f"Warning: remote port forwarding failed for listen port {taken}",
                f"Remote: hoop: web-1 does not listen on localhost:{taken}",
            )
            out, _ = await client.communicate(b"still")
            assert (client.returncode, out) == (0, b"still")


async def test_blocked(ssh: StockSsh, house: House) -> None:
    """The client has no words for a reason; so it is said on the session beside."""
    house.decide = lambda operation, session: (
        Deny("no-doors", "nothing listens here") if operation.verb == "listen" else Allow("everything")
    )
    async with running(ssh, "-R", "0:127.0.0.1:22", "web-1@gw", "cat") as client:
        await read_until(
            client.stderr,
            "Warning: remote port forwarding failed for listen port 0",
            "hoop: blocked by no-doors - nothing listens here",
        )
        out, _ = await client.communicate(b"still")
        assert (client.returncode, out) == (0, b"still")
    ran = await ssh.run("-o", "ExitOnForwardFailure=yes", "-R", "0:127.0.0.1:22", "web-1@gw", "true")
    assert ran.status == 255
    assert "Error: remote port forwarding failed for listen port 0" in ran.said


async def test_nothing_runs_before_what_was_asked_for_is_answered(
    ssh: StockSsh, house: House, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """With ExitOnForwardFailure a command runs only where everything is forwarded, as with sshd."""

    async def refused_late(roads: Roads, spot: Spot) -> None:
        await asyncio.sleep(1)  # long enough for a command to run, if one could

    monkeypatch.setattr(Roads, "listen", refused_late)
    command = ("-R", "0:127.0.0.1:22", "web-1@gw", f"touch {tmp_path}/ran")
    ran = await ssh.run("-o", "ExitOnForwardFailure=yes", *command)
    assert (ran.status, (tmp_path / "ran").exists()) == (255, False)
    assert not house.recordings()
    ran = await ssh.run(*command)
    assert (ran.status, (tmp_path / "ran").exists()) == (0, True)


async def test_a_session_does_not_wait_for_a_listener_that_is_held(
    ssh: StockSsh, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is where the person reads that something is held, and goes on meanwhile."""
    monkeypatch.setattr("gateway.adapters.ssh.forward.requests.TURN_MOST", 10 * PATIENCE)
    house.decide = lambda operation, session: (
        Hold("ask-first", "", frozenset({"sre"})) if operation.verb == "listen" else Allow("everything")
    )
    async with running(ssh, "-R", "0:127.0.0.1:22", "web-1@gw", "cat") as client:
        (request,) = await until(lambda: house.ledger.approvals(state="held"))
        await read_until(client.stderr, f"hoop: held {request.id}")
        await house.approvals.settle(request.id, BOB, True, request.sha256)
        await read_until(client.stderr, "Allocated port")
        out, _ = await client.communicate(b"still")
    assert (client.returncode, out) == (0, b"still")


async def test_rules_that_change(ssh: StockSsh, house: House) -> None:
    """What was allowed to listen brings nothing any more once the rules say no."""
    there = free_port()
    async with serving(echo) as here, running(ssh, "-N", "-R", f"{there}:127.0.0.1:{here}", "web-1@gw"):
        assert await through(there, b"x") == b"x"
        house.decide = lambda operation, session: Deny("closed", "not any more")
        assert await turned_away(there)
    assert len(await ended_forwards(house)) == 1


async def test_only_its_owner_cancels(ssh: StockSsh, house: House, sshd: Sshd) -> None:
    """Another connection of the same person is told that it has no such listener, and lives on."""
    there = free_port()
    cancel = (b"cancel-tcpip-forward", String("localhost"), UInt32(there))
    async with (
        serving(echo) as here,
        running(ssh, "-N", "-R", f"{there}:127.0.0.1:{here}", "web-1@gw"),
        asyncssh.connect(**arguments(house)) as other,
    ):
        assert await through(there, b"x") == b"x"
        for _ in range(2):
            assert (await other._make_global_request(*cancel))[0] == MSG_REQUEST_FAILURE
        path = (b"cancel-streamlocal-forward@openssh.com", String("/run/x"))
        assert (await other._make_global_request(*path))[0] == MSG_REQUEST_FAILURE
        assert (await other._make_global_request(b"nonsense@example.com"))[0] == MSG_REQUEST_FAILURE
        assert (await other.run("echo alive")).stdout == "alive\n"
        assert await through(there, b"y") == b"y"


async def test_channels_that_nobody_asked_for(ssh: StockSsh, house: House, sshd: Sshd) -> None:
    """Twice the same listener is refused by us; and a request that can not be meant."""
    async with asyncssh.connect(**arguments(house)) as connection:
        there = free_port()
        ask = (b"tcpip-forward", String("127.0.0.1"), UInt32(there))
        assert (await connection._make_global_request(*ask))[0] != MSG_REQUEST_FAILURE
        assert (await connection._make_global_request(*ask))[0] == MSG_REQUEST_FAILURE
        for host, port in (("127.1", 1), ("127.0.0.1", 70_000), ("a b", 80), ("\n", 0)):
            ask = (b"tcpip-forward", String(host), UInt32(port))
            assert (await connection._make_global_request(*ask))[0] == MSG_REQUEST_FAILURE
        for path in ("relative", "/run/../etc/x", "/a\nb", "/" + "x" * 200):
            ask = (b"streamlocal-forward@openssh.com", String(path))  # type: ignore[assignment]
            assert (await connection._make_global_request(*ask))[0] == MSG_REQUEST_FAILURE
        assert len(await house.entries("operation.admitted")) == 1


async def test_held(ssh: StockSsh, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that wants to know whether the server lives gets no answer before that one; but it hears of us."""
    monkeypatch.setattr("gateway.adapters.ssh.forward.requests.SIGN_OF_LIFE", 0.5)
    house.decide = lambda operation, session: (
        Hold("ask-first", "", frozenset({"sre"})) if operation.verb == "listen" else Allow("everything")
    )
    alive = ("-o", "ServerAliveInterval=1", "-o", "ServerAliveCountMax=2", "-v")
    there = free_port()
    async with (
        serving(echo) as here,
        running(ssh, "-N", *alive, "-R", f"{there}:127.0.0.1:{here}", "web-1@gw") as client,
    ):
        (request,) = await until(lambda: house.ledger.approvals(state="held"))
        said = await read_until(client.stderr, f"Remote: hoop: held {request.id}")
        while said.count("a remote forward waits") < 10:
            said += await read_until(client.stderr, "a remote forward waits")
        await house.approvals.settle(request.id, BOB, True, request.sha256)
        assert await through(there, b"x") == b"x"
