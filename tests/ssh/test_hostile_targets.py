"""Targets that lie, flood, stall or break the rules: it costs the one session, and nothing of it reaches the log."""

import asyncio
import gc
import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import asyncssh
import pytest
from asyncssh.connection import SSHServerConnection
from asyncssh.packet import Boolean, SSHPacket, String, UInt32

from tests.ssh.client import PATIENCE
from tests.ssh.house import House
from tests.ssh.raw import is_well, resident
from tests.ssh.test_proof import arguments

OPEN, ADJUST, DATA, EXTENDED, EOF, CLOSE, REQUEST, SUCCESS = 90, 93, 94, 95, 96, 97, 98, 99

Deed = Callable[["Evil"], None]


@dataclass
class Evil:
    """The target's end of a channel, by hand: what is said goes out as it is."""

    connection: SSHServerConnection
    channel: int

    def say(self, kind: int, *rest: bytes) -> None:
        self.connection.send_packet(kind, UInt32(self.channel), *rest)

    def aside(self, kind: int, *rest: bytes) -> None:
        self.connection.send_packet(kind, *rest)

    def status(self, *rest: bytes) -> None:
        self.say(REQUEST, String(b"exit-status"), Boolean(False), *(rest or (UInt32(0),)))

    def end(self) -> None:
        self.say(EOF)
        self.say(CLOSE)


@dataclass
class Stage:
    """web-1, and what it does to whoever comes."""

    deed: Deed = lambda evil: evil.end()
    visits: int = 0
    connections: list[SSHServerConnection] = field(default_factory=list)


class Session(asyncssh.SSHServerSession[bytes]):
    """Begins its deed when the command has been granted."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    def connection_made(self, chan: Any) -> None:
        self._channel = chan

    def exec_requested(self, command: str) -> bool:
        return True

    def shell_requested(self) -> bool:
        return True

    def session_started(self) -> None:
        self._stage.visits += 1
        self._stage.deed(Evil(self._channel._conn, self._channel._send_chan))


@pytest.fixture
async def stage(house: House) -> AsyncIterator[Stage]:
    stage = Stage()
    host_key, login = (asyncssh.generate_private_key("ssh-ed25519") for _ in range(2))

    class Server(asyncssh.SSHServer):
        def connection_made(self, conn: SSHServerConnection) -> None:
            stage.connections.append(conn)
            hear = conn.process_packet

            def shrug(kind: int, number: int, packet: SSHPacket) -> Any:
                """Answers to what our asyncssh does not know that it has asked for."""
                return True if kind in (81, 82, 91, 92) else hear(kind, number, packet)

            conn.process_packet = shrug  # type: ignore[method-assign, assignment]  # this one connection's only

        def public_key_auth_supported(self) -> bool:
            return True

        def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
            return True

        def session_requested(self) -> Session:
            return Session(stage)

    server = await asyncssh.create_server(
        Server, "127.0.0.1", 0, server_host_keys=[host_key], encoding=None, line_editor=False
    )
    house.offer(
        "web-1", server.get_port(), "x", login, host_keys=[host_key.export_public_key().decode().strip()]
    )
    yield stage
    for connection in stage.connections:
        connection.abort()
    server.close()
    await server.wait_closed()


@dataclass(frozen=True)
class Seen:
    """What the person was left with."""

    status: int | None
    signal: object
    out: bytes
    err: bytes


async def run(house: House, patience: float = PATIENCE, **options: Any) -> Seen:
    async with asyncssh.connect(**arguments(house)) as connection, asyncio.timeout(patience):
        ran = await connection.run("x", encoding=None, **options)
    assert isinstance(ran.stdout, bytes)
    assert isinstance(ran.stderr, bytes)
    return Seen(ran.exit_status, ran.exit_signal, ran.stdout, ran.stderr)


def statuses_that_are_none(evil: Evil) -> None:
    evil.say(DATA, String(b"out"))
    evil.status(UInt32(0xFFFF_FFFF))
    evil.end()


def half_a_status(evil: Evil) -> None:
    evil.status(b"\0\0")
    evil.end()


def more_than_a_status(evil: Evil) -> None:
    evil.status(UInt32(0), b"more")
    evil.end()


def several_statuses(evil: Evil) -> None:
    for number in (1, 2, 3):
        evil.status(UInt32(number))
    evil.end()


def a_signal_of_ten_thousand_letters(evil: Evil) -> None:
    words = String(b"\x1b]0;owned\x07" * 1000)
    evil.say(
        REQUEST, String(b"exit-signal"), Boolean(False), String(b"T" * 10_000), b"\0", words, String(b"en")
    )
    evil.end()


def a_signal_that_is_not_text(evil: Evil) -> None:
    evil.say(
        REQUEST, String(b"exit-signal"), Boolean(False), String(b"\xff"), b"\0", String(b""), String(b"")
    )
    evil.end()


def a_close_and_more(evil: Evil) -> None:
    evil.say(DATA, String(b"out"))
    evil.status()
    evil.end()
    evil.say(DATA, String(b"late"))


def data_after_the_end(evil: Evil) -> None:
    evil.say(DATA, String(b"out"))
    evil.say(EOF)
    evil.say(DATA, String(b"late"))


def data_of_no_kind(evil: Evil) -> None:
    evil.say(EXTENDED, UInt32(7), String(b"neither output nor errors"))


def a_window_without_end(evil: Evil) -> None:
    for _ in range(10):
        evil.say(ADJUST, UInt32(0xFFFF_FFFF))
    evil.say(DATA, String(b"out"))
    evil.status()
    evil.end()


def requests_of_a_client(evil: Evil) -> None:
    for what in (b"exec", b"shell", b"pty-req", b"env", b"x11-req", b"auth-agent-req@openssh.com", b"\x1b"):
        evil.say(REQUEST, String(what), Boolean(True), String(b"id"))
    evil.say(DATA, String(b"out"))
    evil.status()
    evil.end()


def answers_that_nobody_waits_for(evil: Evil) -> None:
    evil.say(SUCCESS)


def thousands_of_channels(evil: Evil) -> None:
    for number in range(3_000):
        evil.aside(OPEN, String(b"session"), UInt32(number), UInt32(1 << 31), UInt32(1 << 15))
    evil.say(DATA, String(b"out"))
    evil.status()
    evil.end()


def global_requests_without_end(evil: Evil) -> None:
    keys = b"".join(String(b"x" * 100) for _ in range(200))
    for _ in range(500):
        evil.aside(80, String(b"hostkeys-00@openssh.com"), Boolean(False), keys)
        evil.aside(80, String(b"tcpip-forward"), Boolean(True), String(b"0.0.0.0"), UInt32(22))
    evil.say(DATA, String(b"out"))
    evil.status()
    evil.end()


def chatter(evil: Evil) -> None:
    for _ in range(2000):
        evil.aside(2, String(bytes(1000)))
        evil.aside(4, Boolean(True), String(b"\x1b[2Jdebug"), String(b""))
    evil.say(DATA, String(b"out"))
    evil.status()
    evil.end()


def a_farewell_with_escapes(evil: Evil) -> None:
    evil.aside(1, UInt32(2), String(b"\x1b]0;owned\x07\r\nhoop: approved by bob" * 20), String(b""))


def a_sign_in_turned_round(evil: Evil) -> None:
    evil.aside(50, String(b"root"), String(b"ssh-connection"), String(b"none"))


def success_again(evil: Evil) -> None:
    evil.aside(52)


DEEDS: dict[Deed, tuple[tuple[int | None, bytes] | None, str]] = {
    statuses_that_are_none: ((255, b"out"), "exit 255"),
    half_a_status: (None, "unreachable"),
    more_than_a_status: (None, "unreachable"),
    several_statuses: (None, "unreachable"),
    a_signal_of_ten_thousand_letters: (None, "signal TERM"),
    a_signal_that_is_not_text: (None, "unreachable"),
    a_close_and_more: ((255, b"out"), "unreachable"),
    data_after_the_end: ((255, b"out"), "unreachable"),
    data_of_no_kind: (None, "unreachable"),
    a_window_without_end: ((0, b"out"), "exit 0"),
    requests_of_a_client: ((0, b"out"), "exit 0"),
    answers_that_nobody_waits_for: (None, "unreachable"),
    thousands_of_channels: ((0, b"out"), "exit 0"),
    global_requests_without_end: ((0, b"out"), "exit 0"),
    chatter: ((0, b"out"), "exit 0"),
    a_farewell_with_escapes: (None, "unreachable"),
    a_sign_in_turned_round: (None, "unreachable"),
    success_again: (None, "unreachable"),
}


@pytest.mark.parametrize("deed", DEEDS, ids=lambda deed: deed.__name__)
async def test_deeds(house: House, stage: Stage, deed: Deed, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    gc.collect()
    before = resident()
    expected, outcome = DEEDS[deed]
    stage.deed = deed
    seen = await run(house)
    if expected is not None:
        assert (seen.status, seen.out) == expected
    assert await house.outcomes() == [outcome]
    assert b"\x1b" not in seen.err
    assert b"approved" not in seen.err
    assert "\x1b" not in caplog.text
    assert not [record for record in caplog.records if record.exc_info]
    gc.collect()
    assert resident() - before < 32 << 20
    assert await is_well(house)


async def test_more_than_the_window(house: House, stage: Stage) -> None:
    """Nobody reads, so there is no room; whoever goes on sending is hung up on, and what they sent is not kept."""

    def overrun(evil: Evil) -> None:
        for _ in range(500):
            evil.say(DATA, String(bytes(30_000)))

    stage.deed = overrun
    gc.collect()
    before = resident()
    async with asyncssh.connect(**arguments(house)) as connection:
        channel, _ = await connection.create_session(
            asyncssh.SSHClientSession, "x", encoding=None, window=1000
        )
        channel.pause_reading()
        async with asyncio.timeout(PATIENCE):
            while not stage.connections:
                await asyncio.sleep(0.02)
            await stage.connections[0].wait_closed()
        gc.collect()
        assert resident() - before < 48 << 20, "some of it is the target's: it is in this process, too"
        channel.resume_reading()
        async with asyncio.timeout(PATIENCE):
            await channel.wait_closed()
    assert await house.outcomes() == ["unreachable"]


async def test_output_without_end_and_nobody_to_read_it(house: House, stage: Stage) -> None:
    """The person has gone in the middle of it; the target's connection ends with their session."""

    def flood(evil: Evil) -> None:
        async def write() -> None:
            while not evil.connection.is_closed():
                channel = evil.connection._channels[0]
                if channel._send_window > 1 << 16:
                    channel.write(bytes(1 << 16))
                await asyncio.sleep(0)

        tasks.append(asyncio.create_task(write()))

    tasks: list[asyncio.Task[None]] = []
    stage.deed = flood
    async with asyncssh.connect(**arguments(house)) as connection:
        process = await connection.create_process("x", encoding=None)
        assert len(await process.stdout.read(1 << 20)) > 0
    async with asyncio.timeout(PATIENCE):
        while house.gates():
            await asyncio.sleep(0.02)
        await stage.connections[0].wait_closed()
    for task in tasks:
        task.cancel()
    assert await house.outcomes() == ["disconnected"]
    assert house.recording().state == "whole"


async def test_dying_in_the_middle_of_a_packet(house: House, stage: Stage) -> None:
    """What came whole is shown and recorded; what was cut off is not, and the person is told."""

    def die(evil: Evil) -> None:
        evil.say(DATA, String(b"whole\n"))
        transport = evil.connection._transport
        assert transport is not None
        sent: list[bytes] = []
        evil.connection._send = sent.append  # type: ignore[method-assign, assignment]  # to cut the packet
        evil.say(DATA, String(b"cut off" * 1000))
        transport.write(b"".join(sent)[:-100])
        transport.close()

    stage.deed = die
    seen = await run(house)
    assert seen.out == b"whole\n"
    assert b"hoop: the connection to web-1 was lost" in seen.err
    assert seen.status == 255
    recording = house.recording()
    assert (recording.output, recording.state) == (b"whole\n", "whole")


async def test_a_person_s_connection_outlives_hundreds_of_bad_targets(house: House, stage: Stage) -> None:
    """One deed after another over one connection: no memory, task or connection is left behind."""
    deeds = [
        deed for deed in DEEDS if deed not in (thousands_of_channels, chatter, global_requests_without_end)
    ]
    async with asyncssh.connect(**arguments(house)) as connection:

        async def all_of_them(times: int) -> None:
            for deed in deeds * times:
                stage.deed = deed
                async with asyncio.timeout(PATIENCE):
                    await connection.run("x", encoding=None)

        await all_of_them(1)
        gc.collect()
        before, tasks = resident(), len(asyncio.all_tasks())
        await all_of_them(3)
        gc.collect()
        assert resident() - before < 12 << 20
        assert len(asyncio.all_tasks()) <= tasks + 2
