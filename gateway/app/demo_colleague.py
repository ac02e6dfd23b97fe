"""A colleague in the demo: Dave works in the database through the gateway, and now and then what he does has to wait.

He is a person like the others, with a password for the database and a session of his own, so that whoever only looks
at the app has something to decide. He asks for one thing at a time, a few in all, and then he leaves. What is said to
him, he takes.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, LiteralString

import psycopg

from gateway.api.schema import DatabaseTokenAsked
from gateway.app.demo_config import write_private
from gateway.app.house import House
from gateway.core.errors import HoopError
from gateway.core.people import Peer, Principal
from gateway.identity.directory import Vouched

log = logging.getLogger("hoop.demo")

TARGET = "appdb"
_SUBJECT, _EMAIL, _GROUPS = "dave", "dave@example.com", frozenset({"dev"})
_AT_THE_LATEST = 12.0
_ONCE_SOMEBODY_LOOKS = 3.0


@dataclass(frozen=True, slots=True)
class Errand:
    """`look` runs by itself; `change` waits for somebody. `rest`: seconds before the next one."""

    look: LiteralString
    change: LiteralString
    rest: float


ERRANDS = (
    Errand(
        "SELECT id, placed, total, status FROM orders WHERE status = 'open' ORDER BY id LIMIT 5",
        "DELETE FROM orders WHERE id = 5002 AND status = 'open'",
        20,
    ),
    Errand(
        "SELECT id, name, ssn, plan FROM customers WHERE id = 1004",
        "UPDATE customers SET plan = 'gold' WHERE id = 1004",
        90,
    ),
    Errand(
        "SELECT count(*), sum(total) FROM orders WHERE placed < '2026-11-05'",
        "DELETE FROM orders WHERE placed < '2026-11-05'",
        120,
    ),
    Errand(
        "SELECT status, count(*) FROM orders GROUP BY status ORDER BY status",
        "DELETE FROM orders WHERE customer = 1001 AND status = 'shipped'",
        120,
    ),
    Errand(
        "SELECT id, name, plan FROM customers ORDER BY id",
        "UPDATE customers SET plan = 'basic' WHERE id = 1003",
        0,
    ),
)
"""The second and the last are of high risk, by the demo's rules."""


class Colleague:
    """`working` while the demo runs."""

    def __init__(self, house: House, provider: str, directory: Path) -> None:
        """`provider`: who vouches for him."""
        self._house, self._provider, self._directory = house, provider, directory
        self._somebody_looks = asyncio.Event()

    def somebody_looks(self) -> None:
        """The app is opening: he begins in a moment, so that it is seen how a request arrives."""
        self._somebody_looks.set()

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """He works until the context is left, or there is nothing left to do."""
        task = asyncio.create_task(self._work())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _work(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(_AT_THE_LATEST):
                await self._somebody_looks.wait()
                await asyncio.sleep(_ONCE_SOMEBODY_LOOKS)
        try:
            async with await self._connect() as connection:
                for errand in ERRANDS:
                    await _run(connection, errand.look)
                    await _run(connection, errand.change)
                    await asyncio.sleep(errand.rest)
        except (HoopError, OSError, psycopg.Error) as problem:
            log.warning("the demo's colleague went home: %s", problem)

    async def _connect(self) -> psycopg.AsyncConnection[Any]:
        desk, peer = self._house.hall.desk, Peer("127.0.0.1")
        given = await desk.database_token(await self._himself(), DatabaseTokenAsked(target=TARGET), peer)
        authorities = self._directory / "dave-root.crt"
        write_private(authorities, given.place.authorities.encode())
        return await psycopg.AsyncConnection.connect(
            host=given.place.host,
            port=given.place.port,
            dbname=TARGET,
            user=_SUBJECT,
            password=given.token,
            sslmode="verify-full",
            sslrootcert=str(authorities),
            application_name="dave",
            autocommit=True,
            prepare_threshold=None,
        )

    async def _himself(self) -> Principal:
        vouched = Vouched(self._provider, _SUBJECT, _EMAIL, _GROUPS)
        return await self._house.hall.people.directory.welcome(vouched)


async def _run(connection: psycopg.AsyncConnection[Any], statement: LiteralString) -> None:
    """However long it waits. A no is an answer like others; he is out once the connection is."""
    try:
        await connection.execute(statement)
    except psycopg.Error:
        if connection.closed:
            raise
