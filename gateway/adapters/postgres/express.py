"""A short way for what is asked ten thousand times a second: one prepared statement run once more, in one packet, and
answered in one packet, with nothing to mask; and the same for simple queries that differ in constants only.

It does what the long way does, for exactly the bytes that it recognises; everything else it leaves to that.
"""

from struct import Struct

from gateway.adapters.postgres import values
from gateway.adapters.postgres.flight import Awaited, Entry
from gateway.adapters.postgres.judging import Judging
from gateway.adapters.postgres.prepared import Portal
from gateway.adapters.postgres.talk import Talk
from gateway.wire.postgres.messages import (
    BIND_COMPLETE,
    SYNC,
    Describe,
    Execute,
    make_describe,
    make_execute,
    parse_bind,
)
from gateway.wire.postgres.tables import ByClient, ByServer

_HEAD = Struct(">Bi")
_RUN = make_execute(Execute("")) + SYNC
_DESCRIBE_AND_RUN = make_describe(Describe("P", "")) + _RUN
_READY = b"Z\0\0\0\x05"
_READY_SIZE = 6
_LONGEST = 8 << 10
"""Longer packets are not worth a short way."""


class Express:
    """Of one conversation. Each call says whether it took the packet."""

    def __init__(self, talk: Talk, judging: Judging) -> None:
        self._talk = talk
        self._judging = judging

    def asks(self, data: bytes) -> bool:
        """Bind, perhaps Describe, Execute, Sync: all unnamed, of a statement that may be repeated at once."""
        size = len(data)
        if size > _LONGEST or data[0] != ByClient.BIND:
            return False
        if data.endswith(_DESCRIBE_AND_RUN):
            end, describes = size - len(_DESCRIBE_AND_RUN), True
        elif data.endswith(_RUN):
            end, describes = size - len(_RUN), False
        else:
            return False
        if end < _HEAD.size or _HEAD.unpack_from(data)[1] + 1 != end:
            return False
        return self._run(data, end, describes)

    def _run(self, data: bytes, end: int, describes: bool) -> bool:
        bound = parse_bind(data[_HEAD.size : end])
        talk = self._talk
        prepared = talk.statements.get(bound.statement)
        if bound.portal or prepared is None or not talk.statements.settled(bound.statement, talk.group):
            return False
        if prepared.answer == b"" or talk.masks:
            return False
        shown = values.shown(bound.values, bound.formats, prepared.types) if bound.values else ()
        results = self._judging.repeated(prepared, shown)
        if results is None:
            return False
        portal = Portal(prepared, shown, bound.result_formats, described=describes)
        change = talk.portals.define("", portal, talk.group)
        entry = Entry(Awaited.RAN, prepared=prepared, portal=portal, results=[results], change=change)
        entry.describes = describes
        talk.ask(data, entry)
        talk.group += 1
        return True

    def answers(self, data: bytes) -> bool:
        """All that is answered to one of these, if it is what was answered before but for the rows."""
        entry = self._talk.flight.front
        if entry is None or len(data) > _LONGEST or len(entry.results) != 1:
            return False
        prepared, results = entry.prepared, entry.results[0]
        if prepared is None or not prepared.answer or results.permit.masks or results.is_described:
            return False
        if entry.awaited is Awaited.RAN:
            prefix = prepared.answer if entry.describes else BIND_COMPLETE
        elif entry.awaited is Awaited.ANSWERED and prepared.columns and not entry.refusal:
            prefix = prepared.answer
        else:
            return False
        if not data.startswith(prefix) or data[-_READY_SIZE:-1] != _READY:
            return False
        found = _rows(data, len(prefix))
        if found is None:
            return False
        if entry.awaited is Awaited.ANSWERED and prepared.columns:
            results.describe(prepared.columns)
        self._land(data, len(prefix), *found, entry)
        return True

    def _land(self, data: bytes, start: int, end: int, count: int, entry: Entry) -> None:
        talk, results = self._talk, entry.results[0]
        if count:
            results.rows(data[start:end], count, starts=True)
        results.done(data[end + _HEAD.size : -_READY_SIZE - 1].decode("ascii", "replace"))
        if entry.change is not None:
            talk.portals.agreed(entry.change)
        talk.status = data[-1]
        talk.flight.pop()
        talk.show(data)


def _rows(data: bytes, at: int) -> tuple[int, int] | None:
    """Where the rows end that begin there, and how many they are, if what ends an answer follows and no more."""
    last = len(data) - _READY_SIZE - _HEAD.size
    count = 0
    while at <= last:
        tag, length = _HEAD.unpack_from(data, at)
        if tag == ByServer.COMMAND_COMPLETE:
            return (at, count) if at + length + 1 == len(data) - _READY_SIZE else None
        if tag != ByServer.DATA_ROW or length < 4:
            return None
        at += length + 1
        count += 1
    return None
