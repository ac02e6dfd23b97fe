"""From the server to the person: each message is matched with what it answers; rows are masked, counted and kept on
their way. Nothing is shown before it is recorded.

The hot path: thousands of rows come as one run of bytes and leave as one.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from gateway.adapters.postgres import refusals
from gateway.adapters.postgres.asides import Asides
from gateway.adapters.postgres.asking import Asking, Slow
from gateway.adapters.postgres.described import describe, read_columns, told
from gateway.adapters.postgres.ending import ServerGone
from gateway.adapters.postgres.flight import Awaited, Entry
from gateway.adapters.postgres.prepared import Portal, Prepared, dies_with_transaction, may_hold
from gateway.adapters.postgres.talk import IDLE, Talk
from gateway.adapters.postgres.upstream.parameters import Called
from gateway.core.errors import Malformed
from gateway.core.sql import SqlFacts, changes_catalog
from gateway.session.database.results import Results
from gateway.wire.postgres.frames import BackendReader, Message, Run
from gateway.wire.postgres.messages import (
    BIND_COMPLETE,
    COPY_DONE,
    ColumnDescription,
    make_error,
    parse_command_complete,
    parse_copy_response,
    parse_fields,
    parse_parameter_description,
    parse_ready,
    parse_row_description,
)
from gateway.wire.postgres.tables import ByServer

_SIMPLE = (Awaited.ANSWERED, Awaited.CALLED)


class Answering:
    """Of one conversation. `receive` is called with what the server sends."""

    def __init__(self, talk: Talk, asking: Asking, called: Called, spawn: Callable[[Slow], None]) -> None:
        express = asking.express
        self._talk = talk
        self._asking = asking
        self._spawn = spawn
        self._reader = BackendReader()
        self._express = express
        self._busy = False
        self._gone = False
        talk.flight.first = self._comes
        self._asides = asides = Asides(talk, called)
        self._acts: dict[int, Callable[[Message], None]] = {
            ByServer.PARSE_COMPLETE: lambda item: self._agreed(Awaited.PARSED, item),
            ByServer.BIND_COMPLETE: lambda item: self._agreed(Awaited.BOUND, item),
            ByServer.CLOSE_COMPLETE: lambda item: self._agreed(Awaited.CLOSED, item),
            ByServer.PARAMETER_DESCRIPTION: self._parameters,
            ByServer.ROW_DESCRIPTION: self._columns,
            ByServer.NO_DATA: self._no_columns,
            ByServer.COMMAND_COMPLETE: self._complete,
            ByServer.EMPTY_QUERY: self._empty,
            ByServer.PORTAL_SUSPENDED: self._suspended,
            ByServer.READY: self._ready,
            ByServer.ERROR: self._error,
            ByServer.NOTICE: asides.notice,
            ByServer.NOTIFICATION: asides.notification,
            ByServer.PARAMETER_STATUS: asides.setting,
            ByServer.COPY_IN: lambda item: self._copy("in", item),
            ByServer.COPY_OUT: lambda item: self._copy("out", item),
            ByServer.COPY_DONE: self._copied,
            ByServer.FUNCTION_RESULT: self._called,
        }

    # What the ends call.

    def receive(self, data: bytes) -> None:
        """The server has sent this; empty: it is gone."""
        try:
            if not data:
                self._gone = True
                if not self._busy:
                    raise ServerGone
                return
            if not self._busy and self._reader.is_idle and self._express.answers(data):
                self._send()
                return
            self._reader.receive(data)
            if not self._busy:
                self._work()
        except Exception as problem:  # noqa: BLE001 - it ends the conversation, and nobody else would hear of it
            self._talk.fail(problem)

    def room(self) -> None:
        """The person takes more."""
        if not self._busy:
            self._talk.server.resume()

    def _work(self) -> None:
        reader = self._reader
        while (item := reader.next()) is not None:
            if isinstance(item, Run):
                self._run(item)
            else:
                self._message(item)
        self._send()

    def _send(self) -> None:
        talk = self._talk
        if not talk.pass_back():
            self._busy = True
            talk.server.pause()
            self._spawn(self._slowly())
        elif talk.person.full:
            talk.server.pause()

    async def _slowly(self) -> None:
        with self._talk:
            await self._talk.passed_back()
            self._busy = False
            if self._talk.over.is_set():
                return
            self._work()
            if self._gone and not self._busy:
                raise ServerGone
            if not self._busy and not self._talk.person.full:
                self._talk.server.resume()

    def _message(self, item: Message) -> None:
        act = self._acts.get(item.tag)
        if act is None:
            raise Malformed(f"the server sent a message of type {item.tag}, which does not belong here")
        act(item)

    # Rows.

    def _run(self, run: Run) -> None:
        results = self._current()
        if run.tag == ByServer.DATA_ROW:
            if not results.is_described:
                describe(results, self._head())
            self._talk.show(results.rows(run.data, run.count, starts=run.starts))
        elif run.tag == ByServer.COPY_DATA:
            self._talk.show(results.copied(run.data, run.count))
        else:  # what a function has given; those whose answers are masked are not called
            if run.ends:
                results.done("FUNCTION")
            self._talk.show(run.data)
        self._talk.in_the_middle = not run.ends

    def _current(self) -> Results:
        head = self._talk.flight.head
        results = None if head is None else head.current
        if head is not None and results is None and head.results and not head.results[-1].facts.certain:
            # What could not be read may hold any number of statements: they are all what was admitted.
            results = head.results[-1].another(self._talk.number())
            head.results.append(results)
        if head is None or results is None or head.refusal:
            raise Malformed("the server sent a result that nobody asked for")
        return results

    def _columns(self, item: Message) -> None:
        head = self._head()
        if head.awaited is Awaited.ANSWERED:
            results = self._current()
            columns = parse_row_description(item.body)
            results.describe(columns)
            self._reader.whole = results.wants_whole_rows
            if head.prepared is not None and not head.at:
                head.prepared.answer, head.prepared.columns = item.frame, columns
            self._talk.show(item.frame)
        else:
            self._described(head, item, None)

    def _no_columns(self, item: Message) -> None:
        self._described(self._head(), item, ())

    def _described(self, head: Entry, item: Message, columns: tuple[ColumnDescription, ...] | None) -> None:
        if head.awaited is Awaited.STATEMENT_DESCRIBED:
            if head.prepared is not None:
                head.prepared.columns = read_columns(head.prepared, item.body) if columns is None else columns
        elif head.awaited is Awaited.PORTAL_DESCRIBED:
            if head.portal is not None:
                head.portal.columns = (
                    read_columns(head.portal.prepared, item.body) if columns is None else columns
                )
                head.portal.prepared.answer = BIND_COMPLETE + item.frame
        else:
            raise Malformed("the server described what nobody asked about")
        self._landed(head, item.frame)

    def _comes(self, entry: Entry) -> None:
        """This is answered next. Whether rows must come whole has to be known before the first one does."""
        results = entry.current if entry.awaited is Awaited.EXECUTED else None
        if results is not None and results.permit.masks and not results.is_described:
            describe(results, entry)
        self._reader.whole = results is not None and results.wants_whole_rows

    def _parameters(self, item: Message) -> None:
        head = self._head()
        if head.awaited is not Awaited.STATEMENT_DESCRIBED:
            raise Malformed("the server described what nobody asked about")
        if head.prepared is not None:
            head.prepared.types = parse_parameter_description(item.body)
        if not head.ours:
            self._talk.show(item.frame)

    # What else answers.

    def _agreed(self, awaited: Awaited, item: Message) -> None:
        head = self._head()
        if head.awaited is not awaited or head.refusal:
            raise Malformed("the server answered what was not asked")
        if head.change is not None:
            names: Any = self._talk.portals if head.is_portal else self._talk.statements
            names.agreed(head.change)
        self._landed(head, item.frame)

    def _complete(self, item: Message) -> None:
        results, head = self._current(), self._head()
        if head.awaited is Awaited.EXECUTED and not results.is_described:
            describe(results, head)  # there was no row
        self._over(results, parse_command_complete(item.body))
        self._next(item.frame)

    def _empty(self, item: Message) -> None:
        head = self._head()
        if head.current is not None:
            self._over(head.current, "")
        self._next(item.frame)

    def _suspended(self, item: Message) -> None:
        head = self._head()
        if head.awaited is not Awaited.EXECUTED or head.portal is None:
            raise Malformed("the server suspended what was not under way")
        head.portal.running = head.current
        self._next(item.frame)

    def _next(self, data: bytes) -> None:
        """One statement is over: the entry with it, or not yet."""
        head = self._head()
        self._reader.whole = False
        if head.awaited is Awaited.EXECUTED:
            self._landed(head, data)
        elif head.awaited is Awaited.ANSWERED:
            head.at += 1
            self._talk.show(data)
        else:
            raise Malformed("the server ended what had not begun")

    def _over(self, results: Results, tag: str) -> None:
        results.done(tag)
        facts = results.facts
        talk = self._talk
        if facts.verb == "prepare" and facts.inner:
            prepared = Prepared(_held(facts), masks=results.permit.masks)
            talk.statements.know(facts.name, prepared, results.n)
        elif facts.verb == "declare" and facts.inner:
            portal = Portal(Prepared(_held(facts)), holds=may_hold(facts))
            talk.portals.know(facts.name, portal, results.n)
        if talk.catalog is not None and changes_catalog(facts):
            talk.catalog.outdate()
            talk.changing = True
        if results.masked:
            talk.gate.passed(masked=results.masked)
        if (notice := results.notice()) and talk.tells_masks:
            talk.show(refusals.notice(notice))

    def _ready(self, item: Message) -> None:
        head = self._head()
        if head.awaited not in (Awaited.SYNCED, *_SIMPLE):
            raise Malformed("the server is ready too early")
        if head.awaited is Awaited.ANSWERED and not head.at:
            raise Malformed("the server is ready without an answer")
        for results in head.results:
            if not results.is_done:
                results.done("", _NOT_RUN)
        self._talk.status = parse_ready(item.body)
        if self._talk.status == IDLE:
            self._talk.portals.end(dies_with_transaction)
        self._seen_by_all()
        self._reader.whole = False
        self._landed(head, item.frame)
        if not self._talk.flight:
            self._talk.group_open = self._talk.rereads = False

    def _seen_by_all(self) -> None:
        """Behind a transaction everybody sees what it has changed, and so does who reads the catalog."""
        talk = self._talk
        if talk.changing and talk.status == IDLE:
            talk.changing = False
            if talk.catalog is not None:
                talk.catalog.outdate()

    def _called(self, item: Message) -> None:
        head = self._head()
        if head.awaited is not Awaited.CALLED or head.current is None:
            raise Malformed("the server answered a call that was not made")
        head.current.done("FUNCTION")
        self._talk.show(item.frame)

    # Copying.

    def _copy(self, way: str, item: Message) -> None:
        results = self._current()
        response = parse_copy_response(item.body)
        results.describe_copy(way, response.format, response.formats)
        self._reader.whole = results.wants_whole_rows
        if way == "in":
            if len(self._talk.flight) != 1:
                raise Malformed("the server copies while more was asked of it")
            self._asking.copies(True)
            self._talk.flight.rest()
        self._talk.show(item.frame)

    def _copied(self, item: Message) -> None:
        rest = self._current().copy_over()
        self._talk.show(rest + COPY_DONE)

    # Errors, and what comes at any time.

    def _error(self, item: Message) -> None:
        talk = self._talk
        head = talk.flight.head
        fields = self._asides.words(parse_fields(item.body), head)
        if head is None:  # the server says why it hangs up
            talk.show(make_error(fields))
            return
        self._reader.whole = False
        self._asking.copies(False)
        talk.flight.stir()
        talk.show(head.refusal or make_error(fields))
        if head.awaited < Awaited.SYNCED:
            self._skipped(talk.flight.drop_group(), told(fields))
            if not talk.flight:
                self._asking.skips()
                talk.flight.skipped = lambda entry: self._skipped([entry], _NOT_RUN)
        else:
            if head.current is not None:
                head.current.done("", told(fields))
            head.at = len(head.results) or 1

    def _skipped(self, entries: list[Entry], why: Mapping[str, str]) -> None:
        """These were sent and will not be answered. The first is what the error is about, and with it what would have
        been executed of it."""
        for entry in reversed(entries):
            if entry.change is not None:
                names: Any = self._talk.portals if entry.is_portal else self._talk.statements
                names.undone(entry.change)
        about = entries[0].prepared
        for entry in entries:
            for results in entry.results:
                results.done("", why if about is not None and entry.prepared is about else _NOT_RUN)
                why = _NOT_RUN
            if entry.portal is not None and entry.awaited is Awaited.PORTAL_DESCRIBED:
                entry.portal.described = False

    # Small things.

    def _head(self) -> Entry:
        head = self._talk.flight.head
        if head is None:
            raise Malformed("the server answered what was not asked")
        return head

    def _landed(self, entry: Entry, data: bytes) -> None:
        self._talk.flight.pop()
        if not entry.ours:
            self._talk.show(data)


_NOT_RUN = {"code": "", "message": "not run"}


def _held(facts: SqlFacts) -> SqlFacts:
    """What PREPARE or DECLARE holds. It mentions and uses what the whole statement does."""
    return replace(facts.inner[0], mentions=facts.mentions, columns=facts.columns)
