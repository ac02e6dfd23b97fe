"""A served gateway that asks people before sessions reach their targets: access for a time, which ends to the second,
and what somebody has to have run by somebody else; with stock psql and ssh."""

import asyncio
import json
import signal
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.e2e.holding import Town, a_town, ended
from tests.e2e.served import BIN, Answer
from tests.postgres.servers import DatabaseServer

pytestmark = [
    pytest.mark.interop,
    pytest.mark.needs("ssh", "sshd", "postgres", "psql"),
    pytest.mark.asyncio(loop_scope="module"),
]

DATABASE = """
[[target]]
name = "{name}"
kind = "postgres"
to = "127.0.0.1:{port}"
user = "by_scram"
password = {{ file = "db_password" }}
database = "{database}"
tls = "disable"
labels = {{ env = "prod" }}
"""
MORE = """
[[person]]
name = "bob@example.com"
groups = ["dba"]
roles = ["approver", "person"]

[[person]]
name = "dan@example.com"
groups = ["dba"]

[[person]]
name = "carol@example.com"
groups = ["dev"]
roles = ["person"]

[[rule]]
id = "ask-to-come"
match = { target = ["appdb", "web-1"], verb = "connect" }
do = "hold"
message = "production needs a DBA"
ask = { group = "dba", ttl = "1m", scopes = ["target 1h"] }

[[rule]]
id = "deletes"
match = { target = "ledger", verb = "delete" }
do = "hold"
message = "nobody runs their own DELETE"
author = "other"
ask = { group = "dba", ttl = "1m" }
"""


@pytest.fixture(scope="module")
def postgres() -> Iterator[DatabaseServer]:
    with DatabaseServer.running() as server:
        yield server


@asynccontextmanager
async def guarded(directory: Path, postgres: DatabaseServer) -> AsyncIterator[Town]:
    database = postgres.new_database()
    targets = "".join(
        DATABASE.format(name=name, port=postgres.port, database=database) for name in ("appdb", "ledger")
    )
    async with a_town(directory, ("alice", "bob", "carol"), targets + MORE, postgres, database) as town:
        town.ten_payments()
        yield town


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def town(tmp_path_factory: pytest.TempPathFactory, postgres: DatabaseServer) -> AsyncIterator[Town]:
    """Each test has its own target, and leaves nothing held."""
    async with guarded(tmp_path_factory.mktemp("town"), postgres) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def own_town(tmp_path: Path, postgres: DatabaseServer) -> AsyncIterator[Town]:
    """For whoever ends its gateway, or configures it anew."""
    async with guarded(tmp_path, postgres) as made:
        yield made


async def psql(town: Town, who: str, target: str, statement: str) -> asyncio.subprocess.Process:
    return await town.psql(statement, who=who, target=target)


async def granted(town: Town, *words: str) -> dict[str, Any]:
    """Alice asks in advance, and Bob grants it: the card."""
    asking = await town.start("alice", BIN / "hoop-tui", "request", "create", *words, "--wait", "-o", "json")
    row = await town.held()
    done = await town.approve(row["id"])
    assert done.status == 0, done.err
    answer = await ended(asking)
    assert answer.status == 0, answer.err
    card = json.loads(answer.out)
    assert isinstance(card, dict)
    return card


def is_over(town_id: str, target: str, answer: Answer) -> bool:
    return f"hoop: ended - your access to {target} is over ({town_id})" in answer.err


async def test_a_database_session_ends_when_what_was_asked_in_advance_does(town: Town) -> None:
    card = await granted(town, "--target", "appdb", "--for", "8s", "--reason", "fix invoice 88")
    assert card["statement"]["text"] == "access to appdb (PROD) for 8s"
    first = await ended(await psql(town, "alice", "appdb", "select 1"))
    assert (first.status, first.out) == (0, "1\n"), first.err
    answer = await ended(await psql(town, "alice", "appdb", "select pg_sleep(30)"))
    late = time.time() - datetime.fromisoformat(card["until"]).timestamp()
    assert is_over(card["id"], "appdb", answer), answer.err
    assert "NOTICE:  hoop: your access to appdb ends in " in answer.err
    assert answer.status != 0
    assert -2 < late < 2
    other = await psql(town, "alice", "appdb", "select 1")
    row = await town.held()
    assert (row["what"], row["about"]) == ("access to appdb (PROD)", "operation")
    other.terminate()
    await ended(other)
    await town.settled()


async def test_an_ssh_session_ends_when_what_let_it_in_does(town: Town) -> None:
    ssh = await town.start("alice", *town.served.ssh("web-1@127.0.0.1", "sleep 30"))
    row = await town.held()
    approving = asyncio.create_task(town.approve(row["id"], "bob", "--scope", "target 4s"))
    answer = await ended(ssh)
    at = time.time()
    assert (await approving).status == 0
    assert answer.status == 130, answer.err
    assert f"hoop: your access to web-1 ends in 4 s ({row['id']})" in answer.err
    assert is_over(row["id"], "web-1", answer), answer.err
    shown = json.loads((await town.hoop_tui("bob", "review", "show", row["id"], "-o", "json")).out)
    assert abs(at - 4 - datetime.fromisoformat(shown["decisions"][-1]["at"]).timestamp()) < 2


@pytest.mark.slow
async def test_a_killed_gateway_keeps_what_was_granted_and_what_is_asked(own_town: Town) -> None:
    town = own_town
    card = await granted(town, "--target", "appdb", "--for", "1h")
    asked = await town.hoop_tui("alice", "request", "create", "--target", "web-1", "--no-wait", "-o", "json")
    assert asked.status == 5, asked.err
    await town.served.stop(signal.SIGKILL)
    await town.served.start()
    answer = await ended(await psql(town, "alice", "appdb", "select 1"))
    assert (answer.status, answer.out) == (0, "1\n"), answer.err
    waiting = await town.held()
    assert waiting["id"] == json.loads(asked.out)["id"] != card["id"]


@pytest.mark.slow
async def test_a_session_ends_when_whoever_let_it_in_may_not_any_more(own_town: Town) -> None:
    town = own_town
    card = await granted(town, "--target", "appdb")
    assert card["statement"]["text"] == "access to appdb (PROD) for 1h"
    sleeping = await psql(town, "alice", "appdb", "select pg_sleep(25)")
    deadline = time.monotonic() + 20
    while not json.loads((await town.hoop_tui("alice", "sessions", "ls", "--live", "-o", "json")).out):
        assert time.monotonic() < deadline
    config = town.served.config
    config.write_text(config.read_text().replace('groups = ["dba"]\nroles', 'groups = ["ops"]\nroles'))
    assert town.served.process is not None
    town.served.process.send_signal(signal.SIGHUP)
    began = time.monotonic()
    answer = await ended(sleeping)
    assert is_over(card["id"], "appdb", answer), answer.err
    assert time.monotonic() - began < 15


async def test_what_somebody_wrote_somebody_else_runs_once(town: Town) -> None:
    text = "delete from payments where id > 7"
    own = await ended(await psql(town, "alice", "ledger", text))
    assert "only what somebody else wrote and had approved may run" in own.err
    card = await granted(town, "--target", "ledger", "--text", text, "--reason", "fix invoice 88")
    assert card["facts"]["tables"] == ["payments"]
    own = await ended(await psql(town, "alice", "ledger", text))
    assert f"you wrote {card['id']} yourself, so somebody else has to run it" in own.err
    other = await ended(await psql(town, "carol", "ledger", "delete from payments where id > 6"))
    assert "only what somebody else wrote" in other.err
    assert town.rows() == 10
    done = await ended(await psql(town, "carol", "ledger", text))
    assert (done.status, done.out) == (0, "DELETE 3\n"), done.err
    again = await ended(await psql(town, "carol", "ledger", text))
    assert "only what somebody else wrote" in again.err
    assert town.rows() == 7
