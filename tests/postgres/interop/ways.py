"""One way to a database, as every client can be told it: directly, through a gateway, or through pgbouncer.

A `WayIn` is words only. `suite_server.py`, `gateway_process.py` and `pgbouncer.py` start what it leads to.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

DIRECT, GATEWAY, RULES, PGBOUNCER = "direct", "gateway", "rules", "pgbouncer"


@dataclass(frozen=True, slots=True)
class WayIn:
    """Where to connect, as whom, and with which password: through a gateway each database has one of its own."""

    name: str
    port: int
    user: str
    passwords: Mapping[str, str] = field(repr=False)
    """By database; under "*" what is good for every other."""
    tls: bool = False
    host: str = "127.0.0.1"

    def password(self, database: str) -> str:
        """What lets `user` into this database."""
        return self.passwords.get(database) or self.passwords["*"]

    @property
    def sslmode(self) -> str:
        """In libpq's words. Not `prefer`, so that a run says for certain what was measured."""
        return "require" if self.tls else "disable"

    def options(self, database: str, **more: Any) -> dict[str, Any]:
        """What psycopg's connect takes."""
        return {
            "host": self.host,
            "port": self.port,
            "user": self.user,
            "password": self.password(database),
            "dbname": database,
            "sslmode": self.sslmode,
            "connect_timeout": 20,
            **more,
        }

    def conninfo(self, database: str, **more: Any) -> str:
        """The same as one line of libpq's."""
        return psycopg.conninfo.make_conninfo(**self.options(database, **more))

    def url(self, database: str, scheme: str = "postgresql") -> str:
        """The same as an address."""
        place = f"{self.host}:{self.port}/{database}?sslmode={self.sslmode}"
        return f"{scheme}://{self.user}:{self.password(database)}@{place}"

    def connect(self, database: str, **more: Any) -> psycopg.Connection[Any]:
        """An autocommit connection, as psycopg makes it."""
        return psycopg.connect(**{"autocommit": True, **self.options(database, **more)})

    def environment(self, database: str) -> dict[str, str]:
        """The same in the variables that libpq, and everybody who follows it, looks at."""
        return {
            "PGHOST": self.host,
            "PGPORT": str(self.port),
            "PGUSER": self.user,
            "PGDATABASE": database,
            "PGPASSWORD": self.password(database),
            "PGSSLMODE": self.sslmode,
        }

    def write_passfile(self, path: Path) -> Path:
        """For programs that visit several databases in one run: libpq's file with a password for each."""
        lines = [
            f"{self.host}:{self.port}:{database}:{self.user}:{password}\n"
            for database, password in sorted(self.passwords.items(), reverse=True)  # "*" is the last
        ]
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w") as file:
            file.writelines(lines)
        return path
