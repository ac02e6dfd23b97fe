"""The short way of bulk data says and hears exactly what asyncssh's own way does, and steps aside where it must."""

import asyncio
import os
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import asyncssh
import pytest
from asyncssh.connection import SSHConnection
from asyncssh.packet import String, UInt32
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.adapters.ssh import hot_versions
from gateway.adapters.ssh.connection import PacedConnection
from gateway.adapters.ssh.hot_path import PACKET_LEAST, HotConnection
from gateway.core.shown import Stream
from tests.ssh.client import StockSsh
from tests.ssh.house import House
from tests.ssh.sshd import Sshd
from tests.ssh.test_proof import arguments
from tests.ssh.wire_pair import KEY, START, End

PATIENCE = 60.0

both_ways = pytest.mark.parametrize("fast", [True, False], ids=["short", "asyncssh's"])


def test_this_asyncssh_is_known() -> None:
    """If this fails after an update of asyncssh: see hot_versions.py."""
    assert hot_versions.is_known()
    assert HotConnection.fast


def test_another_asyncssh_goes_its_own_way(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not hot_versions.is_known("2.99.0")
    monkeypatch.setattr(hot_versions, "LEANED_ON", {SSHConnection._send: ("self", "data", "urgent")})
    assert not hot_versions.is_known()


# Without a network.


def in_a_loop(test: Callable[[], None]) -> None:
    async def run() -> None:
        test()

    asyncio.run(run())


@settings(max_examples=40, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 70_000), min_size=1, max_size=6),
    cuts=st.lists(st.integers(0, 250_000), max_size=12),
    packet=st.sampled_from([256, 1000, 32768]),
    ways=st.tuples(st.booleans(), st.booleans()),
)
def test_whatever_is_said_is_heard(
    sizes: list[int], cuts: list[int], packet: int, ways: tuple[bool, bool]
) -> None:
    """In any pieces, with any sizes of packets, with the short way on either side, both or none."""

    def exchange() -> None:
        speaker, hearer = (End(fast=fast, packet=packet) for fast in ways)
        data = [os.urandom(size) for size in sizes]
        for each in data:
            speaker.side.send(each)
        hearer.hear(speaker.wire.take(), *cuts)
        assert hearer.got() == [(Stream.OUT, b"".join(data))]
        assert hearer.connection._recv_seq == speaker.connection._send_seq
        assert hearer.connection._inpbuf == b""

    in_a_loop(exchange)


@settings(max_examples=30, deadline=None)
@given(
    said=st.lists(
        st.one_of(
            st.tuples(st.just("out"), st.binary(min_size=1, max_size=3000)),
            st.tuples(st.just("err"), st.binary(min_size=1, max_size=300)),
            st.tuples(st.just("room"), st.integers(1, 1 << 20)),
            st.tuples(st.just("ignore"), st.just(b"")),
            st.tuples(st.just("keepalive"), st.just(b"")),
        ),
        min_size=1,
        max_size=20,
    ),
    cuts=st.lists(st.integers(0, 20_000), max_size=8),
)
def test_packets_of_all_kinds_in_a_row(said: list[tuple[str, bytes | int]], cuts: list[int]) -> None:
    """Both ways hear the same in the same order, end at the same place, and answer the same."""

    def exchange() -> None:
        speaker, short, long = End(fast=False), End(fast=True), End(fast=False)
        for what, value in said:
            match what, value:
                case "out", bytes():
                    speaker.say_data(value)
                case "err", bytes():
                    speaker.say(95, UInt32(0), UInt32(1), String(value))
                case "room", int():
                    speaker.say(93, UInt32(0), UInt32(value))
                case "ignore", _:
                    SSHConnection.send_packet(speaker.connection, 2, String(b""))
                case _:
                    speaker.say(80, String(b"keepalive@openssh.com"), b"\1")
        wire = speaker.wire.take()
        for hearer in (short, long):
            hearer.hear(wire, *cuts)
        assert short.got() == long.got()
        assert short.channel._send_window == long.channel._send_window
        assert short.connection._recv_seq == long.connection._recv_seq
        assert len(short.wire.take()) == len(long.wire.take())
        assert short.is_open
        assert long.is_open

    in_a_loop(exchange)


BAD = {
    "a channel that is not open": lambda end: end.say_data(b"x", channel=7),
    "more than fits in the window": lambda end: end.say_data(b"x" * 5000),
    "less data than it says": lambda end: end.say(94, UInt32(0), UInt32(100), b"x" * 50),
    "more data than it says": lambda end: end.say(94, UInt32(0), UInt32(10), b"x" * 50),
    "no length": lambda end: end.say(94, UInt32(0)),
    "no channel": lambda end: end.say(94, b"\0"),
    "room with something behind it": lambda end: end.say(93, UInt32(0), UInt32(9), b"more"),
    "room for a channel that is not open": lambda end: end.say(93, UInt32(9), UInt32(9)),
}


@both_ways
@pytest.mark.parametrize("bad", BAD.values(), ids=BAD.keys())
async def test_what_breaks_the_protocol(fast: bool, bad: Callable[[End], None]) -> None:
    """What came before it counts, nothing after it does, and the connection ends."""
    speaker, hearer = End(fast=False), End(fast=fast, window=4096)
    speaker.say_data(b"before")
    bad(speaker)
    speaker.say_data(b"after")
    hearer.hear(speaker.wire.take())
    assert hearer.got() == [(Stream.OUT, b"before")]
    assert not hearer.is_open


@both_ways
@pytest.mark.parametrize("place", [2, 3, 4, 5, 20, -20, -1], ids=lambda place: f"byte {place}")
async def test_a_bit_that_was_changed_on_the_way(fast: bool, place: int) -> None:
    """Nothing of such a packet, nor of those behind it, reaches anybody."""
    speaker, hearer = End(fast=True), End(fast=fast)
    speaker.side.send(b"good")
    good = speaker.wire.take()
    speaker.side.send(b"bad" * 1000)
    bad = bytearray(speaker.wire.take())
    bad[place] ^= 0x10
    speaker.side.send(b"late" * 20_000)
    hearer.hear(good + bytes(bad) + speaker.wire.take())
    assert hearer.got() == [(Stream.OUT, b"good")]
    assert not hearer.is_open


@both_ways
async def test_a_packet_is_not_heard_twice(fast: bool) -> None:
    speaker, hearer = End(fast=True), End(fast=fast)
    speaker.side.send(b"once")
    wire = speaker.wire.take()
    hearer.hear(wire + wire)
    assert hearer.got() == [(Stream.OUT, b"once")]
    assert not hearer.is_open


@both_ways
async def test_nothing_is_heard_after_the_end(fast: bool) -> None:
    """Data behind an end of output is against the protocol."""
    speaker, hearer = End(fast=False), End(fast=fast)
    speaker.say_data(b"before")
    speaker.say(96, UInt32(0))
    speaker.say_data(b"after")
    hearer.hear(speaker.wire.take())
    assert hearer.got() == [(Stream.OUT, b"before")]
    assert not hearer.is_open


@both_ways
async def test_room_is_made_after_the_end_of_the_other_direction(fast: bool) -> None:
    """As with every `ssh host command < /dev/null`."""
    speaker, other = End(fast=fast, window=1000), End(fast=False)
    other.say(96, UInt32(0))
    speaker.hear(other.wire.take())
    speaker.side.send(b"x" * 5000)
    sent = speaker.wire.take()
    other.say(93, UInt32(0), UInt32(10_000))
    speaker.hear(other.wire.take())
    hearer = End(fast=True)
    hearer.hear(sent + speaker.wire.take())
    assert hearer.got() == [(Stream.OUT, b"x" * 5000)]


@both_ways
async def test_the_window_is_kept(fast: bool) -> None:
    """No more is sent than there is room for, and the rest as soon as there is."""
    speaker, other = End(fast=fast, window=100_000), End(fast=True)
    data = os.urandom(300_000)
    speaker.side.send(data)
    sent = speaker.wire.take()
    assert 100_000 < len(sent) < 101_000
    for room in (1, 50_000, 1 << 20):
        other.say(93, UInt32(0), UInt32(room))
        speaker.hear(other.wire.take())
        sent += speaker.wire.take()
    hearer = End(fast=True)
    hearer.hear(sent)
    assert hearer.got() == [(Stream.OUT, data)]
    assert speaker.channel.get_write_buffer_size() == 0


@both_ways
async def test_a_reader_that_pauses(fast: bool) -> None:
    speaker, hearer = End(fast=True), End(fast=fast)
    hearer.channel.pause_reading()
    speaker.side.send(b"a" * 100_000)
    hearer.hear(speaker.wire.take())
    assert hearer.got() == []
    hearer.channel.resume_reading()
    assert hearer.got() == [(Stream.OUT, b"a" * 100_000)]


async def test_padding_is_random_and_enough() -> None:
    speaker = End(fast=True)
    for size in range(1, 40):
        speaker.side.send(b"x" * size)
    wire, padding, count = speaker.wire.take(), b"", int.from_bytes(START[4:], "big")
    while wire:
        size = int.from_bytes(wire[:4], "big")
        nonce = START[:4] + count.to_bytes(8, "big")
        packet = AESGCM(KEY).decrypt(nonce, wire[4 : 20 + size], wire[:4])
        assert packet[0] >= 4
        assert len(packet) % 16 == 0
        padding += packet[-packet[0] :]
        wire, count = wire[20 + size :], count + 1
    assert len(set(padding)) > 150


async def test_who_takes_only_dust_is_refused(house: House) -> None:
    """A thousand packets for each piece would keep everybody waiting."""
    async with asyncssh.connect(**arguments(house)) as connection:
        for size, is_taken in ((PACKET_LEAST, True), (PACKET_LEAST - 1, False)):
            opening = connection.create_session(asyncssh.SSHClientSession, "x", max_pktsize=size)
            if is_taken:
                channel, _ = await opening
                channel.abort()
            else:
                with pytest.raises((asyncssh.ChannelOpenError, asyncssh.DisconnectError)):
                    await opening


# With stock clients and servers, also while keys are exchanged.


@pytest.fixture(params=[True, False], ids=["short", "asyncssh's"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """Which way is taken; counts the key exchanges that this end began or answered."""
    monkeypatch.setattr(HotConnection, "fast", request.param)
    counts = {"kex": 0, "packets of asyncssh": 0}
    send_kexinit, recv_packet = PacedConnection._send_kexinit, SSHConnection._recv_packet

    def count_kexinit(self: PacedConnection) -> None:
        counts["kex"] += 1
        send_kexinit(self)

    def count_packet(self: SSHConnection) -> bool:
        counts["packets of asyncssh"] += 1
        return recv_packet(self)

    monkeypatch.setattr(PacedConnection, "_send_kexinit", count_kexinit)
    monkeypatch.setattr(SSHConnection, "_recv_packet", count_packet)
    return counts


async def both_directions(ssh: StockSsh, source: Path, *options: str) -> None:
    """A file through `cat` on the target and back, up and down at the same time."""
    with source.open("rb") as given:
        process = await asyncio.create_subprocess_exec(
            *ssh.command(*options, "web-1@gw", "cat"), stdin=given, stdout=-1, stderr=-1
        )
        async with asyncio.timeout(PATIENCE):
            out, err = await process.communicate()
    assert process.returncode == 0, err
    assert sha256(out).digest() == sha256(source.read_bytes()).digest()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source"
    path.write_bytes(os.urandom(6 << 20))
    return path


@pytest.mark.interop
@pytest.mark.needs("ssh", "sshd")
@pytest.mark.parametrize("ciphers", ["aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "aes128-ctr"])
async def test_every_byte_arrives(
    way: dict[str, int], house: House, sshd: Sshd, source: Path, tmp_path: Path, ciphers: str
) -> None:
    """With each cipher that a target may have."""
    await sshd.stop()
    await sshd.start(f"Ciphers {ciphers}")
    house.offer("web-1", sshd.port, sshd.user, sshd.login_key, host_keys=[sshd.host_key_line])
    ssh = StockSsh(tmp_path / "client", house)
    await both_directions(ssh, source)
    assert house.recording().output == source.read_bytes()
    is_short = HotConnection.fast and "gcm" in ciphers
    assert (way["packets of asyncssh"] < 100) == is_short


@pytest.mark.interop
@pytest.mark.needs("ssh", "sshd")
@pytest.mark.parametrize(("limit", "size"), [("1M", 6 << 20), ("16K", 400 << 10)])
async def test_every_byte_arrives_while_others_change_keys(
    way: dict[str, int], house: House, sshd: Sshd, source: Path, tmp_path: Path, limit: str, size: int
) -> None:
    """The client and the target both want new keys after so many bytes."""
    os.truncate(source, size)
    await sshd.stop()
    await sshd.start(f"RekeyLimit {limit}")
    house.offer("web-1", sshd.port, sshd.user, sshd.login_key, host_keys=[sshd.host_key_line])
    ssh = StockSsh(tmp_path / "client", house)
    await both_directions(ssh, source, "-o", f"RekeyLimit={limit}")
    assert way["kex"] >= 6
    assert house.recording().output == source.read_bytes()


@pytest.mark.interop
@pytest.mark.needs("ssh", "sshd")
async def test_every_byte_arrives_while_all_change_keys(
    way: dict[str, int],
    house: House,
    sshd: Sshd,
    source: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """So do the client, the target and the gateway on either side, at moments of their own."""
    monkeypatch.setattr(
        PacedConnection, "_rekey_bytes", property(lambda _: 1 << 20, lambda *_: None), raising=False
    )
    await sshd.stop()
    await sshd.start("RekeyLimit 1M")
    house.offer("web-1", sshd.port, sshd.user, sshd.login_key, host_keys=[sshd.host_key_line])
    ssh = StockSsh(tmp_path / "client", house)
    await both_directions(ssh, source, "-o", "RekeyLimit=1M")
    assert way["kex"] >= 20
    assert house.recording().output == source.read_bytes()
