"""Brings the database to the schema that this program knows, before anything else happens.

Alembic is loaded only when an older one has to change: most starts need one query, and a first one makes all tables.
"""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from gateway.core.errors import Fault, HoopError, Misconfigured
from gateway.store.database import NO_ANSWER, Database, cause
from gateway.store.making import make
from gateway.store.one_thread import ThreadEngine
from gateway.store.tables import METADATA

if TYPE_CHECKING:  # costs each start what only PostgreSQL needs
    from sqlalchemy.ext.asyncio import AsyncEngine

REVISIONS = ("0001", "0002", "0003", "0004", "0005", "0006", "0007", "0008", "0009")
"""Every revision in `migrations/versions`, oldest first."""
HEAD_REVISION = REVISIONS[-1]
START_LIMIT = 10.0
_ONE_AT_A_TIME = 0x686F6F70
"""Number of the lock that gateways take on PostgreSQL while they migrate."""


async def bring_to_head(database: Database) -> None:
    """Run the migrations that are missing, all in one transaction. Raises `Misconfigured` or `Fault`."""
    try:
        async with asyncio.timeout(START_LIMIT):
            found = await _read(database.writing, _check_encoding_and_revision)
        if found != HEAD_REVISION:
            async with database.writing.begin() as connection:
                await connection.run_sync(_migrate)
    except HoopError:
        raise
    except DBAPIError as problem:
        raise Fault(f"{database.explain(problem)}: {database.name} ({cause(problem)})") from problem
    except OSError as problem:
        raise Fault(f"{NO_ANSWER}: {database.name} ({cause(problem)})") from problem


def must_be_at_head(connection: Connection) -> None:
    """Raise `Fault` if this is not the database that was brought to head, but another in its place."""
    with connection.begin():
        if revision(connection) != HEAD_REVISION:
            raise Fault("the ledger's database is not the one that this gateway opened")


def revision(connection: Connection) -> str:
    """The revision this database is at; empty for a new one. Raises `Misconfigured` for one we do not know."""
    if not connection.dialect.has_table(connection, "alembic_version"):
        return _none_yet(connection)
    found = connection.execute(text("SELECT version_num FROM alembic_version")).scalars().all()
    if not found:
        return _none_yet(connection)
    if len(found) > 1 or found[0] not in REVISIONS:
        raise Misconfigured(
            f"the ledger's database is at revision {', '.join(sorted(found))[:80]} and this gateway knows only up to "
            f"{HEAD_REVISION}: it was made by a newer version"
        )
    return str(found[0])


async def _read(engine: "AsyncEngine | ThreadEngine", work: Callable[[Connection], str]) -> str:
    async with engine.connect() as connection:
        return await connection.run_sync(work)


def _none_yet(connection: Connection) -> str:
    foreign = [name for name in METADATA.tables if connection.dialect.has_table(connection, name)]
    if foreign:
        raise Misconfigured(
            f'the ledger\'s database holds a table "{foreign[0]}" of another program: give the gateway its own'
        )
    return ""


def _check_encoding_and_revision(connection: Connection) -> str:
    if connection.dialect.name == "postgresql":
        encoding = connection.execute(text("SHOW server_encoding")).scalar_one()
        if encoding != "UTF8":
            raise Misconfigured(f"the ledger's database must be in UTF8, not in {encoding}")
    return revision(connection)


def _migrate(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _ONE_AT_A_TIME})
    found = revision(connection)
    if not found:
        make(connection, HEAD_REVISION)
    elif found != HEAD_REVISION:  # else another gateway was quicker
        from gateway.store.migrating import upgrade

        upgrade(connection)
