"""The PostgreSQL that other people's suites run on: they may do whatever they want, as a superuser with a password.

Not the server of our own tests (`tests/postgres/servers.py`): suites make and drop databases and roles, and read
and write files as the server does.
"""

import os
from pathlib import Path
from typing import Any, Self

import psycopg
from psycopg import sql

from tests.contracts.postgres_server import PostgresServer
from tests.postgres.authority import Authority
from tests.postgres.interop.ways import DIRECT, WayIn

USER = PostgresServer.user
"""The superuser that the cluster was made with: to the regression suite another one is not the same."""
PASSWORD = "canary-suite-7hQd2"

_HBA = """\
local  all          hoop    trust
local  all          all     scram-sha-256
host   all          all     all  {method}
host   replication  all     all  {method}
"""


class SuiteServer(PostgresServer):
    """`create`, `start`, use, `remove`."""

    method = "scram-sha-256"
    """How whoever comes over TCP has to show the password."""
    settings: tuple[str, ...] = (
        "fsync=off",
        "full_page_writes=off",
        "synchronous_commit=off",
        "shared_buffers=128MB",
        "max_connections=200",
        "max_prepared_transactions=20",
        "wal_level=logical",
        "max_wal_size=4GB",
    )

    @classmethod
    def create(cls, programs: Path) -> Self:
        """A new cluster in which nobody but our own superuser is trusted."""
        server = super().create(programs)
        try:
            (server._data / "pg_hba.conf").write_text(_HBA.format(method=cls.method))
            server._offer_tls()
        except BaseException:
            server.remove()
            raise
        return server

    def _offer_tls(self) -> None:
        certificate, key = Authority(self.socket_directory / "authority").server("127.0.0.1")
        for source, name in ((certificate, "server.pem"), (key, "server.key")):
            placed = self._data / name
            placed.touch(mode=0o600)
            placed.write_bytes(source.read_bytes())
            self.give(placed)
        with (self._data / "postgresql.conf").open("a") as conf:
            conf.write("ssl = on\nssl_cert_file = 'server.pem'\nssl_key_file = 'server.key'\n")

    def start(self) -> None:
        """Start, or start again, and wait until it answers."""
        is_first = not self.port
        super().start()
        if is_first:
            with self.connect() as connection:
                connection.execute(
                    sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(USER), sql.Literal(PASSWORD))
                )

    def connect(self, database: str = "postgres") -> psycopg.Connection[Any]:
        """Over its socket, where our own account is trusted."""
        return psycopg.connect(
            host=str(self.socket_directory),
            port=self.port,
            dbname=database,
            user=self.user,
            autocommit=True,
            connect_timeout=5,
        )

    def make_databases(self, *names: str) -> None:
        """Those that are not there yet."""
        with self.connect() as connection:
            there = {name for (name,) in connection.execute("SELECT datname FROM pg_database").fetchall()}
            for name in names:
                if name not in there:
                    connection.execute(
                        sql.SQL("CREATE DATABASE {} OWNER {}").format(
                            sql.Identifier(name), sql.Identifier(USER)
                        )
                    )

    def backends(self, application: str = "") -> list[int]:
        """Process ids of whoever is connected, but for this question; of one application if it is named."""
        with self.connect() as connection:
            found = connection.execute(
                "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend'"
                " AND pid <> pg_backend_pid() AND (%s = '' OR application_name LIKE %s)",
                (application, f"%{application}%"),
            ).fetchall()
        return [pid for (pid,) in found]

    @property
    def programs(self) -> Path:
        """Where `initdb` and `postgres` are."""
        return self._programs

    @property
    def way(self) -> WayIn:
        """Without anything in between."""
        return WayIn(DIRECT, self.port, USER, {"*": PASSWORD})

    @property
    def account(self) -> dict[str, Any]:
        """Who the server runs as, in subprocess's words: nothing unless this process is root's."""
        if os.geteuid() != 0:
            return {}
        owner = self.socket_directory.stat()
        return {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []}

    def give(self, path: Path) -> Path:
        """Make a directory, or whatever is there, the server's own: suites let it write where they do."""
        if os.geteuid() == 0:
            owner = self.socket_directory.stat()
            os.chown(path, owner.st_uid, owner.st_gid)
        return path
