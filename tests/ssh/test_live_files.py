"""A pause stops files on their way to the target, too, whatever program carries them; it loses nothing of them."""

import asyncio
import os
from hashlib import sha256
from pathlib import Path

import pytest

from gateway.session.gate import Gate
from tests.ssh.client import PATIENCE, StockSsh
from tests.ssh.house import BOB, House
from tests.ssh.test_live_control import the_gate, until

pytestmark = [pytest.mark.interop, pytest.mark.needs("ssh", "sshd")]

SIZE = 6 << 20
SLOWLY = 16_000
"""Kilobits a second: some three seconds for the whole file."""


def grown(directory: Path) -> int:
    """Bytes that have arrived, under whatever name."""
    return sum(path.stat().st_size for path in directory.iterdir())


async def stands_still(directory: Path) -> int:
    """What was under way has arrived; at this speed a file that is carried on would have grown."""
    before = -1
    while before != (before := grown(directory)):
        await asyncio.sleep(0.7)
    return before


@pytest.mark.parametrize(
    "command",
    [
        ["scp", "-l", str(SLOWLY), "{here}", "web-1@gw:{there}/file"],
        ["scp", "-O", "-l", str(SLOWLY), "{here}", "web-1@gw:{there}/file"],
        ["sftp", "-l", str(SLOWLY), "-b", "{batch}", "web-1@gw"],
    ],
    ids=lambda command: " ".join(command[:2]),
)
async def test_an_upload(ssh: StockSsh, house: House, tmp_path: Path, command: list[str]) -> None:
    here, there, batch = tmp_path / "here", tmp_path / "there", tmp_path / "batch"
    there.mkdir()
    here.write_bytes(os.urandom(SIZE))
    batch.write_text(f"put {here} {there}/file\n")
    program, *arguments = (word.format(here=here, there=there, batch=batch) for word in command)
    process = await ssh.start(*arguments, program=program)
    gate = await the_gate(house)
    await until(lambda: grown(there) > 0)
    await gate.steering.pause(BOB)
    assert 0 < await stands_still(there) < SIZE
    await gate.steering.resume(BOB)
    async with asyncio.timeout(PATIENCE):
        _, err = await process.communicate()
    assert process.returncode == 0
    assert sha256((there / "file").read_bytes()).digest() == sha256(here.read_bytes()).digest()
    assert b"hoop: paused by bob@example.com - your input waits" in err


@pytest.mark.parametrize("program", ["scp", "sftp"])
async def test_an_upload_that_is_ended(ssh: StockSsh, house: House, tmp_path: Path, program: str) -> None:
    here, there, batch = tmp_path / "here", tmp_path / "there", tmp_path / "batch"
    there.mkdir()
    here.write_bytes(os.urandom(SIZE))
    batch.write_text(f"put {here} {there}/file\n")
    how = [str(here), f"web-1@gw:{there}/file"] if program == "scp" else ["-b", str(batch), "web-1@gw"]
    process = await ssh.start("-l", str(SLOWLY), *how, program=program)
    gate: Gate = await the_gate(house)
    await until(lambda: grown(there) > 0)
    await gate.steering.pause(BOB)
    await gate.steering.end(BOB, "not this one")
    async with asyncio.timeout(PATIENCE):
        _, err = await process.communicate()
    assert process.returncode != 0
    assert b'hoop: ended by bob@example.com: "not this one"' in err
    assert grown(there) < SIZE
    assert await house.outcomes() == ["ended"]
    (carried,) = await house.entries("file.transferred")
    assert carried.body["whole"] is False
