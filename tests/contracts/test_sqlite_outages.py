"""A SQLite ledger whose file is locked, protected, moved, full or cut off by a kill."""

import asyncio
import logging
import shutil
import signal
import sqlite3
import subprocess
import sys
import textwrap
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.core.errors import Fault
from gateway.core.events import GatewayStopped
from gateway.store.ledger import SqlLedger
from tests.contracts.conftest import admitted, opened
from tests.contracts.outages import SOON, fails, works_again


@pytest.fixture
def file(migrated_file: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(migrated_file, tmp_path / "hoop.db"))


@pytest.fixture
async def sqlite(file: Path) -> AsyncIterator[SqlLedger]:
    ledger = await SqlLedger.open(f"sqlite:///{file}")
    yield ledger
    await ledger.close()


@pytest.fixture
def other_program(file: Path) -> Iterator[Callable[[str], None]]:
    """A process that does what it is told to the same file. The function returns when that is done."""
    script = """
        import sqlite3, sys
        connection = sqlite3.connect(sys.argv[1], isolation_level=None)
        for line in sys.stdin:
            connection.execute(line)
            print("done", flush=True)
    """
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script), file],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:

        def tell(statement: str) -> None:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(statement + "\n")
            process.stdin.flush()
            assert process.stdout.readline() == "done\n"

        yield tell
        process.kill()


async def test_a_file_that_another_program_locks(
    sqlite: SqlLedger, other_program: Callable[[str], None], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "gateway.store")
    await sqlite.append(opened("s-1"))
    other_program("BEGIN IMMEDIATE")
    await fails(
        sqlite.append(admitted("s-1", "hunter2")), "the ledger's database is locked by another program"
    )
    before = time.monotonic()
    outcomes = await asyncio.gather(
        sqlite.check(), *(sqlite.append(GatewayStopped()) for _ in range(20)), return_exceptions=True
    )
    assert all(isinstance(outcome, Fault) for outcome in outcomes)
    assert time.monotonic() - before < SOON
    assert [row.id for row in await sqlite.sessions()] == ["s-1"]  # reading goes on
    other_program("COMMIT")
    assert await works_again(sqlite) == 2
    await sqlite.check()
    messages = [record.getMessage() for record in caplog.records if record.name.startswith("gateway.store")]
    assert messages == [
        "the ledger can not be written: the ledger's database is locked by another program (database is locked)",
        "the ledger can be written again",
    ]
    assert "hunter2" not in caplog.text


async def test_a_file_locked_at_the_start(file: Path, other_program: Callable[[str], None]) -> None:
    other_program("BEGIN EXCLUSIVE")
    await fails(
        SqlLedger.open(f"sqlite:///{file}"),
        rf"the ledger's database is locked by another program: {file} \(database is locked\)",
    )


async def test_a_file_made_read_only(sqlite: SqlLedger, file: Path) -> None:
    await sqlite.append(GatewayStopped())
    file.chmod(0o400)
    await fails(sqlite.append(GatewayStopped()), "the ledger's database can not be written to")
    await fails(sqlite.check(), "the ledger's database can not be written to")
    file.chmod(0o600)
    assert await works_again(sqlite) == 2


async def test_a_file_taken_away_and_brought_back(sqlite: SqlLedger, file: Path) -> None:
    await sqlite.append(GatewayStopped())
    elsewhere = file.rename(file.with_suffix(".away"))
    await fails(sqlite.append(GatewayStopped()), "the ledger's database is gone")
    await fails(sqlite.entries(), "the ledger's database is gone")
    assert not file.exists()
    elsewhere.rename(file)
    assert await works_again(sqlite) == 2
    assert [entry.seq for entry in await sqlite.entries()] == [1, 2]


async def test_a_file_replaced_by_another(sqlite: SqlLedger, file: Path) -> None:
    await sqlite.append(GatewayStopped())
    file.rename(file.with_suffix(".away"))
    file.touch()
    await fails(sqlite.append(GatewayStopped()), "the ledger's database was replaced by another file")
    assert file.stat().st_size == 0


async def test_a_file_that_is_not_a_database(tmp_path: Path) -> None:
    file = tmp_path / "hoop.db"
    file.write_bytes(b"These are somebody's notes, and no database at all.\n" * 100)
    await fails(
        SqlLedger.open(f"sqlite:///{file}"),
        rf"the ledger's database is damaged: {file} \(file is not a database\)",
    )
    assert file.read_bytes().startswith(b"These are somebody's notes")


def in_a_child(script: str, file: Path, **more: Any) -> "subprocess.Popen[str]":
    """Run a script on the ledger in `file`."""
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script), f"sqlite:///{file}"],
        stdout=subprocess.PIPE,
        text=True,
        **more,
    )


def test_a_full_disk(file: Path) -> None:
    """The child's limit on the size of files stands in for the disk."""
    script = """
        import asyncio, resource, sys
        from gateway.core.errors import Fault
        from gateway.core.events import ConfigReloaded, GatewayStopped
        from gateway.store.ledger import SqlLedger

        async def main():
            ledger = await SqlLedger.open(sys.argv[1], patience=10)
            await ledger.append(GatewayStopped())
            resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))
            acknowledged, sentence = 0, ""
            while not sentence:
                try:
                    acknowledged = await ledger.append(ConfigReloaded(ok=True, config_sha256="x" * 5000))
                except Fault as fault:
                    sentence = fault.sentence
            resource.setrlimit(resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
            try:
                await ledger.check()
            except Fault:
                pass
            else:
                sentence = "check saw nothing"
            resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
            again = await ledger.append(GatewayStopped())
            print(sentence, acknowledged, again, [e.seq for e in await ledger.entries()], sep="|")
            await ledger.close()

        asyncio.run(main())
    """
    with in_a_child(script, file) as child:
        answer, _ = child.communicate(timeout=60)
    sentence, acknowledged, again, kept = answer.strip().split("|")
    assert sentence in ("there is no room left for the ledger", "the disk under the ledger fails")
    assert int(again) == int(acknowledged) + 1
    assert kept == str(list(range(1, int(again) + 1)))


def test_a_killed_gateway_has_kept_what_it_acknowledged(file: Path) -> None:
    script = """
        import asyncio, os, sys
        from gateway.core.events import ConfigReloaded
        from gateway.store.ledger import SqlLedger

        async def appends(ledger, name):
            while True:
                number = await ledger.append(ConfigReloaded(ok=True, config_sha256=name))
                os.write(1, f"{number} {name}\\n".encode())

        async def main():
            ledger = await SqlLedger.open(sys.argv[1], patience=10)
            await asyncio.gather(*(appends(ledger, f"writer {n}") for n in range(8)))

        asyncio.run(main())
    """
    acknowledged: dict[int, str] = {}
    with in_a_child(script, file) as child:
        assert child.stdout is not None
        for line in child.stdout:
            if line.endswith("\n"):  # the last one may be cut
                number, _, name = line.strip().partition(" ")
                acknowledged[int(number)] = name
            if len(acknowledged) == 150:
                child.send_signal(signal.SIGKILL)
    assert child.returncode == -signal.SIGKILL
    assert len(acknowledged) >= 150
    kept = asyncio.run(_names(file))
    assert {number: kept.get(number) for number in acknowledged} == acknowledged
    assert list(kept) == list(range(1, len(kept) + 1))


async def _names(file: Path) -> dict[int, str]:
    ledger = await SqlLedger.open(f"sqlite:///{file}")
    try:
        return {entry.seq: entry.body["config_sha256"] for entry in await ledger.entries(limit=100_000)}
    finally:
        await ledger.close()


async def test_the_file_is_private_and_synced(tmp_path: Path) -> None:
    file = tmp_path / "hoop.db"
    file.touch(0o644)
    file.chmod(0o644)
    ledger = await SqlLedger.open(f"sqlite:///{file}")
    try:
        await ledger.append(GatewayStopped())
        modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
        assert modes == {"hoop.db": 0o600, "hoop.db-wal": 0o600, "hoop.db-shm": 0o600}
        async with ledger._database.writing.connect() as connection:
            settings = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
            found = [(await connection.exec_driver_sql(f"PRAGMA {name}")).scalar() for name in settings]
        assert found == ["wal", 2, 1, 1500]
    finally:
        await ledger.close()
    assert [path.name for path in tmp_path.iterdir()] == ["hoop.db"]
    with sqlite3.connect(file) as plain:
        assert plain.execute("SELECT count(*) FROM entries").fetchone() == (1,)
    plain.close()
