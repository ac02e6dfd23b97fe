"""Asks a real server over the wire and shows what masks leave of its answers."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from gateway.adapters.postgres.upstream.server import Server
from gateway.core.catalog import Catalog
from gateway.core.sql import SqlFacts
from gateway.masking.tables.columns import ColumnRules, Plan, decide, touches_ruled
from gateway.masking.tables.copying import copy_masker
from gateway.masking.tables.rows import RowMasker
from gateway.masking.tables.words import hide_words
from gateway.wire.postgres.frames import BackendReader, Message
from gateway.wire.postgres.messages import (
    SYNC,
    Bind,
    ColumnDescription,
    Describe,
    Execute,
    Parse,
    make_bind,
    make_describe,
    make_execute,
    make_parse,
    make_query,
    parse_copy_response,
    parse_fields,
    parse_row_description,
)
from gateway.wire.postgres.rows import payloads, rows
from gateway.wire.postgres.tables import ByServer


@dataclass
class Answer:
    """To one statement, as the server gave it and as it is shown."""

    columns: Sequence[ColumnDescription] = ()
    plan: Plan | None = None
    sent: list[list[bytes | None]] = field(default_factory=list)
    shown: list[list[bytes | None]] = field(default_factory=list)
    sent_copy: bytes = b""
    shown_copy: bytes = b""
    sent_words: str = ""
    shown_words: str = ""
    failed: bool = False

    def everything_shown(self) -> bytes:
        return (
            b"\0".join(cell or b"" for row in self.shown for cell in row)
            + self.shown_copy
            + self.shown_words.encode()
        )

    def everything_sent(self) -> bytes:
        return (
            b"\0".join(cell or b"" for row in self.sent for cell in row)
            + self.sent_copy
            + self.sent_words.encode()
        )


class Talk:
    """With one server, under one set of rules."""

    def __init__(self, server: Server, rules: ColumnRules, catalog: Catalog | None) -> None:
        self.server = server
        self.rules = rules
        self.catalog = catalog
        self._reader = BackendReader(whole=True)

    async def run(self, text: str, facts: SqlFacts | None, format: int = 0) -> Answer:
        """By the extended protocol, with results in this format."""
        request = make_parse(Parse("", text, ())) + make_bind(Bind("", "", (), (), (format,)))
        request += make_describe(Describe("P", "")) + make_execute(Execute("", 0)) + SYNC
        return await self._answer(request, facts, format)

    async def query(self, text: str, facts: SqlFacts | None = None) -> Answer:
        """By the simple protocol."""
        return await self._answer(make_query(text), facts, 0)

    async def _answer(self, request: bytes, facts: SqlFacts | None, format: int) -> Answer:
        answer = Answer()
        self.server.end.write(request)
        masker: RowMasker | None = None
        copier = None
        touches = touches_ruled(facts, self.rules, self.catalog)
        while True:
            item = self._reader.next()
            if item is None:
                data = await self.server.end.read()
                assert data, "the server went away"
                self._reader.receive(data)
            elif not isinstance(item, Message):
                if item.tag == ByServer.DATA_ROW:
                    assert masker is not None
                    shown = masker.mask(item.data)
                    answer.sent += [[None if c is None else bytes(c) for c in row] for row in rows(item.data)]
                    answer.shown += [[None if c is None else bytes(c) for c in row] for row in rows(shown)]
                else:
                    shown = item.data if copier is None else copier.feed(item.data)
                    answer.sent_copy += b"".join(payloads(item.data))
                    answer.shown_copy += b"".join(payloads(shown)) if shown else b""
            elif item.tag == ByServer.ROW_DESCRIPTION:
                answer.columns = parse_row_description(item.body)
                answer.plan = decide(answer.columns, self.rules, self.catalog, facts)
                masker = RowMasker(answer.plan, [format] * len(answer.columns))
            elif item.tag == ByServer.COPY_OUT:
                said = parse_copy_response(item.body)
                copier = copy_masker(said.format, said.formats, self.rules, self.catalog, facts)
            elif item.tag in (ByServer.ERROR, ByServer.NOTICE):
                fields = parse_fields(item.body)
                answer.failed |= item.tag == ByServer.ERROR
                answer.sent_words += repr(fields)
                answer.shown_words += repr(hide_words(fields) if touches else fields)
            elif item.tag == ByServer.READY:
                if copier is not None and not answer.failed:
                    copier.finish()
                return answer
