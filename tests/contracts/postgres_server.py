"""A private PostgreSQL for tests: its own directory, a socket in it, and a free port on 127.0.0.1.

PostgreSQL refuses to run as root, so root lends it an unprivileged account.
"""

import atexit
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any, Self

import psycopg
import pytest
from psycopg import sql

MISSING = "needs postgresql (apt-get install postgresql)"
_PATIENCE = 30


def binaries() -> Path | None:
    """Where `initdb` and `postgres` are, the newest if there are several."""
    found = shutil.which("postgres")
    if found and shutil.which("initdb", path=str(Path(found).resolve().parent)):
        return Path(found).resolve().parent
    newest = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]), reverse=True
    )
    return newest[0].parent if newest else None


class PostgresServer:
    """`create`, `start`, use, `remove`. It can be stopped and started again on the same port."""

    user = "hoop"
    listens = "127.0.0.1"
    settings: tuple[str, ...] = (
        "fsync=off",
        "full_page_writes=off",
        "shared_buffers=16MB",
        "max_connections=40",
    )

    def __init__(self, programs: Path, directory: Path) -> None:
        self._programs = programs
        self._data = directory / "data"
        self.socket_directory = directory
        self.port = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._names = count(1)

    @classmethod
    def create(cls, programs: Path) -> Self:
        """A new cluster. It trusts everybody who can reach it, which is this machine, and does without syncs."""
        directory = Path(tempfile.mkdtemp(prefix="hoop-pg-"))
        server = cls(programs, directory)
        try:
            if os.geteuid() == 0:
                account = _unprivileged()
                os.chown(directory, account.pw_uid, account.pw_gid)
            # With owners and modes. Copies are the same cluster to replication alone, and nothing here replicates.
            subprocess.run(["cp", "-a", _made(programs, cls.user), server._data], check=True, timeout=120)
        except BaseException:
            server.remove()
            raise
        return server

    @classmethod
    @contextmanager
    def running(cls) -> Iterator[Self]:
        """A new one, started, and removed in the end. Skips the test where there is no PostgreSQL."""
        programs = binaries()
        if programs is None:
            pytest.skip(MISSING)
        server = cls.create(programs)
        try:
            server.start()
            yield server
        finally:
            server.remove()

    def start(self) -> None:
        """Start, or start again, and wait until it answers."""
        self.port = self.port or _free_port()
        with (self.socket_directory / "log").open("ab") as output:
            self._process = subprocess.Popen(
                [
                    self._programs / "postgres",
                    *(
                        "-D",
                        self._data,
                        "-k",
                        self.socket_directory,
                        "-h",
                        self.listens,
                        "-p",
                        str(self.port),
                    ),
                    *(word for setting in self.settings for word in ("-c", setting)),
                ],
                cwd=self.socket_directory,
                stdout=output,
                stderr=output,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                **_as_unprivileged(),
            )
        give_up_at = time.monotonic() + _PATIENCE
        while True:
            try:
                self.connect().close()
                return
            except psycopg.OperationalError as problem:
                if self._process.poll() is not None or time.monotonic() > give_up_at:
                    log = (self.socket_directory / "log").read_text()
                    self.stop()
                    raise RuntimeError(f"postgres did not start: {problem}\n{log[-2000:]}") from problem
                time.sleep(0.03)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Break off every connection and stop. With SIGQUIT without any order."""
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(how)
        try:
            process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    @contextmanager
    def hanging(self) -> Iterator[None]:
        """Every one of its processes hangs inside, as on a machine that swaps or behind a network that is cut."""
        assert self._process is not None
        with self.connect() as connection:
            backends = connection.execute(
                "SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
            ).fetchall()
        processes = [self._process.pid, *(pid for (pid,) in backends)]
        for pid in processes:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in processes:
                os.kill(pid, signal.SIGCONT)

    def remove(self) -> None:
        """Stop and leave nothing behind."""
        self.stop(signal.SIGQUIT)
        shutil.rmtree(self.socket_directory, ignore_errors=True)

    def connect(self, database: str = "postgres") -> psycopg.Connection[Any]:
        """An autocommit connection for the test itself."""
        return psycopg.connect(
            host="127.0.0.1",
            port=self.port,
            user=self.user,
            dbname=database,
            autocommit=True,
            connect_timeout=5,
        )

    def new_database(self) -> str:
        """Make an empty database and return its name."""
        name = f"t{next(self._names)}"
        with self.connect() as connection:
            connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name)))
        return name

    def new_schema(self) -> str:
        """Make an empty schema, which is much quicker than a database, and return its address over TCP."""
        name = f"t{next(self._names)}"
        with self.connect() as connection:
            connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(name)))
        return f"{self.url('postgres')}?options=-csearch_path%3D{name}"

    def url(self, database: str) -> str:
        """The address of `database` over TCP."""
        return f"postgresql://{self.user}@127.0.0.1:{self.port}/{database}"

    def socket_url(self, database: str) -> str:
        """The address of `database` over the Unix socket."""
        return f"postgresql://{self.user}@/{database}?host={self.socket_directory}&port={self.port}"


@cache
def _made(programs: Path, user: str) -> Path:
    """A new cluster's data, to copy: making it takes many times as long. It goes when this process ends."""
    directory = Path(tempfile.mkdtemp(prefix="hoop-pg-new-"))
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    if os.geteuid() == 0:
        account = _unprivileged()
        os.chown(directory, account.pw_uid, account.pw_gid)
    data = directory / "data"
    initdb: list[Path | str] = [programs / "initdb", "-D", data, "-U", user, "-A", "trust", "--no-sync"]
    subprocess.run(
        [*initdb, "-E", "UTF8", "--locale=C", "--no-instructions"],
        check=True,
        capture_output=True,
        cwd=directory,
        timeout=120,
        **_as_unprivileged(),
    )
    return data


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _unprivileged() -> pwd.struct_passwd:
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise RuntimeError("there is neither a postgres nor a nobody account to run PostgreSQL as")


def _as_unprivileged() -> dict[str, Any]:
    if os.geteuid() != 0:
        return {}
    account = _unprivileged()
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
