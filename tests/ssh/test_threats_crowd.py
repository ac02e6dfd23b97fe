"""Many at once, and many one after another: each is served, and each is in the books with a beginning and an end."""

import asyncio
from collections.abc import AsyncIterator

import asyncssh
import pytest

from tests.ssh.client import PATIENCE
from tests.ssh.fake_target import FakeTarget
from tests.ssh.forwarding import until
from tests.ssh.house import House
from tests.ssh.test_proof import arguments

CROWD = 40
SHORT = 100


@pytest.fixture
async def target(house: House) -> AsyncIterator[FakeTarget]:
    async def answer(process: asyncssh.SSHServerProcess[bytes]) -> None:
        process.stdout.write(f"{process.command}\n".encode())
        process.exit(0)

    target = FakeTarget(answer)
    await target.start(house)
    yield target
    await target.stop()


async def all_in_the_books(house: House, count: int) -> None:
    async def over() -> bool:
        return not house.gates() and len(await house.entries("session.ended")) == count

    await until(over)
    opened = [entry.session for entry in await house.entries("session.opened")]
    ended = [entry.session for entry in await house.entries("session.ended")]
    assert len(set(opened)) == count
    assert sorted(opened) == sorted(ended)
    assert await house.outcomes() == ["exit 0"] * count
    recordings = {recording.meta["session"]: recording for recording in house.recordings()}
    assert sorted(recordings) == sorted(opened)
    for recording in recordings.values():
        assert recording.state == "whole"
        assert recording.output == f"{recording.meta['command']}\n".encode()


async def test_sessions_shorter_than_anything(house: House, target: FakeTarget) -> None:
    """None is too short to be recorded."""
    async with asyncssh.connect(**arguments(house)) as client:
        for number in range(SHORT):
            assert (await client.run(f"short-{number}")).exit_status == 0
    await all_in_the_books(house, SHORT)


async def test_everybody_comes_back_after_a_restart(house: House, target: FakeTarget) -> None:
    """Whoever is turned away at a crowded door tries again, and is served in the end."""
    assert house.adapter is not None
    await house.adapter.stop(1.0)
    await house.start()

    async def come(number: int) -> None:
        while True:
            try:
                async with asyncssh.connect(**arguments(house)) as client:
                    assert (await client.run(f"back-{number}")).exit_status == 0
                    return
            except (asyncssh.Error, OSError):
                await asyncio.sleep(0.1)

    async with asyncio.timeout(2 * PATIENCE):
        await asyncio.gather(*(come(number) for number in range(CROWD)))
    assert sorted(filter(None, target.commands)) == sorted(f"back-{number}" for number in range(CROWD))
    await all_in_the_books(house, CROWD)
