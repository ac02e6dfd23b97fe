"""Every test here runs on SQLite and on a real PostgreSQL, unless it says otherwise."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway.core.events import OperationAdmitted, OperationHeld, SessionOpened
from gateway.core.ports import Approval
from gateway.store.ledger import SqlLedger
from gateway.store.tables import HEAD, METADATA
from tests.contracts.postgres_server import PostgresServer

NOON = datetime(2026, 6, 1, 12, 0, 0, 250_000, tzinfo=UTC)
Open = Callable[..., Awaitable[SqlLedger]]


class Watch:
    """A clock that a test sets. Each look at it takes a millisecond."""

    def __init__(self) -> None:
        self.time = NOON

    def now(self) -> datetime:
        self.time += timedelta(milliseconds=1)
        return self.time


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A running PostgreSQL."""
    with PostgresServer.running() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def kind(request: pytest.FixtureRequest) -> str:
    """Which database this test runs on."""
    return str(request.param)


@pytest.fixture
def empty_url(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a new, empty database."""
    if kind == "sqlite":
        return f"sqlite:///{tmp_path}/empty.db"
    server: PostgresServer = request.getfixturevalue("postgres")
    return server.new_schema()


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite ledger without entries, to copy: making one takes ten times as long."""
    file = tmp_path_factory.mktemp("migrated") / "hoop.db"
    asyncio.run(_migrate(f"sqlite:///{file}"))
    return file


@pytest.fixture(scope="session")
def migrated_schema(postgres: PostgresServer) -> str:
    """The address of a PostgreSQL ledger, to empty before each use."""
    url = postgres.new_schema()
    asyncio.run(_migrate(url))
    return url


async def _migrate(url: str) -> None:
    ledger = await SqlLedger.open(url, patience=10)
    await ledger.close()


@pytest.fixture
def url(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a ledger without entries."""
    if kind == "sqlite":
        file = tmp_path / "hoop.db"
        shutil.copy(request.getfixturevalue("migrated_file"), file)
        return f"sqlite:///{file}"
    server: PostgresServer = request.getfixturevalue("postgres")
    url: str = request.getfixturevalue("migrated_schema")
    schema = url.rpartition("%3D")[2]
    with server.connect() as connection:
        for table in reversed(METADATA.sorted_tables):
            if table is not HEAD:
                connection.execute(f"DELETE FROM {schema}.{table.name}")
        connection.execute(f"UPDATE {schema}.head SET seq = 0, people = 0, noticed = NULL")
    return url


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
async def open_ledger(url: str, watch: Watch) -> AsyncIterator[Open]:
    """Opens ledgers on the same database, as several gateways do, and closes them."""
    opened: list[SqlLedger] = []

    async def open_one(gateway: str = "", patience: float = 10.0, home: str = "") -> SqlLedger:
        opened.append(await SqlLedger.open(url, gateway=gateway, home=home, now=watch.now, patience=patience))
        return opened[-1]

    yield open_one
    for ledger in opened:
        await ledger.close()


@pytest.fixture
async def ledger(open_ledger: Open) -> SqlLedger:
    """A ledger on a new database."""
    return await open_ledger()


def opened(session: str, person: str = "alice@example.com", target: str = "web-1") -> SessionOpened:
    """A session that begins."""
    return SessionOpened(
        session=session,
        actor="alice",
        person=person,
        groups=["dev"],
        target=target,
        kind="ssh",
        login="deploy",
        address="192.0.2.7",
        client="SSH-2.0-OpenSSH_9.2",
        labels={"env": "prod"},
        recording=f"2026/06/01/{session}.hrec",
    )


def admitted(session: str, text: str = "uptime") -> OperationAdmitted:
    """A command that was let through."""
    return OperationAdmitted(
        session=session,
        actor="alice",
        verb="exec",
        text=text,
        sha256="0" * 64,
        rule="default",
        revision="r1",
        masks=["card"],
    )


def held(approval: Approval) -> OperationHeld:
    """The event that goes with a new approval."""
    return OperationHeld(
        session=approval.session,
        actor=approval.requester,
        request=approval.id,
        verb=approval.verb,
        text=approval.text,
        sha256=approval.sha256,
        rule=approval.rule,
        revision="r1",
        approvers=sorted(approval.approvers),
        count=approval.count,
        expires_at=approval.expires_at.isoformat(),
    )


def a_request(id: str = "7QF-2KM", count: int = 1, session: str = "s-2B8CK4TQ") -> Approval:
    """An approval that is not in the ledger yet."""
    return Approval(
        id=id,
        session=session,
        requester="alice",
        target="web-1",
        verb="exec",
        text="systemctl restart shop",
        sha256="1" * 64,
        rule="restarts",
        reason="restarts are looked at by two",
        approvers=frozenset({"sec", "dba"}),
        count=count,
        opened_at=NOON,
        expires_at=NOON + timedelta(minutes=10),
    )
