"""PostgreSQL's own client programs, of several versions: psql, pg_dump, pg_restore, pgbench, vacuumdb, reindexdb.

psql has no suite that could be pointed at a server, so each version of it says the same words here. The clients of
newer versions are built, without a server, from the sources of Debian's newer releases.
"""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from scripts.postgres_suites.place import Place, do, needs
from scripts.postgres_suites.results import FAILED, PASSED, Ran, Unavailable
from scripts.postgres_suites.suite import Run

NEWER = {"17": ("postgresql-17", "trixie"), "18": ("postgresql-18", "sid")}
BUILT = ("src/bin/psql", "src/bin/pg_dump", "src/bin/pgbench", "src/bin/scripts")

_SCHEMA = """
CREATE TABLE items (id int PRIMARY KEY, name text NOT NULL, made timestamptz DEFAULT now(), tags text[]);
INSERT INTO items SELECT g, 'item ' || g, '2026-01-01', ARRAY['a', 'b'] FROM generate_series(1, 1000) g;
CREATE VIEW few AS SELECT * FROM items WHERE id < 10;
CREATE FUNCTION twice(n int) RETURNS int LANGUAGE sql AS 'SELECT n * 2';
SELECT lo_from_bytea(4711, decode(repeat('deadbeef', 10000), 'hex'));
"""


@dataclass(frozen=True, slots=True)
class Words:
    """A psql script, and what must be in what it prints."""

    script: str
    wanted: str


PSQL = {
    "query": Words("SELECT 40 + 2 AS answer;", "42"),
    "describe": Words("\\d items\n\\d+ few\n\\df twice\n\\dt", '"items_pkey" PRIMARY KEY, btree (id)'),
    "list": Words("\\l\n\\du\n\\dn", "hoop"),
    "copy out": Words("\\copy (SELECT id FROM items WHERE id < 4) TO STDOUT", "3"),
    "copy in": Words(
        "CREATE TEMP TABLE t (n int);\n\\copy t FROM PROGRAM 'seq 5000'\nSELECT sum(n) FROM t;", "12502500"
    ),
    "COPY": Words("COPY (SELECT 'copied' AS word) TO STDOUT WITH (FORMAT csv, HEADER);", "word"),
    "gdesc": Words("SELECT id, name, tags FROM items \\gdesc", "text[]"),
    "gset": Words("SELECT 6 * 7 AS n \\gset\n\\echo got :n", "got 42"),
    "gexec": Words("SELECT 'SELECT ' || g FROM generate_series(1, 3) g \\gexec", "3"),
    "cursor": Words(
        "BEGIN; DECLARE c CURSOR FOR SELECT id FROM items ORDER BY id;\n"
        "FETCH 2 FROM c; MOVE 10 FROM c; FETCH c; COMMIT;",
        "13",
    ),
    "fetch count": Words("\\set FETCH_COUNT 10\nSELECT id FROM items ORDER BY id;", "1000"),
    "errors": Words("\\set ON_ERROR_STOP 0\nSELECT 1/0;\nSELECT 'still ' || 'there';", "still there"),
    "error verbose": Words("\\set ON_ERROR_STOP 0\n\\set VERBOSITY verbose\nSELECT 1/0;", "22012"),
    "rollback on error": Words(
        "\\set ON_ERROR_STOP 0\n\\set ON_ERROR_ROLLBACK on\nBEGIN; SELECT nothing; SELECT 'alive'; COMMIT;",
        "alive",
    ),
    "listen": Words("LISTEN news; NOTIFY news, 'paper'; SELECT 1;", '"paper" received from server process'),
    "prepared": Words("PREPARE p (int) AS SELECT $1 + 1; EXECUTE p(41); DEALLOCATE p;", "42"),
    "large object": Words("\\lo_export 4711 out.lo\n\\lo_import out.lo\n\\lo_list", "4711"),
    "notice": Words("DO $$ BEGIN RAISE NOTICE 'mind the step'; END $$;", "mind the step"),
    "conninfo": Words("\\conninfo", "hoop"),
    "reconnect": Words("\\c -\nSELECT 'back';", "back"),
    "two statements": Words("SELECT 1 \\; SELECT 2;", "2"),
}

NEW_IN_18 = {
    "bind": Words("SELECT $1::int + $2::int \\bind 40 2 \\g", "42"),
    "pipeline": Words(
        "\\startpipeline\nSELECT 1 \\bind \\sendpipeline\nSELECT 41 + $1 \\bind 1 \\sendpipeline\n\\endpipeline",
        "42",
    ),
}


class Programs:
    """The same for each version that could be had."""

    name = "programs"
    databases: tuple[str, ...] = ("suite", "restored")
    visited: tuple[str, ...] = ()

    def __init__(self) -> None:
        self._bins: dict[str, Path] = {}

    def prepare(self, place: Place) -> None:
        there = shutil.which("psql")
        if there is None or shutil.which("pgbench") is None:
            raise Unavailable("psql and pgbench are missing (apt-get install postgresql)")
        self._bins["installed"] = Path(shutil.which("pgbench") or "").parent
        for version, (package, release) in NEWER.items():
            self._bins[version] = _clients(place, package, release)

    def programs(self) -> Path | None:
        return None

    def run(self, run: Run) -> Ran:
        words: dict[str, str] = {}
        notes: dict[str, str] = {}
        with run.server.connect("suite") as connection:
            connection.execute(_SCHEMA)
        for version, bin_directory in self._bins.items():
            for name, passed, said in _Visit(run, version, bin_directory).everything():
                words[f"{version}: {name}"] = PASSED if passed else FAILED
                if not passed:
                    notes[f"{version}: {name}"] = said[-300:]
        return Ran(words, notes=notes)


def _clients(place: Place, package: str, release: str) -> Path:
    """Built once; no server."""
    source = place.source(package, release)
    build, installed = place.directory("build", source.name), place.root / "installed" / source.name
    if not (build / "is-whole").exists():
        needs(make="make", gcc="gcc", bison="bison", flex="flex")
        flags = [
            "--without-readline",
            "--without-zlib",
            "--without-icu",
            "--with-openssl",
            f"--prefix={installed}",
        ]
        do(source / "configure", *flags, cwd=build)
        do("make", "-s", "-C", "src/backend", "generated-headers", cwd=build)
        for part in ("src/interfaces/libpq", *BUILT):
            do("make", "-s", f"-j{os.cpu_count()}", "-C", part, cwd=build)
            do("make", "-s", "-C", part, "install", cwd=build)
        (build / "is-whole").touch()
    return installed / "bin"


def _last(answer: tuple[int | None, str]) -> str:
    """The last line of what a program printed: a gateway greets people at psql before that."""
    status, said = answer
    return said.splitlines()[-1] if status == 0 and said else ""


class _Visit:
    """All programs of one version."""

    def __init__(self, run: Run, version: str, bin_directory: Path) -> None:
        self._run, self._version, self._bin = run, version, bin_directory

    def everything(self) -> Iterator[tuple[str, bool, str]]:
        """What was tried, whether it is right, what was said."""
        scripts = PSQL | (NEW_IN_18 if self._version == "18" else {})
        for name, words in scripts.items():
            file = self._run.directory / "script.sql"
            file.write_text(words.script)
            said = self._program("psql", "-X", "-v", "ON_ERROR_STOP=1", "-f", str(file))
            yield f"psql {name}", said[0] == 0 and words.wanted in said[1], said[1]
        for mode in ("simple", "extended", "prepared"):
            yield self._pgbench(mode)
        yield from self._dumps()
        for program in ("vacuumdb", "reindexdb"):
            status, said_there = self._program(program, "--quiet", "-t", "items")
            yield program, status == 0, said_there

    def _pgbench(self, mode: str) -> tuple[str, bool, str]:
        self._program("pgbench", "-q", "-i", "-s", "1")
        status, said = self._program("pgbench", "-n", "-M", mode, "-c", "4", "-t", "50", "-P", "60")
        return f"pgbench {mode}", status == 0 and "failed transactions: 0 " in said, said

    def _dumps(self) -> Iterator[tuple[str, bool, str]]:
        """Out and in again by both formats, and still the same."""
        if self._version != "installed" and not (self._bin / "pg_dump").exists():
            return
        file = self._run.directory / "dump"
        for format_ in ("custom", "plain"):
            shutil.rmtree(file, ignore_errors=True)
            status, said = self._program(
                "pg_dump", "-F", format_, "-f", str(file), "--no-comments", "-t", "items", "-b"
            )
            if status == 0:
                self._program(
                    "psql",
                    "-X",
                    "-q",
                    "-c",
                    "DROP TABLE IF EXISTS items; SELECT lo_unlink(oid) FROM pg_largeobject_metadata",
                    database="restored",
                )
                back = (
                    ("pg_restore", "-d", "restored", str(file))
                    if format_ == "custom"
                    else ("psql", "-X", "-q", "-f", str(file))
                )
                # A newer pg_restore sets what an older server does not know, says so, and goes on.
                _, said = self._program(*back, database="restored")
            question = "SELECT md5(string_agg(items::text, '' ORDER BY id)) FROM items"
            there = self._program("psql", "-X", "-At", "-c", question)
            here = self._program("psql", "-X", "-At", "-c", question, database="restored")
            yield f"pg_dump {format_}", status == 0 and _last(there) == _last(here) != "", said + here[1]

    def _program(self, name: str, *arguments: str, database: str = "suite") -> tuple[int | None, str]:
        library = {"LD_LIBRARY_PATH": str(self._bin.parent / "lib")} if self._version != "installed" else {}
        environment = self._run.environment(database, library)
        return self._run.program([self._bin / name, *arguments], environment)
