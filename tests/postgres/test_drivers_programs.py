"""pgbench, pg_dump and pg_restore through the gateway: nothing fails, and what goes out and in again is the same."""

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.postgres.interop.suite_server import SuiteServer
from tests.postgres.interop.ways import WayIn

pytestmark = [pytest.mark.interop, pytest.mark.needs("postgres", "psql", "pgbench", "pg_dump", "pg_restore")]

PATIENCE = 120.0


@pytest.fixture
def accounts(suite_server: SuiteServer) -> Iterator[None]:
    """What pgbench works on, made directly."""
    program(suite_server.way, "pgbench", "-q", "-i", "-s", "1")
    yield
    with suite_server.connect("drivers") as connection:
        for table in ("accounts", "branches", "history", "tellers"):
            connection.execute(f"DROP TABLE IF EXISTS pgbench_{table}")


def program(way: WayIn, *command: str | Path, database: str = "drivers") -> str:
    """What it prints; it has to succeed."""
    ran = subprocess.run(
        command,
        env={**os.environ, **way.environment(database)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr[-2000:]
    return ran.stdout


@pytest.mark.usefixtures("accounts")
@pytest.mark.parametrize("mode", ["simple", "extended", "prepared"])
@pytest.mark.parametrize("script", [("-S",), ()], ids=["select", "write"])
def test_pgbench(way: WayIn, mode: str, script: tuple[str, ...]) -> None:
    said = program(way, "pgbench", "-n", "-M", mode, *script, "-c", "4", "-j", "2", "-t", "25")
    assert "number of transactions actually processed: 100/100" in said
    assert "number of failed transactions: 0 (0.000%)" in said


@pytest.mark.usefixtures("accounts")
def test_pgbench_in_a_pipeline(way: WayIn, tmp_path: Path) -> None:
    script = tmp_path / "script"
    one = "SELECT abalance FROM pgbench_accounts WHERE aid = 1;\n"
    script.write_text("\\startpipeline\n" + one * 10 + "\\endpipeline\n")
    said = program(way, "pgbench", "-n", "-M", "prepared", "-f", script, "-c", "2", "-t", "50")
    assert "number of failed transactions: 0 (0.000%)" in said


@pytest.mark.usefixtures("accounts")
def test_it_fills_its_tables(way: WayIn) -> None:
    """By COPY and by DDL."""
    program(way, "pgbench", "-q", "-i", "-s", "1", "-I", "dtgvp")
    rows = program(way, "psql", "-X", "-At", "-c", "SELECT count(*) FROM pgbench_accounts")
    assert rows.strip() == "100000"


_THINGS = """
CREATE TYPE mood AS ENUM ('sad', 'ok');
CREATE TABLE things (id serial PRIMARY KEY, name text UNIQUE, at timestamptz DEFAULT '2026-01-01 00:00:00+00',
  m mood, doc jsonb, raw bytea, n numeric(30,10));
INSERT INTO things (name, m, doc, raw, n)
  SELECT 'thing ' || g, 'ok', jsonb_build_object('g', g), decode(md5(g::text), 'hex'), g / 7.0
  FROM generate_series(1, 2000) g;
CREATE VIEW some_things AS SELECT * FROM things WHERE id < 9;
CREATE FUNCTION twice(n int) RETURNS int LANGUAGE sql AS 'SELECT n * 2';
SELECT lo_from_bytea(0, decode(repeat('deadbeef', 50000), 'hex'));
"""
_DIGEST = """
SELECT (SELECT md5(string_agg(t::text, '' ORDER BY id)) FROM things t),
       (SELECT md5(string_agg(md5(data), '' ORDER BY loid, pageno)) FROM pg_largeobject),
       (SELECT count(*) FROM some_things), twice(21), nextval('things_id_seq')
"""


@pytest.mark.parametrize("form", ["custom", "plain", "directory"])
def test_out_and_in_again(way: WayIn, suite_server: SuiteServer, tmp_path: Path, form: str) -> None:
    databases = ("dumped", "restored")
    with suite_server.connect() as connection:
        for database in databases:
            connection.execute(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")
    suite_server.make_databases(*databases)
    with suite_server.way.connect("dumped") as connection:
        connection.execute(_THINGS)
    dump = tmp_path / "dump"
    program(way, "pg_dump", "-F", form, "-f", dump, database="dumped")
    if form == "plain":
        program(way, "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-f", dump, database="restored")
    else:
        program(way, "pg_restore", "--exit-on-error", "-d", "restored", dump, database="restored")
    first, second = (
        program(suite_server.way, "psql", "-X", "-At", "-c", _DIGEST, database=each) for each in databases
    )
    assert first == second
    assert re.fullmatch(r"[0-9a-f]{32}\|[0-9a-f]{32}\|8\|42\|2001\n", first)
