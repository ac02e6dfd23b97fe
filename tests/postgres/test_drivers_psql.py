"""psql as people use it: what it shows through the gateway is what it shows without one."""

import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.postgres.interop.suite_server import SuiteServer
from tests.postgres.interop.ways import GATEWAY, WayIn

pytestmark = [pytest.mark.interop, pytest.mark.needs("postgres", "psql")]

PATIENCE = 60.0

_ITEMS = """
DROP TABLE IF EXISTS items CASCADE;
CREATE TABLE items (id int PRIMARY KEY, name text NOT NULL CHECK (name <> ''), tags text[]);
INSERT INTO items SELECT g, 'item ' || g, ARRAY['a', 'b'] FROM generate_series(1, 500) g;
CREATE VIEW few AS SELECT id, name FROM items WHERE id < 4;
"""


@pytest.fixture
def items(suite_server: SuiteServer) -> Iterator[None]:
    """Tables that every test may read."""
    with suite_server.way.connect("drivers") as connection:
        connection.execute(_ITEMS)
        yield
        connection.execute("DROP TABLE IF EXISTS items CASCADE")


def environment(way: WayIn) -> dict[str, str]:
    return {**os.environ, **way.environment("drivers"), "PGCONNECT_TIMEOUT": "20"}


GREETING = re.compile(r"NOTICE:  hoop: you are tester on drivers - this session is recorded \(s-\w+\)\n")


def psql(way: WayIn, *lines: str, stop: bool = True, options: tuple[str, ...] = ()) -> str:
    """What it prints, notices and errors included, but for the one line that a gateway greets people with."""
    ran = subprocess.run(
        ["psql", "-X", "-v", f"ON_ERROR_STOP={int(stop)}", *options],
        input="\n".join(lines) + "\n",
        env=environment(way),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert ran.returncode == 0 or not stop, ran.stdout
    said, greetings = GREETING.subn("", ran.stdout)
    assert (greetings > 0) == (way.name == GATEWAY)
    return said


SAME = {
    "describe": ("\\d items", "\\d+ few", "\\dt", "\\dv"),
    "lists": ("\\dn", "\\df pg_catalog.age", "\\dT", "\\dx"),
    "a result of its own": (
        "\\copy (SELECT * FROM items WHERE id < 30 ORDER BY id) TO STDOUT WITH (FORMAT csv)",
    ),
    "in and out": (
        "CREATE TEMP TABLE t (n int, w text);",
        "COPY t FROM STDIN;",
        "1\tone",
        "2\t\\N",
        "\\.",
        "COPY t TO STDOUT;",
    ),
    "a copy with a fault": (
        "CREATE TEMP TABLE t (n int);",
        "COPY t FROM STDIN;",
        "1",
        "two",
        "\\.",
        "SELECT count(*) FROM t;",
    ),
    "a cursor": (
        "BEGIN;",
        "DECLARE c SCROLL CURSOR FOR SELECT id FROM items ORDER BY id;",
        "FETCH 3 FROM c;",
        "MOVE FORWARD 10 FROM c;",
        "FETCH BACKWARD 2 FROM c;",
        "CLOSE c;",
        "COMMIT;",
    ),
    "a few rows at a time": ("\\set FETCH_COUNT 7", "SELECT id, name FROM items ORDER BY id;"),
    "what it would give": ("SELECT id, name, tags, 1.5::numeric(8,2) AS n FROM items \\gdesc",),
    "values taken out": ("SELECT 6 * 7 AS n \\gset", "\\echo got :n"),
    "statements out of a result": (
        "SELECT format('SELECT %s AS n', g) FROM generate_series(1, 3) g \\gexec",
    ),
    "crosstab": (
        "SELECT id % 2 AS a, id % 3 AS b, count(*) FROM items GROUP BY 1, 2 ORDER BY 1, 2 \\crosstabview",
    ),
    "errors": (
        "SELECT 1/0;",
        "SELEC 1;",
        "SELECT nothing FROM items;",
        "INSERT INTO items VALUES (1, 'twice');",
        "INSERT INTO items VALUES (0, '');",
        "SELECT 'still here';",
    ),
    "errors in full": ("\\set VERBOSITY verbose", "INSERT INTO items VALUES (1, 'twice');", "\\errverbose"),
    "a transaction that failed": (
        "BEGIN;",
        "SELECT 1/0;",
        "SELECT 1;",
        "ROLLBACK;",
        "SELECT 'after it';",
    ),
    "an error on the way": (
        "\\set ON_ERROR_ROLLBACK on",
        "BEGIN;",
        "SELECT nothing;",
        "SELECT 'goes on';",
        "COMMIT;",
    ),
    "two statements at once": (
        "SELECT 1 AS a \\; SELECT 2 AS b;",
        "\\set SHOW_ALL_RESULTS off",
        "SELECT 3 \\; SELECT 4;",
    ),
    "prepared": (
        "PREPARE p (int) AS SELECT name FROM items WHERE id = $1;",
        "EXECUTE p(17);",
        "DEALLOCATE p;",
        "EXECUTE p(17);",
    ),
    "notices": ("DO $$ BEGIN RAISE NOTICE 'mind the step'; RAISE WARNING 'and the gap'; END $$;",),
    "settings": (
        "SET statement_timeout = '7s';",
        "SHOW statement_timeout;",
        "RESET statement_timeout;",
        "SET LOCAL work_mem = '8MB';",
        "SELECT current_user, session_user, current_database();",
        "SET client_encoding = 'LATIN1';",
        "\\encoding",
    ),
    "large objects": ("SELECT lo_from_bytea(4711, 'abc');", "\\lo_list", "\\lo_unlink 4711"),
    "nothing": (";", "", "-- only a comment", "/* and /* another */ one */;"),
    "wide and odd": (
        "SELECT repeat('x', 100000) AS wide;",
        "SELECT U&'\\0441\\043B\\043E\\043D' AS \"odd name\", E'a\\nb\\tc' AS \"tab\";",
        "SELECT;",
        "SELECT FROM items LIMIT 2;",
    ),
}


@pytest.mark.usefixtures("items")
@pytest.mark.parametrize("what", SAME)
def test_shows_the_same(suite_server: SuiteServer, way: WayIn, what: str) -> None:
    direct = psql(suite_server.way, *SAME[what], stop=False)
    assert psql(way, *SAME[what], stop=False) == direct
    assert direct.strip() or what == "nothing"


@pytest.mark.usefixtures("items")
def test_copies_files(way: WayIn, tmp_path: Path) -> None:
    there, back = tmp_path / "there", tmp_path / "back"
    there.write_text("".join(f"{n},line {n}\n" for n in range(20_000)))
    said = psql(
        way,
        "CREATE TEMP TABLE t (n int, w text);",
        f"\\copy t FROM '{there}' WITH (FORMAT csv)",
        "SELECT count(*), sum(n) FROM t;",
        f"\\copy t TO '{back}' WITH (FORMAT csv)",
    )
    assert "COPY 20000" in said
    assert "199990000" in said
    assert back.read_text() == there.read_text()


def test_listens(way: WayIn) -> None:
    said = psql(way, "LISTEN news;", "SELECT pg_backend_pid();", "NOTIFY news, 'paper';", "SELECT 1;")
    pid = re.search(r"^\s+(\d+)$", said, re.MULTILINE)
    assert pid
    heard = f'Asynchronous notification "news" with payload "paper" received from server process with PID {pid[1]}.'
    assert heard in said


def test_hears_of_what_others_say(way: WayIn, suite_server: SuiteServer) -> None:
    """The other one does not come through the same way."""
    with psql_running(
        way, suite_server, "LISTEN news;\nSELECT 'listens', pg_sleep(0);\n\\echo listens\n"
    ) as (process, _):
        assert process.stdin
        assert process.stdout
        while "listens" not in process.stdout.readline():
            pass
        with suite_server.way.connect("drivers") as other:
            other.execute("NOTIFY news, 'from outside'")
        process.stdin.write("SELECT 1;\n\\q\n")
        process.stdin.flush()
        assert 'payload "from outside"' in process.stdout.read()


@contextmanager
def psql_running(way: WayIn, server: SuiteServer, script: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A psql whose input stays open, and the process id of its backend."""
    name = f"psql-{os.getpid()}-{time.monotonic_ns()}"
    process = subprocess.Popen(
        ["psql", "-X", "-q"],
        env={**environment(way), "PGAPPNAME": name},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert process.stdin
        process.stdin.write(script)
        process.stdin.flush()
        give_up_at = time.monotonic() + PATIENCE
        while not (pids := server.backends(name)):
            assert time.monotonic() < give_up_at
            assert process.poll() is None, process.communicate()
            time.sleep(0.02)
        yield process, pids[0]
    finally:
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                stream.close()


def wait_until_active(server: SuiteServer, pid: int) -> None:
    give_up_at = time.monotonic() + PATIENCE
    with server.connect() as connection:
        query = "SELECT 1 FROM pg_stat_activity WHERE pid = %s AND wait_event = 'PgSleep'"
        while not connection.execute(query, (pid,)).fetchone():
            assert time.monotonic() < give_up_at
            time.sleep(0.02)


def test_ctrl_c_cancels(way: WayIn, suite_server: SuiteServer) -> None:
    with psql_running(way, suite_server, "SELECT pg_sleep(600);\n") as (
        process,
        pid,
    ):
        wait_until_active(suite_server, pid)
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=PATIENCE)
    assert "ERROR:  canceling statement due to user request" in said


def test_is_ended_by_its_pid(way: WayIn, suite_server: SuiteServer) -> None:
    with psql_running(way, suite_server, "SELECT pg_sleep(600);\n") as (process, pid):
        wait_until_active(suite_server, pid)
        with suite_server.connect() as connection:
            assert connection.execute("SELECT pg_terminate_backend(%s)", (pid,)).fetchone() == (True,)
        said, _ = process.communicate(timeout=PATIENCE)
    assert "FATAL:  terminating connection due to administrator command" in said
    assert "connection to server was lost" in said


def test_reconnects(way: WayIn) -> None:
    said = psql(way, "SELECT 'first';", "\\c -", "SELECT 'second';", "\\conninfo")
    assert "first" in said
    assert "second" in said
    assert f'as user "{way.user}"' in said


def test_start_up_settings(way: WayIn) -> None:
    """`PGOPTIONS` and the like reach the server."""
    ran = subprocess.run(
        ["psql", "-X", "-At", "-c", "SHOW work_mem", "-c", "SHOW datestyle", "-c", "SHOW application_name"],
        env={
            **environment(way),
            "PGOPTIONS": "-c work_mem=9MB",
            "PGDATESTYLE": "German",
            "PGAPPNAME": "mine",
        },
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    work_mem, style, name = ran.stdout.splitlines()
    assert (work_mem, style) == ("9MB", "German, DMY")
    assert "mine" in name
