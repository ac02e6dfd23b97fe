"""A gateway with nothing but its PostgreSQL adapter, on real organs. Whoever connects is Alice, as through SSH."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncssh
import psycopg

from gateway.adapters.postgres.adapter import PostgresAdapter
from gateway.adapters.postgres.end import SocketEnd
from gateway.adapters.postgres.greeting.door import Door, PostgresDoor
from gateway.adapters.postgres.upstream.dial import Dialler
from gateway.app.clock import SystemClock
from gateway.app.inventory import Targets
from gateway.app.shelf import PolicyShelf
from gateway.blobs.local import LocalBlobs
from gateway.bus.inprocess import InProcessBus
from gateway.core.operation import Operation
from gateway.core.people import Principal, Session, Target
from gateway.core.ports import Entry
from gateway.core.verdict import Allow, Verdict
from gateway.masking.detectors import DETECTORS
from gateway.masking.stream import StreamMasker
from gateway.policy.loader import load_policy
from gateway.secrets.references import ReferenceSecrets
from gateway.session.approvals import Approvals
from gateway.session.database.parser import Parsers
from gateway.session.live import LiveSessions
from gateway.session.lobby import Lobby, Rooms
from gateway.session.organs import Judge, Organs
from gateway.store.ledger import SqlLedger
from tests.postgres.servers import DatabaseServer
from tests.ssh.house import ALICE, BOB, Known, Recording
from tests.store.fresh import fresh_ledger

TARGET = "appdb"
_KEY = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode()

__all__ = ["ALICE", "BOB", "TARGET", "House", "a_house"]


@dataclass
class House:
    """`decide` is the policy in force; `rules` sets it from TOML."""

    directory: Path
    ledger: SqlLedger
    parsers: Parsers
    decide: Callable[[Operation, Session], Verdict] = lambda operation, session: Allow("everything")
    revision: str = "rev"
    settings: PostgresDoor = field(default_factory=PostgresDoor)
    port: int = 0

    def __post_init__(self) -> None:
        self.bus = InProcessBus()
        self.blobs = LocalBlobs(self.directory / "recordings")
        self.live = LiveSessions()
        self.targets = Targets()
        self.environ: dict[str, str] = {}
        clock = SystemClock()
        self.approvals = Approvals(self.ledger, self.bus, clock, reread_every=0.2)
        self.shelf: PolicyShelf | None = None
        self.organs = Organs(self.ledger, self.bus, self.approvals, self._judge, StreamMasker)
        self.rooms = Rooms(self.ledger, self.blobs, self.bus, clock, Known({ALICE: [_KEY]}), self.targets)
        self.lobby = Lobby(self.rooms, self.organs, self.live)
        self.adapter = PostgresAdapter(
            Door(self.lobby, self.targets.find, self.settings),
            Dialler(ReferenceSecrets(self.environ)),
            self.parsers,
        )
        self._tasks: set[asyncio.Task[None]] = set()

    def _judge(self) -> Judge:
        if self.shelf is not None:
            return self.shelf.judge()
        return Judge(lambda *asked: self.decide(*asked), self.revision)

    def rules(self, text: str) -> None:
        """The policy is this TOML from now on."""
        self.shelf = PolicyShelf(load_policy([("rules.toml", text)], DETECTORS))

    def offer(self, server: DatabaseServer, database: str, **options: Any) -> Target:
        """The target, which is that database."""
        target = Target(
            TARGET,
            "postgres",
            "127.0.0.1",
            server.port,
            "hoop",
            labels={"env": "prod"},
            options={"database": database, "tls": "disable", **options},
        )
        self.targets.replace([target])
        return target

    async def alice(self) -> Principal:
        """As she is known by her key."""
        found = await self.rooms.identities.by_ssh_key(_KEY, "")
        assert found is not None
        return found

    async def listen(self) -> None:
        """Everybody who connects here is Alice and wants the target."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: SocketEnd(came=self._came), "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    def _came(self, end: SocketEnd) -> None:
        target = self.targets.find(TARGET)
        assert target is not None
        end.secured = True
        task = asyncio.create_task(self._converse(end, target))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _converse(self, end: SocketEnd, target: Target) -> None:
        await self.adapter.converse(end, await self.alice(), target, "")

    async def close(self) -> None:
        self._server.close()
        self.live.end_all("the gateway is shutting down")
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=5)
        for task in list(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    @property
    def conninfo(self) -> str:
        return f"host=127.0.0.1 port={self.port} dbname={TARGET} user=alice sslmode=disable"

    async def connect(self, **more: Any) -> psycopg.AsyncConnection[Any]:
        return await psycopg.AsyncConnection.connect(self.conninfo, autocommit=True, **more)

    async def psql(self, *args: str, stdin: str = "", **environ: str) -> tuple[int, str, str]:
        """Stock psql: its exit status, what it printed, and what it complained of."""
        environment = {**os.environ, "PGCONNECT_TIMEOUT": "20", "LC_ALL": "C", **environ}
        process = await asyncio.create_subprocess_exec(
            "psql",
            "-X",
            self.conninfo,
            *args,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=environment,
        )
        async with asyncio.timeout(60):
            out, err = await process.communicate(stdin.encode())
        return process.returncode or 0, out.decode(errors="replace"), err.decode(errors="replace")

    async def entries(self, name: str = "") -> list[Entry]:
        return [entry for entry in await self.ledger.entries() if not name or entry.name == name]

    async def over(self) -> None:
        """Return once every session has ended."""
        async with asyncio.timeout(20):
            while self._tasks or len(self.live):
                await asyncio.sleep(0.02)

    def recordings(self) -> list[Recording]:
        paths = sorted(self.directory.glob("recordings/**/*.hrec"), key=lambda path: path.stat().st_mtime_ns)
        return [Recording(path) for path in paths]

    def recording(self) -> Recording:
        (only,) = self.recordings()
        return only


@asynccontextmanager
async def a_house(directory: Path, parsers: Parsers) -> AsyncIterator[House]:
    ledger = await fresh_ledger(directory / "hoop.db")
    house = House(directory, ledger, parsers)
    await house.listen()
    try:
        yield house
    finally:
        await house.close()
        await ledger.close()
