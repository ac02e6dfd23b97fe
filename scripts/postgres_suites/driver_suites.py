"""Suites of drivers in other languages: Go's pgx and Java's pgjdbc by their own tests, node's `pg` by a few of ours.

pgx comes as its module, pgjdbc as the source that it publishes beside its jar; both have their tests in them. npm's
`pg` has not, so `node_pg.js` does what applications do.
"""

import json
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from scripts.postgres_suites.place import Place, do, needs
from scripts.postgres_suites.results import FAILED, PASSED, Ran, Unavailable, of_go, of_junit, of_lines
from scripts.postgres_suites.suite import Run

PGX_VERSION, JDBC_VERSION, NODE_VERSION = "v5.12.0", "42.7.8", "8.23.1"
HERE = Path(__file__).resolve().parent
BUSY = ("conn_test.go", "for range 100_000 {", "for range 10_000 {")
"""TestListenNotifyWhileBusyIsSafe: each notification is an entry of its own in a gateway's ledger."""


class Pgx:
    """`go test` over the module and its packages."""

    name = "pgx"
    databases: tuple[str, ...] = ("pgx_test",)
    visited: tuple[str, ...] = ()
    _module = "github.com/jackc/pgx/v5"

    def __init__(self) -> None:
        self._source = Path()
        self._go = Path()

    def prepare(self, place: Place) -> None:
        needs(go="golang-go")
        self._go = place.directory("go")
        work = place.directory("sources", f"pgx-{PGX_VERSION}")
        self._source = work / "pgx"
        if not self._source.exists():
            said = do(
                "go",
                "mod",
                "download",
                "-json",
                f"{self._module}@{PGX_VERSION}",
                cwd=work,
                environment=self._places(),
            )
            shutil.copytree(json.loads(said[said.index("{") :])["Dir"], self._source)
            subprocess.run(["chmod", "-R", "u+w,a+rX", self._source], check=True)
        self._change(*BUSY)
        do("go", "mod", "download", cwd=self._source, environment=self._places())
        do(
            "go", "test", "-run", "^$", "./...", cwd=self._source, environment=self._places()
        )  # builds them all

    def programs(self) -> Path | None:
        return None

    def run(self, run: Run) -> Ran:
        with run.server.connect(self.databases[0]) as connection:
            for each in ("EXTENSION hstore", "EXTENSION ltree", "DOMAIN uint64 AS numeric(20,0)"):
                connection.execute(f"CREATE {each}")
            connection.execute("""CREATE ROLE " tricky, ' } "" \\ test user " SUPERUSER""")
            connection.execute("CREATE ROLE postgres SUPERUSER")
        way = dict.fromkeys(
            ("PGX_TEST_DATABASE", "PGX_TEST_TCP_CONN_STRING"), run.way.conninfo(self.databases[0])
        )
        environment = run.environment(self.databases[0], {**way, **self._places()})
        words, notes, trouble = self._test(run, environment, ())
        failed = {name.split("::")[1].split("/")[0] for name, word in words.items() if word == FAILED}
        if failed and not trouble:  # clocks are in some of them
            second, _, _ = self._test(run, environment, ("-run", f"^({'|'.join(sorted(failed))})$"))
            words |= {name: word for name, word in second.items() if word == PASSED}
        return Ran(words, trouble=trouble, notes=notes)

    def _test(
        self, run: Run, environment: Mapping[str, str], more: Sequence[str]
    ) -> tuple[dict[str, str], dict[str, str], str]:
        """Words, notes, trouble."""
        command = ["go", "test", "-json", "-p", "1", "-count", "1", "-timeout", "0", *more, "./..."]
        status, said = run.program(command, environment, cwd=self._source)
        events = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
        trouble = "it hangs" if status is None else "" if events else " ".join(said.split())[-300:]
        notes: dict[str, str] = {}
        for event in events:
            if "Test" in event and "Error" in event.get("Output", ""):
                notes[f"{event['Package']}::{event['Test']}"] = event["Output"].strip()[:300]
        return of_go(events), notes, trouble

    def _change(self, name: str, old: str, new: str) -> None:
        file = self._source / name
        text = file.read_text()
        if old in text:
            file.write_text(text.replace(old, new))
        elif new not in text:
            raise Unavailable(f"{name} is another one than was expected: no {old!r}")

    def _places(self) -> dict[str, str]:
        """Go's caches are in the place, too."""
        return {
            "GOPATH": str(self._go),
            "GOCACHE": str(self._go / "build"),
            "GOFLAGS": "-mod=mod -modcacherw -buildvcs=false",
            "GOTOOLCHAIN": "local",
        }


class Jdbc:
    """`mvn test` over the source that comes with the driver."""

    name = "pgjdbc"
    databases: tuple[str, ...] = ("test",)
    visited: tuple[str, ...] = ()

    def __init__(self) -> None:
        self._source = Path()
        self._repository = Path()

    def prepare(self, place: Place) -> None:
        needs(java="default-jdk-headless", mvn="maven")
        self._repository = place.directory("maven")
        work = place.directory("sources", f"pgjdbc-{JDBC_VERSION}")
        self._source = work / f"postgresql-{JDBC_VERSION}-jdbc-src"
        own = f"-Dmaven.repo.local={self._repository}"
        if not self._source.exists():
            artifact = f"org.postgresql:postgresql:{JDBC_VERSION}:tar.gz:jdbc-src"
            copy = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy"
            do("mvn", "-q", "-B", own, copy, f"-Dartifact={artifact}", f"-DoutputDirectory={work}", cwd=work)
            do("tar", "xf", next(work.glob("*.tar.gz")).name, "--no-same-owner", cwd=work)
        whole = [
            "-q",
            "-B",
            own,
            "-DskipShadeDependencies=true",
            "-Dtest=NoSuchTest",
            "-DfailIfNoTests=false",
            "test",
        ]
        do("mvn", *whole, cwd=self._source)

    def programs(self) -> Path | None:
        return None

    def run(self, run: Run) -> Ran:
        tree = run.directory / "tree"
        shutil.copytree(self._source, tree, symlinks=True, ignore=shutil.ignore_patterns("surefire-reports"))
        with run.server.connect(self.databases[0]) as connection:
            for extension in ("hstore", "citext"):
                connection.execute(f"CREATE EXTENSION {extension}")
        database = self.databases[0]
        (tree / "build.local.properties").write_text(
            f"test.url.PGHOST={run.way.host}\ntest.url.PGPORT={run.way.port}\ntest.url.PGDBNAME={database}\n"
            f"user={run.way.user}\npassword={run.way.password(database)}\n"
            f"privilegedUser={run.way.user}\nprivilegedPassword={run.way.password(database)}\n"
            f"sslmode={run.way.sslmode}\n"
        )
        own = f"-Dmaven.repo.local={self._repository}"
        command = [
            "mvn",
            "-B",
            "-o",
            own,
            "-DskipShadeDependencies=true",
            "-Dmaven.test.failure.ignore=true",
            "test",
        ]
        environment = run.environment(database, {"JAVA_TOOL_OPTIONS": f"-Duser.home={run.directory}"})
        status, said = run.program(command, environment, cwd=tree)
        words: dict[str, str] = {}
        notes: dict[str, str] = {}
        for report in sorted(tree.glob("target/surefire-reports/TEST-*.xml")):
            one, told = of_junit(report.read_text(errors="replace"))
            words |= one
            notes |= told
        trouble = "it hangs" if status is None else "" if words else " ".join(said.split())[-300:]
        return Ran(words, trouble=trouble, notes=notes)


class Node:
    """node-postgres, as applications use it."""

    name = "node-pg"
    databases: tuple[str, ...] = ("suite",)
    visited: tuple[str, ...] = ()

    def __init__(self) -> None:
        self._modules = Path()

    def prepare(self, place: Place) -> None:
        needs(node="nodejs", npm="npm")
        self._modules = place.directory("node", f"pg-{NODE_VERSION}")
        if not (self._modules / "node_modules" / "pg").exists():
            do(
                "npm",
                "install",
                "--silent",
                "--no-audit",
                "--no-fund",
                f"pg@{NODE_VERSION}",
                cwd=self._modules,
            )

    def programs(self) -> Path | None:
        return None

    def run(self, run: Run) -> Ran:
        more = {"NODE_PATH": str(self._modules / "node_modules")}
        status, said = run.program(["node", HERE / "node_pg.js"], run.environment(self.databases[0], more))
        words = of_lines(said)
        words["the program ends"] = PASSED if status == 0 else FAILED
        return Ran(words, notes={"the program ends": said[-300:]})


PGX, JDBC, NODE = Pgx(), Jdbc(), Node()
