"""Forwards while they run: readers that stop, targets that die, staff, caps, pauses, recordings that fail."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

import asyncssh
import pytest
from asyncssh.connection import SSHClientConnection
from asyncssh.packet import String, UInt32

from gateway.adapters.ssh.forward.requests import REQUESTS_MOST
from gateway.adapters.ssh.greeter import Greeter
from gateway.core.errors import Fault
from gateway.core.events import Event
from gateway.core.frame import FrameKind
from gateway.core.verdict import Hold
from gateway.session.gate import Gate
from tests.ssh.client import PATIENCE, StockSsh
from tests.ssh.forwarding import (
    connect,
    digest,
    echo,
    ended_forwards,
    noise,
    running,
    serving,
    sessions_over,
    shut,
    through,
    until,
)
from tests.ssh.house import BOB, House
from tests.ssh.sshd import Sshd, free_port
from tests.ssh.test_flow import gate_of
from tests.ssh.test_forward_local import carried
from tests.ssh.test_garbage import resident
from tests.ssh.test_proof import arguments, open_bare

pytestmark = [pytest.mark.interop, pytest.mark.needs("ssh", "sshd")]


@pytest.fixture
async def connection(ssh: StockSsh, house: House) -> AsyncIterator[SSHClientConnection]:
    """A client's connection to a gateway with a real target."""
    async with asyncssh.connect(**arguments(house)) as connection:
        yield connection


async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send for ever."""
    while True:
        writer.write(bytes(1 << 16))
        await writer.drain()


async def deaf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Read nothing."""
    await asyncio.Event().wait()


class Sink(asyncssh.SSHTCPSession[bytes]):
    """Takes what comes."""

    def __init__(self) -> None:
        self.got = 0
        self.over = asyncio.Event()

    def data_received(self, data: bytes, datatype: int | None) -> None:
        self.got += len(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self.over.set()


async def at_rest(gate: Gate) -> int:
    """What has passed, once that has begun and has stopped growing."""
    last = -1
    async with asyncio.timeout(PATIENCE):
        while (now := gate._shown + gate._sent) == 0 or now != last:
            last = now
            await asyncio.sleep(0.5)
    return last


async def test_a_reader_that_stops(connection: SSHClientConnection, house: House) -> None:
    """It offers a window of a gigabyte and reads nothing from its socket."""
    async with serving(flood) as there:
        await connection.create_connection(Sink, "127.0.0.1", there, window=1 << 30)
        assert connection._transport is not None
        connection._transport.pause_reading()
        before = resident()
        assert await at_rest(await gate_of(house)) < 48 << 20, "kernel buffers on loopback and ours"
        assert resident() - before < 64 << 20
        connection.abort()
        assert await sessions_over(house) == ["disconnected"]


async def test_one_that_stops_and_others_that_go_on(
    connection: SSHClientConnection, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full channel holds up neither its neighbours nor its own other direction; and a peer that never reads can not
    keep one that is closed."""
    monkeypatch.setattr("gateway.adapters.ssh.forward.flow.LINGER", 0.2)
    async with serving(flood) as flooding, serving(deaf) as unreading, serving(echo) as echoing:
        sink = Sink()
        channel, _ = await connection.create_connection(lambda: sink, "127.0.0.1", flooding, window=1 << 16)
        channel.pause_reading()
        writing, _ = await connection.create_connection(Sink, "127.0.0.1", unreading)
        writing.set_write_buffer_limits(1 << 30)
        writing.write(bytes(64 << 20))
        reader, writer = await connection.open_connection("127.0.0.1", echoing)
        gate = await gate_of(house)
        assert await at_rest(gate) < 32 << 20
        writer.write(b"still here")
        assert await reader.readexactly(10) == b"still here"
        channel.resume_reading()
        async with asyncio.timeout(PATIENCE):
            while sink.got < 4 << 20:
                await asyncio.sleep(0.01)
        channel.abort()
        writing.abort()
        outcomes = {ended["outcome"] for ended in await ended_forwards(house, 2)}
        assert outcomes == {"closed"}


async def test_a_target_that_dies(ssh: StockSsh, house: House, sshd: Sshd) -> None:
    """The client learns it: whoever watches over it can connect anew."""
    port = free_port()
    async with (
        serving(echo) as there,
        running(ssh, "-N", "-L", f"{port}:127.0.0.1:{there}", "web-1@gw") as client,
    ):
        reader, writer = await connect(port)
        writer.write(b"x")
        assert await reader.readexactly(1) == b"x"
        sshd.kill_connections()
        async with asyncio.timeout(PATIENCE):
            assert await reader.read() == b""
        await shut(writer)
        async with asyncio.timeout(PATIENCE):
            _, err = await client.communicate()
    assert client.returncode == 255
    assert b"hoop: ended - the connection to web-1 was lost" in err
    (ended,) = await ended_forwards(house)
    assert ended["outcome"] == "lost"
    assert await sessions_over(house) == ["unreachable"]


async def test_ended_beside_a_session(connection: SSHClientConnection, house: House) -> None:
    """The session goes on and is where the reason is said; there are no more forwards over this connection."""
    async with serving(echo) as there, connection.create_process("cat", encoding=None) as process:
        reader, writer = await connection.open_connection("127.0.0.1", there)
        writer.write(b"x")
        assert await reader.readexactly(1) == b"x"
        (forwards,) = (gate for gate in house.gates() if gate._shown == 1)
        forwards.end("a test")
        assert await reader.read() == b""
        assert await process.stderr.readline() == b"hoop: ended - a test\n"
        with pytest.raises(asyncssh.ChannelOpenError, match="hoop: ended - a test"):
            await connection.open_connection("127.0.0.1", there)
        process.stdin.write(b"alive")
        process.stdin.write_eof()
        assert await process.stdout.read() == b"alive"


async def test_a_target_that_dies_beside_a_session(
    connection: SSHClientConnection, house: House, sshd: Sshd
) -> None:
    """The next forward has a session of its own."""
    beside = open_bare(connection)
    await beside._open(b"session")
    async with serving(echo) as there:
        reader, writer = await connection.open_connection("127.0.0.1", there)
        sshd.kill_connections()
        assert await reader.read() == b""
        await sessions_over(house)
        reader, writer = await connection.open_connection("127.0.0.1", there)
        writer.write(b"again")
        assert await reader.readexactly(5) == b"again"
    opened = [entry.body["recording"] for entry in await house.entries("session.opened")]
    assert len(set(opened)) == 2


async def test_ended_by_staff(ssh: StockSsh, house: House) -> None:
    """All of it closes within two seconds, and the client says why."""
    port, there_too, flooded = free_port(), free_port(), free_port()
    async with (
        serving(echo) as there,
        serving(flood) as flooding,
        running(
            ssh,
            "-N",
            *("-L", f"{port}:127.0.0.1:{there}"),
            *("-R", f"{there_too}:127.0.0.1:{there}"),
            *("-L", f"{flooded}:127.0.0.1:{flooding}"),
            "web-1@gw",
        ) as client,
    ):
        open_now = [await connect(port) for _ in range(5)] + [await connect(there_too)]
        for reader, writer in open_now:
            writer.write(b"x")
            assert await reader.readexactly(1) == b"x"
        open_now.append(await connect(flooded))
        assert await open_now[-1][0].readexactly(1)
        gate = await gate_of(house)
        began = time.monotonic()
        await gate.steering.end(BOB, "lunch")
        async with asyncio.timeout(PATIENCE):
            _, err = await client.communicate()
            for reader, writer in open_now:
                with contextlib.suppress(ConnectionError):
                    await reader.read()
                await shut(writer)
        assert time.monotonic() - began < 2
    assert f'hoop: ended by {BOB.name}: "lunch"'.encode() in err
    assert await sessions_over(house) == ["ended"]
    assert {ended["outcome"] for ended in await ended_forwards(house, 7)} == {"ended"}


async def test_paused_by_staff(connection: SSHClientConnection, house: House) -> None:
    """Nothing goes toward the target; what comes from it goes on."""

    async def ticking(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async def tick() -> None:
            while True:
                writer.write(b".")
                await writer.drain()
                await asyncio.sleep(0.01)

        ticks = asyncio.create_task(tick())
        try:
            while data := await reader.read(1000):
                got.append(data)
        finally:
            ticks.cancel()

    got: list[bytes] = []
    async with serving(ticking) as there:
        reader, writer = await connection.open_connection("127.0.0.1", there)
        await reader.readexactly(1)
        gate = await gate_of(house)
        await gate.steering.pause(BOB)
        writer.write(b"waits")
        await reader.readexactly(20)
        assert got == []
        await gate.steering.resume(BOB)

        async def arrived() -> bool:
            return got == [b"waits"]

        await until(arrived)
        connection.abort()


@pytest.mark.parametrize(("cap", "content"), [(100_000, "cut"), (0, "none"), (1 << 20, "whole")])
async def test_how_much_is_kept(
    connection: SSHClientConnection, house: House, cap: int, content: str
) -> None:
    data = noise(300_000)
    house.change("web-1", keep_forwards=cap)
    async with serving(echo) as there:
        reader, writer = await connection.open_connection("127.0.0.1", there)
        writer.write(data)
        writer.write_eof()
        assert digest(await reader.read()) == digest(data)
        (ended,) = await ended_forwards(house)
    connection.abort()
    assert await sessions_over(house) == ["disconnected"]
    assert (ended["content"], ended["bytes_toward"], ended["sha256_back"]) == (
        content,
        len(data),
        digest(data),
    )
    recording = house.recording()
    assert carried(recording, FrameKind.TOWARD) == data[:cap]
    assert carried(recording, FrameKind.BACK) == data[:cap]
    marks = [mark for mark in recording.facts_of(FrameKind.MARK) if mark.get("state") == "cut"]
    assert len(marks) == (0 if content == "whole" else 2)


async def test_a_recording_that_fails(ssh: StockSsh, house: House) -> None:
    """Not a byte passes that is not in it."""
    got: list[bytes] = []

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1000):
            got.append(data)
            writer.write(b"!")

    async def full(frames: object) -> None:
        raise Fault("no room")

    async with serving(listen) as there, running(ssh, "-W", f"127.0.0.1:{there}", "web-1@gw") as client:
        assert client.stdin is not None
        assert client.stdout is not None
        client.stdin.write(b"one")
        assert await client.stdout.readexactly(1) == b"!"
        gate = await gate_of(house)
        gate._recorder.write = full  # type: ignore[method-assign]
        client.stdin.write(b"two")
        async with asyncio.timeout(PATIENCE):
            out, err = await client.communicate()
    assert (got, out) == ([b"one"], b"")
    assert b"hoop: ended - this session can not be recorded any more" in err


async def test_an_audit_that_fails(ssh: StockSsh, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """What can not be written down is not dialled."""

    async def broken(event: Event) -> int:
        if event.name == "operation.admitted":
            raise Fault("no disk")
        return await append(event)

    append = house.ledger.append
    monkeypatch.setattr(house.ledger, "append", broken)
    reached: list[object] = []

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        reached.append(reader)

    async with serving(listen) as there:
        ran = await ssh.run("-W", f"127.0.0.1:{there}", "web-1@gw")
    assert "hoop: blocked - this can not be written to the audit log, so nothing passes" in ran.said
    assert reached == []
    assert await sessions_over(house) == ["fault"]


async def test_the_gateway_stops(ssh: StockSsh, house: House) -> None:
    port = free_port()
    async with (
        serving(echo) as there,
        running(ssh, "-N", "-L", f"{port}:127.0.0.1:{there}", "web-1@gw") as client,
    ):
        assert await through(port, b"x") == b"x"
        house.live.end_all("the gateway is shutting down")
        async with asyncio.timeout(PATIENCE):
            _, err = await client.communicate()
    assert b"hoop: ended - the gateway is shutting down" in err


async def test_what_is_open_when_the_client_goes(ssh: StockSsh, house: House, sshd: Sshd) -> None:
    port = free_port()
    async with serving(echo) as there:
        async with running(ssh, "-N", "-L", f"{port}:127.0.0.1:{there}", "web-1@gw") as client:
            reader, writer = await connect(port)
            writer.write(b"x")
            assert await reader.readexactly(1) == b"x"
            client.kill()
            await shut(writer)
        (ended,) = await ended_forwards(house)
    assert (ended["outcome"], ended["bytes_toward"]) == ("disconnected", 1)
    assert await sessions_over(house) == ["disconnected"]

    async def nobody() -> bool:
        return not sshd.children()

    await until(nobody)


async def test_windows_and_early_data(connection: SSHClientConnection, house: House) -> None:
    """The smallest windows there are, and all bytes arrive."""
    data = noise(20_000)
    async with serving(echo) as there:
        for window in (1, 777, 1 << 31):
            reader, writer = await connection.open_connection("127.0.0.1", there, window=window)
            sent = data[:2000] if window == 1 else data
            writer.write(sent)
            writer.write_eof()
            async with asyncio.timeout(PATIENCE):
                assert await reader.read() == sent


async def test_new_keys_in_the_middle(ssh: StockSsh, house: House) -> None:
    """Key exchanges all the time, on the person's side."""
    data, port = noise(2 << 20), free_port()
    rekeying = ("-o", "RekeyLimit=64K", "-L")
    async with serving(echo) as there, running(ssh, "-N", *rekeying, f"{port}:127.0.0.1:{there}", "web-1@gw"):
        assert digest(await through(port, data)) == digest(data)
        (ended,) = await ended_forwards(house)
    assert ended["sha256_back"] == digest(data)


async def test_requests_without_end(connection: SSHClientConnection, house: House) -> None:
    """Answers keep their order; so those who wait behind a held one are bounded."""
    house.decide = lambda operation, session: Hold("ask", "", frozenset({"sre"}))
    ask = String("localhost") + UInt32(0)
    connection._send_global_request(b"tcpip-forward", ask, want_reply=True)
    await until(lambda: house.ledger.approvals(state="held"))
    for _ in range(REQUESTS_MOST):
        connection._send_global_request(b"tcpip-forward", ask, want_reply=True)
    async with asyncio.timeout(PATIENCE):
        await connection.wait_closed()
    assert await sessions_over(house) == ["disconnected"]


async def test_a_request_of_somebody_who_is_gone(connection: SSHClientConnection, house: House) -> None:
    """It was read in one go with what ended the connection: no session begins for it."""
    assert house.adapter is not None
    (ours,) = house.adapter._connections
    greeter = ours._owner
    assert isinstance(greeter, Greeter)
    ours.abort()
    await ours.wait_closed()
    assert await greeter.listen(("localhost", 0)) is None
    with pytest.raises(asyncssh.ChannelOpenError, match="nobody is there any more"):
        greeter.connection_requested("127.0.0.1", 80, "", 0)
    assert await house.entries("session.opened") == []


async def test_a_lobby_that_breaks(ssh: StockSsh, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever goes wrong, whoever waits gets an answer."""

    async def broken(*_: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(house.lobby, "enter", broken)
    ran = await ssh.run("-W", "127.0.0.1:80", "web-1@gw")
    assert ran.status == 255
    assert "open failed: connect failed: hoop: ended" in ran.said


async def test_sent_and_closed_during_a_pause(
    connection: SSHClientConnection, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pause is no reason to give up what waits."""
    monkeypatch.setattr("gateway.adapters.ssh.forward.flow.LINGER", 0.1)
    data, got = noise(500_000), asyncio.get_running_loop().create_future()

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        got.set_result(await reader.read())

    async with serving(take) as there:
        _, writer = await connection.open_connection("127.0.0.1", there)
        gate = await gate_of(house)
        await gate.steering.pause(BOB)
        writer.write(data)
        writer.close()
        await writer.wait_closed()
        await asyncio.sleep(0.5)  # several times what it would wait without a pause
        assert not got.done()
        await gate.steering.resume(BOB)
        async with asyncio.timeout(PATIENCE):
            assert digest(await got) == digest(data)
        (ended,) = await ended_forwards(house)
    assert (ended["outcome"], ended["bytes_toward"]) == ("closed", len(data))
