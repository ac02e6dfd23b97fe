"""Two served gateways on one ledger in PostgreSQL, and a database behind the first where what runs can be counted."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg

from gateway.identity.tokens import mint
from gateway.store.ledger import SqlLedger
from tests.e2e.served import Served
from tests.postgres.servers import DatabaseServer, password_of
from tests.ssh.sshd import Sshd

ASKERS = ("alice", *(f"asker-{number}" for number in range(1, 60)))
"""Each may ask thirty times a minute, and a crowd asks some hundred times."""
APPROVERS = ("bob", "carol", "dan", "erin")
STRANGER = "oscar"
KINDS = ("one", "two", "both", "soon", "why", "later")
"""One table for each way of being held."""

PEOPLE = {
    **{name: (["dev"], ["person"]) for name in ASKERS},
    "bob": (["dba"], ["approver"]),
    "carol": (["dba", "sec"], ["approver"]),
    "dan": (["sec"], ["approver"]),
    "erin": (["dba"], ["approver"]),
    STRANGER: (["dev"], ["approver"]),
}
HOLDS = {
    "one": 'ask = { group = "dba", ttl = "5m" }\nimpact = "dry-run"',
    "two": 'ask = { group = "dba", n = 2, ttl = "5m" }',
    "both": 'ask = [{ group = "dba", ttl = "5m" }, { group = "sec", ttl = "5m" }]',
    "soon": 'ask = { group = "dba", ttl = "10s" }',
    "why": 'ask = { group = "dba", ttl = "5m" }\nrequire = ["reason"]',
    "later": 'ask = { group = "dba", ttl = "5m" }\nmode = "fail"',
}
TARGET = """
[[target]]
name = "appdb"
kind = "postgres"
to = "127.0.0.1:{port}"
user = "by_scram"
password = {{ file = "db_password" }}
database = "{database}"
tls = "disable"
"""
LIMITS = """
[postgres]
max_connections_per_address = 2000
max_unauthenticated = 2000

[ssh]
max_sessions = 2000
"""


class LargeServer(DatabaseServer):
    """Everybody's sessions at once, and two ledgers' connections."""

    settings = ("fsync=off", "full_page_writes=off", "shared_buffers=64MB", "max_connections=400")


@dataclass
class Town:
    """`east` is where people wait; both take decisions. `passwords` open the database through `east`."""

    east: Served
    west: Served | None
    """None: the ledger is a file, and `east` is alone."""
    server: LargeServer
    database: str
    ledger: str
    tokens: dict[str, str] = field(default_factory=dict)
    passwords: dict[str, str] = field(default_factory=dict)
    up: asyncio.Event = field(default_factory=asyncio.Event)
    """Set while `east` lets people in."""

    @property
    def gateways(self) -> list[Served]:
        return [self.east] if self.west is None else [self.east, self.west]

    async def open(self) -> None:
        """Both serve, and everybody has what they come in with."""
        await self._hand_out()
        for each in self.gateways:
            await _start(each)
        self.up.set()

    async def _hand_out(self) -> None:
        now = datetime.now(UTC)
        until = now + timedelta(days=1)
        ledger = await SqlLedger.open(self.ledger, patience=30)
        for name in PEOPLE:
            api = mint(f"{name}@example.com", frozenset(), now, until)
            database = mint(
                f"{name}@example.com", frozenset({"person"}), now, until, kind="database", target="appdb"
            )
            for minted in (api, database):
                await ledger.add_token(minted.row, minted.event)
            self.tokens[name], self.passwords[name] = api.token, database.token
        await ledger.close()

    def headers(self, name: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.tokens[name]}"}

    async def connect(self, name: str) -> psycopg.AsyncConnection[Any]:
        """Somebody's way to the database through `east`."""
        return await psycopg.AsyncConnection.connect(
            host="127.0.0.1",
            port=self.east.ports["postgres"],
            dbname="appdb",
            user=name,
            password=self.passwords[name],
            sslmode="require",
            autocommit=True,
            connect_timeout=20,
        )

    async def kill(self, which: Served) -> None:
        """As the kernel does, and start it again."""
        if which is self.east:
            self.up.clear()
        await which.stop(signal.SIGKILL)
        await _start(which)
        if which is self.east:
            self.up.set()

    def executed(self) -> list[str]:
        """What ran, as often as it ran."""
        with self.server.connect(self.database) as connection:
            tables = " UNION ALL ".join(f"SELECT op FROM done_{kind}" for kind in KINDS)
            return [str(op) for (op,) in connection.execute(tables.encode()).fetchall()]


async def _start(which: Served) -> None:
    """As a service manager does: again, where it did not work. A ledger that is just being written by another gateway
    may not answer in time on a busy machine."""
    for _ in range(4):
        try:
            return await which.start()
        except (AssertionError, TimeoutError):
            await asyncio.sleep(0.1)
    return await which.start()


@asynccontextmanager
async def a_town(directory: Path, programs: Path, *, alone: bool = False) -> AsyncIterator[Town]:
    """Everything, and nothing of it afterwards."""
    sshd = Sshd(directory / "sshd")
    sshd.port = 1  # every configuration of `Served` has it as a target; nobody goes there
    server = LargeServer.create(programs)
    made: list[Served] = []
    try:
        server.start()
        database = server.new_database()
        ledger = f"sqlite:///{directory}/hoop.db" if alone else server.url(server.new_database())
        with server.connect(database) as connection:
            for kind in KINDS:
                connection.execute(f"CREATE TABLE done_{kind} (op text)".encode())
                connection.execute(f"GRANT ALL ON done_{kind} TO PUBLIC".encode())
        for name in ("east",) if alone else ("east", "west"):
            place = directory / name
            place.mkdir()
            made.append(Served(place, sshd, forked=True))
            _configure(made[-1], name, server, database, ledger)
        yield Town(made[0], None if alone else made[1], server, database, ledger)
    finally:
        for served in made:
            if served.process is not None and served.process.returncode is None:
                await served.stop(signal.SIGKILL)
        server.remove()


def _configure(served: Served, name: str, server: LargeServer, database: str, ledger: str) -> None:
    (served.directory / "db_password").touch(0o600)
    (served.directory / "db_password").write_text(password_of("by_scram"))
    people = [
        f'[[person]]\nname = "{person}@example.com"\ngroups = {groups}\nroles = {roles}\n'
        for person, (groups, roles) in PEOPLE.items()
        if person != "alice"
    ]
    rules = [
        f'[[rule]]\nid = "{kind}"\nmatch = {{ table = "*.done_{kind}", verb = "insert" }}\ndo = "hold"\n{hold}\n'
        for kind, hold in HOLDS.items()
    ]
    target = TARGET.format(port=server.port, database=database)
    served.write(store=f'url = "{ledger}"', more="\n".join([target, LIMITS, *people, *rules]))
    text = served.config.read_text().replace('name = "gw-test"', f'name = "{name}"\nlease = "1m"')
    served.config.write_text(text.replace("[store]", 'postgres = "127.0.0.1:0"\n\n[store]', 1))
