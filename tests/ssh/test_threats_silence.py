"""Networks that swallow everything without a word: no end of a connection arrives, and no answer to a beginning."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import asyncssh
import pytest

from gateway.core.frame import FrameKind
from tests.ssh.client import PATIENCE
from tests.ssh.fake_target import FakeTarget
from tests.ssh.forwarding import sessions_over, until
from tests.ssh.house import BOB, House
from tests.ssh.man_between import between
from tests.ssh.raw import is_well
from tests.ssh.test_proof import arguments

PATIENT = 300.0


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """Silence is noticed soon; a beginning may take its time."""
    house = await House.open(
        tmp_path / "gateway", keepalive=0.3, connect_timeout=PATIENT, login_grace=PATIENT
    )
    yield house
    await house.close()


class Endless:
    """A program that greets and then never ends by itself."""

    def __init__(self) -> None:
        self.ended = asyncio.Event()

    async def __call__(self, process: asyncssh.SSHServerProcess[bytes]) -> None:
        process.stdout.write(b"begun\n")
        try:
            await process.stdin.read()
        finally:
            self.ended.set()


@pytest.fixture
async def program(house: House) -> AsyncIterator[Endless]:
    """What runs on web-1."""
    program = Endless()
    target = FakeTarget(program)
    await target.start(house)
    yield program
    await target.stop()


async def closed_with_a_reason(house: House, outcome: str) -> None:
    """The books have an end of the only session, and its recording has the same one."""
    assert await sessions_over(house) == [outcome]
    recording = house.recording()
    assert recording.state == "whole"
    assert recording.output == b"begun\n"
    assert recording.frames[-1].kind is FrameKind.EXIT
    assert recording.facts_of(FrameKind.EXIT) == [{"reason": outcome}]


async def test_a_person_s_network_that_vanishes(house: House, program: Endless) -> None:
    async with between(house.port) as man:
        client = await asyncssh.connect(**arguments(house, port=man.port))
        process = await client.create_process("x", encoding=None)
        assert await process.stdout.readline() == b"begun\n"
        man.dark = True
        await closed_with_a_reason(house, "disconnected")
        async with asyncio.timeout(PATIENCE):
            await program.ended.wait()
        client.abort()
        await client.wait_closed()
    assert await is_well(house)


async def test_a_target_s_network_that_vanishes(house: House, program: Endless) -> None:
    (target,) = house.targets_offered
    async with between(target.port) as man, asyncssh.connect(**arguments(house)) as client:
        house.add(replace(target, port=man.port))
        process = await client.create_process("x", encoding=None)
        assert await process.stdout.readline() == b"begun\n"
        man.dark = True
        async with asyncio.timeout(PATIENCE):
            said = await process.stderr.read()
            await process.wait_closed()
        assert said.startswith(b"hoop: the connection to web-1 was lost")
        assert process.exit_status == 255
        await closed_with_a_reason(house, "unreachable")
        assert not client.is_closed(), "what the person has besides goes on"


@contextmanager
def black_hole() -> Iterator[int]:
    """A port that answers nothing to whoever wants to connect: its queue is full."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port = int(listener.getsockname()[1])
        waiting = [socket.socket() for _ in range(4)]
        try:
            for each in waiting:
                each.setblocking(False)
                each.connect_ex(("127.0.0.1", port))
            yield port
        finally:
            for each in waiting:
                each.close()


def offer(house: House, port: int) -> None:
    key = asyncssh.generate_private_key("ssh-ed25519")
    house.offer("web-1", port, "x", key, host_keys=[key.export_public_key().decode().strip()])


async def test_a_target_that_swallows_beginnings(tmp_path: Path) -> None:
    house = await House.open(tmp_path / "hasty", connect_timeout=1.0)
    try:
        with black_hole() as port:
            offer(house, port)
            async with asyncssh.connect(**arguments(house)) as client, asyncio.timeout(PATIENCE):
                ran = await client.run("x")
            assert ran.exit_status == 255
            assert ran.stderr == "hoop: web-1 can not be reached - it did not answer in time\n"
        assert await house.outcomes() == ["unreachable"]
    finally:
        await house.close()


@pytest.mark.parametrize("who", ["staff", "the person"])
async def test_nobody_waits_for_a_beginning_that_is_called_off(house: House, who: str) -> None:
    """The gateway would wait five minutes for it."""
    with black_hole() as port:
        offer(house, port)
        async with asyncssh.connect(**arguments(house)) as client:
            process = await client.create_process("x")

            async def admitted() -> bool:
                return bool(await house.entries("operation.admitted"))

            await until(admitted)
            if who == "staff":
                await house.gates()[0].steering.end(BOB, "not there")
                async with asyncio.timeout(PATIENCE):
                    assert "ended by bob@example.com" in await process.stderr.read()
            else:
                client.abort()
            assert await sessions_over(house) == ["ended" if who == "staff" else "disconnected"]
    assert house.recording().state == "whole"
    assert house.adapter is not None
    assert house.adapter.open_sessions == 0
