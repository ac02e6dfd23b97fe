"""The extended protocol: statements are prepared, bound to values and executed, by messages that may be sent ahead.

A statement is looked at when it is prepared, and judged with its values each time that it is executed. After a
refusal everything is skipped up to the next Sync, here as on the server.
"""

from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, TypeVar

from gateway.adapters.postgres import refusals, values
from gateway.adapters.postgres.again import Again
from gateway.adapters.postgres.flight import Awaited, Entry
from gateway.adapters.postgres.judging import Judging
from gateway.adapters.postgres.names import Names
from gateway.adapters.postgres.prepared import Portal, Prepared, never_made, never_seen
from gateway.adapters.postgres.simple import TOO_LARGE
from gateway.adapters.postgres.talk import Talk
from gateway.adapters.postgres.texts import Texts, may_copy_in, only_statement
from gateway.adapters.postgres.together import Together
from gateway.core.sql import Reading, SqlFacts
from gateway.session.database.results import Results
from gateway.wire.postgres.frames import Message, Run
from gateway.wire.postgres.messages import (
    Describe,
    Parse,
    make_describe,
    parse_bind,
    parse_bind_names,
    parse_close,
    parse_describe,
    parse_execute,
    parse_parse,
)

Slow = Coroutine[Any, Any, None]
T = TypeVar("T", Message, Run)


class Extended:
    """Of one conversation."""

    def __init__(self, talk: Talk, judging: Judging, texts: Texts) -> None:
        self.skipping = False
        """Something was refused: nothing goes on to the server before the next Sync."""
        self._talk = talk
        self._judging = judging
        self._texts = texts
        self._again = Again(talk, judging, texts)
        self._together = Together(talk, judging)
        self.ask = self._together.ask

    @property
    def waits(self) -> bool:
        """What came so far has to be written down before it goes anywhere: await `finish`. Until then nothing may
        overtake it, so everything goes through `ask`."""
        return self._together.waits

    async def finish(self) -> None:
        """Write it down and let it go on. Raises `Fault`."""
        await self._together.finish(self._skip)

    def skips(self) -> None:
        """The server skips everything up to a Sync that it was not sent yet."""
        self.skipping |= not self._together.syncs  # else it is about to be sent

    def _skip(self) -> None:
        self.skipping = True

    def parse(self, item: Message) -> Slow | None:
        """A statement is to be prepared."""
        if self._texts.in_doubt(parse_parse(item.body).text):
            return self._after_settling(self._parse, item)
        return self._parse(item)

    def _parse(self, item: Message) -> Slow | None:
        parsed = parse_parse(item.body)
        text = self._texts.decode(parsed.text)
        reading = self._texts.known(text)
        if reading is None:
            return self._read_parse(parsed, text, item)
        return self._define(parsed, reading, text, item)

    async def _read_parse(self, parsed: Parse, text: str, item: Message) -> None:
        slow = self._define(parsed, await self._texts.read(text), text, item)
        if slow is not None:
            await slow

    def _define(self, parsed: Parse, reading: Reading, text: str, item: Message) -> Slow | None:
        facts = only_statement(reading, text)
        masks = self._judging.foresee(facts)
        if masks is None:
            return self._define_by_rows(parsed, facts, reading, item)
        self._defined(parsed, facts, masks, item)
        return None

    async def _define_by_rows(self, parsed: Parse, facts: SqlFacts, reading: Reading, item: Message) -> None:
        """It would be blocked, unless it is about few rows."""
        masks = None if reading.error else await self._judging.foresee_by_rows(facts)
        if masks is None:
            await self._deny(facts, reading)
        else:
            self._defined(parsed, facts, masks, item)

    def _defined(self, parsed: Parse, facts: SqlFacts, masks: frozenset[str], item: Message) -> None:
        talk = self._talk
        prepared = Prepared(facts, parsed.types, masks=masks)
        if parsed.statement:
            prepared.parsed, prepared.encoding = parsed, talk.encoding
        change = talk.statements.define(parsed.statement, prepared, talk.group)
        self.ask(item.frame, Entry(Awaited.PARSED, change=change, prepared=prepared))

    def bind(self, item: Message) -> Slow | None:
        """A portal is to be made of a statement and values."""
        bound = parse_bind(item.body)
        if (unsure := self._unsure(bound.statement)) is not None:
            return self._when_sure(unsure, self.bind, item)
        prepared = self._meant(bound.statement)
        shown = values.shown(bound.values, bound.formats, prepared.types) if bound.values else ()
        self._bound(bound.portal, Portal(prepared, shown, bound.result_formats), item.frame)
        return None

    def _bound(self, name: str, portal: Portal, data: bytes) -> None:
        change = self._talk.portals.define(name, portal, self._talk.group)
        entry = Entry(Awaited.BOUND, change=change, is_portal=True, prepared=portal.prepared)
        self.ask(data, entry)

    def describe(self, item: Message) -> Slow | None:
        """What a statement or portal takes and gives is asked for."""
        asked = parse_describe(item.body)
        name = asked.name
        talk = self._talk
        is_portal = asked.what == "P"
        names: Names[Any] = talk.portals if is_portal else talk.statements
        if not names.settled(name, talk.group):
            return self._after_settling(self.describe, item)
        if not is_portal:
            entry = Entry(Awaited.STATEMENT_DESCRIBED, prepared=talk.statements.get(name))
        else:
            portal = talk.portals.get(name)
            entry = Entry(Awaited.PORTAL_DESCRIBED, portal=portal)
            entry.prepared = None if portal is None else portal.prepared
            if portal is not None:
                portal.described = True
        self.ask(item.frame, entry)
        return None

    def execute(self, item: Message) -> Slow | None:
        """A portal is to be run."""
        name = parse_execute(item.body).portal
        talk = self._talk
        if not talk.portals.settled(name, talk.group):
            return self._after_settling(self.execute, item)
        portal = talk.portals.get(name) or never_made(name)
        results = self._goes_on(name, portal) or self._once_more(portal)
        if results is not None:
            self._run_portal(name, portal, results, item)
            return None
        masks = self._together.takes(portal)
        if masks is None:
            return self._judge_execute(name, portal, item)
        self._describe_first(name, portal, is_masked=bool(masks))
        self._together.execute(item.frame, name, portal)
        return None

    def _goes_on(self, name: str, portal: Portal) -> Results | None:
        """The next rows of what was executed in part, if nothing has changed about it."""
        running = portal.running
        if running is None or running.permit.revision != self._talk.gate.revision:
            return None
        self._judging.goes_on(running, name)
        return running

    def _once_more(self, portal: Portal) -> Results | None:
        """The same statement again, or one that was prepared anew and is like another, if that may be at once."""
        prepared = portal.prepared
        if prepared.permit is not None:
            return self._judging.repeated(prepared, portal.values)
        alike = self._judging.alike(prepared.facts, portal.values)
        if alike is None:
            return None
        prepared.ran(alike[1])
        return alike[1]

    async def _judge_execute(self, name: str, portal: Portal, item: Message) -> None:
        admitted = await self._judging.admitted(
            [portal.prepared.facts], portal.values, self._refuse, portal=name
        )
        if admitted is not None:
            (results,) = admitted
            portal.prepared.ran(results)
            self._run_portal(name, portal, results, item)
            if may_copy_in(portal.prepared.facts):
                await self._talk.settle()

    def _run_portal(self, name: str, portal: Portal, results: Results, item: Message) -> None:
        self._describe_first(name, portal, is_masked=bool(results.permit.masks))
        entry = Entry(Awaited.EXECUTED, results=[results], portal=portal, prepared=portal.prepared)
        self.ask(item.frame, entry)

    def _describe_first(self, name: str, portal: Portal, *, is_masked: bool) -> None:
        if portal.described or (portal.prepared.columns is not None and not is_masked):
            return
        portal.described = True
        entry = Entry(Awaited.PORTAL_DESCRIBED, ours=True, portal=portal)
        self.ask(make_describe(Describe("P", name)), entry)

    def close(self, item: Message) -> Slow | None:
        """A statement or portal is to be forgotten."""
        asked = parse_close(item.body)
        talk = self._talk
        is_portal = asked.what == "P"
        names: Names[Any] = talk.portals if is_portal else talk.statements
        change = names.drop(asked.name, talk.group)
        self.ask(item.frame, Entry(Awaited.CLOSED, change=change, is_portal=is_portal))
        return None

    def bind_in_pieces(self, run: Run) -> Slow | None:
        """Values that are too large to be looked into. Their names come first."""
        if run.starts:
            portal, statement = parse_bind_names(run.data)
            if (unsure := self._unsure(statement)) is not None:
                return self._when_sure(unsure, self.bind_in_pieces, run)
            prepared = self._meant(statement)
            self._bound(portal, Portal(prepared, (TOO_LARGE,)), run.data)
        else:
            self.ask(run.data)
        return None

    def _meant(self, statement: str) -> Prepared:
        known = self._talk.statements.get(statement)
        return known or self._again.fails_anyway(statement) or never_seen(statement)

    def _unsure(self, statement: str) -> Callable[[], Coroutine[Any, Any, bool]] | None:
        """What has to be done before it is certain what this name stands for. It returns whether that went well."""
        statements = self._talk.statements
        if not statements.settled(statement, self._talk.group):
            return self._settled
        doubted = statements.doubted(statement)
        if doubted is None or not self._again.can(doubted) or self._again.fails_anyway(statement):
            return None
        return partial(self._again.prepare, doubted, self._deny, self._refuse)

    async def _settled(self) -> bool:
        await self._talk.settle()
        return True

    async def _when_sure(
        self,
        unsure: Callable[[], Coroutine[Any, Any, bool]],
        act: Callable[[T], Slow | None],
        item: T,
    ) -> None:
        if await unsure():
            slow = act(item)
            if slow is not None:
                await slow

    async def _deny(self, facts: SqlFacts, reading: Reading) -> None:
        """What would be blocked is blocked now, and written down."""

        def refuse(error: bytes, why: str) -> None:
            told = refusals.grammar(reading.error, reading.position) if reading.error else error
            self._refuse(told, why)

        admitted = await self._judging.admitted([facts], (), refuse)
        if admitted is not None:  # the rules have changed this very moment
            self._refuse(refusals.error("40001", "the rules have changed - try again"), "try again")

    def _refuse(self, error: bytes, why: str) -> None:
        self.skipping = True
        self._talk.ask(refusals.failing_parse(why), Entry(Awaited.PARSED, refusal=error))

    async def _after_settling(self, act: Callable[[Message], Slow | None], item: Message) -> None:
        await self._talk.settle()
        slow = act(item)
        if slow is not None:
            await slow
