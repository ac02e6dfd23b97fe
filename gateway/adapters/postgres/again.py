"""Prepares a statement once more where something that nobody could see may have given its name another meaning: what
is bound then is certainly what is judged, and programs that keep their statements notice nothing.

It does what a client would do: Close, Parse. Where the server then describes another result than before, the client
is told so in the words that the server has for it.
"""

from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

from gateway.adapters.postgres import refusals
from gateway.adapters.postgres.flight import Awaited, Entry
from gateway.adapters.postgres.judging import Judging
from gateway.adapters.postgres.prepared import Prepared
from gateway.adapters.postgres.talk import Talk
from gateway.adapters.postgres.texts import Texts, only_statement
from gateway.core.sql import Reading, SqlFacts
from gateway.wire.postgres.messages import (
    Close,
    ColumnDescription,
    Describe,
    Parse,
    make_close,
    make_describe,
    make_parse,
)

FAILED = ord("E")

Deny = Callable[[SqlFacts, Reading], Coroutine[Any, Any, None]]
Refuse = Callable[[bytes, str], None]


class Again:
    """Of one conversation."""

    def __init__(self, talk: Talk, judging: Judging, texts: Texts) -> None:
        self._talk = talk
        self._judging = judging
        self._texts = texts

    def fails_anyway(self, name: str) -> Prepared | None:
        """What this name meant before, where that is enough: in a failed transaction the server runs nothing but its
        end, whatever it is asked for."""
        talk = self._talk
        return talk.statements.doubted(name) if talk.status == FAILED and not talk.flight else None

    def can(self, old: Prepared) -> bool:
        """Whether it is known how it was made, and would be read as it was then."""
        parsed = old.parsed
        return parsed is not None and (parsed.text.isascii() or old.encoding == self._talk.encoding)

    async def prepare(self, old: Prepared, deny: Deny, refuse: Refuse) -> bool:
        """Returns once the server has it, or would refuse it as it refuses everything just now. False: this was
        refused, and whoever asked was told."""
        assert old.parsed is not None
        talk = self._talk
        await talk.settle()
        if talk.status == FAILED:  # Close would work there, and Parse would not
            return True
        parsed = replace(old.parsed, types=old.types or old.parsed.types)
        name = parsed.statement
        text = self._texts.decode(parsed.text)
        reading = self._texts.known(text) or await self._texts.read(text)
        facts = only_statement(reading, text)
        masks = await self._judging.foresee_by_rows(facts)
        if masks is None:
            await deny(facts, reading)
            return False
        fresh = Prepared(facts, parsed.types, masks=masks, parsed=parsed, encoding=talk.encoding)
        self._ask(name, parsed, fresh)
        await talk.settle()
        if talk.statements.get(name) is not fresh:
            return False  # the server has refused it
        if _told(old) is not None and _told(old) != _told(fresh):
            refuse(refusals.result_changed(), refusals.CHANGED)
            return False
        return True

    def _ask(self, name: str, parsed: Parse, fresh: Prepared) -> None:
        talk = self._talk
        gone = talk.statements.drop(name, talk.group)
        talk.ask(make_close(Close("S", name)), Entry(Awaited.CLOSED, ours=True, change=gone))
        made = talk.statements.define(name, fresh, talk.group)
        talk.ask(make_parse(parsed), Entry(Awaited.PARSED, ours=True, change=made, prepared=fresh))
        described = Entry(Awaited.STATEMENT_DESCRIBED, ours=True, prepared=fresh)
        talk.ask(make_describe(Describe("S", name)), described)


def _told(prepared: Prepared) -> list[tuple[str, int]] | None:
    """What was said of its result last: names and types."""
    columns: tuple[ColumnDescription, ...] | None = prepared.described_columns or prepared.columns
    return None if columns is None else [(column.name, column.type) for column in columns]
