"""Words in the middle of a session, such as that somebody's access ends soon: wherever they can be shown."""

import asyncio

import pytest

from gateway.core.people import Principal
from gateway.session.gate import Gate
from tests.ssh.client import PATIENCE, StockSsh, told_to_leave
from tests.ssh.forwarding import echo, running, serving, through
from tests.ssh.house import House
from tests.ssh.sshd import free_port

pytestmark = [pytest.mark.interop, pytest.mark.needs("ssh", "sshd")]

BOB = Principal("bob@example.com", "bob@example.com")
WORDS = b'hoop: message from bob@example.com: "your access to web-1 ends in 5 min"'


async def the_gate(house: House) -> Gate:
    async with asyncio.timeout(PATIENCE):
        while not (gates := house.gates()):
            await asyncio.sleep(0.02)
    return gates[0]


@pytest.mark.parametrize(
    ("program", "words"),
    [("ssh", ("web-1@gw", "cat")), ("ssh", ("web-1@gw",)), ("sftp", ("-b", "-", "web-1@gw"))],
)
async def test_on_standard_error(program: str, words: tuple[str, ...], ssh: StockSsh, house: House) -> None:
    client = await ssh.start(*words, program=program)
    gate = await the_gate(house)
    await gate.steering.message(BOB, "your access to web-1 ends in 5 min")
    assert client.stderr is not None
    async with asyncio.timeout(PATIENCE):
        while WORDS not in await client.stderr.readline():
            pass
    await told_to_leave(client)
    assert WORDS in house.recording().errors


async def test_where_there_are_only_forwards(ssh: StockSsh, house: House) -> None:
    """`ssh -v` shows it; a client that is ended says why."""
    port = free_port()
    async with (
        serving(echo) as there,
        running(ssh, "-v", "-N", "-L", f"{port}:127.0.0.1:{there}", "web-1@gw") as client,
    ):
        assert await through(port, b"abc") == b"abc"
        gate = await the_gate(house)
        await gate.steering.message(BOB, "your access to web-1 ends in 5 min")
        assert client.stderr is not None
        async with asyncio.timeout(PATIENCE):
            while b"Remote: " + WORDS not in await client.stderr.readline():
                pass
        await gate.steering.end(BOB, "time is over")
        _, err = await client.communicate()
        assert b'hoop: ended by bob@example.com: "time is over"' in err
        assert client.returncode == 255


async def test_a_session_beside_the_forwards_shows_it(ssh: StockSsh, house: House) -> None:
    port = free_port()
    async with (
        serving(echo) as there,
        running(ssh, "-L", f"{port}:127.0.0.1:{there}", "web-1@gw", "cat") as client,
    ):
        await the_gate(house)
        assert await through(port, b"abc") == b"abc"
        _, forwards = house.gates()
        await forwards.steering.message(BOB, "your access to web-1 ends in 5 min")
        assert client.stderr is not None
        async with asyncio.timeout(PATIENCE):
            while WORDS not in await client.stderr.readline():
                pass
