"""A ledger whose database fails: a Fault with a plain sentence, soon, and back to work without a restart."""

import asyncio
import logging
import shutil
import signal
import sqlite3
import subprocess
import sys
import textwrap
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.core.errors import Fault, Misconfigured
from gateway.core.events import GatewayStopped
from gateway.store.ledger import SqlLedger
from tests.contracts.conftest import Open, a_request, admitted, held, opened
from tests.contracts.postgres_server import PostgresServer

SOON = 3.5
"""Two seconds of patience, and some for a busy machine."""


async def fails(attempt: Awaitable[Any], sentence: str, within: float = SOON) -> None:
    """`attempt` raises a Fault that says `sentence`, and nothing that only a programmer understands."""
    before = time.monotonic()
    with pytest.raises(Fault, match=f"^{sentence}$"):
        await attempt
    assert time.monotonic() - before < within


async def works_again(ledger: SqlLedger) -> int:
    """The number of the first append that succeeds. A database that is starting may need a few attempts."""
    async with asyncio.timeout(20):
        while True:
            try:
                return await ledger.append(GatewayStopped())
            except Fault:
                await asyncio.sleep(0.02)


# ---------------------------------------------------------------- SQLite


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


# ---------------------------------------------------------------- PostgreSQL


@pytest.fixture
async def on_postgres(postgres: PostgresServer, migrated_schema: str) -> AsyncIterator[SqlLedger]:
    ledger = await SqlLedger.open(migrated_schema)
    yield ledger
    await ledger.close()


async def test_a_server_that_stops_and_comes_back(postgres: PostgresServer, on_postgres: SqlLedger) -> None:
    first = await on_postgres.append(GatewayStopped())
    await asyncio.gather(*(on_postgres.entries(limit=1) for _ in range(4)))
    await asyncio.to_thread(postgres.stop)
    try:
        await fails(on_postgres.append(GatewayStopped()), "the ledger's database can not be reached")
        await fails(on_postgres.entries(), "the ledger's database can not be reached")
        await fails(on_postgres.settle_approval("x", "y", True), "the ledger's database can not be reached")
        await fails(on_postgres.check(), "the ledger's database can not be reached")
    finally:
        await asyncio.to_thread(postgres.start)
    assert await works_again(on_postgres) == first + 1
    assert [entry.seq for entry in await on_postgres.entries(after=first - 1)] == [first, first + 1]


async def test_a_restart_between_two_calls_costs_one_write_and_no_read(
    postgres: PostgresServer, on_postgres: SqlLedger
) -> None:
    first = await on_postgres.append(GatewayStopped())
    await asyncio.gather(*(on_postgres.entries(limit=1) for _ in range(4)))
    await asyncio.to_thread(postgres.stop, signal.SIGQUIT)
    await asyncio.to_thread(postgres.start)
    assert (await on_postgres.entries(after=first - 1))[0].seq == first
    await fails(on_postgres.append(GatewayStopped()), "the ledger's database can not be reached")
    assert await on_postgres.append(GatewayStopped()) == first + 1


async def test_a_server_that_hangs(postgres: PostgresServer, on_postgres: SqlLedger) -> None:
    first = await on_postgres.append(GatewayStopped())
    with postgres.hanging():
        before = time.monotonic()
        attempts = (on_postgres.append(GatewayStopped()), on_postgres.check())
        outcomes = await asyncio.gather(*attempts, return_exceptions=True)
        assert time.monotonic() - before < SOON
        assert [str(outcome) for outcome in outcomes] == ["the ledger's database does not answer"] * 2
    assert await works_again(on_postgres) > first


async def test_closing_while_the_server_hangs(postgres: PostgresServer, migrated_schema: str) -> None:
    ledger = await SqlLedger.open(migrated_schema, patience=0.3)
    await ledger.check()
    with postgres.hanging():
        await fails(ledger.check(), "the ledger's database does not answer")
        async with asyncio.timeout(20):
            await ledger.close()


async def test_a_gateway_that_hangs_in_a_transaction_lets_go(
    postgres: PostgresServer, on_postgres: SqlLedger, migrated_schema: str
) -> None:
    schema = migrated_schema.rpartition("%3D")[2]
    with postgres.connect() as other:
        other.autocommit = False
        other.execute(f"UPDATE {schema}.head SET seq = seq")
        await fails(on_postgres.append(GatewayStopped()), "the ledger's database does not answer")
        other.rollback()
    assert await works_again(on_postgres)
    async with on_postgres._database.writing.connect() as connection:
        shown = await connection.exec_driver_sql("SHOW idle_in_transaction_session_timeout")
        assert shown.scalar() == "4s"


async def test_a_promise_is_kept_on_a_server_that_is_set_to_lose_commits(postgres: PostgresServer) -> None:
    url = postgres.url(postgres.new_database())
    with postgres.connect() as other:
        other.execute("ALTER ROLE hoop SET synchronous_commit = off")
    try:
        ledger = await SqlLedger.open(url)
        async with ledger._database.writing.connect() as connection:
            assert (await connection.exec_driver_sql("SHOW synchronous_commit")).scalar() == "on"
        await ledger.close()
    finally:
        with postgres.connect() as other:
            other.execute("ALTER ROLE hoop RESET synchronous_commit")


async def test_over_a_unix_socket(postgres: PostgresServer) -> None:
    ledger = await SqlLedger.open(postgres.socket_url(postgres.new_database()))
    assert await ledger.append(GatewayStopped()) == 1
    assert await ledger.settle_approval("x", "y", True) is False
    await ledger.close()


async def test_a_database_that_does_not_exist(postgres: PostgresServer) -> None:
    await fails(
        SqlLedger.open(postgres.url("nowhere")),
        "the ledger's database .*: nowhere on 127.0.0.1 .*not exist.*",
        within=SOON,
    )


async def test_a_database_in_another_encoding(postgres: PostgresServer) -> None:
    with postgres.connect() as other:
        other.execute("CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1'")
    with pytest.raises(Misconfigured, match="must be in UTF8, not in LATIN1"):
        await SqlLedger.open(postgres.url("latin"))


async def test_a_server_that_is_not_there() -> None:
    await fails(
        SqlLedger.open("postgresql://hoop:hunter2@127.0.0.1:1/hoop"),
        "the ledger's database can not be reached: hoop on 127.0.0.1 .*refused.*",
    )


# ---------------------------------------------------------------- both


async def test_nothing_is_half_written_when_an_approval_fails(open_ledger: Open) -> None:
    ledger = await open_ledger()
    request = a_request()
    await ledger.open_approval(request, held(request))
    outcomes = await asyncio.gather(
        ledger.open_approval(request, held(request)),
        ledger.append(admitted("s-1")),
        ledger.settle_approval(request.id, "carol", True),
        return_exceptions=True,
    )
    assert isinstance(outcomes[0], Fault)
    assert outcomes[2] is True
    names = [entry.name for entry in await ledger.entries()]
    assert sorted(names) == ["approval.given", "operation.admitted", "operation.held"]
