"""A short way for what is asked ten thousand times a second: one prepared statement run once more, in one packet, and
answered in one packet, with nothing to mask; and the same for simple queries that differ in constants only.

It does what the long way does, for exactly the bytes that it recognises; everything else it leaves to that.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from struct import Struct

from gateway.adapters.postgres import values
from gateway.adapters.postgres.flight import Awaited, Entry
from gateway.adapters.postgres.judging import Judging
from gateway.adapters.postgres.prepared import Portal
from gateway.adapters.postgres.talk import IDLE, Talk
from gateway.wire.postgres.fields import Value, numbers
from gateway.wire.postgres.messages import (
    BIND_COMPLETE,
    SYNC,
    Bind,
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
_SHORTEST = 7
_BIND = int(ByClient.BIND)
_ROW, _COMPLETE = int(ByServer.DATA_ROW), int(ByServer.COMMAND_COMPLETE)
_SIZE = Struct(">i")
LANES_MOST = 1000
"""So many statements' ways are remembered; with more, all are forgotten."""


@dataclass(frozen=True, slots=True, eq=False)
class Lane:
    """How one prepared statement was bound last. What is bound next differs in the values, as a rule."""

    statement: str
    head: bytes
    """The message between its length and its values: no portal, the name, the values' formats, and how many."""
    count: int
    formats: tuple[int, ...]
    result_formats: tuple[int, ...]
    tail: bytes
    """What follows the values: the result's formats."""


class Express:
    """Of one conversation. Each call says whether it took the packet."""

    def __init__(self, talk: Talk, judging: Judging) -> None:
        self._talk = talk
        self._judging = judging
        self._lanes: dict[bytes, Lane] = {}
        """By the name of the statement, as it is sent."""

    def asks(self, data: bytes) -> bool:
        """Bind, perhaps Describe, Execute, Sync: all unnamed, of a statement that may be repeated at once."""
        size = len(data)
        if size > _LONGEST or data[0] != _BIND:
            return False
        if data.endswith(_DESCRIBE_AND_RUN):
            end, describes = size - len(_DESCRIBE_AND_RUN), True
        elif data.endswith(_RUN):
            end, describes = size - len(_RUN), False
        else:
            return False
        if end < _SHORTEST or _HEAD.unpack_from(data)[1] + 1 != end or data[5]:
            return False
        name = data[6 : data.find(0, 6)]
        lane = self._lanes.get(name)
        bound: Sequence[Value] | None = None if lane is None else bound_like(data, end, lane)
        if bound is None or lane is None:
            bind = parse_bind(data[_HEAD.size : end])
            bound, lane = bind.values, self._lane(name, bind, data[_HEAD.size : end])
        return self._run(data, lane, bound, describes)

    def _lane(self, name: bytes, bind: Bind, body: bytes) -> Lane:
        tail = numbers("H", bind.result_formats)
        size = sum([_SIZE.size if value is None else _SIZE.size + len(value) for value in bind.values])
        head = body[: len(body) - len(tail) - size]
        lane = Lane(bind.statement, head, len(bind.values), bind.formats, bind.result_formats, tail)
        if len(self._lanes) >= LANES_MOST:
            self._lanes.clear()
        self._lanes[name] = lane
        return lane

    def _run(self, data: bytes, lane: Lane, bound: Sequence[Value], describes: bool) -> bool:
        talk, name = self._talk, lane.statement
        prepared = talk.statements.get(name)
        if prepared is None or not talk.statements.settled(name, talk.group):
            return False
        if prepared.answer == b"" or talk.masks or prepared.noted != lane.result_formats:
            return False
        shown = values.shown(bound, lane.formats, prepared.types) if bound else ()
        results = self._judging.repeated(prepared, shown)
        if results is None:
            return False
        portal = Portal(prepared, shown, lane.result_formats, described=describes)
        entry = Entry(Awaited.RAN, prepared=prepared, portal=portal, results=[results], describes=describes)
        if talk.status != IDLE or talk.flight or talk.portals.get("") is not None:
            entry.change = talk.portals.define("", portal, talk.group)
        # else Sync takes the portal away again, and nobody can ask for it in between
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
            results.whole_rows(data[start:end], count)
        results.done(data[end + _HEAD.size : -_READY_SIZE - 1].decode("ascii", "replace"))
        if entry.change is not None:
            talk.portals.agreed(entry.change)
        talk.status = data[-1]
        talk.flight.pop()
        talk.show(data)


def bound_like(data: bytes, end: int, lane: Lane) -> list[Value] | None:
    """The values of a Bind that ends there, if it is like the last one."""
    if not data.startswith(lane.head, _HEAD.size):
        return None
    found: list[Value] = []
    at = _HEAD.size + len(lane.head)
    for _ in range(lane.count):
        if at + _SIZE.size > end:
            return None
        size = _SIZE.unpack_from(data, at)[0]
        at += _SIZE.size
        if size < 0:
            if size != -1:
                return None
            found.append(None)
        else:
            found.append(data[at : at + size])
            at += size
    return found if data[at:end] == lane.tail else None


def _rows(data: bytes, at: int) -> tuple[int, int] | None:
    """Where the rows end that begin there, and how many they are, if what ends an answer follows and no more."""
    last = len(data) - _READY_SIZE - _HEAD.size
    count = 0
    while at <= last:
        tag, length = _HEAD.unpack_from(data, at)
        if tag == _COMPLETE:
            return (at, count) if at + length + 1 == len(data) - _READY_SIZE else None
        if tag != _ROW or length < 4:
            return None
        at += length + 1
        count += 1
    return None
