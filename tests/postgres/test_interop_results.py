"""What scripts/interop-postgres promises: how it reads what suites print, and what it counts as a difference."""

import asyncio
import sys
from pathlib import Path

import pytest

from scripts.interop_postgres import Wish, every_suite, told, verdict
from scripts.postgres_suites.meant import OWN_ROLE
from scripts.postgres_suites.place import Place
from scripts.postgres_suites.results import Ran, of_go, of_junit, of_lines, of_pg_regress, worse
from tests.postgres.interop.ways import DIRECT, GATEWAY, PGBOUNCER, WayIn

ROOT = Path(__file__).resolve().parents[2]


def test_pg_regress() -> None:
    said = (
        "============== running regression test queries        ==============\n"
        "test test_setup                   ... ok          117 ms\n"
        "parallel group (2 tests):  char boolean\n"
        "     boolean                      ... ok           50 ms\n"
        "     char                         ... FAILED       45 ms\n"
        "test tablespace                   ... FAILED (test process exited with exit code 2)      194 ms\n"
    )
    assert of_pg_regress(said) == {
        "test_setup": "passed",
        "boolean": "passed",
        "char": "failed",
        "tablespace": "failed",
    }


def test_junit() -> None:
    words, notes = of_junit(
        "<testsuites><testsuite>"
        '<testcase classname="a" name="one"/>'
        '<testcase classname="a" name="two"><failure message="1 != 2"/></testcase>'
        '<testcase classname="a" name="three"><skipped/></testcase>'
        '<testcase classname="a" name="four"><error message="failed on setup"/></testcase>'
        '<testcase classname="a" name="five"/>'
        '<testcase classname="a" name="five"><error message="failed on teardown"/></testcase>'
        "</testsuite></testsuites>"
    )
    assert words == {
        "a::one": "passed",
        "a::two": "failed",
        "a::three": "skipped",
        "a::four": "failed",
        "a::five": "failed",
    }
    assert notes["a::two"] == "1 != 2"


def test_go() -> None:
    events = [
        {"Action": "run", "Package": "p", "Test": "TestA"},
        {"Action": "pass", "Package": "p", "Test": "TestA"},
        {"Action": "fail", "Package": "p", "Test": "TestB"},
        {"Action": "skip", "Package": "p", "Test": "TestC"},
        {"Action": "pass", "Package": "p", "Test": "TestD/file='/tmp/TestD518/001/x.conf'_service=a"},
        {"Action": "fail", "Package": "p"},
        {"Action": "fail", "Package": "q"},
    ]
    assert of_go(events) == {
        "p::TestA": "passed",
        "p::TestB": "failed",
        "p::TestC": "skipped",
        "p::TestD/file='/.../x.conf'_service=a": "passed",
        "q::(package)": "failed",
    }


def test_lines() -> None:
    assert of_lines("ok one\nnot ok two\n  because\nskip three\n") == {
        "one": "passed",
        "two": "failed",
        "three": "skipped",
    }


def test_what_is_worse() -> None:
    direct = Ran({"a": "passed", "b": "passed", "c": "failed", "d": "skipped", "e": "passed"})
    other = Ran({"a": "passed", "b": "failed", "c": "failed", "d": "failed"})
    assert worse(direct, other) == ["b", "e"]


def test_what_can_not_pass() -> None:
    """It is told with its reason, and is no fault; what differs besides is one."""
    meant, other = (
        "tests.pq.test_pgconn::test_change_password",
        "tests.pq.test_pgconn::test_change_password_error",
    )
    suite = next(suite for suite in every_suite() if suite.name == "psycopg")
    wish = Wish((suite,), (DIRECT, GATEWAY), Place(Path()), 1.0, None)

    def run(**words: str) -> tuple[int, str]:
        through = Ran({meant: words["meant"], other: words["other"]})
        results = {
            ("psycopg", DIRECT): Ran({meant: "passed", other: "passed"}),
            ("psycopg", GATEWAY): through,
        }
        return verdict(wish, results), "\n".join(told(wish, results))

    status, said = run(meant="failed", other="passed")
    assert status == 0
    assert f"psycopg, gateway: 1 that can not pass: {OWN_ROLE}\n  {meant}\n" in said
    assert said.endswith("everything that passes directly passes through the gateway, but for what is meant")
    status, said = run(meant="failed", other="failed")
    assert (status, f"{other}: failed" in said) == (1, True)
    status, said = run(meant="passed", other="passed")
    assert (status, f"{meant} passes after all" in said) == (0, True)


@pytest.mark.parametrize(
    ("direct", "through", "status", "words"),
    [
        ({"a": "passed"}, {"a": "passed"}, 0, "everything that passes directly passes through the gateway"),
        ({"a": "passed"}, {"a": "failed"}, 1, "worse than direct: node-pg"),
        ({"a": "passed"}, {}, 1, "a: is not there"),
        (
            {"a": "failed", "b": "passed"},
            {"a": "failed", "b": "passed"},
            0,
            "everything that passes directly",
        ),
        ({}, {}, 2, "not run: no node"),
    ],
)
def test_the_verdict(direct: dict[str, str], through: dict[str, str], status: int, words: str) -> None:
    suite = next(suite for suite in every_suite() if suite.name == "node-pg")
    wish = Wish((suite,), (DIRECT, GATEWAY, PGBOUNCER), Place(Path()), 1.0, None)
    trouble = "" if direct else "not run: no node"
    results = {
        ("node-pg", DIRECT): Ran(direct, 1.0, trouble),
        ("node-pg", GATEWAY): Ran(through, 1.0, trouble),
        ("node-pg", PGBOUNCER): Ran({"a": "failed"}, 1.0),  # there to compare with
    }
    assert verdict(wish, results) == status
    assert words in "\n".join(told(wish, results))


def test_a_way_in_for_every_client(tmp_path: Path) -> None:
    way = WayIn(GATEWAY, 5433, "hoop", {"app": "s:3\\cret", "*": "other"}, tls=True)
    assert way.environment("app")["PGPASSWORD"] == "s:3\\cret"
    assert way.password("elsewhere") == "other"
    assert "sslmode=require" in way.conninfo("app")
    assert "cret" not in repr(way)
    file = way.write_passfile(tmp_path / "passfile")
    assert file.stat().st_mode & 0o077 == 0
    assert file.read_text().splitlines()[-1] == "127.0.0.1:5433:*:hoop:other"


async def test_a_suite_that_is_none() -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "scripts.interop_postgres", "no-such-suite"),
        cwd=ROOT,
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await process.communicate()
    assert (process.returncode, b"there is no suite no-such-suite" in said) == (2, True)
