"""From the person to the server: each message is understood as far as it can change what happens, judged, passed on.

What can be decided at once is, within the callback that brought the bytes; for everything else the person is not
read from until it is decided, so nothing overtakes it. After a refusal all is skipped up to the next Sync, here as
on the server.
"""

from collections.abc import Callable, Coroutine
from typing import Any

from gateway.adapters.postgres.end import UNREAD_MOST
from gateway.adapters.postgres.ending import Left
from gateway.adapters.postgres.express import Express
from gateway.adapters.postgres.extended import Extended
from gateway.adapters.postgres.flight import Awaited, Entry
from gateway.adapters.postgres.judging import Judging
from gateway.adapters.postgres.simple import Simple
from gateway.adapters.postgres.talk import FLUSH, Talk
from gateway.adapters.postgres.texts import Texts
from gateway.core.errors import Malformed
from gateway.wire.postgres.frames import FrontendReader, Message, Run
from gateway.wire.postgres.messages import SYNC, TERMINATE
from gateway.wire.postgres.tables import ByClient

Slow = Coroutine[Any, Any, None]

_WITHIN_COPY = frozenset(
    {ByClient.COPY_DONE, ByClient.COPY_FAIL, ByClient.FLUSH, ByClient.SYNC, ByClient.TERMINATE}
)
_NEVER_SKIPPED = frozenset({ByClient.SYNC, ByClient.TERMINATE})
_EXTENDED = frozenset(
    {
        ByClient.PARSE,
        ByClient.BIND,
        ByClient.DESCRIBE,
        ByClient.EXECUTE,
        ByClient.CLOSE,
        ByClient.SYNC,
        ByClient.FLUSH,
    }
)
"""What may come behind an Execute that waits for others."""


class Asking:
    """Of one conversation. `receive` is called with what the person sends."""

    def __init__(self, talk: Talk, statement_most: int, spawn: Callable[[Slow], None]) -> None:
        self._talk = talk
        judging, texts = Judging(talk), Texts(talk)
        self.express = Express(talk, judging)
        self._extended = extended = Extended(talk, judging, texts)
        self._simple = simple = Simple(talk, judging, texts)
        self._reader = FrontendReader(statement_most)
        self._spawn = spawn
        self._busy = False
        self._copying = False
        """The person copies to the server, which ignores every Sync meanwhile."""
        self._passing = False
        """The pieces of a large message go on to the server: all of them, whatever happens meanwhile."""
        self._gone = False
        self._leaving = False
        self._behind = 0
        """Bytes that came while something else was under way."""
        self._acts: dict[int, Callable[[Message], Slow | None]] = {
            ByClient.QUERY: simple.query,
            ByClient.PARSE: extended.parse,
            ByClient.BIND: extended.bind,
            ByClient.DESCRIBE: extended.describe,
            ByClient.EXECUTE: extended.execute,
            ByClient.SYNC: self._sync,
            ByClient.FLUSH: lambda item: extended.ask(FLUSH),
            ByClient.CLOSE: extended.close,
            ByClient.COPY_DONE: self._end_copy,
            ByClient.COPY_FAIL: self._end_copy,
            ByClient.FUNCTION_CALL: simple.call,
            ByClient.TERMINATE: self._terminate,
        }

    # What the ends call.

    def receive(self, data: bytes) -> None:
        """The person has sent this; empty: they are gone."""
        if not data:
            self._gone = True
            if not self._busy or self._talk.held is not None or self._talk.settling:
                self._talk.fail(ConnectionResetError())
            elif self._leaving:
                self._talk.fail(Left())
            return
        try:
            if (
                not self._busy
                and self._reader.is_idle
                and not (self._copying or self._extended.skipping)
                and self._talk.gate.inflow.is_open
                and self.express.asks(data)
            ):
                self._send()
                return
            self._reader.receive(data)
            if not self._busy:
                self._work()
                return
            self._behind += len(data)
            if self._behind > UNREAD_MOST:
                self._talk.person.pause()
        except Exception as problem:  # noqa: BLE001 - it ends the conversation, and nobody else would hear of it
            self._talk.fail(problem)

    def copies(self, begins: bool) -> None:
        """The server copies from the person from now on, or no more."""
        self._copying = begins

    def skips(self) -> None:
        """The server skips everything up to a Sync that it was not sent yet."""
        self._extended.skips()

    async def decided(self) -> bool:
        """Return once what came last is on its way to the server, or waits for people; and whether it was not yet."""
        talk, was_early = self._talk, self._busy
        while self._busy and talk.held is None and not talk.settling:
            talk.moved.clear()
            await talk.moved.wait()
        return was_early

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
                return self._begin(self._in_order(talk.gate.inflow.opened(), ByClient.SYNC))
            item = reader.next()
            if item is None:
                break
            slow = self._run(item) if isinstance(item, Run) else self._message(item)
            if slow is not None:
                return self._begin(self._in_order(slow, item.tag))
        return self._begin(self._extended.finish()) if self._extended.waits else self._send()

    async def _in_order(self, slow: Slow, tag: int) -> None:
        """What came before goes first. Then perhaps this is to be skipped."""
        if self._extended.waits:
            await self._extended.finish()
            if self._extended.skipping and tag not in _NEVER_SKIPPED:
                slow.close()
                return
        await slow

    def _send(self) -> None:
        talk = self._talk
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
        if self._copying and tag not in _WITHIN_COPY:
            raise Malformed(f"a message of type {tag} does not belong into what is copied")
        if self._extended.skipping and tag not in _NEVER_SKIPPED:
            return None
        if self._extended.waits and tag not in _EXTENDED:
            return self._later(act, item)
        return act(item)

    async def _later(self, act: Callable[[Message], Slow | None], item: Message) -> None:
        slow = act(item)
        if slow is not None:
            await slow

    def _begin(self, slow: Slow) -> None:
        """Nothing more is looked at until this is done. A little is still read, to notice that somebody hangs up."""
        self._busy = True
        self._behind = 0
        self._spawn(self._slowly(slow))

    async def _slowly(self, slow: Slow) -> None:
        with self._talk:
            await slow
            self._busy = False
            self._talk.moved.set()
            if self._talk.over.is_set():
                return
            self._work()
            if self._gone and not self._busy:
                raise ConnectionResetError
            if not self._busy and not self._talk.server.full:
                self._talk.person.resume()

    # What is the same for all.

    def _sync(self, item: Message) -> None:
        talk = self._talk
        if self._copying:
            return  # the server would ignore it, but for an error that comes before it: then nobody could tell
        self._extended.skipping = False
        talk.group += 1
        self._extended.ask(SYNC, Entry(Awaited.SYNCED))

    def _run(self, run: Run) -> Slow | None:
        if run.starts:
            self._passing = not self._extended.skipping and (self._copying or run.tag != ByClient.COPY_DATA)
        if not self._passing:
            return None
        self._talk.sends_pieces = not run.ends
        if run.tag == ByClient.COPY_DATA:
            head = self._talk.flight.head
            if head is not None and head.current is not None:
                head.current.copy_in(run.data, run.count)
            self._talk.gate.passed(sent=len(run.data))
            self._talk.ask(run.data)
            return None
        if run.tag == ByClient.BIND:
            return self._extended.bind_in_pieces(run)
        return self._simple.call_in_pieces(run)

    def _end_copy(self, item: Message) -> Slow | None:
        """Nothing goes on to the server until it says whether it copies once more."""
        if not self._copying:
            return None
        self._copying = False
        self._talk.ask(item.frame)
        self._talk.flight.stir()
        return self._talk.settle()

    def _terminate(self, item: Message) -> Slow:
        return self._leave()

    async def _leave(self) -> None:
        self._talk.ask(TERMINATE)
        await self._talk.passed_on()
        self._leaving = True
        if not self._gone:  # who says goodbye and does not hang up wants to hear the rest
            await self._talk.flight.landed()
        self._talk.fail(Left())
