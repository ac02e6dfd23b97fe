"""A served gateway, stock psql and ssh before it, and a colleague with `hoop-tui`: what is held waits in the live
session until somebody else decides, and then runs once, or never."""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
import pytest_asyncio

from tests.e2e.served import BIN, PATIENCE, Answer, Served
from tests.postgres.servers import DatabaseServer, password_of
from tests.ssh.sshd import Sshd

pytestmark = [
    pytest.mark.interop,
    pytest.mark.needs("ssh", "sshd", "postgres", "psql"),
    pytest.mark.asyncio(loop_scope="module"),
]

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
    postgres: DatabaseServer
    database: str
    tokens: dict[str, str]

    def environment(self, who: str) -> dict[str, str]:
        home = self.served.directory / who
        home.mkdir(exist_ok=True)
        api = f"http://127.0.0.1:{self.served.ports['api']}"
        return os.environ | {"HOME": str(home), "HOOP_GATEWAY": api, "HOOP_TOKEN": self.tokens[who]}

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
        return await ended(await self.start(who, BIN / "hoop-tui", *words))

    async def psql(self, *statements: str) -> asyncio.subprocess.Process:
        """Alice's."""
        password = (await self.hoop_tui("alice", "token", "appdb")).out.strip()
        conninfo = f"host=127.0.0.1 port={self.served.ports['postgres']} dbname=appdb sslmode=require"
        asked = [word for statement in statements for word in ("-c", statement)]
        return await self.start("alice", "psql", "-XAt", conninfo, *asked, PGPASSWORD=password)

    async def held(self, who: str = "bob") -> dict[str, Any]:
        """The one request that asks them, waited for: the API is asked, because a command takes its time."""
        api = f"http://127.0.0.1:{self.served.ports['api']}"
        headers = {"Authorization": f"Bearer {self.tokens[who]}"}
        async with asyncio.timeout(PATIENCE), httpx2.AsyncClient(base_url=api, headers=headers) as http:
            while not (await http.get("/v1/requests")).json()["requests"]:
                await asyncio.sleep(0.02)
        listed = await self.hoop_tui(who, "review", "ls", "-o", "json")
        assert listed.status == 0, listed.err
        (row,) = json.loads(listed.out)
        assert isinstance(row, dict)
        return row

    async def approve(self, id: str, who: str = "bob", *more: str) -> Answer:
        shown = json.loads((await self.hoop_tui(who, "review", "show", id, "-o", "json")).out)
        sha = shown["statement"]["sha256"][:12]
        return await self.hoop_tui(who, "review", "approve", id, "--yes", "--sha", sha, *more)

    def rows(self) -> int:
        with self.postgres.connect(self.database) as connection:
            found = connection.execute("select count(*) from payments").fetchone()
        assert found is not None
        return int(found[0])


async def ended(process: asyncio.subprocess.Process) -> Answer:
    async with asyncio.timeout(PATIENCE):
        out, err = await process.communicate()
    assert process.returncode is not None
    return Answer(process.returncode, out.decode(), err.decode())


async def token(served: Served, who: str) -> str:
    made = await served.gateway(
        "token", "create", "--config", str(served.config), "--person", f"{who}@example.com"
    )
    assert made.status == 0, made.err
    return made.out.strip()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(tmp_path_factory: pytest.TempPathFactory, postgres: DatabaseServer) -> AsyncIterator[Town]:
    directory = tmp_path_factory.mktemp("town")
    sshd = Sshd(directory / "sshd")
    await sshd.start()
    served = Served(directory, sshd)
    database = postgres.new_database()
    served.write(more=MORE.format(port=postgres.port, database=database))
    opened = served.config.read_text().replace("[store]", 'postgres = "127.0.0.1:0"\n\n[store]', 1)
    served.config.write_text(opened)
    (directory / "db_password").touch(0o600)
    (directory / "db_password").write_text(password_of("by_scram"))
    try:
        await served.start()
        yield Town(served, postgres, database, {who: await token(served, who) for who in PEOPLE})
        await served.stop()
    finally:
        if served.process is not None and served.process.returncode is None:
            await served.stop(signal.SIGKILL)
        postgres.drop_database(database)
        await sshd.stop()


@pytest.fixture
def town(gateway: Town) -> Town:
    """With ten payments, whatever a test did to those before."""
    with gateway.postgres.connect(gateway.database) as connection:
        connection.execute("drop table if exists payments")
        connection.execute("create table payments as select generate_series(1, 10) as id")
        connection.execute("grant all on payments to public")
    return gateway


async def test_a_delete_runs_once_somebody_else_has_approved_it(town: Town) -> None:
    psql = await town.psql("delete from payments where id > 7", "select count(*) from payments")
    row = await town.held()
    assert (row["person"], row["target"], row["what"]) == (
        "alice@example.com",
        "appdb",
        "delete from payments where id > 7",
    )
    shown = (await town.hoop_tui("bob", "review", "show", row["id"])).out
    assert "deletes" in shown
    assert "1  delete from payments where id > 7" in shown
    assert "production (env=prod)" in shown
    assert town.rows() == 10
    own = await town.approve(row["id"], "alice")
    assert (own.status, own.out) == (4, "")
    assert "you are the requester" in own.err
    stranger = await town.hoop_tui("carol", "review", "show", row["id"])
    assert (stranger.status, stranger.out) == (7, "")
    assert town.rows() == 10
    done = await town.approve(row["id"], "bob", "--reason", "ok per OPS-4412")
    assert (done.status, done.out) == (0, f"{row['id']}  approved\n"), done.err
    answer = await ended(psql)
    assert (answer.status, answer.out) == (0, "DELETE 3\n7\n"), answer.err
    assert f"NOTICE:  hoop: held {row['id']} - DELETE needs a DBA (expires in 10 min)" in answer.err
    assert "DETAIL:  rule deletes; asked: dba" in answer.err
    assert f"NOTICE:  hoop: approved {row['id']} by bob@example.com after" in answer.err
    assert ': "ok per OPS-4412" - running' in answer.err
    again = await town.hoop_tui("bob", "review", "deny", row["id"], "--reason", "too late")
    assert again.status == 8
    assert town.rows() == 7


async def test_a_denied_one_never_runs_and_its_person_reads_why(town: Town) -> None:
    psql = await town.psql("delete from payments", "select count(*) from payments")
    row = await town.held()
    shown = (await town.hoop_tui("bob", "review", "show", row["id"])).out
    assert "+ no WHERE: it is about all rows" in shown
    done = await town.hoop_tui("bob", "review", "deny", row["id"], "--reason", "use the archive job instead")
    assert (done.status, done.out) == (0, f"{row['id']}  denied\n")
    answer = await ended(psql)
    assert f'hoop: denied {row["id"]} by bob@example.com: "use the archive job instead"' in answer.err
    assert answer.out == "10\n"
    assert town.rows() == 10


async def test_in_an_emergency_it_runs_and_a_review_is_open(town: Town) -> None:
    psql = await town.psql("delete from payments where id > 7", "select count(*) from payments")
    row = await town.held()
    why = ("--reason", "db is down, paging nobody")
    other = await town.hoop_tui("bob", "request", "break-glass", row["id"], *why)
    assert (other.status, other.out) == (4, ""), other.err
    done = await town.hoop_tui("alice", "request", "break-glass", row["id"], *why)
    assert (done.status, done.out) == (0, f"{row['id']}  let through by you (break-glass)\n"), done.err
    answer = await ended(psql)
    assert (answer.status, answer.out) == (0, "DELETE 3\n7\n"), answer.err
    assert f"NOTICE:  hoop: in an emergency: hoop-tui request break-glass {row['id']}" in answer.err
    assert f"NOTICE:  hoop: {row['id']} let through by you (break-glass) - a review is open" in answer.err
    opened = json.loads((await town.hoop_tui("bob", "review", "ls", "--open-reviews", "-o", "json")).out)
    assert [(each["id"], each["review"]) for each in opened] == [(row["id"], "open")]
    verdict = ("--verdict", "ok", "--reason", "it was down")
    own = await town.hoop_tui("alice", "review", "sign", row["id"], *verdict)
    assert (own.status, own.out) == (4, "")
    signed = await town.hoop_tui("bob", "review", "sign", row["id"], *verdict)
    assert (signed.status, signed.out) == (0, f"{row['id']}  signed: ok\n"), signed.err


async def test_ctrl_c_takes_it_back(town: Town) -> None:
    psql = await town.psql("delete from payments")
    row = await town.held()
    psql.send_signal(signal.SIGINT)
    answer = await ended(psql)
    assert answer.status != 0
    waited = await town.hoop_tui("bob", "request", "wait", row["id"], "--timeout", "20s")
    assert (waited.status, waited.out) == (8, f"{row['id']}  withdrawn\n")
    late = await town.approve(row["id"])
    assert late.status == 8
    assert "withdrawn" in late.err
    assert town.rows() == 10


async def test_nobody_decides_in_time(town: Town) -> None:
    psql = await town.psql("truncate payments")
    row = await town.held()
    waiting = await town.start("alice", BIN / "hoop-tui", "request", "wait", row["id"])
    answer = await ended(psql)
    assert f"hoop: expired {row['id']} - nobody decided within 10 s, nothing was run" in answer.err
    waited = await ended(waiting)
    assert (waited.status, waited.out) == (6, f"{row['id']}  expired\n")
    late = await town.approve(row["id"])
    assert late.status == 6
    assert town.rows() == 10


async def test_a_command_over_ssh_is_held_and_approved(town: Town) -> None:
    ssh = await town.start("alice", *town.served.ssh("web-1@127.0.0.1", "echo restart nginx"))
    row = await town.held()
    assert row["what"] == "echo restart nginx"
    not_an_approver = await town.approve(row["id"], "carol")
    assert (not_an_approver.status, not_an_approver.out) == (4, "")
    assert "it takes the role approver" in not_an_approver.err
    done = await town.approve(row["id"])
    assert done.status == 0, done.err
    answer = await ended(ssh)
    assert (answer.status, answer.out) == (0, "restart nginx\n"), answer.err
    assert f"hoop: held {row['id']} (rule restarts, ask sre, 10 min) - Ctrl-C withdraws" in answer.err
    assert f"hoop: approved {row['id']} by bob@example.com" in answer.err


async def test_somebody_watches(town: Town) -> None:
    watching = await town.start("bob", BIN / "hoop-tui", "review", "watch", "-o", "jsonl")
    assert watching.stdout is not None
    psql = await town.psql("delete from payments where id = 1")
    async with asyncio.timeout(PATIENCE):
        held = json.loads(await watching.stdout.readline())
        assert (held["event"], held["what"]) == ("held", "delete from payments where id = 1")
        assert (await town.approve(held["id"])).status == 0
        approved = json.loads(await watching.stdout.readline())
    assert (approved["event"], approved["id"], approved["by"]) == ("approved", held["id"], "bob@example.com")
    assert (await ended(psql)).out == "DELETE 1\n"
    watching.send_signal(signal.SIGINT)
    assert (await ended(watching)).status == 130
