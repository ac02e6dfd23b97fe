"""SQLite: one file of our own, private to the gateway's account, synced at every commit.

The file is made here, once, and never by a connection: a ledger that vanished must be noticed, not replaced.
"""

import os
import stat
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool, QueuePool

from gateway.core.errors import Fault, Misconfigured
from gateway.store.database import Database
from gateway.store.one_thread import ThreadEngine

READERS = 2

_MEANINGS = {
    "SQLITE_BUSY": "the ledger's database is locked by another program",
    "SQLITE_LOCKED": "the ledger's database is locked by another program",
    "SQLITE_READONLY": "the ledger's database can not be written to",
    "SQLITE_PERM": "the ledger's database can not be written to",
    "SQLITE_FULL": "there is no room left for the ledger",
    "SQLITE_IOERR": "the disk under the ledger fails",
    "SQLITE_CORRUPT": "the ledger's database is damaged",
    "SQLITE_NOTADB": "the ledger's database is damaged",
    "SQLITE_CANTOPEN": "the ledger's database can not be opened",
}


def sqlite(url: URL, patience: float) -> Database:
    """The database in the file that `url` names, which is made if there is none. Raises `Misconfigured`."""
    if not url.database or url.database == ":memory:" or url.query or url.host:
        raise Misconfigured('a ledger in SQLite needs a file: "sqlite:////var/lib/hoop/hoop.db"')
    file = Path(url.database).absolute()
    place = _Place(file, _make(file))
    address = URL.create(
        "sqlite+pysqlite", database="file:" + quote(str(file)), query={"mode": "rw", "uri": "true"}
    )
    # A lock that others hold is given up on a little before the callers lose their patience.
    waiting = {"isolation_level": None, "timeout": patience * 0.75}
    writing = create_engine(
        address,
        poolclass=NullPool,
        connect_args={**waiting, "check_same_thread": False},
        hide_parameters=True,
    )
    reading = create_engine(
        address,
        poolclass=QueuePool,
        pool_size=READERS,
        max_overflow=0,
        connect_args={**waiting, "check_same_thread": False},
        hide_parameters=True,
    )
    _prepare(
        writing,
        "BEGIN IMMEDIATE",
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        "secure_delete=OFF",
    )
    _prepare(reading, "BEGIN", "query_only=ON")
    return Database(
        str(file), ThreadEngine(writing), ThreadEngine(reading, READERS), None, place.check, explain
    )


def explain(problem: DBAPIError) -> str:
    """What an error of SQLite means."""
    name = getattr(problem.orig, "sqlite_errorname", "")
    for known, meaning in _MEANINGS.items():
        if name == known or name.startswith(known + "_"):
            return meaning
    return "the ledger's database fails"


def _prepare(engine: Engine, begin: str, *pragmas: str) -> None:
    """Set every new connection up, and let us say how transactions begin: the driver's own way would leave
    schema changes outside of them, and take the write lock late, when it may be refused."""

    @event.listens_for(engine, "connect")
    def connected(connection: Any, record: object) -> None:
        cursor = connection.cursor()
        for pragma in pragmas:
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begun(connection: Connection) -> None:
        connection.exec_driver_sql(begin)


def _make(file: Path) -> tuple[int, int]:
    """Have the file there, with nobody else's access to it, and return what identifies it."""
    try:
        try:
            os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
            _sync_directory(file.parent)
        except FileExistsError:
            pass
        found = file.stat()
        if not stat.S_ISREG(found.st_mode):
            raise Misconfigured(f"the ledger's database {file} is not a file")
        if found.st_mode & 0o077:
            file.chmod(0o600)
    except OSError as problem:
        reason = (problem.strerror or str(problem)).lower()
        raise Misconfigured(f"the ledger's database {file} can not be opened: {reason}") from problem
    return found.st_dev, found.st_ino


def _sync_directory(directory: Path) -> None:
    opened = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


class _Place:
    """Notices a file that was taken away or protected while it is open, which SQLite itself does not."""

    def __init__(self, file: Path, identity: tuple[int, int]) -> None:
        self._file = file
        self._identity = identity

    def check(self) -> None:
        try:
            found = self._file.stat()
        except OSError as problem:
            raise Fault("the ledger's database is gone") from problem
        if (found.st_dev, found.st_ino) != self._identity:
            raise Fault("the ledger's database was replaced by another file")
        if not found.st_mode & stat.S_IWUSR:
            raise Fault("the ledger's database can not be written to")
