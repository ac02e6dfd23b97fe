"""What every suite is to the command that runs them, and how one is run: a server, a way in, a directory."""

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from scripts.postgres_suites.place import Place
from scripts.postgres_suites.results import Ran
from tests.postgres.interop.suite_server import SuiteServer
from tests.postgres.interop.ways import WayIn


@dataclass(frozen=True, slots=True)
class Run:
    """One run of one suite. The directory is empty, and belongs to the account that servers run as."""

    way: WayIn
    server: SuiteServer
    directory: Path
    patience: float

    def environment(self, database: str, more: Mapping[str, str] | None = None) -> dict[str, str]:
        """What a program of a suite gets: a way in, a home, and nothing of the caller's."""
        passfile = self.directory / "passfile"
        if not passfile.exists():
            self.server.give(self.way.write_passfile(passfile))
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(self.directory),
            "LC_ALL": "C.UTF-8",
            "PGPASSFILE": str(passfile),
            **self.way.environment(database),
            **(more or {}),
        }

    def program(
        self,
        command: Sequence[str | Path],
        environment: Mapping[str, str],
        cwd: Path | None = None,
        *,
        as_server: bool = False,
    ) -> tuple[int | None, str]:
        """Run it in its own process group, as the server's account where the two share files. Its exit status, None
        if it took too long, and what it said."""
        log = self.directory / "output"
        with log.open("wb") as output:
            process = subprocess.Popen(
                command,
                cwd=cwd or self.directory,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                **(self.server.account if as_server else {}),
            )
            try:
                status: int | None = process.wait(self.patience)
            except subprocess.TimeoutExpired:
                status = None
            finally:
                try:
                    os.killpg(process.pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
                process.wait()
        return status, log.read_text(errors="replace")


class Suite(Protocol):
    """`prepare` once, then `run` over each way."""

    name: str
    databases: tuple[str, ...]
    """Made for the run. Each is a target of the gateway's, of the same name."""
    visited: tuple[str, ...]
    """Those that its tests make themselves: only targets."""

    def prepare(self, place: Place) -> None:
        """Fetch and build what is needed. Raises `Unavailable`."""
        ...

    def programs(self) -> Path | None:
        """Where the `initdb` and `postgres` that it is for are; None: any will do."""
        ...

    def run(self, run: Run) -> Ran:
        """All of its tests. The databases exist, and are empty."""
        ...
