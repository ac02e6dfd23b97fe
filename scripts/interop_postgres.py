"""Runs other people's PostgreSQL suites directly and through a gateway, and says where the results differ.

Called by scripts/interop-postgres. What a suite is and how it is run is in postgres_suites; the server, the gateway
and pgbouncer are those of tests/postgres/interop. This file chooses, times, prints and judges.
"""

import argparse
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from scripts.postgres_suites.driver_suites import JDBC, NODE, PGX
from scripts.postgres_suites.meant import outdated, reasons, unmeant
from scripts.postgres_suites.place import Place, usual_place
from scripts.postgres_suites.postgres_tree import ISOLATION, REGRESS, Pipelines
from scripts.postgres_suites.program_suite import Programs
from scripts.postgres_suites.python_suites import Asyncpg, Psycopg, SqlAlchemy
from scripts.postgres_suites.results import FAILED, PASSED, SKIPPED, Ran, Unavailable
from scripts.postgres_suites.suite import Run, Suite
from tests.contracts.postgres_server import binaries
from tests.postgres.interop.gateway_process import ALLOW, UNRELATED, GatewayProcess
from tests.postgres.interop.pgbouncer import Pgbouncer
from tests.postgres.interop.suite_server import SuiteServer
from tests.postgres.interop.ways import DIRECT, GATEWAY, PGBOUNCER, RULES, WayIn

MODES = (DIRECT, GATEWAY, RULES, PGBOUNCER)
USUAL = (DIRECT, GATEWAY, RULES)
TITLES = {DIRECT: "direct", GATEWAY: "gateway", RULES: "with rules", PGBOUNCER: "pgbouncer"}
MEMORY = Path("/dev/shm")
"""A gateway writes before it passes on. How long a disk takes for that is not what suites are about, and some of them
wait for ten milliseconds before they call something blocked."""
TOLD = 20
"""Differences that are named; of the rest, how many."""

Results = Mapping[tuple[str, str], Ran]


@dataclass(frozen=True, slots=True)
class Wish:
    """What the command line asks for."""

    suites: tuple[Suite, ...]
    modes: tuple[str, ...]
    place: Place
    patience: float
    keep: Path | None


def every_suite(psycopg: Path | None = None) -> tuple[Suite, ...]:
    """In the order in which they are run."""
    return (
        REGRESS,
        ISOLATION,
        Pipelines(),
        Psycopg(psycopg),
        Asyncpg(),
        SqlAlchemy(),
        PGX,
        JDBC,
        NODE,
        Programs(),
    )


def main() -> int:
    """0: what passes directly passes through the gateway. 1: not so. 2: something could not be tried."""
    wish = read_wish()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(130))
    try:
        results = dict(run_all(wish))
    except KeyboardInterrupt:
        print("interop-postgres: broken off", file=sys.stderr)
        return 130
    print("\n".join(told(wish, results)))
    return verdict(wish, results)


def read_wish() -> Wish:
    """Suites and modes by name; all of them without any."""
    names = [suite.name for suite in every_suite()]
    parser = argparse.ArgumentParser(prog="scripts/interop-postgres", description=__doc__)
    parser.add_argument("suites", nargs="*", metavar="SUITE", help=f"of {', '.join(names)}")
    parser.add_argument(
        "--mode", action="append", choices=MODES, help="again for another; without: all but pgbouncer"
    )
    parser.add_argument("--work", type=Path, default=usual_place(), help="sources and builds are kept there")
    parser.add_argument(
        "--psycopg", type=Path, help="a checkout of a release of psycopg, instead of Debian's source"
    )
    parser.add_argument("--patience", type=float, default=1800.0, help="seconds for one suite in one mode")
    parser.add_argument("--keep", type=Path, help="leave each suite's logs in this directory")
    given = parser.parse_args()
    if unknown := set(given.suites) - set(names):
        parser.error(f"there is no suite {', '.join(sorted(unknown))}")
    suites = every_suite(given.psycopg.resolve() if given.psycopg else None)
    wanted = tuple(suite for suite in suites if not given.suites or suite.name in given.suites)
    modes = tuple(mode for mode in MODES if mode in (given.mode or USUAL))
    return Wish(wanted, modes, Place(given.work.resolve()), given.patience, given.keep)


def run_all(wish: Wish) -> Iterator[tuple[tuple[str, str], Ran]]:
    """One after the other: a suite says what a second one at a time would make it say otherwise."""
    for suite in wish.suites:
        try:
            suite.prepare(wish.place)
        except Unavailable as missing:
            print(f"{suite.name:16} not run: {missing}", file=sys.stderr, flush=True)
            for mode in wish.modes:
                yield (suite.name, mode), Ran({}, trouble=f"not run: {missing}")
            continue
        for mode in wish.modes:
            ran = run_one(suite, mode, wish)
            counted = f"{ran.count(PASSED)} passed, {ran.count(FAILED)} failed, {ran.count(SKIPPED)} skipped"
            print(
                f"{suite.name:16}{TITLES[mode]:12}{counted}  {ran.seconds:.0f} s", file=sys.stderr, flush=True
            )
            yield (suite.name, mode), ran


def run_one(suite: Suite, mode: str, wish: Wish) -> Ran:
    """On a new server, by its own way in, which are both gone afterwards."""
    programs = suite.programs() or binaries()
    if programs is None:
        return Ran({}, trouble="postgresql is missing (apt-get install postgresql)")
    started = time.monotonic()
    with ExitStack() as stack:
        server = SuiteServer.create(programs)
        stack.callback(server.remove)
        server.start()
        server.make_databases(*suite.databases)
        directory = server.give(_made(server.socket_directory / "run"))
        memory = MEMORY if MEMORY.is_dir() else None
        beside = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hoop-interop-", dir=memory)))
        try:
            way = stack.enter_context(way_in(mode, server, (*suite.databases, *suite.visited), beside))
            ran = suite.run(Run(way, server, directory, wish.patience))
        except (RuntimeError, Unavailable) as problem:
            return Ran({}, trouble=str(problem))
        if wish.keep is not None:
            _keep(server.socket_directory, beside, wish.keep / f"{suite.name}.{mode}")
    return replace(ran, seconds=time.monotonic() - started)


@contextmanager
def way_in(mode: str, server: SuiteServer, databases: tuple[str, ...], directory: Path) -> Iterator[WayIn]:
    """Whatever has to stand in between."""
    if mode == DIRECT:
        yield replace(server.way, tls=True)  # as through the gateway, so that nothing else is different
    elif mode == PGBOUNCER:
        bouncer = Pgbouncer(server, tls=False)
        bouncer.start()
        try:
            yield bouncer.way
        finally:
            bouncer.stop()
    else:
        rules = ALLOW if mode == GATEWAY else ALLOW + UNRELATED
        gateway = GatewayProcess(directory, server, databases, rules, name=mode)
        gateway.start()
        try:
            yield gateway.way
        finally:
            gateway.stop()


def verdict(wish: Wish, results: Results) -> int:
    """The exit status."""
    if any(ran.trouble.startswith("not run") or not ran.words for ran in results.values()):
        return 1 if differing(wish, results) else 2
    return 1 if differing(wish, results) else 0


def differing(wish: Wish, results: Results) -> dict[tuple[str, str], list[str]]:
    """By suite and mode: what passes directly and does not there, but should. pgbouncer is there to compare with."""
    found = {}
    for (name, mode), ran in _through(results).items():
        if tests := unmeant(name, _directly(results, name, ran), ran):
            found[name, mode] = tests
    return found


def _through(results: Results) -> Results:
    """What ran through a gateway."""
    return {each: ran for each, ran in results.items() if each[1] not in (DIRECT, PGBOUNCER)}


def _directly(results: Results, name: str, through: Ran) -> Ran:
    """As if all had passed directly, where nobody has looked."""
    found = results.get((name, DIRECT))
    return found or Ran({test: PASSED for test, word in through.words.items() if word != SKIPPED})


def told(wish: Wish, results: Results) -> list[str]:
    """The table, the troubles, what differs, and the verdict."""
    lines = [f"{'suite':16}" + "".join(f"{TITLES[mode]:>28}" for mode in wish.modes)]
    for suite in wish.suites:
        cells = [_cell(results[suite.name, mode]) for mode in wish.modes]
        lines.append(f"{suite.name:16}" + "".join(f"{cell:>28}" for cell in cells))
    for (name, mode), ran in results.items():
        if ran.trouble:
            lines += ["", f"--- {name}, {TITLES[mode]}: {ran.trouble}"]
    different = differing(wish, results)
    for (name, mode), tests in different.items():
        lines += ["", f"--- {name}, {TITLES[mode]}: {len(tests)} that pass directly do not"]
        for test in tests[:TOLD]:
            note = results[name, mode].notes.get(test, "").replace("\n", "\n      ")
            lines += [
                f"  {test}: {results[name, mode].words.get(test, 'is not there')}",
                *([f"      {note}"] if note else []),
            ]
    lines += _meant(results)
    lines.append("")
    if missing := sorted({name for (name, _), ran in results.items() if not ran.words}):
        lines.append(f"not tried: {', '.join(missing)}")
    if different:
        lines.append(f"worse than direct: {', '.join(sorted({name for name, _ in different}))}")
    elif len(wish.modes) > 1 and DIRECT in wish.modes:
        but = ", but for what is meant" if _meant(results) else ""
        lines.append(f"everything that passes directly passes through the gateway{but}")
    return [line.rstrip() for line in lines]


def _meant(results: Results) -> list[str]:
    """What can not pass and why; and what is said not to, and does."""
    lines: list[str] = []
    for (name, mode), ran in _through(results).items():
        for reason, tests in reasons(name, _directly(results, name, ran), ran).items():
            lines += ["", f"--- {name}, {TITLES[mode]}: {len(tests)} that can not pass: {reason}"]
            lines += [f"  {test}" for test in tests]
        lines += [f"--- {name}, {TITLES[mode]}: {test} passes after all" for test in outdated(name, ran)]
    return lines


def _cell(ran: Ran) -> str:
    if not ran.words:
        return "not run" if ran.trouble.startswith("not run") else "nothing"
    tried = ran.count(PASSED) + ran.count(FAILED)
    return f"{ran.count(PASSED)}/{tried} ({ran.count(SKIPPED)} skipped) {ran.seconds:.0f} s"


def _made(path: Path) -> Path:
    path.mkdir()
    return path


def _keep(server: Path, gateway: Path, kept: Path) -> None:
    """What a suite has written, and the logs of the gateway and the server; no data."""
    shutil.rmtree(kept, ignore_errors=True)
    shutil.copytree(server / "run", kept / "run", symlinks=True, ignore_dangling_symlinks=True)
    for name, log in (("server", server / "log"), ("gateway", gateway / "log")):
        if log.exists():
            shutil.copyfile(log, kept / f"{name}-log")


if __name__ == "__main__":
    sys.exit(main())
