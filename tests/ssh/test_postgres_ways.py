"""A database by way of SSH: through a tunnel with one's own client, or with psql that runs inside the gateway."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Iterator
from functools import partial
from pathlib import Path

import psycopg
import pytest

from gateway.adapters.postgres.adapter import PostgresAdapter
from gateway.adapters.postgres.cage import landlock, seccomp
from gateway.adapters.postgres.cage.inside import PsqlInside
from gateway.adapters.postgres.greeting.door import Door
from gateway.adapters.postgres.through_ssh import begin
from gateway.adapters.postgres.upstream.dial import Dialler
from gateway.adapters.ssh.forward.roads import Inspected
from gateway.app.shelf import PolicyShelf
from gateway.core.frame import FrameKind
from gateway.core.people import Target
from gateway.core.verdict import Allow, Deny, Hold
from gateway.masking.detectors import DETECTORS
from gateway.policy.loader import load_policy
from gateway.secrets.references import ReferenceSecrets
from gateway.session.database.parser import Parsers
from tests.postgres.servers import DatabaseServer
from tests.ssh.client import PATIENCE, Ran, StockSsh
from tests.ssh.forwarding import connect, running
from tests.ssh.house import BOB, House, Recording
from tests.ssh.terminal import Terminal

pytestmark = [pytest.mark.interop, pytest.mark.needs("ssh", "postgres", "psql")]


@pytest.fixture(scope="module")
def server() -> Iterator[DatabaseServer]:
    with DatabaseServer.running() as server:
        yield server


@pytest.fixture
async def parsers() -> AsyncIterator[Parsers]:
    parsers = Parsers()
    await parsers.start()
    yield parsers
    await parsers.stop()


@pytest.fixture
async def way(tmp_path: Path, server: DatabaseServer, parsers: Parsers) -> AsyncIterator["Way"]:
    """A client, and a gateway that has both adapters and the target `appdb`."""
    house = await House.open(tmp_path / "gateway")
    assert house.adapter is not None
    await house.adapter.stop(0)
    adapter = PostgresAdapter(
        Door(house.lobby, house.targets.find), Dialler(ReferenceSecrets(house.environ)), parsers
    )
    house.inspected = {"postgres": Inspected(5432, partial(begin, adapter.converse))}
    house.inside = {"postgres": PsqlInside(adapter.converse)}
    await house.start()
    database = server.new_database()
    house.add(
        Target(
            "appdb",
            "postgres",
            "127.0.0.1",
            server.port,
            "hoop",
            labels={"env": "prod"},
            options={"database": database, "tls": "disable", "logins": ("by_trust",)},
        )
    )
    try:
        yield Way(house, StockSsh(tmp_path / "client", house), server, database)
    finally:
        await house.close()
        await adapter.stop(0)
        server.drop_database(database)


class Way:
    def __init__(self, house: House, ssh: StockSsh, server: DatabaseServer, database: str) -> None:
        self.house = house
        self.ssh = ssh
        self.server = server
        self.database = database

    async def psql(self, port: int, *arguments: str, user: str = "alice") -> Ran:
        """The stock client, at a port of this machine."""
        process = await asyncio.create_subprocess_exec(
            "psql",
            "-X",
            f"host=127.0.0.1 port={port} dbname=appdb user={user} sslmode=disable",
            *arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, "PGCONNECT_TIMEOUT": "20"},
        )
        async with asyncio.timeout(PATIENCE):
            out, err = await process.communicate()
        return Ran(process.returncode or 0, out, err)

    async def over(self, sessions: int) -> list[str]:
        """The outcomes, once so many sessions have ended."""
        async with asyncio.timeout(PATIENCE):
            while len(outcomes := await self.house.outcomes()) < sessions:
                await asyncio.sleep(0.02)
        return outcomes

    def recording(self, kind: str) -> Recording:
        """The only one of this kind."""
        found = [each for each in self.house.recordings() if each.meta.get("kind") == kind]
        (only,) = found
        return only


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def open_tunnel(port: int) -> None:
    _, writer = await connect(port)
    writer.close()


async def test_through_a_tunnel(way: Way) -> None:
    port = free_port()
    async with running(way.ssh, "-N", "-L", f"{port}:appdb:5432", "somebody@gw"):
        await open_tunnel(port)
        ran = await way.psql(port, "-Atc", "select 6 * 7, current_user")
        assert (ran.status, ran.out) == (0, b"42|hoop\n")
        ran = await way.psql(port, "-Atc", "select current_user", user="by_trust")
        assert (ran.status, ran.out) == (0, b"by_trust\n")
        assert await way.over(2) == ["exit 0"] * 2
    opened = await way.house.entries("session.opened")
    assert [(each.body["kind"], each.body["target"], each.body["person"]) for each in opened] == [
        ("postgres", "appdb", "alice@example.com")
    ] * 2
    admitted = await way.house.entries("operation.admitted")
    assert [each.body["text"] for each in admitted] == [
        "select 6 * 7, current_user",
        "select current_user",
    ]


async def test_by_the_port_of_the_target_and_by_no_other(way: Way) -> None:
    port = free_port()
    async with running(way.ssh, "-N", "-L", f"{port}:appdb:{way.server.port}", "somebody@gw"):
        await open_tunnel(port)
        assert (await way.psql(port, "-Atc", "select 1")).out == b"1\n"
    ran = await way.ssh.run("-W", "appdb:1", "somebody@gw")
    assert "hoop: appdb is on port 5432 here" in ran.said


async def test_a_driver_and_a_large_result(way: Way) -> None:
    port = free_port()
    async with running(way.ssh, "-N", "-L", f"{port}:appdb:5432", "somebody@gw"):
        await open_tunnel(port)
        conninfo = f"host=127.0.0.1 port={port} dbname=appdb user=alice sslmode=disable"
        async with await psycopg.AsyncConnection.connect(conninfo, autocommit=True) as connection:
            found = await connection.execute(
                "select number, repeat('x', 1000) from generate_series(1, 30000) number", binary=True
            )
            rows = await found.fetchall()
            assert len(rows) == 30_000
            assert rows[-1] == (30_000, "x" * 1000)
            await connection.execute("create table copied (text text)")
            async with connection.cursor() as cursor:
                async with cursor.copy("copy copied from stdin") as copy:
                    for _ in range(200):
                        await copy.write(b"".join(b"%0999d\n" % row for row in range(50)))
                counted = await cursor.execute("select count(*), sum(length(text)) from copied")
                assert await counted.fetchone() == (10_000, 9_990_000)
        assert await way.over(1) == ["exit 0"]


async def test_tls_is_not_offered_inside(way: Way) -> None:
    port = free_port()
    async with running(way.ssh, "-N", "-L", f"{port}:appdb:5432", "somebody@gw"):
        await open_tunnel(port)
        conninfo = f"host=127.0.0.1 port={port} dbname=appdb user=alice"
        with pytest.raises(psycopg.OperationalError, match="does not support SSL"):
            await psycopg.AsyncConnection.connect(conninfo, sslmode="require")
        async with await psycopg.AsyncConnection.connect(conninfo, sslmode="prefer"):
            pass


async def test_by_standard_input_and_output(way: Way) -> None:
    """`ssh -W`, with the least that a client can say."""
    startup = b"\0\x03\0\0user\0alice\0database\0appdb\0\0"
    query = b"Q" + (4 + 10).to_bytes(4, "big") + b"select 42\0"
    async with running(way.ssh, "-W", "appdb:5432", "somebody@gw") as client:
        assert client.stdin is not None
        assert client.stdout is not None
        client.stdin.write((4 + len(startup)).to_bytes(4, "big") + startup + query)
        async with asyncio.timeout(PATIENCE):
            assert b"\0\0\0\x0242" in await client.stdout.readuntil(b"SELECT 1\0")
            client.stdin.write(b"X\0\0\0\x04")
            assert await client.wait() == 0
    assert await way.over(1) == ["exit 0"]


async def test_what_is_cut_off_is_over(way: Way) -> None:
    port = free_port()
    async with running(way.ssh, "-N", "-L", f"{port}:appdb:5432", "somebody@gw") as tunnel:
        await open_tunnel(port)
        client = asyncio.create_task(way.psql(port, "-c", "select pg_sleep(60)"))
        async with asyncio.timeout(PATIENCE):
            while not await way.house.entries("operation.admitted"):
                await asyncio.sleep(0.02)
        tunnel.kill()
        assert (await client).status != 0
    assert await way.over(1) == ["disconnected"]


async def busy_with(way: Way, text: str) -> None:
    """Return once the server runs it."""
    with way.server.connect() as connection:
        async with asyncio.timeout(PATIENCE):
            while connection.execute(
                "select count(*) from pg_stat_activity where query like %s", [f"{text}%"]
            ).fetchone() == (0,):
                await asyncio.sleep(0.02)


async def test_a_request_to_cancel_comes_by_another_channel(way: Way) -> None:
    port = free_port()
    async with running(way.ssh, "-N", "-L", f"{port}:appdb:5432", "somebody@gw"):
        await open_tunnel(port)
        conninfo = f"host=127.0.0.1 port={port} dbname=appdb user=alice sslmode=disable"
        async with await psycopg.AsyncConnection.connect(conninfo, autocommit=True) as connection:
            asked = asyncio.create_task(connection.execute("select pg_sleep(600), 1"))
            await busy_with(way, "select pg_sleep(600), 1")
            await connection.cancel_safe()
            with pytest.raises(psycopg.errors.QueryCanceled):
                await asked
            assert await (await connection.execute("select 7")).fetchone() == (7,)


@pytest.fixture
def caged() -> None:
    if not landlock.abi() or seccomp.machine() is None:
        pytest.skip("needs a Linux kernel with landlock, on x86_64 or aarch64")


@pytest.mark.usefixtures("caged")
async def test_psql_inside_runs_a_command(way: Way) -> None:
    ran = await way.ssh.run("appdb@gw", "select 6 * 7 as answer")
    assert ran.status == 0
    assert b" answer \n--------\n     42\n" in ran.out
    assert await way.over(2) == ["exit 0"] * 2
    opened = await way.house.entries("session.opened")
    assert [(each.body["kind"], each.body["target"], each.body["person"]) for each in opened] == [
        ("ssh", "appdb", "alice@example.com"),
        ("postgres", "appdb", "alice@example.com"),
    ]
    admitted = [
        (each.body["verb"], each.body["text"]) for each in await way.house.entries("operation.admitted")
    ]
    assert admitted == [("shell", "psql select 6 * 7 as answer"), ("select", "select 6 * 7 as answer")]
    terminal, statements = way.recording("ssh"), way.recording("postgres")
    assert b"42" in terminal.output
    assert (terminal.meta["pty"], statements.meta["pty"]) == (False, False)
    assert any(mark["kind"] == "result" for mark in statements.facts_of(FrameKind.MARK))


async def let_in(way: Way) -> None:
    """Bob grants the one request that there is."""
    async with asyncio.timeout(PATIENCE):
        while not (found := await way.house.ledger.approvals(state="held")):
            await asyncio.sleep(0.02)
    (asked,) = found
    await way.house.approvals.settle(asked.id, BOB, True, asked.sha256)


@pytest.mark.usefixtures("caged")
async def test_coming_in_is_asked_for_once_for_psql_inside_and_through_a_tunnel(way: Way) -> None:
    way.house.judges_coming_in = True
    way.house.decide = lambda operation, session: (
        Hold("access", "access needs sre", frozenset({"sre"}))
        if operation.verb == "connect"
        else Allow("everything")
    )
    running_inside = asyncio.create_task(way.ssh.run("appdb@gw", "select 6 * 7"))
    await let_in(way)
    ran = await running_inside
    assert b" 42\n" in ran.out
    assert "access needs sre (expires in 10 min)" in ran.said
    port = free_port()
    async with running(way.ssh, "-N", "-L", f"{port}:appdb:5432", "somebody@gw"):
        await open_tunnel(port)
        client = asyncio.create_task(way.psql(port, "-Atc", "select 1"))
        await let_in(way)
        assert (await client).out == b"1\n"
    assert len(await way.house.ledger.approvals()) == 2


@pytest.mark.usefixtures("caged")
async def test_psql_inside_reads_what_is_piped_in(way: Way) -> None:
    ran = await way.ssh.run("appdb@gw", typed=b"create table t (id int);\nselect 1;\n\\! id\nselect 2;\n")
    assert ran.status == 0
    assert b"CREATE TABLE" in ran.out
    assert b"uid=" not in ran.out + ran.err
    ran = await way.ssh.run("appdb@gw", "select * from nothing_here")
    assert ran.status == 1
    assert 'relation "nothing_here" does not exist' in ran.said


@pytest.mark.usefixtures("caged")
async def test_psql_inside_at_a_terminal(way: Way) -> None:
    desk = Terminal()
    try:
        await desk.start(way.ssh.command("-tt", "appdb@gw"))
        await desk.until(b"appdb=# ")
        desk.type(b"select 6 * 7 as answer;\r")
        await desk.until(b"(1 row)")
        desk.type(b"\\! id\r\\i /etc/passwd\r")
        await desk.until(b"/etc/passwd: Permission denied")
        desk.resize(60, 20)
        desk.type(b"\\q\r")
        assert await desk.ended() == 0
    finally:
        await desk.close()
    assert await way.over(2)
    terminal = way.recording("ssh")
    assert terminal.meta["pty"] is True
    assert b"42" in terminal.output
    assert b"uid=" not in terminal.output
    assert b"recorded as" in terminal.errors
    assert {"cols": 60, "rows": 20} in terminal.facts_of(FrameKind.RESIZE)


@pytest.mark.usefixtures("caged")
async def test_ctrl_c_at_psql_inside(way: Way) -> None:
    desk = Terminal()
    try:
        await desk.start(way.ssh.command("-tt", "appdb@gw"))
        await desk.until(b"appdb=# ")
        desk.type(b"select pg_sleep(600), 2;\r")
        await busy_with(way, "select pg_sleep(600), 2")
        desk.type(b"\x03")
        await desk.until(b"canceling statement due to user request")
        desk.type(b"\\q\r")
        assert await desk.ended() == 0
    finally:
        await desk.close()
    assert await way.over(2) == ["exit 0"] * 2


@pytest.mark.usefixtures("caged")
async def test_long_commands(way: Way) -> None:
    ran = await way.ssh.run("appdb@gw", f"select 7 /* {'x' * 90_000} */")
    assert b"7" in ran.out
    ran = await way.ssh.run("appdb@gw", f"select 7 /* {'x' * 101_000} */")
    assert ran.status == 255
    assert ran.said == "hoop: the command is too long for psql - pipe it in: ssh appdb@GATEWAY < FILE\n"
    ran = await way.ssh.run("appdb@gw", typed=f"select 7 /* {'x' * 300_000} */;".encode())
    assert b"7" in ran.out


@pytest.mark.usefixtures("caged")
async def test_rules_decide_about_both(way: Way) -> None:
    way.house.decide = lambda operation, session: (
        Deny("no-psql", "bring your own client") if operation.verb == "shell" else Allow("everything")
    )
    ran = await way.ssh.run("appdb@gw", "select 1")
    assert ran.status == 126
    assert "hoop: blocked by no-psql - bring your own client" in ran.said
    way.house.decide = lambda operation, session: (
        Deny("no-deletes", "ask first") if operation.verb == "delete" else Allow("everything")
    )
    ran = await way.ssh.run("appdb@gw", "delete from pg_class")
    assert ran.status == 1
    assert "ERROR:  hoop: blocked - ask first" in ran.said


@pytest.mark.usefixtures("caged")
async def test_what_is_typed_at_psql_is_no_command_line(way: Way) -> None:
    """Rules about commands of shells know nothing of SQL; each statement is judged as what it is."""
    way.house.decide = lambda operation, session: (
        Deny("no-such", "never") if operation.verb == "typed" else Allow("everything")
    )
    desk = Terminal()
    try:
        await desk.start(way.ssh.command("-tt", "appdb@gw"))
        await desk.until(b"appdb=# ")
        desk.type(b"select 6 * 7; -- rm -rf /\r")
        await desk.until(b"(1 row)")
        desk.type(b"\x04")
        assert await desk.ended() == 0
    finally:
        await desk.close()


@pytest.mark.usefixtures("caged")
async def test_masks_of_the_terminal_are_those_for_terminals(way: Way) -> None:
    """A rule that also names columns does not make the terminal impossible."""
    rules = """
    [[rule]]
    id = "all"
    match = { user = "*" }
    do = "allow"
    [[rule]]
    id = "hidden"
    match = { user = "*" }
    do = "mask"
    [rule.mask]
    email = "redact"
    "*.ssn" = "redact"
    """
    judge = PolicyShelf(load_policy([("rules.toml", rules)], DETECTORS)).judge()
    way.house.decide = judge.decide
    with way.server.connect(way.database) as connection:
        connection.execute("create table people (name text, ssn text)")
        connection.execute("insert into people values ('ada@example.com', '078-05-1120')")
    ran = await way.ssh.run("appdb@gw", "select * from people")
    assert ran.status == 0
    assert b"1 row" in ran.out
    assert b"078-05" not in ran.out
    assert b"ada@" not in ran.out
    assert not any(b"078-05" in each.path.read_bytes() for each in way.house.recordings())


@pytest.mark.usefixtures("caged")
async def test_another_account(way: Way) -> None:
    ran = await way.ssh.run("by_trust%appdb@gw", "select current_user")
    assert b"by_trust" in ran.out
    ran = await way.ssh.run("stranger%appdb@gw", "select current_user")
    assert 'the account "stranger" is not offered on appdb' in ran.said


@pytest.mark.usefixtures("caged")
async def test_ended_by_staff_nothing_stays(way: Way) -> None:
    async with running(way.ssh, "appdb@gw", "select pg_sleep(60)") as client:
        async with asyncio.timeout(PATIENCE):
            while len(await way.house.entries("operation.admitted")) < 2:
                await asyncio.sleep(0.02)
        first = (await way.house.entries("session.opened"))[0]
        terminal = way.house.live.get(first.session)
        assert terminal is not None
        terminal.end("a test")
        async with asyncio.timeout(PATIENCE):
            _, err = await client.communicate()
    assert b"hoop: ended - a test" in err
    assert client.returncode == 130
    assert len(await way.over(2)) == 2


async def test_not_offered(way: Way) -> None:
    way.house.change("appdb", psql=False)
    ran = await way.ssh.run("appdb@gw", "select 1")
    assert ran.status == 126
    assert ran.said == "hoop: psql is not offered here for appdb - use: ssh -N -L 5432:appdb:5432\n"
    way.house.change("appdb", psql=True)
    ran = await way.ssh.run("-s", "appdb@gw", "sftp")
    assert ran.said == "hoop: sftp is not offered on this gateway\n"


async def test_without_a_psql(way: Way, monkeypatch: pytest.MonkeyPatch) -> None:
    inside = way.house.inside["postgres"]
    monkeypatch.setattr(inside, "_find", lambda: None)
    ran = await way.ssh.run("appdb@gw", "select 1")
    assert ran.status == 255
    assert ran.said == "hoop: psql is not installed on this gateway - use: ssh -N -L 5432:appdb:5432\n"
