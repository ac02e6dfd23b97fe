"""From the person to the server: each message is understood as far as it can change what happens, judged, passed on.

What can be decided at once is, within the callback that brought the bytes; for everything else the person is not
read from until it is decided, so nothing overtakes it. After a refusal all is skipped up to the next Sync, here as
on the server.
"""

import logging
from collections.abc import Callable, Coroutine
from typing import Any

from gateway.adapters.postgres import refusals, values
from gateway.adapters.postgres.end import UNREAD_MOST
from gateway.adapters.postgres.ending import Left
from gateway.adapters.postgres.flight import Awaited, Entry
from gateway.adapters.postgres.functions import facts_of
from gateway.adapters.postgres.judging import Judging, Withdrawn
from gateway.adapters.postgres.names import Names
from gateway.adapters.postgres.prepared import Portal, Prepared, never_seen
from gateway.adapters.postgres.talk import FLUSH, IDLE, Talk
from gateway.adapters.postgres.texts import Texts, only_statement
from gateway.core.errors import Denied, Malformed
from gateway.core.sql import Reading, SqlFacts, unknown
from gateway.session.database.results import Results
from gateway.wire.postgres.frames import FrontendReader, Message, Run, frame
from gateway.wire.postgres.messages import (
    TERMINATE,
    Describe,
    Parse,
    make_describe,
    parse_bind,
    parse_bind_names,
    parse_close,
    parse_describe,
    parse_execute,
    parse_function_call,
    parse_parse,
    parse_query,
)
from gateway.wire.postgres.tables import ByClient

log = logging.getLogger("hoop.postgres")

Slow = Coroutine[Any, Any, None]

TOO_LARGE = "(too large to be shown)"


class Asking:
    """Of one conversation. `receive` is called with what the person sends."""

    def __init__(self, talk: Talk, statement_most: int, spawn: Callable[[Slow], None]) -> None:
        self._talk = talk
        self._judging = Judging(talk)
        self._texts = Texts(talk)
        self._reader = FrontendReader(statement_most)
        self._spawn = spawn
        self._busy = False
        self._skipping = False
        self._copying = False
        """The person copies to the server, which ignores every Sync meanwhile."""
        self._gone = False
        self._behind = 0
        """Bytes that came while something else was under way."""
        self._acts: dict[int, Callable[[Message], Slow | None]] = {
            ByClient.QUERY: self._query,
            ByClient.PARSE: self._parse,
            ByClient.BIND: self._bind,
            ByClient.DESCRIBE: self._describe,
            ByClient.EXECUTE: self._execute,
            ByClient.SYNC: self._sync,
            ByClient.FLUSH: lambda item: self._talk.ask(FLUSH),
            ByClient.CLOSE: self._close,
            ByClient.COPY_DONE: self._end_copy,
            ByClient.COPY_FAIL: self._fail_copy,
            ByClient.FUNCTION_CALL: self._call,
            ByClient.TERMINATE: self._terminate,
        }

    # What the ends call.

    def receive(self, data: bytes) -> None:
        """The person has sent this; empty: they are gone."""
        if not data:
            self._gone = True
            if not self._busy or self._talk.held is not None:
                self._talk.fail(ConnectionResetError())
            return
        with self._talk:
            self._reader.receive(data)
            if not self._busy:
                self._work()
                return
            self._behind += len(data)
            if self._behind > UNREAD_MOST:
                self._talk.person.pause()

    def copy_begins(self, *, goes_on: bool) -> None:
        """The server copies from the person. `goes_on`: the end of it was not sent yet."""
        self._copying = goes_on

    def room(self) -> None:
        """The server takes more."""
        if not self._busy:
            self._talk.person.resume()

    # How messages are worked through.

    def _work(self) -> None:
        talk = self._talk
        reader = self._reader
        while True:
            if not talk.gate.inflow.is_open:
                return self._begin(talk.gate.inflow.opened())
            item = reader.next()
            if item is None:
                break
            slow = self._run(item) if isinstance(item, Run) else self._message(item)
            if slow is not None:
                return self._begin(slow)
        if not talk.pass_on():
            return self._begin(talk.passed_on())
        if talk.server.full:
            talk.person.pause()
        return None

    def _message(self, item: Message) -> Slow | None:
        tag = item.tag
        act = self._acts.get(tag)
        if act is None:
            raise Malformed(f"a message of type {tag} does not belong here")
        if self._skipping and tag not in (ByClient.SYNC, ByClient.TERMINATE):
            return None
        return act(item)

    def _begin(self, slow: Slow) -> None:
        """Nothing more is looked at until this is done. A little is still read, to notice that somebody hangs up."""
        self._busy = True
        self._behind = 0
        self._spawn(self._slowly(slow))

    async def _slowly(self, slow: Slow) -> None:
        with self._talk:
            await slow
            self._busy = False
            if self._talk.over.is_set():
                return
            self._work()
            if self._gone and not self._busy:
                raise ConnectionResetError
            if not self._busy and not self._talk.server.full:
                self._talk.person.resume()

    # Simple queries.

    def _query(self, item: Message) -> Slow | None:
        text = self._texts.decode(parse_query(item.body))
        reading = self._texts.known(text)
        if reading is not None and len(reading.statements) == 1 and not reading.error:
            results = self._judging.alike(reading.statements[0])
            if results is not None:
                self._talk.ask(item.frame, Entry(Awaited.ANSWERED, results=[results]))
                return None
        return self._judge_query(text, item)

    async def _judge_query(self, text: str, item: Message) -> None:
        talk = self._talk
        reading = await self._texts.read(text)
        facts = reading.statements
        if reading.error:
            facts = (unknown(text, reading.error),)
            if not self._judging.allows(facts[0]):
                return self._refuse_query(refusals.grammar(reading.error, reading.position), "not readable")
        try:
            results = await self._judging.admit(facts)
        except Denied as problem:
            return self._refuse_query(refusals.denied(problem), problem.sentence)
        except Withdrawn:
            return self._refuse_query(refusals.cancelled(), "withdrawn")
        talk.ask(item.frame, Entry(Awaited.ANSWERED, results=results))
        return None

    def _refuse_query(self, error: bytes, why: str) -> None:
        talk = self._talk
        if not talk.flight and talk.status == IDLE:
            talk.person.write(error + refusals.READY_IDLE)
        else:
            talk.ask(refusals.failing_query(why), Entry(Awaited.ANSWERED, refusal=error))

    # The extended protocol.

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
        if not self._judging.allows(facts):
            if reading.error:
                self._refuse(refusals.grammar(reading.error, reading.position), "not readable")
                return None
            return self._deny(facts, ())
        talk = self._talk
        change = talk.statements.define(parsed.statement, Prepared(facts, parsed.types), talk.group)
        talk.ask(item.frame, Entry(Awaited.PARSED, change=change))
        return None

    def _bind(self, item: Message) -> Slow | None:
        bound = parse_bind(item.body)
        talk = self._talk
        if not talk.statements.settled(bound.statement, talk.group):
            return self._after_settling(self._bind, item)
        prepared = talk.statements.get(bound.statement) or never_seen(bound.statement)
        shown = values.shown(bound.values, bound.formats, prepared.types) if bound.values else ()
        self._bound(bound.portal, Portal(prepared, shown, bound.result_formats), item.frame)
        return None

    def _bound(self, name: str, portal: Portal, data: bytes) -> None:
        change = self._talk.portals.define(name, portal, self._talk.group)
        self._talk.ask(data, Entry(Awaited.BOUND, change=change, is_portal=True))

    def _describe(self, item: Message) -> Slow | None:
        asked = parse_describe(item.body)
        name = asked.name
        talk = self._talk
        is_portal = asked.what == "P"
        names: Names[Any] = talk.portals if is_portal else talk.statements
        if not names.settled(name, talk.group):
            return self._after_settling(self._describe, item)
        if not is_portal:
            entry = Entry(Awaited.STATEMENT_DESCRIBED, prepared=talk.statements.get(name))
        else:
            portal = talk.portals.get(name)
            entry = Entry(Awaited.PORTAL_DESCRIBED, portal=portal)
            if portal is not None:
                portal.described = True
        talk.ask(item.frame, entry)
        return None

    def _execute(self, item: Message) -> Slow | None:
        name = parse_execute(item.body).portal
        talk = self._talk
        if not talk.portals.settled(name, talk.group):
            return self._after_settling(self._execute, item)
        portal = talk.portals.get(name) or self._cursor(name)
        results = self._goes_on(portal) or self._judging.repeated(portal.prepared, portal.values)
        if results is None:
            return self._judge_execute(name, portal, item)
        self._run_portal(name, portal, results, item)
        return None

    def _goes_on(self, portal: Portal) -> Results | None:
        """The next rows of what was executed in part, if nothing has changed about it."""
        running = portal.running
        if running is None or running.permit.revision != self._talk.gate.revision:
            return None
        return running

    async def _judge_execute(self, name: str, portal: Portal, item: Message) -> None:
        try:
            (results,) = await self._judging.admit([portal.prepared.facts], portal.values)
        except Denied as problem:
            return self._refuse(refusals.denied(problem), problem.sentence)
        except Withdrawn:
            return self._refuse(refusals.cancelled(), "withdrawn")
        portal.prepared.permit, portal.prepared.first = results.permit, results.n
        self._run_portal(name, portal, results, item)
        return None

    def _run_portal(self, name: str, portal: Portal, results: Results, item: Message) -> None:
        talk = self._talk
        if not portal.described and portal.prepared.columns is None:
            portal.described = True
            talk.ask(
                make_describe(Describe("P", name)), Entry(Awaited.PORTAL_DESCRIBED, ours=True, portal=portal)
            )
        entry = Entry(Awaited.EXECUTED, results=[results], portal=portal, prepared=portal.prepared)
        talk.ask(item.frame, entry)

    def _cursor(self, name: str) -> Portal:
        """A portal that no Bind has made: DECLARE has, or something unseen."""
        facts = self._talk.cursors.get(name)
        if facts is None:
            return Portal(
                Prepared(unknown(f'-- portal "{name}"', "what this portal stands for was not seen here"))
            )
        return Portal(Prepared(facts))

    async def _deny(self, facts: SqlFacts, bound: tuple[str | None, ...]) -> None:
        """What would be blocked is blocked now, and written down."""
        try:
            await self._judging.admit([facts], bound)
        except Denied as problem:
            self._refuse(refusals.denied(problem), problem.sentence)
        except Withdrawn:
            self._refuse(refusals.cancelled(), "withdrawn")
        else:  # the rules have changed this very moment
            self._refuse(refusals.error("40001", "the rules have changed - try again"), "try again")

    def _refuse(self, error: bytes, why: str) -> None:
        self._skipping = True
        self._talk.ask(refusals.failing_parse(why), Entry(Awaited.PARSED, refusal=error))

    def _sync(self, item: Message) -> None:
        talk = self._talk
        self._skipping = False
        talk.group += 1
        if self._copying:
            talk.ask(frame(ByClient.SYNC))
        else:
            talk.ask(frame(ByClient.SYNC), Entry(Awaited.SYNCED))

    def _close(self, item: Message) -> Slow | None:
        asked = parse_close(item.body)
        talk = self._talk
        is_portal = asked.what == "P"
        names: Names[Any] = talk.portals if is_portal else talk.statements
        change = names.drop(asked.name, talk.group)
        talk.ask(item.frame, Entry(Awaited.CLOSED, change=change, is_portal=is_portal))
        return None

    # Copying, functions, the end.

    def _run(self, run: Run) -> Slow | None:
        if self._skipping:
            return None
        if run.tag == ByClient.COPY_DATA:
            head = self._talk.flight.head
            if head is not None and head.current is not None:
                head.current.copy_in(run.data, run.count)
            self._talk.gate.passed(sent=len(run.data))
            self._talk.ask(run.data)
            return None
        if run.tag == ByClient.BIND:
            return self._large_bind(run)
        raise Malformed("this message is too large")

    def _large_bind(self, run: Run) -> Slow | None:
        """Values that are too large to be looked into. Their names come first."""
        talk = self._talk
        if run.starts:
            portal, statement = parse_bind_names(run.data)
            if not talk.statements.settled(statement, talk.group):
                return self._settled_large_bind(run)
            prepared = talk.statements.get(statement) or never_seen(statement)
            self._bound(portal, Portal(prepared, (TOO_LARGE,)), run.data)
        else:
            talk.ask(run.data)
        return None

    async def _settled_large_bind(self, run: Run) -> None:
        await self._talk.settle()
        slow = self._large_bind(run)
        if slow is not None:
            await slow

    def _end_copy(self, item: Message) -> None:
        self._copying = False
        self._talk.ask(frame(ByClient.COPY_DONE), Entry(Awaited.COPIED) if self._talk.flight else None)

    def _fail_copy(self, item: Message) -> None:
        self._copying = False
        entry = Entry(Awaited.COPIED) if self._talk.flight else None
        self._talk.ask(item.frame, entry)

    def _call(self, item: Message) -> Slow:
        return self._judge_call(item)

    async def _judge_call(self, item: Message) -> None:
        facts = facts_of(parse_function_call(item.body))
        try:
            results = await self._judging.admit([facts])
        except Denied as problem:
            return self._refuse_query(refusals.denied(problem), problem.sentence)
        except Withdrawn:
            return self._refuse_query(refusals.cancelled(), "withdrawn")
        self._talk.ask(item.frame, Entry(Awaited.CALLED, results=results))
        return None

    def _terminate(self, item: Message) -> Slow:
        return self._leave()

    async def _leave(self) -> None:
        self._talk.ask(TERMINATE)
        await self._talk.passed_on()
        self._talk.fail(Left())

    # Small things.

    async def _after_settling(self, act: Callable[[Message], Slow | None], item: Message) -> None:
        await self._talk.settle()
        slow = act(item)
        if slow is not None:
            await slow
