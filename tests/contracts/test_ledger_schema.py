"""Migrations: complete, in step with the tables, all or nothing, and never back."""

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, inspect, text

from gateway.core.errors import Fault, Misconfigured
from gateway.core.events import GatewayStopped
from gateway.store.database import Database, database
from gateway.store.ledger import SqlLedger
from gateway.store.migrating import scripts, upgrade
from gateway.store.schema import HEAD_REVISION, REVISIONS
from gateway.store.tables import METADATA


def tables(connection: Connection) -> set[str]:
    return set(inspect(connection).get_table_names())


async def on(database: Database, *statements: str) -> None:
    async with database.writing.begin() as connection:
        for statement in statements:
            await connection.execute(text(statement))


async def tables_in(database: Database) -> set[str]:
    async with database.writing.connect() as connection:
        return await connection.run_sync(tables)


def test_the_known_revisions_are_those_that_exist() -> None:
    existing = [script.revision for script in scripts().walk_revisions()]
    assert tuple(reversed(existing)) == REVISIONS
    assert scripts().get_heads() == [HEAD_REVISION]


async def test_the_tables_are_what_the_migrations_make(empty_url: str) -> None:
    await (await SqlLedger.open(empty_url, patience=10)).close()
    opened = database(empty_url, None, 10)

    def differences(connection: Connection) -> list[Any]:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        found: list[Any] = compare_metadata(context, METADATA)
        return found

    async with opened.writing.connect() as connection:
        assert await connection.run_sync(differences) == []
        assert await connection.run_sync(tables) == {*METADATA.tables, "alembic_version"}
    await opened.close()


async def test_a_newer_database_is_left_alone(empty_url: str) -> None:
    await (await SqlLedger.open(empty_url, patience=10)).close()
    opened = database(empty_url, None, 10)
    await on(opened, "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(
        Misconfigured, match=r"at revision 9999 .* knows only up to .* made by a newer version$"
    ):
        await SqlLedger.open(empty_url, patience=10)
    assert await tables_in(opened) == {*METADATA.tables, "alembic_version"}
    await opened.close()


async def test_a_database_made_newer_behind_a_connection_is_noticed(empty_url: str) -> None:
    ledger = await SqlLedger.open(empty_url, patience=10)
    opened = database(empty_url, None, 10)
    await on(opened, "UPDATE alembic_version SET version_num = '9999'")
    for _ in range(2):
        with pytest.raises(Fault, match=r"made by a newer version$"):
            await ledger.append(GatewayStopped())
    await ledger.close()
    await opened.close()


async def test_another_programs_tables_are_left_alone(empty_url: str) -> None:
    opened = database(empty_url, None, 10)
    await on(opened, "CREATE TABLE sessions (theirs TEXT)")
    with pytest.raises(Misconfigured, match='holds a table "sessions" of another program'):
        await SqlLedger.open(empty_url, patience=10)
    assert await tables_in(opened) == {"sessions"}
    await opened.close()


async def test_a_migration_that_fails_half_way_leaves_nothing(empty_url: str) -> None:
    """An index that has the name of one of ours makes the first migration fail after several tables."""
    opened = database(empty_url, None, 10)
    await on(opened, "CREATE TABLE theirs (id TEXT)", "CREATE INDEX ix_approvals_state ON theirs (id)")
    with pytest.raises(Fault, match="the ledger's database fails"):
        await SqlLedger.open(empty_url, patience=10)
    assert await tables_in(opened) == {"theirs"}
    await on(opened, "DROP INDEX ix_approvals_state")
    ledger = await SqlLedger.open(empty_url, patience=10)
    assert await ledger.append(GatewayStopped()) == 1
    await ledger.close()
    await opened.close()


async def test_gateways_that_start_together_migrate_once(empty_url: str) -> None:
    ledgers = await asyncio.gather(*(SqlLedger.open(empty_url, patience=10) for _ in range(4)))
    numbers = await asyncio.gather(*(ledger.append(GatewayStopped()) for ledger in ledgers))
    assert sorted(numbers) == [1, 2, 3, 4]
    for ledger in ledgers:
        await ledger.close()


async def test_a_database_exchanged_behind_a_connection_is_noticed(empty_url: str) -> None:
    ledger = await SqlLedger.open(empty_url, patience=10)
    opened = database(empty_url, None, 10)
    tables = [table.name for table in reversed(METADATA.sorted_tables)]
    await on(opened, "DELETE FROM alembic_version", *(f"DROP TABLE {name}" for name in tables))
    for _ in range(2):
        with pytest.raises(Fault, match="not the one that this gateway opened"):
            await ledger.append(GatewayStopped())
    await ledger.close()
    await opened.close()


def test_an_ordinary_start_loads_neither_alembic_nor_psycopg(migrated_file: Path) -> None:
    script = """
import asyncio, sys
from gateway.store.ledger import SqlLedger

async def main():
    ledger = await SqlLedger.open(sys.argv[1], patience=10)
    await ledger.check()
    await ledger.close()

asyncio.run(main())
print({name.partition(".")[0] for name in sys.modules} & {"alembic", "mako", "psycopg"} or "lean")
"""
    command = [sys.executable, "-c", script, f"sqlite:///{migrated_file}"]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert (run.stdout, run.stderr) == ("lean\n", "")


async def test_what_was_held_before_asks_whom_it_asked(empty_url: str) -> None:
    """A ledger of before requests had scopes, remarks and grants."""
    opened = database(empty_url, None, 10)
    async with opened.writing.begin() as connection:
        await connection.run_sync(lambda sync: upgrade(sync, "0003"))
    columns = "id, session, requester, target, verb, text, sha256, rule, reason, approvers, count"
    columns += ", opened_at, expires_at, state"
    for id, state in (("AAA-AAAA", "held"), ("BBB-BBBB", "denied")):
        texts = f"'{id}', 's-1', 'alice', 'web-1', 'exec', 'x', '0', 'r', '', '[\"dba\",\"sec\"]', 1"
        times = f"'2026-06-01 12:00:00.000000', '2026-06-01 12:10:00.000000', '{state}'"
        await on(opened, f"INSERT INTO approvals ({columns}) VALUES ({texts}, {times})")
    await opened.close()
    ledger = await SqlLedger.open(empty_url, patience=10)
    (request,) = await ledger.asked_of(frozenset({"sec"}))
    assert (request.id, request.scopes, request.version, request.mode) == ("AAA-AAAA", ("once",), 1, "wait")
    assert request.approvers == {"dba", "sec"}
    assert await ledger.expire_approvals() == ["AAA-AAAA"]
    assert await ledger.asked_of(frozenset({"sec"})) == []
    await ledger.close()
