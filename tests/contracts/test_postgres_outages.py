"""A PostgreSQL ledger whose server stops, restarts, hangs or was never there."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator

import pytest

from gateway.core.errors import Misconfigured
from gateway.core.events import GatewayStopped
from gateway.store.ledger import SqlLedger
from tests.contracts.outages import SOON, fails, works_again
from tests.contracts.postgres_server import PostgresServer


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
