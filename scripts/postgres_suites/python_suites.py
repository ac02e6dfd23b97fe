"""Suites of Python's drivers, run by pytest in environments of their own: psycopg, asyncpg, SQLAlchemy's dialect.

asyncpg and SQLAlchemy publish their tests with their source. psycopg does not: they come out of Debian's source
package of it, or out of a checkout that somebody names.
"""

import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from scripts.postgres_suites.place import Place
from scripts.postgres_suites.results import FAILED, PASSED, Ran, Unavailable, of_junit
from scripts.postgres_suites.suite import Run

ASYNCPG, SQLALCHEMY = "0.32.0", "2.1.9"


OWN_PROXY = """cdict["sslmode"] = "disable"  # not supported by the proxy"""
MANY = ("while pos < 128:", "assertLess(pos, 128,")
"""Rows that are too few to tell: the client's kernel takes all of them, whether or not anybody reads."""


class PythonSuite:
    """pytest over a copy of a project's tests."""

    name = ""
    databases: tuple[str, ...] = ("suite",)
    visited: tuple[str, ...] = ()
    parts: tuple[str, ...] = ("tests",)
    """What is copied of the source: without the package itself, which would be found first."""

    def __init__(self) -> None:
        self._source = Path()
        self._python = Path()

    def prepare(self, place: Place) -> None:
        """Set `_source` and `_python`."""
        raise Unavailable(f"{self.name} has no tests")

    def programs(self) -> Path | None:
        return None

    def arguments(self, run: Run) -> Sequence[str]:
        """pytest's, behind the usual ones."""
        raise Unavailable(f"{self.name} has no tests")

    def more(self, run: Run) -> dict[str, str]:
        """Variables besides those of the way in."""
        return {}

    def set_up(self, run: Run) -> None:
        """In the database, before the tests."""

    def run(self, run: Run) -> Ran:
        for name in self.parts:
            source = self._source / name
            (shutil.copytree if source.is_dir() else shutil.copy)(source, run.directory / name)
        self.set_up(run)
        words, notes, trouble = self._pytest(run, ())
        if FAILED in words.values():
            second, _, _ = self._pytest(run, ("--last-failed", "--last-failed-no-failures", "none"))
            words |= {name: word for name, word in second.items() if word == PASSED}
        return Ran(
            words, trouble=trouble, notes={name: notes[name] for name in notes if words[name] == FAILED}
        )

    def _pytest(self, run: Run, more: Sequence[str]) -> tuple[dict[str, str], dict[str, str], str]:
        """Words, notes, trouble. A second run takes what has failed in the first: clocks are in many tests."""
        report = run.directory / "report.xml"
        report.unlink(missing_ok=True)
        command: list[str | Path] = [
            self._python,
            "-m",
            "pytest",
            "-q",
            f"--rootdir={run.directory}",
            f"--junitxml={report}",
            *more,
        ]
        environment = run.environment(self.databases[0], {"PYTHONDONTWRITEBYTECODE": "1", **self.more(run)})
        if self.visited:
            del environment["PGPASSWORD"]  # a password for each database: the file has them
        status, said = run.program([*command, *self.arguments(run)], environment)
        if not report.exists():
            return {}, {}, "it hangs" if status is None else " ".join(said.split())[-300:]
        return *of_junit(report.read_text(errors="replace")), ""


class Psycopg(PythonSuite):
    """psycopg 3, without what it calls slow."""

    name = "psycopg"

    def __init__(self, checkout: Path | None) -> None:
        super().__init__()
        self._checkout = checkout

    def prepare(self, place: Place) -> None:
        self._source = self._checkout or place.source("psycopg3", "sid")
        version = self._version()
        known = ("anyio", "dnspython", "shapely", "numpy", "pproxy", "pytest>=8,<10")
        self._python = place.python(f"psycopg-{version}", (f"psycopg[binary,pool]=={version}", *known))
        self.parts = tuple(
            name for name in ("tests", "tools", "pyproject.toml") if (self._source / name).exists()
        )

    def _version(self) -> str:
        """The release that these tests are of: package and tests must match."""
        project = self._source / "psycopg" / "pyproject.toml"
        if not project.exists() or not (self._source / "tests").is_dir():
            raise Unavailable(f"{self._source} is no checkout of psycopg")
        found = re.search(r'^version = "([\d.]+)"', project.read_text(), re.MULTILINE)
        if found is None:
            raise Unavailable(f"{self._source} is not a release of psycopg: check one out")
        return found[1]

    def set_up(self, run: Run) -> None:
        """Its proxy only copies bytes: TLS passes through it."""
        proxy = run.directory / "tests" / "fix_proxy.py"
        text = proxy.read_text()
        if OWN_PROXY not in text:
            raise Unavailable(f"{proxy.name} is another one than was expected: no {OWN_PROXY!r}")
        proxy.write_text(text.replace(OWN_PROXY, ""))

    def arguments(self, run: Run) -> Sequence[str]:
        unrelated = ("--ignore=tests/crdb", "--ignore=tests/test_typing.py", "--ignore=tests/test_module.py")
        return ("-m", "not slow", *unrelated, "tests")

    def more(self, run: Run) -> dict[str, str]:
        programs = f"{self._python.parent}:/usr/local/bin:/usr/bin:/bin"
        return {
            "PSYCOPG_TEST_DSN": run.way.conninfo(self.databases[0]),
            "PSYCOPG_IMPL": "binary",
            "PATH": programs,
        }


class Asyncpg(PythonSuite):
    """asyncpg, on a cluster that it is told of."""

    name = "asyncpg"
    databases: tuple[str, ...] = ("postgres",)
    visited: tuple[str, ...] = ("testdb", "asyncpg_intro_test")

    def prepare(self, place: Place) -> None:
        self._source = place.sdist("asyncpg", ASYNCPG)
        self._python = place.python(
            f"asyncpg-{ASYNCPG}",
            (f"asyncpg=={ASYNCPG}", "pytest>=8,<10", "uvloop", "distro", "typing-extensions"),
        )

    def set_up(self, run: Run) -> None:
        """A test of what is sent before an error sends more than a loopback takes in."""
        tests = run.directory / "tests" / "test_execute.py"
        text = tests.read_text()
        if any(text.count(each) != 1 for each in MANY):
            raise Unavailable(f"{tests.name} is another one than was expected: not once each of {MANY}")
        for each in MANY:
            text = text.replace(each, each.replace("128", "1024"))
        tests.write_text(text)

    def arguments(self, run: Run) -> Sequence[str]:
        return ("--deselect=tests/test__sourcecode.py", "tests")


class SqlAlchemy(PythonSuite):
    """SQLAlchemy's own suite for dialects, and what it tests of PostgreSQL, over psycopg."""

    name = "sqlalchemy"

    def prepare(self, place: Place) -> None:
        self._source = place.sdist("sqlalchemy", SQLALCHEMY)
        packages = (f"sqlalchemy[asyncio]=={SQLALCHEMY}", "psycopg[binary]", "pytest>=8,<9", "pytest-xdist")
        self._python = place.python(f"sqlalchemy-{SQLALCHEMY}", packages)
        self.parts = tuple(
            name for name in ("test", "lib", "setup.cfg", "pyproject.toml") if (self._source / name).exists()
        )

    def set_up(self, run: Run) -> None:
        with run.server.connect(self.databases[0]) as connection:
            for schema in ("test_schema", "test_schema_2"):
                connection.execute(f"CREATE SCHEMA {schema} AUTHORIZATION {run.way.user}")
            for extension in ("hstore", "citext"):
                connection.execute(f"CREATE EXTENSION {extension}")
            # Where the machine has no such locale; nothing is sorted by it.
            connection.execute('CREATE COLLATION IF NOT EXISTS "en_US" FROM "C"')

    def arguments(self, run: Run) -> Sequence[str]:
        url = run.way.url(self.databases[0], "postgresql+psycopg")
        return ("-n0", f"--dburi={url}", "test/dialect/test_suite.py", "test/dialect/postgresql")
