"""The connection on which a statement is looked into: one for each time that somebody asks, closed afterwards.

It counts on nothing that it has not been told: a transaction is open only once the server has said so.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self

from gateway.adapters.postgres.estimate.questions import SETTLED
from gateway.adapters.postgres.upstream.server import Server
from gateway.core.errors import Malformed, Unreachable
from gateway.wire.postgres.frames import BackendReader, Message, Run
from gateway.wire.postgres.messages import (
    SYNC,
    TERMINATE,
    Bind,
    ColumnDescription,
    Describe,
    ErrorFields,
    Execute,
    make_bind,
    make_describe,
    make_execute,
    make_parse,
    make_query,
    parse_command_complete,
    parse_fields,
    parse_ready,
    parse_row_description,
)
from gateway.wire.postgres.messages import Parse as _Parse
from gateway.wire.postgres.rows import rows
from gateway.wire.postgres.tables import ByServer

IDLE, IN_TRANSACTION = ord("I"), ord("T")
BYTES_MOST = 8 << 20
"""Of one answer: a row may be as large as a table."""


@dataclass(slots=True)
class Answer:
    """What came of one message. `error`: the server's words, where it has something against it."""

    columns: tuple[ColumnDescription, ...] = ()
    rows: list[bytes] = field(default_factory=list)
    """Runs of whole DataRow messages."""
    tag: str = ""
    error: ErrorFields = ()
    status: int = 0

    @property
    def cells(self) -> list[tuple[str, ...]]:
        """Every row, as text. NULL is an empty text."""
        return [
            tuple("" if cell is None else str(cell, "utf-8", "replace") for cell in row)
            for run in self.rows
            for row in rows(run)
        ]

    @property
    def first(self) -> str:
        """The first cell; empty where there is none."""
        return next((row[0] for row in self.cells if row), "")


class Side:
    """`async with` it. Leaving it closes the connection, and with that ends whatever it was in the middle of."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._reader = BackendReader(whole=True)
        self._reader.receive(server.rest)
        self._busy = False
        digits = server.version.split(".", 1)[0]
        self.major = int(digits) if digits.isdecimal() and len(digits) < 6 else 0

    async def __aenter__(self) -> Self:
        await self.asked(SETTLED)
        return self

    async def __aexit__(self, *_: object) -> None:
        if not self._busy:
            self._server.end.write(TERMINATE)
            self._server.end.close()
            return
        try:
            await self._server.cancel()  # a server that is busy does not see that nobody is there any more
        except Unreachable:
            pass
        finally:
            self._server.end.abort()

    async def asked(self, statements: str) -> Answer:
        """A question of the gateway's own."""
        return await self._answer(make_query(statements))

    async def run(
        self, text: str, values: Sequence[str | None] = (), most: int = 0, *, keep: bool = True
    ) -> Answer:
        """One statement, or an error where it is several. `most`: so many rows of its answer, 0 for all. Not `keep`:
        they are only let pass."""
        given = tuple(None if value is None else value.encode() for value in values)
        return await self._answer(
            make_parse(_Parse("", text))
            + make_bind(Bind("", "", (), given, ()))
            + make_describe(Describe("P", ""))
            + make_execute(Execute("", most))
            + SYNC,
            keep=keep,
        )

    async def _answer(self, data: bytes, *, keep: bool = True) -> Answer:
        """Raises `Unreachable` and `Malformed`."""
        self._busy = True
        self._server.end.write(data)
        found, size = Answer(), 0
        while True:
            item = self._reader.next()
            if item is None:
                data = await self._server.end.read()
                if not data:
                    raise Unreachable("the database went away while it was asked")
                self._reader.receive(data)
            elif isinstance(item, Run):
                if not keep or item.tag != ByServer.DATA_ROW:
                    continue
                size += len(item.data)
                if size > BYTES_MOST:
                    raise Malformed("its answer is too large to be looked at")
                found.rows.append(bytes(item.data))
            elif _noted(item, found):
                self._busy = False
                return found


def _noted(item: Message, found: Answer) -> bool:
    """Whether the answer is whole now."""
    match item.tag:
        case ByServer.ROW_DESCRIPTION:
            found.columns = parse_row_description(item.body)
        case ByServer.COMMAND_COMPLETE:
            found.tag = parse_command_complete(item.body)
        case ByServer.ERROR:
            found.error = found.error or parse_fields(item.body)
        case ByServer.READY:
            found.status = parse_ready(item.body)
            return True
    return False
