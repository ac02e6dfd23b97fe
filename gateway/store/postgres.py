"""PostgreSQL: for several gateways on one ledger. The driver is imported when the first connection is made."""

from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool, NullPool

from gateway.core.errors import Misconfigured
from gateway.core.secret import Secret
from gateway.store.database import NO_ANSWER, Database

READERS = 4

_MEANINGS = {
    "25006": "the ledger's database can not be written to",
    "42501": "the ledger's database does not let the gateway in",
    "28": "the ledger's database does not let the gateway in",
    "3D": "the ledger's database does not exist",
    "53100": "there is no room left for the ledger",
    "53": "the ledger's database has no room for another connection",
    "55P03": "the ledger's database is locked by another program",
    "57014": NO_ANSWER,
    "XX001": "the ledger's database is damaged",
    "XX002": "the ledger's database is damaged",
}


def postgres(url: URL, patience: float) -> Database:
    """The database that `url` names. Raises `Misconfigured`."""
    if not url.database:
        raise Misconfigured('a ledger in PostgreSQL needs a database: "postgresql://hoop@db.internal/hoop"')
    address = url.set(drivername="postgresql+psycopg")
    # libpq rounds a shorter time to connect up to two seconds.
    waiting = {
        "connect_timeout": max(2, round(patience)),
        "application_name": "hoop-gateway",
        "tcp_user_timeout": round(patience * 1000),
    }
    writing = create_async_engine(
        address,
        poolclass=NullPool,
        isolation_level="READ COMMITTED",
        connect_args=waiting,
        hide_parameters=True,
    )
    reading = create_async_engine(
        address,
        poolclass=AsyncAdaptedQueuePool,
        pool_size=READERS,
        max_overflow=0,
        isolation_level="REPEATABLE READ",
        connect_args=waiting,
        hide_parameters=True,
    ).execution_options(postgresql_readonly=True)

    @event.listens_for(writing.sync_engine, "connect")
    def connected(connection: Any, record: object) -> None:
        cursor = connection.cursor()
        for statement in _promises(patience):
            cursor.execute(statement)
        cursor.close()
        connection.commit()

    host = url.query.get("host") or url.host or "the local server"
    return Database(f"{url.database} on {host}", writing, reading, patience, _somebody_else_keeps_it, explain)


def libpq_address(address: str, password: Secret | None) -> Secret:
    """The same database, as libpq reads it: for what speaks to it beside the ledger. It may hold the password."""
    from psycopg.conninfo import make_conninfo

    url = make_url(address).set(drivername="postgresql+psycopg")
    if password is not None:
        url = url.set(password=password.expose().decode())
    _, named = url.get_dialect()().create_connect_args(url)
    return Secret(make_conninfo(**named))


def explain(problem: DBAPIError) -> str:
    """What an error of PostgreSQL means."""
    state = getattr(problem.orig, "sqlstate", None) or ""
    for known in (state, state[:2]):
        if known in _MEANINGS:
            return _MEANINGS[known]
    if not state or state.startswith(("08", "57")) or problem.connection_invalidated:
        return "the ledger's database can not be reached"
    return "the ledger's database fails"


def _promises(patience: float) -> tuple[str, ...]:
    """What the writing connection must hold to, whatever the server's settings are."""
    limit = round(patience * 1000)
    return (
        # A commit that is reported is a commit that is on disk. Stronger settings than `on` are left as they are.
        "SELECT set_config('synchronous_commit', 'on', false) "
        "WHERE current_setting('synchronous_commit') IN ('off', 'local')",
        f"SET statement_timeout = {limit}",
        # A gateway that hangs inside a transaction must not stop the others for long.
        f"SET idle_in_transaction_session_timeout = {2 * limit}",
    )


def _somebody_else_keeps_it() -> None:
    """The server knows where its database is."""
