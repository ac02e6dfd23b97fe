"""A small PostgreSQL for the demo: a private server on a Unix socket, with made-up customers, gone with the demo.

It is a target like any other to the gateway. Without PostgreSQL on this machine the demo goes without.
"""

import asyncio
import os
import pwd
import re
import shutil
import signal
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from gateway.app.demo_tables import TABLES
from gateway.core.errors import Misconfigured

PORT = 5432
DATABASE = "app"
ROLE = "hoop_demo"
"""As whom the gateway signs in."""
OWNER = "owner"

_PATIENCE = 30.0
_SETTINGS = (
    *("fsync=off", "full_page_writes=off", "shared_buffers=16MB", "max_connections=40"),
    *("listen_addresses=", "unix_socket_permissions=0700", "autovacuum=off"),
)

_GRANT = "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {}"


def programs() -> Path | None:
    """Where `initdb` and `postgres` are, the newest if there are several; None where they are not installed."""
    found = shutil.which("postgres")
    if found is not None and (beside := Path(found).resolve().parent).joinpath("initdb").exists():
        return beside
    places = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=_version)
    return places[-1].parent if places else None


def _version(path: Path) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", path.parent.parent.name))


@dataclass(frozen=True, slots=True)
class _Account:
    """Whom the server runs as. PostgreSQL refuses to run as root, so root lends it another account."""

    uid: int
    gid: int

    @property
    def options(self) -> dict[str, Any]:
        """For a subprocess."""
        if os.geteuid() != 0:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}


class DemoDatabase:
    """`start`, then `stop` in any case; then its processes and files are gone."""

    def __init__(self, programs: Path) -> None:
        self._programs = programs
        self._account = _account()
        self._server: asyncio.subprocess.Process | None = None
        self.directory = Path(tempfile.mkdtemp(prefix="hoop-demo-pg-"))
        """Where its socket is. Nobody but root and its account can enter it."""

    async def start(self) -> None:
        """A new cluster with the demo's tables. Raises `Misconfigured`."""
        try:
            os.chown(self.directory, self._account.uid, self._account.gid)
            await self._make_cluster()
            await self._serve()
            async with asyncio.timeout(_PATIENCE):
                await self._fill()
        except (OSError, TimeoutError, psycopg.Error) as problem:
            why = str(problem) or "it took too long"
            raise Misconfigured(f"the demo's database did not start: {why}") from problem

    async def stop(self) -> None:
        """End the server and take its files away."""
        server, self._server = self._server, None
        if server is not None and server.returncode is None:
            server.send_signal(signal.SIGQUIT)  # nothing in it is worth an orderly end
            try:
                async with asyncio.timeout(_PATIENCE):
                    await server.wait()
            except TimeoutError:
                server.kill()
                await server.wait()
        await asyncio.to_thread(shutil.rmtree, self.directory, ignore_errors=True)

    async def _make_cluster(self) -> None:
        made = await self._run(
            *("initdb", "-D", str(self.directory / "data"), "-U", OWNER, "-A", "trust"),
            *("--no-sync", "-E", "UTF8", "--locale=C", "--no-instructions"),
        )
        _, said = await made.communicate()
        if made.returncode:
            raise OSError(said.decode(errors="replace").strip()[-200:])

    async def _serve(self) -> None:
        settings = [word for setting in _SETTINGS for word in ("-c", setting)]
        data, place = str(self.directory / "data"), str(self.directory)
        self._server = await self._run("postgres", "-D", data, "-k", place, "-p", str(PORT), *settings)

    async def _run(self, program: str, *arguments: str) -> asyncio.subprocess.Process:
        with (self.directory / "log").open("ab") as log:
            return await asyncio.create_subprocess_exec(
                *(str(self._programs / program), *arguments),
                cwd=self.directory,
                env={"LANG": "C", "PATH": str(self._programs)},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log if program == "postgres" else asyncio.subprocess.PIPE,
                start_new_session=True,
                **self._account.options,
            )

    async def _fill(self) -> None:
        async with await self._connect("postgres") as connection:
            await connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))
        async with await self._connect(DATABASE) as connection:
            await connection.execute(TABLES)
            name = sql.Identifier(ROLE)
            await connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(name))
            await connection.execute(sql.SQL(_GRANT).format(name))

    async def _connect(self, database: str) -> psycopg.AsyncConnection[Any]:
        """As soon as it answers. Raises `psycopg.Error` where it has ended."""
        while True:
            try:
                return await psycopg.AsyncConnection.connect(
                    host=str(self.directory), port=PORT, user=OWNER, dbname=database, autocommit=True
                )
            except psycopg.OperationalError:
                if self._server is None or self._server.returncode is not None:
                    raise
                await asyncio.sleep(0.05)


def _account() -> _Account:
    if os.geteuid() != 0:
        return _Account(os.geteuid(), os.getegid())
    for name in ("postgres", "nobody"):
        try:
            found = pwd.getpwnam(name)
        except KeyError:
            continue
        return _Account(found.pw_uid, found.pw_gid)
    raise Misconfigured("there is neither a postgres nor a nobody account to run the demo's database as")
