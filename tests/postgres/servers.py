"""A real PostgreSQL for the tests of what speaks to it: TLS with a certificate of its own authority, a Unix socket,
and one role for each way of signing in.

| role | how it is let in |
|---|---|
| `hoop` | trusted; superuser |
| `by_trust` | trusted |
| `by_scram` | SCRAM-SHA-256 |
| `by_md5` | md5 |
| `by_password` | the password in the clear |
| `by_certificate` | a client certificate that bears this name (`certificate_for`), over TLS only |
| `by_scram_tls` | SCRAM-SHA-256, over TLS only |
| `by_scram_clear` | SCRAM-SHA-256, without TLS only |
| `by_both` | SCRAM-SHA-256 and a client certificate |

The password of each is `password_of(role)`. `new_database` makes a database that each of them may write to.
"""

import os
import shutil
from pathlib import Path
from typing import Self

from psycopg import sql

from tests.contracts.postgres_server import PostgresServer, binaries
from tests.postgres.authority import Authority

ROLES = (
    "by_trust",
    "by_scram",
    "by_md5",
    "by_password",
    "by_certificate",
    "by_scram_tls",
    "by_scram_clear",
    "by_both",
)

HBA = """\
local   all  hoop            trust
local   all  by_trust        trust
local   all  by_scram        scram-sha-256
local   all  by_md5          md5
local   all  by_password     password
host    all  hoop            all  trust
host    all  by_trust        all  trust
host    all  by_scram        all  scram-sha-256
host    all  by_md5          all  md5
host    all  by_password     all  password
hostssl all  by_certificate  all  cert
hostssl all  by_scram_tls    all  scram-sha-256
hostnossl all by_scram_clear all  scram-sha-256
hostssl all  by_both         all  scram-sha-256 clientcert=verify-full
host    replication all      all  trust
"""

__all__ = ["ROLES", "DatabaseServer", "binaries", "password_of"]


def password_of(role: str) -> str:
    """Each has its own, so that a leak says whose it was."""
    return f"canary-{role}-9tXq"


class DatabaseServer(PostgresServer):
    """`create`, `start`, use, `remove`: as the one that it builds on."""

    listens = "127.0.0.1,::1"
    settings = ("fsync=off", "full_page_writes=off", "shared_buffers=32MB", "max_connections=100")
    authority: Authority

    @classmethod
    def create(cls, programs: Path) -> Self:
        """A new cluster with its authority, certificate and roles."""
        server = super().create(programs)
        try:
            server._furnish()
        except BaseException:
            server.remove()
            raise
        return server

    def start(self) -> None:
        """Start, or start again, and wait until it answers."""
        is_first = not self.port
        super().start()
        if is_first:
            self._make_roles()

    @property
    def ca_file(self) -> Path:
        """What a client has to trust."""
        return self.authority.file

    def certificate_for(self, role: str) -> tuple[Path, Path]:
        """Certificate and key that let this role in."""
        return self.authority.client(role)

    def new_database(self) -> str:
        """Make an empty database, in which every role may make and read what it likes, and return its name."""
        name = super().new_database()
        with self.connect(name) as connection:
            connection.execute("GRANT ALL ON SCHEMA public TO PUBLIC")
        return name

    def drop_database(self, name: str) -> None:
        """Drop it, whoever is still in it."""
        with self.connect() as connection:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

    def becomes_standby(self) -> None:
        """When it is started the next time. It follows nobody, and is read only."""
        (self._data / "standby.signal").touch()
        owner = self._data.stat()
        os.chown(self._data / "standby.signal", owner.st_uid, owner.st_gid)

    def log(self) -> str:
        """What the server wrote into its log."""
        return (self.socket_directory / "log").read_text(errors="replace")

    def _furnish(self) -> None:
        self.authority = Authority(self.socket_directory / "authority")
        certificate, key = self.authority.server("127.0.0.1", "::1", "localhost")
        owner = self._data.stat()
        for source, name in ((certificate, "server.pem"), (key, "server.key"), (self.ca_file, "ca.pem")):
            placed = self._data / name
            placed.touch(mode=0o600)
            shutil.copyfile(source, placed)
            os.chown(placed, owner.st_uid, owner.st_gid)
        with (self._data / "postgresql.conf").open("a") as conf:
            conf.write(
                "ssl = on\nssl_cert_file = 'server.pem'\nssl_key_file = 'server.key'\nssl_ca_file = 'ca.pem'\n"
            )
            conf.write("log_line_prefix = '%p %u %d %a '\nlog_connections = on\n")
        (self._data / "pg_hba.conf").write_text(HBA)

    def _make_roles(self) -> None:
        with self.connect() as connection:
            for role in ROLES:
                hashed = "md5" if role == "by_md5" else "scram-sha-256"
                connection.execute(f"SET password_encryption = '{hashed}'")
                connection.execute(
                    sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(
                        sql.Identifier(role), sql.Literal(password_of(role))
                    )
                )
