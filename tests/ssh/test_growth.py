"""Sessions that are over leave nothing behind: no task, no descriptor, no thread, no object of theirs."""

import asyncio
import gc
import threading
from dataclasses import dataclass
from pathlib import Path

import asyncssh
import pytest

from gateway.adapters.ssh.connection import PersonConnection, TargetConnection
from gateway.adapters.ssh.person import PersonChannel, PersonSide
from gateway.adapters.ssh.relay import Relay
from gateway.adapters.ssh.target.channel import TargetChannel, TargetSide
from gateway.session.gate import Gate
from gateway.session.recorder import Recorder
from tests.ssh.client import PATIENCE, StockSsh
from tests.ssh.house import House
from tests.ssh.test_proof import arguments

THREADS_MORE = 8
"""Pools of threads fill up to their size, which sessions that come together may bring about at any time."""

THEIRS = (
    PersonConnection,
    PersonChannel,
    PersonSide,
    TargetConnection,
    TargetChannel,
    TargetSide,
    Relay,
    Gate,
    Recorder,
)


@dataclass(frozen=True, slots=True)
class Footprint:
    """What is there, besides memory."""

    tasks: int
    descriptors: int
    threads: int
    objects: dict[str, int]


def footprint() -> Footprint:
    gc.collect()
    found = dict.fromkeys((kind.__name__ for kind in THEIRS), 0)
    for each in gc.get_objects():
        for kind in THEIRS:
            if isinstance(each, kind):
                found[kind.__name__] += 1
    return Footprint(
        len(asyncio.all_tasks()), len(list(Path("/proc/self/fd").iterdir())), threading.active_count(), found
    )


async def visit(house: House, number: int) -> None:
    """People come and go in several ways."""
    async with asyncssh.connect(**arguments(house)) as connection:
        match number % 4:
            case 0:
                assert (await connection.run("echo hello")).stdout == "hello\n"
            case 1:
                assert (await connection.run("exit 3", term_type="xterm")).exit_status == 3
            case 2:
                await connection.create_session(asyncssh.SSHClientSession, "sleep 60")
                connection.abort()
            case _:
                await connection.run("cat", input="x" * 100_000)


async def at_rest(house: House) -> Footprint:
    """Once everybody has left; what others began and end in a moment of their own counts at its least."""
    assert house.adapter is not None
    async with asyncio.timeout(PATIENCE):
        while house.adapter.open_sessions or house.adapter._connections or house.gates():
            await asyncio.sleep(0.02)
    seen = footprint()
    for _ in range(10):
        await asyncio.sleep(0.1)
        now = footprint()
        if now == seen:
            break
        seen = now
    return seen


@pytest.mark.interop
@pytest.mark.needs("ssh", "sshd")
async def test_nothing_is_left(house: House, ssh: StockSsh) -> None:
    for number in range(8):
        await visit(house, number)
    before = await at_rest(house)
    for start in range(0, 40, 4):
        await asyncio.gather(*(visit(house, start + number) for number in range(4)))
    after = await at_rest(house)
    assert after.objects == before.objects == dict.fromkeys(before.objects, 0)
    assert after.tasks <= before.tasks
    assert after.descriptors <= before.descriptors
    assert after.threads <= before.threads + THREADS_MORE
