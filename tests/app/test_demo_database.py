"""The demo's database: reached in three ways, masked and judged, and gone with the demo."""

import asyncio
import os
import socket
import tempfile
from pathlib import Path

import pytest

from gateway.adapters.postgres.cage import landlock, seccomp
from gateway.api.schema import DatabaseTokenAsked
from gateway.app import demo, demo_database
from gateway.app.demo import opened
from gateway.app.demo_config import approver_lines, database_lines
from gateway.core.errors import HoopError
from gateway.core.people import Peer

PATIENCE = 60.0
SOME_SSN = "900-12-3456"


async def run(*command: str, **environ: str) -> tuple[int | None, str]:
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, **environ},
    )
    async with asyncio.timeout(PATIENCE):
        said, _ = await process.communicate()
    return process.returncode, said.decode()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.interop
@pytest.mark.needs("postgres", "psql", "ssh")
async def test_three_ways_to_the_same_rows(tmp_path: Path) -> None:
    directory = tmp_path / "demo"
    async with opened(directory, 0, seeded=False) as running:
        assert running.has_database
        assert "psql          sh " in demo._welcome(running, tui=False)
        await running.sign_in("alice")
        rows = "select name, email, ssn from customers order by id limit 1"

        person = await demo._vouched(running.house, running.provider, "alice")
        asked = DatabaseTokenAsked(target="appdb")
        given = await running.house.hall.desk.database_token(person, asked, Peer("127.0.0.1"))
        port = running.house.ports["postgres"]
        conninfo = f"host=127.0.0.1 port={port} dbname=appdb sslmode=require"
        directly = await run("psql", "-X", conninfo, "-Atc", rows, PGPASSWORD=given.token)
        seen = [directly]

        port, config = free_port(), str(directory / "ssh_config")
        tunnel = await asyncio.create_subprocess_exec(
            *("ssh", "-F", config, "-N", "-L", f"{port}:appdb:5432", "appdb"),
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            conninfo = f"host=127.0.0.1 port={port} dbname=appdb sslmode=disable"
            async with asyncio.timeout(PATIENCE):
                while (found := await run("psql", "-X", conninfo, "-Atc", rows))[0] == 2:
                    await asyncio.sleep(0.1)
            seen.append(found)
        finally:
            tunnel.terminate()
            await tunnel.wait()

        if landlock.abi() and seccomp.machine() is not None:
            seen.append(await run("ssh", "-F", config, "appdb", rows))
            status, said = await run("ssh", "-F", config, "appdb", "delete from orders")
            assert status == 1
            assert "hoop: blocked - say which rows: add WHERE" in said
        for status, said in seen:
            assert status == 0, said
            assert "Ada Lovelace" in said
            assert "[masked:ssn]" in said
            assert "ada@" not in said
            assert SOME_SSN not in said
        place = Path(running.house.targets.find("appdb").host)  # type: ignore[union-attr]  # it is there
        assert place.stat().st_mode & 0o077 == 0
    assert not place.exists()
    assert not any(SOME_SSN.encode() in path.read_bytes() for path in directory.rglob("*") if path.is_file())


async def test_without_postgresql(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo_database, "programs", lambda: None)
    async with opened(tmp_path / "demo", 0, seeded=False) as running:
        assert not running.has_database
        assert running.house.targets.find("appdb") is None
        assert "PostgreSQL is not installed here (Debian: postgresql)" in demo._welcome(running, tui=False)


@pytest.mark.needs("postgres")
async def test_a_database_that_does_not_start_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tempfile.TemporaryDirectory(prefix="hoop-test-") as name:
        place = Path(name)
        place.chmod(0o755)  # so that the account that the server runs as finds what it is to run
        monkeypatch.setattr(tempfile, "tempdir", name)
        for program in ("initdb", "postgres"):
            (place / program).write_text("#!/bin/sh\necho no room >&2\nexit 1\n")
            (place / program).chmod(0o755)
        monkeypatch.setattr(demo_database, "programs", lambda: place)
        with pytest.raises(HoopError, match="the demo's database did not start: no room"):
            async with opened(tmp_path / "demo", 0):
                raise AssertionError("it is open")
        assert not list(place.glob("hoop-demo-pg-*"))


def test_the_lines_can_be_pasted(tmp_path: Path) -> None:
    there = tmp_path / "with space"
    for line in (*database_lines(there), *approver_lines(there)):
        assert f"'{tmp_path}/with space/" in line
