"""Channels and requests without sense or end, from somebody who has signed in."""

import asyncio
import gc
import logging
import struct
from collections.abc import AsyncIterator
from typing import Any

import asyncssh
import pytest
from asyncssh.connection import SSHClientConnection
from asyncssh.packet import Boolean, SSHPacket, String, UInt32

from gateway.core.verdict import Deny
from tests.ssh.client import PATIENCE
from tests.ssh.house import House
from tests.ssh.raw import hung_up_on, is_well, resident, untouched_target
from tests.ssh.test_proof import arguments

MANY = 10_000
OPEN, OPENED, REFUSED, ADJUST, DATA, EXTENDED, EOF, CLOSE, REQUEST, SUCCESS, FAILURE = range(90, 101)


class Everything(dict[int, Any]):
    """Every channel there could be: whoever is asked for one gets the ear."""

    def __init__(self, ear: "Raw") -> None:
        self._ear = ear

    def __getitem__(self, number: int) -> "Ear":
        return Ear(self._ear)


class Ear:
    """Hears what is said on a channel, and answers nothing."""

    def __init__(self, raw: "Raw") -> None:
        self._raw = raw

    def log_received_packet(self, *_: object) -> None:
        """Nobody reads it."""

    def process_packet(self, pkttype: int, pktid: int, packet: SSHPacket) -> bool:
        self._raw.hear(pkttype, packet.get_consumed_payload() + packet.get_remaining_payload())
        return True


class Raw(SSHClientConnection):
    """A signed-in client that sends what it is told to. Channels are numbers to it."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._channels = Everything(self)
        self.heard: list[tuple[int, bytes]] = []
        self.news = asyncio.Event()

    def hear(self, kind: int, payload: bytes) -> None:
        self.heard.append((kind, payload))
        self.news.set()

    def process_packet(self, pkttype: int, pktid: int, packet: SSHPacket) -> Any:
        if pkttype in (81, 82, OPENED, REFUSED):
            self.hear(pkttype, packet.get_consumed_payload() + packet.get_remaining_payload())
            return True
        return super().process_packet(pkttype, pktid, packet)

    def _cleanup(self, exc: Exception | None) -> None:
        super()._cleanup(exc)
        self.news.set()

    def kinds(self) -> list[int]:
        return [kind for kind, _ in self.heard]

    async def hears(self, *kinds: int, times: int = 1) -> None:
        """Wait for so many messages of these kinds together."""
        async with asyncio.timeout(2 * PATIENCE):
            while sum(kind in kinds for kind, _ in self.heard) < times:
                assert self._transport is not None, self.heard[-5:]
                self.news.clear()
                await self.news.wait()

    def open(self, mine: int, window: int = 1 << 20, packet: int = 1 << 15, kind: bytes = b"session") -> None:
        self.send_packet(OPEN, String(kind), UInt32(mine), UInt32(window), UInt32(packet))

    async def opened(self, mine: int = 7, window: int = 1 << 20, packet: int = 1 << 15) -> int:
        """Open a session, and return the gateway's number of it."""
        self.open(mine, window, packet)
        await self.hears(OPENED)
        (payload,) = [payload for kind, payload in self.heard if kind == OPENED]
        theirs: int = struct.unpack(">I", payload[5:9])[0]
        return theirs

    def ask(self, channel: int, what: bytes, *rest: bytes) -> None:
        self.send_packet(REQUEST, UInt32(channel), String(what), Boolean(True), *rest)


@pytest.fixture
async def raw(house: House) -> AsyncIterator[Raw]:
    """Somebody whom policy lets do nothing, at a target that nobody may come to."""
    house.decide = lambda operation, session: Deny("nobody", "not today")
    options = asyncssh.SSHClientConnectionOptions(**{**arguments(house), "x509_trusted_certs": []})
    loop = asyncio.get_running_loop()
    options.waiter = loop.create_future()
    async with untouched_target(house):
        _, made = await loop.create_connection(
            lambda: Raw(loop, options, wait="auth"), "127.0.0.1", house.port
        )
        async with asyncio.timeout(PATIENCE):
            await options.waiter
        yield made
        made.abort()
        await made.wait_closed()
        async with asyncio.timeout(PATIENCE):
            while house.gates():
                await asyncio.sleep(0.02)


async def test_ten_thousand_channels_at_once(raw: Raw, house: House) -> None:
    """Ten are opened and the others refused; memory stays, and somebody else notices nothing."""
    async with asyncssh.connect(**arguments(house)) as bystander:
        gc.collect()
        before = resident()
        for number in range(MANY):
            raw.open(number, window=0xFFFF_FFFF)
            if not number % 100:
                await asyncio.sleep(0)
        answered = asyncio.create_task(bystander.run("true"))
        await raw.hears(OPENED, REFUSED, times=MANY)
        assert (await answered).exit_status == 126
        assert raw.kinds().count(OPENED) == 10
        gc.collect()
        assert resident() - before < 32 << 20
    assert await is_well(house)


async def test_thousands_of_channels_one_after_another(raw: Raw, house: House) -> None:
    """Opened, asked, closed: nothing of them is left."""

    async def some(count: int, first: int) -> None:
        for number in range(first, first + count):
            raw.heard.clear()
            theirs = await raw.opened(number)
            raw.send_packet(CLOSE, UInt32(theirs))
            await raw.hears(CLOSE)

    await some(300, 0)
    gc.collect()
    before = resident()
    await some(1500, 300)
    gc.collect()
    assert resident() - before < 8 << 20
    assert house.adapter is not None
    assert [len(ours._channels) for ours in house.adapter._connections] == [0]


async def test_channels_of_no_kind(raw: Raw, house: House) -> None:
    kinds = {
        b"x11": String(b"127.0.0.1") + UInt32(6000),
        b"forwarded-tcpip": (String(b"127.0.0.1") + UInt32(22)) * 2,
        b"auth-agent@openssh.com": b"",
        b"tun@openssh.com": UInt32(1) + UInt32(0),
        b"": b"",
        b"x" * 30_000: b"",
    }
    for number, (kind, rest) in enumerate(kinds.items()):
        raw.send_packet(OPEN, String(kind), UInt32(number), UInt32(1 << 20), UInt32(1 << 15), rest)
    await raw.hears(REFUSED, times=len(kinds))
    assert OPENED not in raw.kinds()
    assert await is_well(house)


Packet = tuple[int, bytes]


def asked(what: bytes, *rest: bytes) -> Packet:
    return REQUEST, String(what) + Boolean(True) + b"".join(rest)


TERMINAL = b"".join(map(UInt32, (80, 24, 0, 0)))

# What is sent on an open channel: messages, and what follows the number of the channel in them.
BROKEN: dict[str, list[Packet]] = {
    "data without its length": [(DATA, b"")],
    "data longer than it is": [(DATA, UInt32(1000) + b"x")],
    "more behind the data": [(DATA, String(b"x") + b"y")],
    "more than the window": [(DATA, String(bytes(200_000)))] * 90,
    "an end twice": [(EOF, b"")] * 2,
    "data after the end": [(EOF, b""), (DATA, String(b"x"))],
    "a close twice": [(CLOSE, b"")] * 2,
    "a request after the close": [(CLOSE, b""), asked(b"shell")],
    "other data than there is": [(EXTENDED, UInt32(99) + String(b"x"))],
    "an opening confirmed that nobody asked for": [(OPENED, UInt32(1) * 3)],
    "an opening refused that nobody asked for": [(REFUSED, UInt32(1) + String(b"x") + String(b""))],
    "success that nobody asked for": [(SUCCESS, b"")],
    "failure that nobody asked for": [(FAILURE, b"")],
    "a request that is not ASCII": [asked(b"\xff\xfe")],
    "half a request": [(REQUEST, String(b"exec"))],
    "a terminal without its size": [asked(b"pty-req", String(b"xterm"))],
    "a terminal with broken modes": [asked(b"pty-req", String(b"xterm"), TERMINAL, String(b"\x01\0"))],
    "a command longer than its packet": [asked(b"exec", UInt32(0x7FFF_FFFF), b"id")],
    "more behind a command": [asked(b"exec", String(b"id"), b"more")],
    "a signal that is none": [asked(b"signal", String(b"\x1b[2J"))],
    "a status from the wrong side": [asked(b"exit-status", UInt32(0))],
    "an unknown message about a channel": [(101, b""), (127, b"")],
}

# The same for messages about no channel.
BROKEN_ASIDE: dict[str, list[Packet]] = {
    "data for a channel that is not there": [(DATA, UInt32(999) + String(b"x"))],
    "half a number of a channel": [(DATA, b"\0\0")],
    "half a global request": [(80, String(b"tcpip-forward") + b"\1\0\0")],
    "an answer to no global request": [(81, b"")],
    "a second sign-in": [(50, String(b"root%web-1") + String(b"ssh-connection") + String(b"none"))],
    "the same service again": [(5, String(b"ssh-userauth"))],
    "another service": [(5, String(b"ssh-nonsense"))],
    "keys out of turn": [(21, b"")],
    "half a proposal": [(20, bytes(20))],
    "a farewell with escapes": [(1, UInt32(2) + String(b"\x1b]0;owned\x07" * 50) + String(b""))],
}


@pytest.mark.parametrize("case", [*BROKEN, *BROKEN_ASIDE])
async def test_broken_rules(raw: Raw, house: House, case: str, caplog: pytest.LogCaptureFixture) -> None:
    """It costs the connection at most, and nobody but them."""
    caplog.set_level(logging.INFO)
    before = resident()
    at = await raw.opened()
    for kind, rest in BROKEN.get(case, []):
        raw.send_packet(kind, UInt32(at), rest)
    for kind, rest in BROKEN_ASIDE.get(case, []):
        raw.send_packet(kind, rest)
    raw.send_packet(80, String(b"keepalive@openssh.com"), Boolean(True))
    async with asyncio.timeout(PATIENCE):
        while raw._transport is not None and not {81, 82} & set(raw.kinds()):
            await asyncio.sleep(0.01)
    assert resident() - before < 32 << 20
    assert not [record for record in caplog.records if record.exc_info]
    assert "\x1b" not in caplog.text
    assert await is_well(house)
    assert not await house.entries("operation.admitted")


async def test_more_than_the_window_is_not_kept(raw: Raw, house: House) -> None:
    """Eighteen megabytes into a window of two that nobody takes from."""
    at = await raw.opened()
    for kind, rest in BROKEN["more than the window"]:
        raw.send_packet(kind, UInt32(at), rest)
    await hung_up_on(raw)
    assert await is_well(house)


@pytest.mark.parametrize("size", [0, 1])
async def test_packets_of_next_to_nothing(raw: Raw, house: House, size: int) -> None:
    """Whoever takes no more than that at a time would cost more than they can be worth."""
    raw.open(7, packet=size)
    await hung_up_on(raw)
    assert await is_well(house)


async def test_small_packets(raw: Raw, house: House) -> None:
    house.decide = lambda operation, session: Deny("nobody", "not today, " * 60)
    at = await raw.opened(packet=256)
    raw.ask(at, b"exec", String(b"id"))
    await raw.hears(CLOSE)
    said = [payload[13:] for kind, payload in raw.heard if kind == EXTENDED]
    assert len(said) > 1
    assert max(map(len, said)) <= 256
    assert b"".join(said).startswith(b"hoop: blocked by nobody - not today, not today")


async def test_a_window_of_one_byte_at_a_time(raw: Raw, house: House) -> None:
    """Nothing is sent that there is no room for, and the end comes after the last byte."""
    at = await raw.opened(window=0)
    raw.ask(at, b"exec", String(b"id"))
    await raw.hears(SUCCESS)
    said = b""
    while b"\n" not in said:
        assert EXTENDED not in raw.kinds()
        assert CLOSE not in raw.kinds()
        raw.send_packet(ADJUST, UInt32(at), UInt32(1))
        await raw.hears(EXTENDED)
        said += b"".join(payload[13:] for kind, payload in raw.heard if kind == EXTENDED)
        raw.heard = [(kind, payload) for kind, payload in raw.heard if kind != EXTENDED]
    await raw.hears(CLOSE)
    assert said == b"hoop: blocked by nobody - not today\n"


async def test_windows_that_add_up_to_more_than_there_is(raw: Raw, house: House) -> None:
    at = await raw.opened(window=0xFFFF_FFFF)
    for _ in range(5):
        raw.send_packet(ADJUST, UInt32(at), UInt32(0xFFFF_FFFF))
    raw.ask(at, b"exec", String(b"id"))
    async with asyncio.timeout(PATIENCE):
        while CLOSE not in raw.kinds() and raw._transport is not None:
            await asyncio.sleep(0.01)
    assert await is_well(house)


async def test_a_command_after_the_end_of_input(raw: Raw, house: House) -> None:
    """As with sshd it is run: an end of input says only that there is none."""
    at = await raw.opened()
    raw.send_packet(EOF, UInt32(at))
    raw.ask(at, b"exec", String(b"id"))
    await raw.hears(CLOSE)
    assert (await house.entries("operation.denied"))[0].body["text"] == "id"


async def test_a_command_and_gone(raw: Raw, house: House) -> None:
    """Asked and closed in one breath, a hundred times: each is written down or never was."""
    for number in range(100):
        raw.heard.clear()
        at = await raw.opened(number)
        raw.ask(at, b"exec", String(b"id"))
        raw.send_packet(CLOSE, UInt32(at))
        await raw.hears(CLOSE)
    async with asyncio.timeout(PATIENCE):
        while house.gates():
            await asyncio.sleep(0.02)
    opened = await house.entries("session.opened")
    assert len(await house.entries("session.ended")) == len(opened)


async def test_requests_by_the_thousand(raw: Raw, house: House) -> None:
    """Nobody waits for a window that changes; those that are answered are answered, in order."""
    at = await raw.opened()
    for number in range(3000):
        raw.send_packet(
            REQUEST,
            UInt32(at),
            String(b"window-change"),
            Boolean(False),
            *map(UInt32, (number, 0xFFFF_FFFF, 0, 0)),
        )
        raw.ask(at, b"env", String(b"X%d" % number), String(b"y"))
    await raw.hears(FAILURE, times=3000)
    assert SUCCESS not in raw.kinds()
    assert await is_well(house)
