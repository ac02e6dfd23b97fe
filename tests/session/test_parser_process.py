"""What a parser process holds, and that it ends with the gateway however that ends."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gateway.session.database.parser_process import ParserProcess, library

GATEWAY = """
import asyncio, sys
from gateway.session.database.parser import Parsers
async def main():
    parsers = Parsers(seconds=3)
    await parsers.read("select 1")
    await parsers.read("select 1" + " " * 20000)
    print(*(place.process.pid for place in parsers._places), flush=True)
    if sys.argv[1:]:
        asyncio.ensure_future(parsers.read("select " + "+".join(["1"] * 40000)))
    await asyncio.sleep(60)
asyncio.run(main())
"""
ROOT = Path(__file__).parents[2]


def is_gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except FileNotFoundError:
        return True


@pytest.mark.parametrize("busy", [[], ["busy"]])
def test_it_ends_with_a_gateway_that_was_killed(busy: list[str]) -> None:
    gateway = subprocess.Popen(
        [sys.executable, "-c", GATEWAY, *busy], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    with gateway, contextlib.ExitStack() as stack:
        stack.callback(gateway.kill)
        assert gateway.stdout is not None
        pids = [int(word) for word in gateway.stdout.readline().split()]
        assert len(pids) == 2
        assert not any(map(is_gone, pids))
        gateway.send_signal(signal.SIGKILL)
        gateway.wait()
        until = time.monotonic() + 30
        while not all(map(is_gone, pids)):
            assert time.monotonic() < until, "a parser outlives its gateway"
            time.sleep(0.01)


async def test_it_holds_nothing_but_its_socket(tmp_path: Path) -> None:
    secret = (tmp_path / "secret").open("w")
    os.set_inheritable(secret.fileno(), True)
    os.environ["HOOP_TEST_SECRET"] = "hunter2"
    process = await ParserProcess.start(768 << 20, 1.0)
    try:
        proc = Path(f"/proc/{process.pid}")
        held = {entry.name: str(entry.readlink()) for entry in (proc / "fd").iterdir()}
        assert set(held) == {"0", "1", "2"}
        assert held["0"] == held["1"]
        assert held["0"].startswith("socket:")
        assert held["2"] == "/dev/null"
        assert b"hunter2" not in (proc / "environ").read_bytes()
        assert (proc / "cwd").readlink() == Path("/")
        limits = (proc / "limits").read_text()
        assert [line.split()[4] for line in limits.splitlines() if line.startswith("Max core file size")] == [
            "0"
        ]
        assert [line.split()[3] for line in limits.splitlines() if line.startswith("Max address space")] == [
            str(768 << 20)
        ]
        assert os.getsid(process.pid) == process.pid
    finally:
        await process.end()
        secret.close()
        del os.environ["HOOP_TEST_SECRET"]


async def test_it_loads_little() -> None:
    process = await ParserProcess.start(768 << 20, 1.0)
    try:
        maps = Path(f"/proc/{process.pid}/maps").read_text()
        assert "libpg_query" in maps
        for other in ("libssl", "protobuf", "upb", "pydantic", "re2", "sqlalchemy"):
            assert other not in maps, other
        status = Path(f"/proc/{process.pid}/status").read_text()
        resident = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))
        assert resident < 40_000
    finally:
        await process.end()


async def test_the_library_is_the_one_that_is_installed() -> None:
    assert Path(library()).name.startswith("libpg_query.")
    assert await asyncio.to_thread(Path(library()).is_file)
