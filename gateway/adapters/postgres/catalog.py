"""Reads what a database holds, over a connection of the gateway's own. Nothing that a person asked goes over it."""

import asyncio

from gateway.adapters.postgres.catalog_assembly import Row, assemble
from gateway.adapters.postgres.catalog_query import SETTINGS, WITHOUT_ENCODING, Question
from gateway.adapters.postgres.upstream.server import Server
from gateway.core.catalog import Catalog
from gateway.core.errors import Unreachable
from gateway.wire.postgres.frames import BackendReader, Message
from gateway.wire.postgres.messages import make_query
from gateway.wire.postgres.rows import rows
from gateway.wire.postgres.tables import ByServer

PATIENCE = 60.0
"""Seconds that reading all of it may take."""


async def read_catalog(server: Server, patience: float = PATIENCE) -> Catalog:
    """What the server's database holds. Where it does not tell all of it, the catalog is not complete. Raises
    `Unreachable` and `Malformed`. The connection is left to the caller."""
    reader = BackendReader(whole=True)
    reader.receive(server.rest)
    server.rest = b""
    try:
        async with asyncio.timeout(patience):
            answers = {}
            settled = await _ask(server, reader, _settings(server))
            for question in Question:
                answers[question] = None if settled is None else await _ask(server, reader, question.value)
    except TimeoutError:
        raise Unreachable("the database takes too long to say what is in it") from None
    return await asyncio.to_thread(assemble, answers)


def _settings(server: Server) -> str:
    encoding = server.parameters.get("server_encoding", "")
    return SETTINGS.format(encoding=encoding if encoding == WITHOUT_ENCODING else "UTF8")


async def _ask(server: Server, reader: BackendReader, statement: str) -> list[Row] | None:
    """The rows that it answers; None where it refuses."""
    server.end.write(make_query(statement))
    found: list[Row] = []
    refused = False
    while True:
        item = reader.next()
        if item is None:
            data = await server.end.read()
            if not data:
                raise Unreachable("the database went away while it was asked what is in it")
            reader.receive(data)
        elif not isinstance(item, Message):
            if item.tag == ByServer.DATA_ROW:
                found += [tuple([_text(cell) for cell in row]) for row in rows(item.data)]
        elif item.tag == ByServer.ERROR:
            refused = True
        elif item.tag == ByServer.READY:
            return None if refused else found


def _text(cell: memoryview | None) -> str:
    return "" if cell is None else str(cell, "utf-8", "surrogateescape")
