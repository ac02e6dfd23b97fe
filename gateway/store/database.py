"""What the ledger needs to know of a database: how to connect, how long to wait, what its errors mean.

`sqlite.py` and `postgres.py` each make one of these; this module chooses between them by the address.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DataError, DBAPIError, IntegrityError, SQLAlchemyError

from gateway.core.errors import Fault, HoopError, Misconfigured
from gateway.core.plain import plain
from gateway.core.secret import Secret
from gateway.store.one_thread import ThreadEngine

if TYPE_CHECKING:  # costs each start what only PostgreSQL needs
    from sqlalchemy.ext.asyncio import AsyncEngine

NO_ANSWER = "the ledger's database does not answer"


@dataclass(frozen=True, slots=True)
class Database:
    """Two ways in: `writing` makes one connection at a time, `reading` keeps a few."""

    name: str
    """For people: the file, or the server and database. Without a password."""
    writing: "AsyncEngine | ThreadEngine"
    reading: "AsyncEngine | ThreadEngine"
    transaction_limit: float | None
    """Seconds after which a transaction is broken off. None: the driver can not be interrupted, and need not be."""
    check_place: Callable[[], None]
    """Raises `Fault` if the database is not where it was opened. Called before each use, so it must be quick."""
    explain: Callable[[DBAPIError], str]
    """What a driver's error means, as one sentence."""

    def as_fault(self, problem: BaseException) -> BaseException:
        """A `Fault` for what went wrong with the database; anything else is a mistake of ours and stays as it is."""
        if isinstance(problem, HoopError):
            return Fault(problem.sentence)
        if isinstance(problem, IntegrityError):
            sentence = "the ledger already holds something with this id"
        elif isinstance(problem, DBAPIError):
            sentence = self.explain(problem)
        elif isinstance(problem, SQLAlchemyError):
            sentence = "the ledger could not be written or read"
        elif isinstance(problem, OSError):  # which a timeout is too
            sentence = NO_ANSWER
        else:
            return problem
        return Fault(sentence)

    async def close(self) -> None:
        """Close every connection."""
        await self.writing.dispose()
        await self.reading.dispose()


def concerns_one(problem: BaseException) -> bool:
    """Whether a failed batch would have gone through without one of its entries."""
    if isinstance(problem, IntegrityError | DataError):
        return True
    if isinstance(problem, DBAPIError):
        # Class 54: a program limit was exceeded, such as a row that is too large.
        return (getattr(problem.orig, "sqlstate", None) or "").startswith("54")
    return not isinstance(problem, HoopError | OSError)


def cause(problem: BaseException) -> str:
    """What the driver itself said, in a line for the operator. Never for the people at the other end."""
    said = str(problem.orig if isinstance(problem, DBAPIError) else problem)
    return plain((said.strip() or type(problem).__name__).splitlines()[0])


def database(address: str, password: Secret | None, patience: float) -> Database:
    """The database at `sqlite:///FILE` or `postgresql://USER@HOST/NAME`. Raises `Misconfigured`."""
    try:
        url = make_url(address)
    except (ArgumentError, ValueError) as problem:
        raise Misconfigured("the address of the ledger's database can not be read") from problem
    kind = url.get_backend_name()
    if kind == "sqlite":
        from gateway.store.sqlite import sqlite

        return sqlite(url, patience)
    if kind in ("postgresql", "postgres"):
        from gateway.store.postgres import postgres

        return postgres(_with(url, password), patience)
    raise Misconfigured(
        'the address of the ledger\'s database must start with "sqlite:///" or "postgresql://"'
    )


def _with(url: URL, password: Secret | None) -> URL:
    return url if password is None else url.set(password=password.expose().decode())
