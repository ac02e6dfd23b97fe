"""Those who fail, or never begin, at a real door: turned away with words, while everybody else goes on as before."""

import asyncio
import logging
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path

import asyncssh
import pytest
from asyncssh.connection import SSHClientConnection

from gateway.adapters.ssh.door.settings import SshDoor
from tests.ssh.client import PATIENCE, StockSsh
from tests.ssh.house import House
from tests.ssh.sshd import Sshd
from tests.ssh.terminal import Terminal
from tests.ssh.test_garbage import VERSION
from tests.ssh.test_proof import Puppet, arguments
from tests.ssh.test_throttle_counts import Hand
from tests.store.fresh import fresh_ledger

STRANGER = asyncssh.generate_private_key("ssh-ed25519")
ELSEWHERE = "127.0.0.2"
"""Another address of this machine."""


async def until(there: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not there():
            await asyncio.sleep(0.02)


async def fail(house: House, address: str = "127.0.0.1", name: str = "web-1", keys: int = 1) -> str:
    """Try to sign in with unknown keys, from this address. Why it did not work."""
    strangers = [STRANGER, *(asyncssh.generate_private_key("ssh-ed25519") for _ in range(keys - 1))]
    more = {"client_keys": strangers, "local_addr": (address, 0), "username": name}
    try:
        async with asyncssh.connect(**arguments(house, **more)):
            return "it did work"
    except (asyncssh.Error, OSError) as problem:
        return str(problem)


async def refusals(house: House) -> list[str]:
    return [str(entry.body["reason"]) for entry in await house.entries("identity.refused")]


@pytest.fixture
async def quick(tmp_path: Path) -> AsyncIterator[House]:
    """A door that bans soon."""
    house = await House.open(
        tmp_path / "quick", login_failures_per_address=3, login_failures_per_name=5, login_failure_window=60.0
    )
    yield house
    await house.close()


@pytest.fixture
def hand(quick: House) -> Hand:
    """Its doorstep's clock, standing still."""
    hand = Hand()
    assert quick.adapter is not None
    quick.adapter._doorstep._now = hand
    return hand


async def test_turned_away_and_welcome_again(quick: House, hand: Hand) -> None:
    for _ in range(3):
        assert "Permission denied" in await fail(quick)
    told = "hoop: too many failed sign-ins from your address - try again in 60 s"
    assert (await fail(quick)).startswith(told)
    with pytest.raises(asyncssh.DisconnectError, match="too many failed sign-ins"):
        await asyncssh.connect(**arguments(quick))
    async with asyncssh.connect(**arguments(quick, local_addr=(ELSEWHERE, 0))):
        pass  # nobody else is meant
    hand.at += 61
    async with asyncssh.connect(**arguments(quick)):
        pass
    assert [reason.split(" SHA256")[0] for reason in await refusals(quick)] == [
        "unknown ssh-key",
        "unknown ssh-key",
        "3 failed sign-ins with this address within 60 s: more are turned away, and not written down one by one",
        "unknown ssh-key",
    ]


async def test_whoever_only_comes_and_goes_has_not_failed(quick: House) -> None:
    """Scanners and health checks that never try to sign in; they have their own limits."""
    for _ in range(5):
        reader, writer = await asyncio.open_connection("127.0.0.1", quick.port)
        writer.write(VERSION)
        await reader.readline()
        writer.close()
        await writer.wait_closed()
    async with asyncssh.connect(**arguments(quick)):
        pass


async def test_many_who_fail_with_one_name_do_not_lock_its_people_out(quick: House) -> None:
    for number in range(5):
        assert "Permission denied" in await fail(quick, f"127.0.0.{10 + number // 2}", keys=2)
    told = await fail(quick, "127.0.0.20", keys=3)
    assert told == "hoop: too many keys - name one with: ssh -i KEY"
    assert "Permission denied" in await fail(quick, "127.0.0.21", name="web-2", keys=3)
    async with asyncssh.connect(**arguments(quick, local_addr=(ELSEWHERE, 0))):
        pass


ATTACK = """
import asyncio, sys, asyncssh

async def one(places, key):
    async with places:
        try:
            await asyncssh.connect("127.0.0.1", int(sys.argv[1]), username="web-1", known_hosts=None, config=None,
                                   agent_path=None, client_keys=[key])
            return "it did work"
        except (asyncssh.Error, OSError) as problem:
            return str(problem)

async def main():
    places, key = asyncio.Semaphore(60), asyncssh.generate_private_key("ssh-ed25519")
    for told in await asyncio.gather(*(one(places, key) for _ in range(1000))):
        print(told)

asyncio.run(main())
"""


@pytest.fixture
async def besieged(tmp_path: Path, sshd: Sshd) -> AsyncIterator[House]:
    """In front of web-1, and as patient as a slow machine needs it: a thousand attempts fit into one window."""
    directory = tmp_path / "besieged"
    directory.mkdir()
    ledger = await fresh_ledger(directory / "hoop.db", patience=PATIENCE)
    house = House(directory, ledger, SshDoor(directory / "host_key", login_failure_window=3600.0))
    await house.start()
    house.offer("web-1", sshd.port, sshd.user, sshd.login_key, host_keys=[sshd.host_key_line])
    yield house
    await house.close()


@pytest.mark.interop
@pytest.mark.needs("ssh", "sshd")
async def test_a_thousand_failures_while_somebody_types(besieged: House, tmp_path: Path) -> None:
    house, ssh, desk = besieged, StockSsh(tmp_path / "client", besieged), Terminal()
    adapter = house.adapter
    assert adapter is not None
    await desk.start(ssh.command("-tt", "web-1@gw", "PS1='ready> ' sh"))
    await desk.until(b"ready> ")
    attack = await asyncio.create_subprocess_exec(
        sys.executable, "-c", ATTACK, str(house.port), stdout=asyncio.subprocess.PIPE
    )
    attacking = asyncio.create_task(attack.communicate())
    typed = 0
    while not attacking.done() or typed < 5:
        typed += 1
        desk.type(b"echo key-$((1000+%d))\r" % typed)
        await desk.until(b"key-%d\r\n" % (1000 + typed))
        await asyncio.sleep(0.05)
    heard = (await attacking)[0].decode().splitlines()
    assert len(heard) == 1000
    assert "it did work" not in heard
    assert any("too many failed sign-ins" in told for told in heard)
    assert sum("Permission denied" in told for told in heard) <= 20 + 60, "the limit, and who was on the way"
    await until(lambda: adapter._doorstep._all_strangers == 0)  # all of them are gone
    told = await ssh.run("web-1@gw", "true")
    assert told.status == 255
    assert "hoop: too many failed sign-ins from your address - try again in " in told.said
    desk.type(b"exit 3\r")
    assert await desk.ended() == 3
    await desk.close()
    found = await refusals(house)
    assert len(found) <= 21
    assert sum("more are turned away" in reason for reason in found) == 1


@pytest.fixture
async def impatient(tmp_path: Path) -> AsyncIterator[House]:
    house = await House.open(tmp_path / "impatient", login_grace=1.0)
    yield house
    await house.close()


Slow = Callable[[House], Coroutine[None, None, None]]


async def nothing(house: House) -> None:
    """Connects, and says nothing."""
    reader, writer = await asyncio.open_connection("127.0.0.1", house.port)
    await reader.read()
    writer.close()


async def half_a_version(house: House) -> None:
    """The version line never ends."""
    reader, writer = await asyncio.open_connection("127.0.0.1", house.port)
    writer.write(VERSION[:-2])
    await reader.read()
    writer.close()


async def drops(house: House) -> None:
    """A byte now and then, for ever: lines before the version."""
    reader, writer = await asyncio.open_connection("127.0.0.1", house.port)
    try:
        while not reader.at_eof():
            writer.write(b"x")
            try:
                async with asyncio.timeout(0.1):
                    await reader.read(100)
            except TimeoutError:
                pass
    except ConnectionError:
        pass  # closed on our bytes
    writer.close()


async def half_a_packet(house: House) -> None:
    """A key exchange whose first packet is never whole."""
    reader, writer = await asyncio.open_connection("127.0.0.1", house.port)
    writer.write(VERSION + b"\0\0\4\0\4\x14" + b"\0" * 100)
    await reader.read()
    writer.close()


class Stalled(SSHClientConnection):
    """Says which key exchange it wants, and then forgets about it."""

    async def _process_packet_of_kex(self, *_: object) -> None:
        return None

    def process_packet(self, pkttype: int, pktid: int, packet: object) -> bool:
        return True


async def stalled_key_exchange(house: House) -> None:
    """Both sides have said what they can do; the client says nothing more."""
    await run_client(house, Stalled)


async def stalled_sign_in(house: House) -> None:
    """The line is encrypted, and nobody signs in over it."""
    await run_client(house, Puppet)


async def run_client(house: House, kind: type[SSHClientConnection]) -> None:
    options = asyncssh.SSHClientConnectionOptions(
        **{**arguments(house), "client_keys": None, "x509_trusted_certs": []}
    )
    loop = asyncio.get_running_loop()
    options.waiter = loop.create_future()
    _, client = await loop.create_connection(
        lambda: kind(loop, options, wait="auth"), "127.0.0.1", house.port
    )
    await client.wait_closed()
    if options.waiter.done():
        options.waiter.exception()


@pytest.mark.parametrize(
    "slow", [nothing, half_a_version, drops, half_a_packet, stalled_key_exchange, stalled_sign_in]
)
async def test_whoever_never_comes_to_the_point(
    impatient: House, slow: Slow, caplog: pytest.LogCaptureFixture
) -> None:
    """Closed when the grace is over, and their place is free again."""
    caplog.set_level(logging.INFO)
    clock = asyncio.get_running_loop()
    began = clock.time()
    adapter = impatient.adapter
    assert adapter is not None
    visits = [asyncio.create_task(slow(impatient)) for _ in range(5)]
    await until(lambda: adapter._doorstep._all_strangers > 0)
    async with asyncio.timeout(PATIENCE):
        await asyncio.gather(*visits)
    assert clock.time() - began > 0.9
    await until(lambda: adapter._doorstep._all_strangers == 0 and not adapter._connections)
    assert not [record for record in caplog.records if record.exc_info]
    async with asyncssh.connect(**arguments(impatient)):
        pass
