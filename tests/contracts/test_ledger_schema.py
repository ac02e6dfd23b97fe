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


SHAPE = {
    "sqlite": (
        'SELECT m.name, c.name, c.type, c."notnull", c.dflt_value, c.pk'
        " FROM sqlite_master m, pragma_table_xinfo(m.name) c WHERE m.type = 'table'",
        'SELECT m.name, k."table", k."from", k."to", k.on_update, k.on_delete'
        " FROM sqlite_master m, pragma_foreign_key_list(m.name) k",
        'SELECT m.name, i.name, i."unique", i.origin, i.partial, x.seqno, x.name, x."desc", x.coll, x.key'
        " FROM sqlite_master m, pragma_index_list(m.name) i, pragma_index_xinfo(i.name) x"
        " WHERE m.type = 'table' AND x.key",
        "SELECT type, name, tbl_name FROM sqlite_master",
    ),
    "postgresql": (
        "SELECT table_name, column_name, data_type, is_nullable, column_default, collation_name,"
        " datetime_precision, numeric_precision, character_maximum_length, is_identity"
        " FROM information_schema.columns WHERE table_schema = current_schema()",
        "SELECT conname, conrelid::regclass::text, pg_get_constraintdef(oid) FROM pg_constraint"
        " WHERE connamespace = current_schema()::regnamespace",
        "SELECT indexdef FROM pg_indexes WHERE schemaname = current_schema()",
        "SELECT relname, relkind FROM pg_class WHERE relnamespace = current_schema()::regnamespace",
    ),
}
"""Everything of a database but the order of its columns, which nothing asks for."""


def shape(connection: Connection) -> list[list[tuple[Any, ...]]]:
    asked = (
        *SHAPE[connection.dialect.name],
        "SELECT id, seq, people FROM head",
        "SELECT * FROM alembic_version",
    )
    rows = [connection.execute(text(query)).all() for query in asked]
    return [sorted((tuple(row) for row in each), key=repr) for each in rows]


async def test_the_whole_history_makes_the_same_as_a_first_start(empty_url: str) -> None:
    opened = database(empty_url, None, 10)
    async with opened.writing.begin() as connection:
        await connection.run_sync(upgrade)
        step_by_step = await connection.run_sync(shape)
        await connection.run_sync(METADATA.drop_all)
        await connection.execute(text("DROP TABLE alembic_version"))
    await (await SqlLedger.open(empty_url, patience=10)).close()
    async with opened.writing.connect() as connection:
        at_once = await connection.run_sync(shape)
    await opened.close()
    assert all(at_once)
    assert [{*new} ^ {*old} for new, old in zip(at_once, step_by_step, strict=True)] == [set()] * len(at_once)


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


@pytest.mark.parametrize("before", ["", "0002"])
async def test_a_migration_that_fails_half_way_leaves_nothing(empty_url: str, before: str) -> None:
    """An index that has the name of one of ours makes it fail after several tables."""
    opened = database(empty_url, None, 10)
    if before:
        async with opened.writing.begin() as connection:
            await connection.run_sync(lambda sync: upgrade(sync, before))
    there = await tables_in(opened)
    await on(opened, "CREATE TABLE theirs (id TEXT)", "CREATE INDEX ix_grants_person_target ON theirs (id)")
    with pytest.raises(Fault, match="the ledger's database fails"):
        await SqlLedger.open(empty_url, patience=10)
    assert await tables_in(opened) == {*there, "theirs"}
    await on(opened, "DROP INDEX ix_grants_person_target")
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


def test_neither_a_first_start_nor_another_loads_alembic_or_psycopg(
    migrated_file: Path, tmp_path: Path
) -> None:
    script = """
import asyncio, sys
from gateway.store.ledger import SqlLedger

async def main():
    for url in sys.argv[1:]:
        ledger = await SqlLedger.open(url, patience=10)
        await ledger.check()
        await ledger.close()

asyncio.run(main())
print({name.partition(".")[0] for name in sys.modules} & {"alembic", "mako", "psycopg"} or "lean")
"""
    command = [sys.executable, "-c", script, f"sqlite:///{migrated_file}", f"sqlite:///{tmp_path}/new.db"]
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
