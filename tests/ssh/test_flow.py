"""Peers that do not play fair: readers that stop, key exchanges that never end, targets that flood or lie."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from typing import Any

import asyncssh
import pytest
from asyncssh.channel import SSHServerChannel
from asyncssh.connection import SSHClientConnection
from asyncssh.packet import String, UInt32

from gateway.session.gate import Gate
from tests.ssh.house import House
from tests.ssh.test_garbage import resident
from tests.ssh.test_proof import arguments, open_bare

PATIENCE = 20.0


class Sink(asyncssh.SSHClientSession[bytes]):
    """Takes what comes."""

    def __init__(self) -> None:
        self.got = b""
        self.errors = b""
        self.over = asyncio.Event()

    def data_received(self, data: bytes, datatype: int | None) -> None:
        if datatype:
            self.errors += data
        else:
            self.got += data

    def connection_lost(self, exc: Exception | None) -> None:
        self.over.set()


Behaviour = Callable[["EvilSession"], None]


class EvilSession(asyncssh.SSHServerSession[bytes]):
    """A target's session that does what a test says once it is started."""

    channel: SSHServerChannel[bytes]

    def __init__(self, behaviour: Behaviour) -> None:
        self._behaviour = behaviour
        self.room = asyncio.Event()
        self.received = 0

    def connection_made(self, chan: SSHServerChannel[bytes]) -> None:
        self.channel = chan

    def data_received(self, data: bytes, datatype: int | None) -> None:
        self.received += len(data)

    def shell_requested(self) -> bool:
        return True

    def exec_requested(self, command: str) -> bool:
        return True

    def session_started(self) -> None:
        self._behaviour(self)


@pytest.fixture
async def evil(house: House) -> AsyncIterator[Callable[[Behaviour], None]]:
    """Sets what web-1 does with whoever comes."""
    behaviour: list[Behaviour] = []
    host_key = asyncssh.generate_private_key("ssh-ed25519")
    login = asyncssh.generate_private_key("ssh-ed25519")

    class Server(asyncssh.SSHServer):
        def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
            self.connection = conn

        def begin_auth(self, username: str) -> bool:
            self.connection.send_auth_banner("\x1b]0;owned\x07" + "banner\r\n" * 10_000)
            return True

        def public_key_auth_supported(self) -> bool:
            return True

        def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
            return True

        def session_requested(self) -> EvilSession:
            return EvilSession(behaviour[-1])

    server = await asyncssh.create_server(
        Server, "127.0.0.1", 0, server_host_keys=[host_key], encoding=None, line_editor=False
    )
    house.offer("web-1", server.get_port(), "x", login, host_keys=[host_key.export_public_key().decode()])
    yield behaviour.append
    server.close()
    await server.wait_closed()


async def start(connection: SSHClientConnection, **options: Any) -> tuple[Any, Sink]:
    sink = Sink()
    channel, _ = await connection.create_session(lambda: sink, "x", encoding=None, **options)
    return channel, sink


async def gate_of(house: House) -> Gate:
    async with asyncio.timeout(PATIENCE):
        while not house.gates():
            await asyncio.sleep(0.02)
    (gate,) = house.gates()
    return gate


async def settled(gate: Gate) -> int:
    """What was shown, once that has begun and has stopped growing."""
    last = 0
    async with asyncio.timeout(PATIENCE):
        while not gate._shown or gate._shown != last:
            last = gate._shown
            await asyncio.sleep(0.5)
    return last


def flood(session: EvilSession) -> None:
    """Write as fast as we are allowed to."""

    async def write() -> None:
        room = asyncio.Event()
        session.pause_writing = room.clear  # type: ignore[method-assign]
        session.resume_writing = room.set  # type: ignore[method-assign]
        room.set()
        while not session.channel.is_closing():
            session.channel.write(bytes(1 << 16))
            await room.wait()
            await asyncio.sleep(0)

    session.task = asyncio.create_task(write())  # type: ignore[attr-defined]


async def test_a_reader_that_stops(house: House, evil: Callable[[Behaviour], None]) -> None:
    """It offers a window of a gigabyte and reads nothing: the gateway keeps a few megabytes, not the gigabyte."""
    evil(flood)
    async with asyncssh.connect(**arguments(house)) as connection:
        await start(connection, window=1 << 30)
        assert connection._transport is not None
        connection._transport.pause_reading()
        before = resident()
        gate = await gate_of(house)
        shown = await settled(gate)
        assert shown < 48 << 20, "kernel buffers on loopback and ours"
        assert resident() - before < 64 << 20
        connection.abort()


async def test_a_key_exchange_that_never_ends(house: House, evil: Callable[[Behaviour], None]) -> None:
    """asyncssh keeps what is written meanwhile; so nothing may be written meanwhile."""
    evil(flood)
    async with asyncssh.connect(**arguments(house)) as connection:
        await start(connection, window=1 << 30)
        connection._recv_handler = lambda: False
        connection._send_kexinit()
        gate = await gate_of(house)
        assert await settled(gate) < 48 << 20
        connection.abort()


async def test_someone_who_asks_and_never_listens(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every request wants an answer and no answer is read: cut off."""
    monkeypatch.setattr("gateway.adapters.ssh.connection.UNSENT_MOST", 300 << 10)
    assert house.adapter is not None
    async with asyncssh.connect(**arguments(house)) as connection:
        assert connection._transport is not None
        connection._transport.pause_reading()
        for ours in house.adapter._connections:
            ours.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        async with asyncio.timeout(PATIENCE * 2):
            while house.adapter._connections:
                if connection._transport.get_write_buffer_size() < 1 << 16:
                    for _ in range(200):
                        connection._send_global_request(b"x@y", want_reply=True)
                await asyncio.sleep(0)
        connection.abort()


async def test_a_target_that_reads_nothing(house: House, evil: Callable[[Behaviour], None]) -> None:
    """What the person sends waits with the person; their going away is noticed all the same."""
    loop = asyncio.get_running_loop()

    def stop_reading(session: EvilSession) -> None:
        loop.call_soon(session.channel.pause_reading)

    evil(stop_reading)
    async with asyncssh.connect(**arguments(house)) as connection:
        channel, _ = await start(connection)
        channel.set_write_buffer_limits(1 << 30)
        gate = await gate_of(house)
        channel.write(bytes(64 << 20))
        last = -1
        async with asyncio.timeout(PATIENCE):
            while gate._sent != last:
                last = gate._sent
                await asyncio.sleep(0.3)
        assert last < 16 << 20
        channel._send_window = 0
        channel.abort()
        async with asyncio.timeout(PATIENCE):
            while house.gates():
                await asyncio.sleep(0.02)
    assert await house.outcomes() == ["disconnected"]


@pytest.mark.parametrize("window", [1, 7, 4096, (1 << 32) - 1])
async def test_windows_of_any_size(house: House, evil: Callable[[Behaviour], None], window: int) -> None:
    data = bytes(range(256)) * (4 if window < 100 else 2000)

    def tell(session: EvilSession) -> None:
        session.channel.write(data)
        session.channel.exit(3)

    evil(tell)
    async with asyncssh.connect(**arguments(house)) as connection:
        channel, sink = await start(connection, window=window)
        async with asyncio.timeout(PATIENCE):
            await sink.over.wait()
        assert sink.got == data
        assert channel.get_exit_status() == 3


async def test_early_data(house: House, evil: Callable[[Behaviour], None]) -> None:
    """Sent with the request, before anybody has answered it."""
    sessions: list[EvilSession] = []
    evil(sessions.append)
    async with asyncssh.connect(**arguments(house)) as connection:
        channel = open_bare(connection)
        await channel._open(b"session")
        channel._session = Sink()
        channel._send_request(b"exec", String(b"x"))
        channel._send_state = "open"
        channel.write(b"early" * 100_000)
        channel.write_eof()
        async with asyncio.timeout(PATIENCE):
            while not sessions or sessions[0].received < 500_000:
                await asyncio.sleep(0.02)
        assert sessions[0].received == 500_000
        connection.abort()


async def test_a_status_long_after_the_output(house: House, evil: Callable[[Behaviour], None]) -> None:
    def end_twice(session: EvilSession) -> None:
        session.channel.write(b"done")
        session.channel.write_eof()
        asyncio.get_running_loop().call_later(0.3, session.channel.exit, 7)

    evil(end_twice)
    async with asyncssh.connect(**arguments(house)) as connection:
        channel, sink = await start(connection)
        async with asyncio.timeout(PATIENCE):
            await sink.over.wait()
        assert (sink.got, channel.get_exit_status()) == (b"done", 7)


def lies(session: EvilSession) -> None:
    session.channel.exit_with_signal("T\x1b[31mERM" * 30, False, "\x1b]0;owned\x07" * 50)


def vanishes(session: EvilSession) -> None:
    session.channel.get_connection().abort()


def says_nothing(session: EvilSession) -> None:
    session.channel.close()


def breaks_the_protocol(session: EvilSession) -> None:
    session.channel.get_connection()._send(b"\xff" * 300_000)


def sends_a_huge_packet(session: EvilSession) -> None:
    session.channel._send_pktsize = 1 << 21
    session.channel.write(bytes(1 << 20))


def opens_channels_to_us(session: EvilSession) -> None:
    connection = session.channel.get_connection()
    address = String(b"127.0.0.1") + UInt32(22)
    for kind, rest in {
        b"auth-agent@openssh.com": b"",
        b"x11": address,
        b"session": b"",
        b"forwarded-tcpip": address * 2,
        b"nonsense": b"",
    }.items():
        connection.send_packet(90, String(kind), UInt32(7), UInt32(1 << 20), UInt32(1 << 15), rest)
    session.channel.write(b"still here")
    session.channel.exit(0)


@pytest.mark.parametrize(
    ("behaviour", "outcome"),
    [
        (lies, "signal TERM"),
        (vanishes, "unreachable"),
        (says_nothing, "exit unknown"),
        (breaks_the_protocol, "unreachable"),
        (sends_a_huge_packet, "unreachable"),
        (opens_channels_to_us, "exit 0"),
    ],
)
async def test_targets_that_misbehave(
    house: House,
    evil: Callable[[Behaviour], None],
    behaviour: Behaviour,
    outcome: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It costs that one session; the same connection goes on."""
    evil(behaviour)
    async with asyncssh.connect(**arguments(house)) as connection:
        _, sink = await start(connection)
        async with asyncio.timeout(PATIENCE):
            await sink.over.wait()
        assert b"\x1b" not in sink.errors
        assert await house.outcomes() == [outcome]
        evil(lambda session: session.channel.exit(0))
        channel, sink = await start(connection)
        async with asyncio.timeout(PATIENCE):
            await sink.over.wait()
        assert channel.get_exit_status() == 0
    assert "Traceback" not in caplog.text


async def test_requests_out_of_turn(house: House, evil: Callable[[Behaviour], None]) -> None:
    """Each gets the answer the RFC gives it, and the session lives."""
    evil(lambda session: None)
    async with asyncssh.connect(**arguments(house)) as connection:
        channel = open_bare(connection)
        await channel._open(b"session")
        channel._session = Sink()
        pty = (String(b"xterm"), *map(UInt32, (80, 24, 0, 0)), String(b""))
        bad_pty = (String(b"x" * 100), *map(UInt32, (80, 24, 0, 0)), String(b""))
        assert not await channel._make_request(b"pty-req", *bad_pty)
        assert not await channel._make_request(b"exec", String(b""))
        assert not await channel._make_request(b"exec", String(b"nul\0byte"))
        assert not await channel._make_request(b"env", String(b"LD_PRELOAD"), String(b"x"))
        assert await channel._make_request(b"env", String(b"LANG"), String(b"C"))
        assert not await channel._make_request(b"nonsense@example.com")
        assert not await channel._make_request(b"x11-req", bytes(20))
        assert not await channel._make_request(b"auth-agent-req@openssh.com")
        assert await channel._make_request(b"exec", String(b"x"))
        assert not await channel._make_request(b"exec", String(b"y"))
        assert not await channel._make_request(b"shell")
        assert not await channel._make_request(b"subsystem", String(b"sftp"))
        assert not await channel._make_request(b"pty-req", *pty)
        await gate_of(house)
        assert len(await house.entries("session.opened")) == 1
        connection.abort()


async def test_an_endless_environment(house: House, evil: Callable[[Behaviour], None]) -> None:
    async with asyncssh.connect(**arguments(house)) as connection:
        channel = open_bare(connection)
        await channel._open(b"session")
        answers = [
            await channel._make_request(b"env", String(f"LC_{letters}".encode()), String(b"C"))
            for letters in [chr(65 + i // 26) + chr(65 + i % 26) for i in range(60)]
        ]
        assert answers.count(True) == 32
        connection.abort()
