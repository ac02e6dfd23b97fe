"""Simple queries and calls of functions by number: one message asks, and ReadyForQuery ends its answer."""

from collections.abc import Coroutine
from functools import partial
from typing import Any

from gateway.adapters.postgres import refusals
from gateway.adapters.postgres.flight import Awaited, Entry
from gateway.adapters.postgres.functions import facts_of, facts_of_number
from gateway.adapters.postgres.judging import Instead, Judging
from gateway.adapters.postgres.talk import Talk
from gateway.adapters.postgres.texts import Texts, may_copy_in
from gateway.core.sql import SqlFacts, unknown
from gateway.session.words import instead
from gateway.wire.postgres.frames import Message, Run, frame
from gateway.wire.postgres.messages import parse_function_call, parse_function_number, parse_query
from gateway.wire.postgres.tables import ByClient

Slow = Coroutine[Any, Any, None]

TOO_LARGE = "(too large to be shown)"


class Simple:
    """Of one conversation."""

    def __init__(self, talk: Talk, judging: Judging, texts: Texts) -> None:
        self._talk = talk
        self._judging = judging
        self._texts = texts
        self._calling = False
        """What comes of a large call goes on to the server."""

    def query(self, item: Message) -> Slow | None:
        """Statements to be run at once."""
        if self._texts.in_doubt(parse_query(item.body)):
            return self._query_when_settled(item)
        return self._query(item)

    async def _query_when_settled(self, item: Message) -> None:
        await self._talk.settle()
        slow = self._query(item)
        if slow is not None:
            await slow

    def _query(self, item: Message) -> Slow | None:
        text = self._texts.decode(parse_query(item.body))
        reading = self._texts.known(text)
        if reading is not None and len(reading.statements) == 1 and not reading.error:
            alike = self._judging.alike(reading.statements[0])
            if alike is not None:
                known, results = alike
                self._talk.ask(item.frame, Entry(Awaited.ANSWERED, results=[results], prepared=known))
                return None
        return self._judge_query(text, item)

    async def _judge_query(self, text: str, item: Message) -> None:
        reading = await self._texts.read(text)
        facts, refuse = reading.statements, self._refuse
        if reading.error:
            facts = (unknown(text, reading.error),)
            told = refusals.grammar(reading.error, reading.position)
            refuse = partial(self._refuse_with, told)
        try:
            results = await self._judging.admitted(facts, (), refuse, has_other=len(facts) == 1)
        except Instead as other:
            await self._query_other(other)
            return
        if results is None:
            await self._talk.person.drain()  # whoever only asks for what is refused does not fill the memory
            return
        self._talk.ask(item.frame, Entry(Awaited.ANSWERED, results=results))
        if any(may_copy_in(each) for each in facts):
            await self._talk.settle()

    async def _query_other(self, other: Instead) -> None:
        """Another text, which the person has accepted while theirs was held: as if they had sent that."""
        try:
            data = other.text.encode(self._talk.encoding) + b"\0"
        except UnicodeEncodeError:
            self._refuse(self._judging.told(other.denied), "it can not be written in this encoding")
            return
        await self._talk.tell(instead(other.denied.request))
        slow = self.query(Message(ord("Q"), data, frame(ByClient.QUERY, data)))
        if slow is not None:
            await slow

    def call(self, item: Message) -> Slow:
        """A function to be called."""
        return self._judge_call(facts_of(parse_function_call(item.body)), item.frame)

    async def _judge_call(self, facts: SqlFacts, data: bytes) -> None:
        self._calling = False
        results = await self._judging.admitted([facts], (), self._refuse, maskable=False)
        if results is not None:
            self._calling = True
            self._talk.ask(data, Entry(Awaited.CALLED, results=results))

    def call_in_pieces(self, run: Run) -> Slow | None:
        """The same, with values that are too large to be looked into."""
        if run.starts:
            return self._judge_call(facts_of_number(parse_function_number(run.data), TOO_LARGE), run.data)
        if self._calling:
            self._talk.ask(run.data)
        return None

    def _refuse_with(self, told: bytes, error: bytes, why: str) -> None:
        """What is no statement is blocked like any other, and the person is told what is wrong with it."""
        self._refuse(told, why)

    def _refuse(self, error: bytes, why: str) -> None:
        talk = self._talk
        if talk.is_quiet:
            talk.person.write(error + refusals.READY_IDLE)
        else:
            talk.ask(refusals.failing_query(why), Entry(Awaited.ANSWERED, refusal=error))
