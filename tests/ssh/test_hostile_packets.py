"""Packets that are wrong, forged, out of turn or without end, before and after there are keys."""

import asyncio
import gc
import logging
import os
import random
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import asyncssh
import pytest
from asyncssh.connection import SSHClientConnection
from asyncssh.packet import Boolean, String, UInt32
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.core.verdict import Deny
from tests.ssh.client import PATIENCE
from tests.ssh.house import House
from tests.ssh.raw import STRICT, converse, hung_up_on, is_well, kexinit, packet, resident, untouched_target
from tests.ssh.test_proof import arguments

GRACE = 1.5


@pytest.fixture
async def strict(tmp_path: Path) -> AsyncIterator[House]:
    """A short patience; and whoever fails often is not sent away, or the next test case would be."""
    house = await House.open(
        tmp_path / "strict",
        login_grace=GRACE,
        login_failures_per_address=10**6,
        login_failures_per_name=10**6,
    )
    yield house
    await house.close()


EXT_INFO = b"\x07" + UInt32(1) + String(b"server-sig-algs") + String(b"ssh-rsa")
SIGN_IN = b"\x32" + String(b"web-1") + String(b"ssh-connection") + String(b"none")
OPEN = b"\x5a" + String(b"session") + UInt32(0) + UInt32(1 << 20) + UInt32(1 << 15)
EXEC = b"\x62" + UInt32(0) + String(b"exec") + Boolean(True) + String(b"id")

IN_THE_CLEAR = {
    "forged extensions before the keys": [kexinit(), EXT_INFO],
    "forged extensions, without strict key exchange": [kexinit(strict=False), EXT_INFO],
    "forged extensions first of all": [EXT_INFO, kexinit()],
    "something to ignore before the keys": [kexinit(), b"\x02" + String(b"x"), kexinit()],
    "something to ignore first of all": [b"\x02" + String(b"x"), kexinit()],
    "a sign-in before the keys": [kexinit(), SIGN_IN],
    "a sign-in first of all": [SIGN_IN],
    "the service before the keys": [kexinit(), b"\x05" + String(b"ssh-userauth"), SIGN_IN],
    "the service granted by the client": [kexinit(), b"\x06" + String(b"ssh-userauth")],
    "success told by the client": [kexinit(), b"\x34", OPEN, EXEC],
    "a channel before the keys": [kexinit(), OPEN, EXEC],
    "keys that nobody agreed on": [kexinit(), b"\x15"],
    "keys first of all": [b"\x15", OPEN],
    "half a key": [kexinit(), b"\x1e" + String(b"x" * 31)],
    "a key that is zero": [kexinit(), b"\x1e" + String(bytes(32))],
    "a key that is too long": [kexinit(), b"\x1e" + String(bytes(200_000))],
    "the server's part of the exchange": [kexinit(), b"\x1f" + String(b"k") + String(b"f") + String(b"s")],
    "a proposal twice": [kexinit(), kexinit()],
    "nothing in common": [kexinit(kex=[b"diffie-hellman-group1-sha1"])],
    "an empty proposal": [b"\x14" + os.urandom(16) + bytes(45)],
    "half a proposal": [kexinit()[:40]],
    "a proposal of 30,000 names": [kexinit(kex=[b"x%d" % number for number in range(30_000)])],
    "a proposal that is not ASCII": [kexinit(kex=[b"\xff\xfe"])],
    "an empty packet": [b""],
    "an unknown message": [b"\xc0" + bytes(100)],
    "a farewell": [b"\x01" + UInt32(11) + String(b"\x1b]0;bye\x07" * 100) + String(b"")],
}


@pytest.mark.parametrize("case", IN_THE_CLEAR)
async def test_in_the_clear(strict: House, case: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with untouched_target(strict):
        await converse(strict.port, [packet(payload) for payload in IN_THE_CLEAR[case]])
        assert not [record for record in caplog.records if record.exc_info]
        assert "\x1b" not in caplog.text
        assert await strict.entries() == []
        assert await is_well(strict)


async def test_a_wrong_guess_is_ignored(strict: House) -> None:
    """A client may send its first packet before it is agreed what that is. Where its favourite is not ours, that
    packet does not count, and here nothing follows: the gateway waits for the right one, until the grace is over."""
    guess = packet(b"\x1e" + String(os.urandom(32)))
    heard = await converse(strict.port, [packet(kexinit(follows=True)), guess])
    assert b"\x1f" not in heard.split(STRICT.replace(b"-c-", b"-s-"), 1)[1][200:], "no answer to the guess"
    assert await is_well(strict)


async def test_proposals_without_end(strict: House) -> None:
    """OpenSSH once kept every one of them."""
    proposal = packet(kexinit(kex=[b"x%d" % number for number in range(20_000)]))

    async def crowd() -> None:
        await asyncio.gather(*(converse(strict.port, [proposal] * 60) for _ in range(8)))

    for _ in range(3):
        await crowd()
    gc.collect()
    before = resident()
    for _ in range(3):
        await crowd()
    gc.collect()
    assert resident() - before < 16 << 20
    assert await is_well(strict)


@given(data=st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def any_plain_packets(port: int, data: st.DataObject) -> None:
    payloads = data.draw(
        st.lists(
            st.binary(max_size=300)
            | st.builds(lambda kind, rest: bytes([kind]) + rest, st.integers(0, 255), st.binary(max_size=100))
            | st.just(kexinit()),
            max_size=6,
        )
    )
    torn = b"".join(map(packet, payloads))
    cut = data.draw(st.integers(0, len(torn)))
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as visit:
        # Closing our half ends the visit at once where the gateway would go on waiting for more.
        try:
            visit.sendall(b"SSH-2.0-x\r\n" + torn[:cut])
            visit.shutdown(socket.SHUT_WR)
            while visit.recv(1 << 16):
                pass
        except ConnectionError:
            pass


async def test_any_packets_in_the_clear(strict: House, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with untouched_target(strict):
        await asyncio.to_thread(any_plain_packets, strict.port)
        assert not [record for record in caplog.records if record.exc_info]
        assert await strict.entries() == []
        assert await is_well(strict)


class Mutant(SSHClientConnection):
    """Signed in, it spoils what it sends: the payload before it is sealed, or the packet after."""

    spoil_payload: Callable[[bytes], bytes] = staticmethod(lambda payload: payload)
    spoil_packet: Callable[[bytes], bytes] = staticmethod(lambda data: data)

    def send_packet(self, pkttype: int, *args: bytes, handler: Any = None) -> None:
        spoilt = self.spoil_payload(bytes([pkttype]) + b"".join(args))
        if spoilt:
            super().send_packet(spoilt[0], spoilt[1:], handler=handler)

    def _send(self, data: bytes) -> None:
        super()._send(self.spoil_packet(data))


async def mutant(house: House) -> Mutant:
    options = asyncssh.SSHClientConnectionOptions(**{**arguments(house), "x509_trusted_certs": []})
    loop = asyncio.get_running_loop()
    options.waiter = loop.create_future()
    _, made = await loop.create_connection(
        lambda: Mutant(loop, options, wait="auth"), "127.0.0.1", house.port
    )
    async with asyncio.timeout(PATIENCE):
        await options.waiter
    return made


@pytest.mark.parametrize("place", [0, 3, 4, 20, -1, -16])
async def test_a_bit_that_flipped_on_the_way(house: House, place: int) -> None:
    """The seal is broken, so the connection is over, whatever was in it."""
    async with untouched_target(house):
        bad = await mutant(house)

        def flip(data: bytes) -> bytes:
            spoilt = bytearray(data)
            spoilt[place] ^= 0x10
            return bytes(spoilt)

        bad.spoil_packet = flip
        bad.send_packet(90, OPEN[1:])
        bad.spoil_packet = bytes
        for _ in range(20):  # a length that grew waits for its rest
            bad.send_packet(2, String(bytes(20_000)))
        await hung_up_on(bad)
        assert await is_well(house)


async def test_a_packet_twice(house: House) -> None:
    """A sealed packet that is sent again is not the next one."""
    async with untouched_target(house):
        bad = await mutant(house)
        bad.spoil_packet = lambda data: data * 2
        bad.send_packet(2, String(b"again"))
        await hung_up_on(bad)
        assert await is_well(house)


def mutations(seed: int) -> Callable[[bytes], bytes]:
    """Now and then another kind, a cut, a repeat, a changed byte or number; most packets stay as they are."""
    chance = random.Random(seed)

    def spoil(payload: bytes) -> bytes:
        spoilt = bytearray(payload)
        at = chance.randrange(len(spoilt))
        match chance.randrange(40):
            case 0:
                spoilt[0] = chance.choice(
                    [1, 2, 3, 4, 5, 6, 7, 20, 21, 30, 50, 52, 80, 90, 91, 93, 94, 95, 96]
                )
            case 1:
                del spoilt[at:]
            case 2:
                spoilt[at:at] = chance.randbytes(chance.randrange(1, 300))
            case 3:
                spoilt[at] ^= 1 << chance.randrange(8)
            case 4 if len(spoilt) > 5:
                spoilt[1:5] = chance.choice(
                    [b"\xff\xff\xff\xff", bytes(4), b"\0\0\0\x09", b"\x7f\xff\xff\xff"]
                )
            case 5:
                spoilt += spoilt[at:]
        return bytes(spoilt)

    return spoil


async def misbehave(house: House, seed: int) -> None:
    bad = await mutant(house)
    bad.spoil_payload = mutations(seed)
    try:
        async with asyncio.timeout(0.5):
            for number in range(12):
                bad.send_packet(90, String(b"session"), UInt32(number), UInt32(1 << 20), UInt32(1 << 15))
                await asyncio.sleep(0)
                bad.send_packet(98, UInt32(number), String(b"env"), b"\1", String(b"LANG"), String(b"C"))
                sizes = b"".join(map(UInt32, (80, 24, 0, 0)))
                bad.send_packet(
                    *(
                        98,
                        UInt32(number),
                        String(b"pty-req"),
                        b"\1",
                        String(b"xterm"),
                        sizes,
                        String(b"\1\0\0\0\3\0"),
                    )
                )
                bad.send_packet(98, UInt32(number), String(b"exec"), b"\1", String(b"id"))
                bad.send_packet(94, UInt32(number), String(b"some input"))
                bad.send_packet(93, UInt32(number), UInt32(1 << 31))
                bad.send_packet(80, String(b"keepalive@openssh.com"), b"\1")
                bad.send_packet(96, UInt32(number))
                bad.send_packet(97, UInt32(number))
            await bad.wait_closed()
    except TimeoutError:
        pass
    bad.abort()
    await hung_up_on(bad)


async def spoilt_packets(house: House, seeds: range, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever comes out of it, a bystander is served, nothing reaches a target that policy has not let through, and
    nothing is kept."""
    caplog.set_level(logging.INFO)
    house.decide = lambda operation, session: Deny("nobody", "not today")
    async with untouched_target(house), asyncssh.connect(**arguments(house)) as bystander:
        for seed in seeds:
            await misbehave(house, seed)
            assert (await bystander.run("true")).exit_status == 126, seed
            assert not [record for record in caplog.records if record.exc_info], seed
        async with asyncio.timeout(PATIENCE):
            while house.gates():
                await asyncio.sleep(0.02)
        assert not await house.entries("operation.admitted")


@pytest.mark.parametrize("share", range(4))
async def test_spoilt_packets_under_good_keys(
    house: House, share: int, caplog: pytest.LogCaptureFixture
) -> None:
    await spoilt_packets(house, range(share * 10, share * 10 + 10), caplog)


@pytest.mark.slow
async def test_thousands_of_spoilt_packets(house: House, caplog: pytest.LogCaptureFixture) -> None:
    await spoilt_packets(house, range(1000, 3000), caplog)
