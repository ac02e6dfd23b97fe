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
        """All that is answered to that, if it is what was answered before but for the rows."""
        entry = self._talk.flight.front
        size = len(data)
        if entry is None or size > _LONGEST or entry.awaited is not Awaited.RAN:
            return False
        prepared, change, results = entry.prepared, entry.change, entry.results[0]
        if prepared is None or change is None or results.permit.masks:
            return False
        prefix = prepared.answer if entry.describes else BIND_COMPLETE
        if not data.startswith(prefix) or data[-_READY_SIZE:-1] != _READY:
            return False
        start = at = len(prefix)
        last = size - _READY_SIZE - _HEAD.size
        count = 0
        tag, length = 0, 0
        while at <= last:
            tag, length = _HEAD.unpack_from(data, at)
            if tag != ByServer.DATA_ROW or length < 4:
                break
            at += length + 1
            count += 1
        if tag != ByServer.COMMAND_COMPLETE or at + length + 1 != size - _READY_SIZE:
            return False
        talk = self._talk
        if count:
            results.rows(data[start:at], count, starts=True)
        results.done(data[at + _HEAD.size : size - _READY_SIZE - 1].decode("ascii", "replace"))
        talk.portals.agreed(change)
        talk.status = data[-1]
        talk.flight.pop()
        talk.show(data)
        return True
