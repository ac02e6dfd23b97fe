"""PostgreSQL's own tests: its regression suite, its isolation suite and its tests of pipelines.

Built once from the source that the server of Debian 12 is built from; the server that they run on is of that build,
so that tests and server are always of the same version.
"""

import os
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from scripts.postgres_suites.place import Place, do, needs
from scripts.postgres_suites.results import FAILED, PASSED, Ran, Unavailable, of_pg_regress
from scripts.postgres_suites.suite import Run
from tests.postgres.interop.gateway_process import PERSON
from tests.postgres.interop.ways import GATEWAY, RULES

PACKAGE, RELEASE = "postgresql-15", "bookworm"
ROWS = "700"
AGAIN_MOST = 10

Changes = Mapping[str, Sequence[tuple[str, str]]]
"""By test of the isolation suite: texts in it, and what they become."""

ENCRYPTED: Changes = {
    # libpq says of TLS that ended what it says otherwise of a connection that did.
    "temp-schema-cleanup": [
        (
            "server closed the connection unexpectedly\n\tThis probably means the server terminated abnormally\n"
            "\tbefore or while processing the request.\n",
            "SSL connection has been closed unexpectedly\n",
        )
    ],
}
LOOKED = (
    """\
\t\t\t\t\tif (!PQisBusy(conn))
\t\t\t\t\t\tbreak;
""",
    """\
\t\t\t\t\tFD_SET(sock, &read_set);
\t\t\t\t\ttimeout.tv_usec = 0;
\t\t\t\t\twhile (PQisBusy(conn) &&
\t\t\t\t\t\t   select(sock + 1, &read_set, NULL, NULL, &timeout) > 0 &&
\t\t\t\t\t\t   PQconsumeInput(conn))
\t\t\t\t\t{
\t\t\t\t\t\tFD_SET(sock, &read_set);
\t\t\t\t\t\ttimeout.tv_usec = 0;
\t\t\t\t\t}
\t\t\t\t\tif (!PQisBusy(conn))
\t\t\t\t\t\tbreak;
""",
)
"""In isolationtester. Before it calls a session blocked it looks once at what has come; over TLS libpq takes one
record at a look, and of several notices only the first is printed where it belongs. It looks until all is there."""
_NAME = f"replace(pa.application_name, ' ({PERSON})', '')"
NAMED: Changes = {
    # The server is told who it is behind the name of the program.
    "insert-conflict-specconflict": [
        ("SELECT pa.application_name,", f"SELECT {_NAME} AS application_name,"),
        ("AND pa.application_name LIKE", f"AND {_NAME} LIKE"),
    ],
}


@dataclass
class Tree:
    """The built tree; the same for all three suites."""

    source: Path = field(default=Path())
    build: Path = field(default=Path())
    installed: Path = field(default=Path())

    def make(self, place: Place) -> None:
        """Some minutes at the first time."""
        if self.installed != Path():
            return
        source = place.source(PACKAGE, RELEASE)
        build = place.directory("build", source.name)
        installed = place.root / "installed" / source.name
        if not (build / "is-whole").exists():
            needs(make="make", gcc="gcc")
            place.root.chmod(0o755)
            flags = ["--without-readline", "--without-zlib", "--with-openssl", f"--prefix={installed}"]
            do(source / "configure", *flags, cwd=build)
            do("make", "-s", f"-j{os.cpu_count()}", cwd=build)
            for part in (
                "src/test/regress",
                "src/test/isolation",
                "src/test/modules/libpq_pipeline",
                "contrib/spi",
            ):
                do("make", "-s", "-C", part, cwd=build)
            do("make", "-s", "install", cwd=build)
            (build / "is-whole").touch()
        if not (build / "looks-again").exists():
            _change(source / "src/test/isolation/isolationtester.c", *LOOKED)
            do("make", "-s", "-C", "src/test/isolation", cwd=build)
            (build / "looks-again").touch()
        self.source, self.build, self.installed = source, build, installed


TREE = Tree()


def _change(file: Path, old: str, new: str) -> None:
    """Once."""
    text = file.read_text()
    if new in text:
        return
    if old not in text:
        raise Unavailable(f"{file.name} is another one than was expected: no {old!r}")
    file.write_text(text.replace(old, new))


class Regress:
    """`pg_regress` with a schedule, on a server that runs: what `make installcheck` does."""

    def __init__(
        self, name: str, part: str, program: str, schedule: str, database: str, *, is_independent: bool
    ) -> None:
        """`is_independent`: each test can be run by itself, and what has failed is tried once more."""
        self.name = name
        self.databases: tuple[str, ...] = ("postgres", database)
        self.visited: tuple[str, ...] = ()
        self._is_independent = is_independent
        self._part, self._program, self._schedule = part, program, schedule

    def prepare(self, place: Place) -> None:
        TREE.make(place)

    def programs(self) -> Path | None:
        return TREE.installed / "bin"

    def run(self, run: Run) -> Ran:
        source = TREE.source / self._part
        if run.way.tls and (source / "specs").is_dir():
            changes = {**ENCRYPTED, **(NAMED if run.way.name in (GATEWAY, RULES) else {})}
            source = _changed(source, run.directory / "input", changes)
        status, said = self._tests(run, source, run.directory, (f"--schedule={source / self._schedule}",))
        words = of_pg_regress(said)
        trouble = "" if words else " ".join(said.split())[-300:]
        if status is None:
            trouble = "it hangs"
        notes = self._differences(run.directory)
        failed = [name for name, word in words.items() if word == FAILED]
        if self._is_independent and 0 < len(failed) <= AGAIN_MOST:
            _, said = self._tests(run, source, run.server.give(_made(run.directory / "again")), failed)
            words |= of_pg_regress(said)
        return Ran(words, trouble=trouble, notes=notes)

    def _tests(self, run: Run, source: Path, output: Path, which: Sequence[str]) -> tuple[int | None, str]:
        command: list[str | Path] = [
            TREE.build / self._part / self._program,
            f"--inputdir={source}",
            f"--outputdir={output}",
            f"--bindir={TREE.installed / 'bin'}",
            f"--dlpath={TREE.build / 'src/test/regress'}",
            f"--dbname={self.databases[1]}",
            "--max-concurrent-tests=20",
            f"--host={run.way.host}",
            f"--port={run.way.port}",
            f"--user={run.way.user}",
            *which,
        ]
        environment = run.environment("postgres")
        for name in ("PGDATABASE", "PGPASSWORD", "LC_ALL"):  # a password for each database: the file has them
            del environment[name]
        return run.program(command, environment, as_server=True)

    @staticmethod
    def _differences(directory: Path) -> dict[str, str]:
        """The first changed lines of each test that failed."""
        path = directory / "regression.diffs"
        if not path.exists():
            return {}
        notes: dict[str, str] = {}
        for part in re.split(r"^diff ", path.read_text(errors="replace"), flags=re.MULTILINE)[1:]:
            name = Path(part.split("\n", 1)[0].split()[-1]).stem
            changed = [line for line in part.splitlines()[3:] if line[:1] in "+-"]
            notes[name] = "\n".join(changed[:6])
        return notes


def _changed(source: Path, copy: Path, changes: Changes) -> Path:
    """The same tests, with what is said otherwise over this way. Each text must be there."""
    shutil.copytree(source, copy)
    for name, texts in changes.items():
        for file in (copy / "specs" / f"{name}.spec", copy / "expected" / f"{name}.out"):
            for old, new in texts if file.exists() else ():
                text = file.read_text()
                if old in text:
                    file.write_text(text.replace(old, new))
                elif file.suffix == ".out":
                    raise Unavailable(f"{file.name} is another one than was expected: no {old!r}")
    return copy


def _made(path: Path) -> Path:
    path.mkdir()
    return path


class Pipelines:
    """`libpq_pipeline`: each of its tests by itself, and where there is a trace of the protocol, that as well."""

    name = "libpq_pipeline"
    databases: tuple[str, ...] = ("postgres",)
    visited: tuple[str, ...] = ()

    def prepare(self, place: Place) -> None:
        TREE.make(place)

    def programs(self) -> Path | None:
        return TREE.installed / "bin"

    def run(self, run: Run) -> Ran:
        part = Path("src/test/modules/libpq_pipeline")
        program = TREE.build / part / "libpq_pipeline"
        library = {"LD_LIBRARY_PATH": str(TREE.installed / "lib")}
        environment = run.environment("postgres", library)
        words: dict[str, str] = {}
        notes: dict[str, str] = {}
        _, listed = run.program([program, "tests"], environment)
        for test in listed.split():
            expected = TREE.source / part / "traces" / f"{test}.trace"
            traced = ["-t", str(run.directory / f"{test}.trace")] if expected.exists() else []
            conninfo = run.way.conninfo("postgres")
            status, said = run.program([program, "-r", ROWS, *traced, test, conninfo], environment)
            words[test] = PASSED if status == 0 else FAILED
            if status != 0:
                notes[test] = said[-300:]
            if traced and status == 0:
                same = Path(traced[1]).read_text() == expected.read_text()
                words[f"{test} trace"] = PASSED if same else FAILED
        return Ran(words, notes=notes)


REGRESS = Regress(
    "pg_regress", "src/test/regress", "pg_regress", "parallel_schedule", "regression", is_independent=False
)
ISOLATION = Regress(
    "isolation",
    "src/test/isolation",
    "pg_isolation_regress",
    "isolation_schedule",
    "isolation_regression",
    is_independent=True,
)
