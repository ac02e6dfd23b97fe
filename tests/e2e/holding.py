"""A served gateway with people who ask and people who decide, and a database behind it: what its tests share."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest
import pytest_asyncio

from tests.e2e.commands import commands
from tests.e2e.served import PATIENCE, Answer, Served
from tests.postgres.servers import DatabaseServer, password_of
from tests.ssh.sshd import Sshd

PEOPLE = ("alice", "bob", "carol", "dan")
MORE = """
[[person]]
name = "bob@example.com"
groups = ["dba", "sre"]
roles = ["approver"]

[[person]]
name = "dan@example.com"
groups = ["dba"]
roles = ["approver"]

[[person]]
name = "carol@example.com"
groups = ["sre"]

[[target]]
name = "appdb"
kind = "postgres"
to = "127.0.0.1:{port}"
user = "by_scram"
password = {{ file = "db_password" }}
database = "{database}"
tls = "disable"
labels = {{ env = "prod" }}

[[rule]]
id = "deletes"
match = {{ target = "appdb", verb = "delete" }}
do = "hold"
message = "DELETE needs a DBA"
ask = {{ group = "dba" }}
break_glass = {{ group = "dev", review = "2h" }}
risk = "medium"

[[rule]]
id = "truncates"
match = {{ target = "appdb", verb = "truncate" }}
do = "hold"
message = "TRUNCATE needs a DBA"
ask = {{ group = "dba", ttl = "10s" }}

[[rule]]
id = "restarts"
match = {{ target = "web-1", command = "*restart*" }}
do = "hold"
message = "a restart needs a colleague"
ask = {{ group = "sre" }}
"""


@pytest.fixture(scope="module")
def postgres() -> Iterator[DatabaseServer]:
    with DatabaseServer.running() as server:
        yield server


@dataclass
class Town:
    """A gateway, a database behind it, and what its people run. Each test leaves nothing held, and no client."""

    served: Served
    tokens: dict[str, str]
    http: httpx2.AsyncClient
    databases: DatabaseServer | None = None
    database: str = ""
    passwords: dict[tuple[str, str], str] = field(default_factory=dict)

    @property
    def api(self) -> str:
        return f"http://127.0.0.1:{self.served.ports['api']}"

    def environment(self, who: str) -> dict[str, str]:
        home = self.served.directory / who
        home.mkdir(exist_ok=True)
        return os.environ | {"HOME": str(home), "HOOP_GATEWAY": self.api, "HOOP_TOKEN": self.tokens[who]}

    async def start(self, who: str, *command: str | Path, **environ: str) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=self.environment(who) | environ,
            # Tests that are run in the background ignore Ctrl-C, and their children would, too.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )

    async def hoop_tui(self, who: str, *words: str) -> Answer:
        return Answer(*await commands("hoop_tui.cli.main").run(words, self.environment(who), PATIENCE))

    async def psql(
        self, *statements: str, who: str = "alice", target: str = "appdb"
    ) -> asyncio.subprocess.Process:
        if (who, target) not in self.passwords:
            self.passwords[who, target] = (await self.hoop_tui(who, "token", target)).out.strip()
        password = self.passwords[who, target]
        conninfo = f"host=127.0.0.1 port={self.served.ports['postgres']} dbname={target} sslmode=require"
        asked = [word for statement in statements for word in ("-c", statement)]
        return await self.start(who, "psql", "-XAt", conninfo, *asked, PGPASSWORD=password)

    async def ask(self, who: str, path: str, method: str = "GET") -> dict[str, Any]:
        """The API itself: what a command would say, where none is to be tried."""
        headers = {"Authorization": f"Bearer {self.tokens[who]}"}
        answer = await self.http.request(method, self.api + path, headers=headers)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def held(self, who: str = "bob") -> dict[str, Any]:
        """The one request that asks them, waited for."""
        async with asyncio.timeout(PATIENCE):
            while not (rows := (await self.ask(who, "/v1/requests"))["requests"]):
                await asyncio.sleep(0.02)
        (row,) = rows
        assert isinstance(row, dict)
        return row

    async def settled(self, who: str = "bob") -> None:
        """Nothing waits for them any more."""
        async with asyncio.timeout(PATIENCE):
            while (await self.ask(who, "/v1/requests"))["requests"]:
                await asyncio.sleep(0.02)

    async def card(self, id: str, who: str = "alice") -> dict[str, Any]:
        return await self.ask(who, f"/v1/requests/{id}")

    async def approve(self, id: str, who: str = "bob", *more: str) -> Answer:
        sha = (await self.card(id, who))["statement"]["sha256"][:12]
        return await self.hoop_tui(who, "review", "approve", id, "--yes", "--sha", sha, *more)

    async def accept(self, id: str, who: str = "alice") -> Answer:
        """The other text that was proposed to Alice."""
        sha = (await self.card(id))["amendment"]["statement"]["sha256"][:12]
        return await self.hoop_tui(who, "request", "accept", id, "--yes", "--sha", sha)

    def rows(self) -> int:
        assert self.databases is not None
        with self.databases.connect(self.database) as connection:
            found = connection.execute("select count(*) from payments").fetchone()
        assert found is not None
        return int(found[0])

    def ten_payments(self) -> None:
        """Whatever was done to those before."""
        assert self.databases is not None
        with self.databases.connect(self.database) as connection:
            connection.execute("drop table if exists payments")
            connection.execute("create table payments as select generate_series(1, 10) as id")
            connection.execute("grant all on payments to public")


async def ended(process: asyncio.subprocess.Process) -> Answer:
    async with asyncio.timeout(PATIENCE):
        out, err = await process.communicate()
    assert process.returncode is not None
    return Answer(process.returncode, out.decode(), err.decode())


@asynccontextmanager
async def a_town(
    directory: Path,
    people: Sequence[str],
    more: str,
    databases: DatabaseServer | None = None,
    database: str = "",
) -> AsyncIterator[Town]:
    """Served, with a token for each of the people, and ended in order."""
    sshd = Sshd(directory / "sshd")
    await sshd.start()
    served = Served(directory, sshd, forked=True)
    served.write(more=more)
    if databases is not None:
        opened = served.config.read_text().replace("[store]", 'postgres = "127.0.0.1:0"\n\n[store]', 1)
        served.config.write_text(opened)
        (directory / "db_password").touch(0o600)
        (directory / "db_password").write_text(password_of("by_scram"))
    try:
        await served.start()
        async with httpx2.AsyncClient(timeout=PATIENCE) as http:
            yield Town(served, await served.tokens(*people), http, databases, database)
        await served.stop()
    finally:
        if served.process is not None and served.process.returncode is None:
            await served.stop(signal.SIGKILL)
        await sshd.stop()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(tmp_path_factory: pytest.TempPathFactory, postgres: DatabaseServer) -> AsyncIterator[Town]:
    database = postgres.new_database()
    more = MORE.format(port=postgres.port, database=database)
    async with a_town(tmp_path_factory.mktemp("town"), PEOPLE, more, postgres, database) as made:
        yield made


@pytest.fixture
def town(gateway: Town) -> Town:
    gateway.ten_payments()
    return gateway
