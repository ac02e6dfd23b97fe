"""What both directions of one conversation share: its two ends, what is under way, what its names mean.

Bytes for the server and frames for the recording are gathered here and leave together: first what is recorded, then
what was recorded. It moves things and decides nothing.
"""

import asyncio
from collections.abc import Mapping

from gateway.adapters.postgres import refusals
from gateway.adapters.postgres.catalogs import KeptCatalog
from gateway.adapters.postgres.end import End
from gateway.adapters.postgres.estimate.rows import Estimates
from gateway.adapters.postgres.flight import Awaited, Entry, Flight
from gateway.adapters.postgres.in_band import InBand
from gateway.adapters.postgres.names import Names
from gateway.adapters.postgres.prepared import Portal, Prepared
from gateway.core.catalog import Catalog
from gateway.core.operation import Effect
from gateway.core.sql import SqlFacts
from gateway.session.database.parser import Parsers
from gateway.session.database.results import ResultDesk
from gateway.session.gate import Gate, Permit
from gateway.wire.postgres.frames import frame
from gateway.wire.postgres.tables import ByClient

FLUSH = frame(ByClient.FLUSH)
IDLE = ord("I")
_BEGINS = frozenset({"begin", "start", "savepoint", "release"})
_ENDS = frozenset({"commit", "rollback"})
_RESETS = frozenset({Effect.CONTROL, Effect.RUN, Effect.UNKNOWN})


class Talk:
    """One conversation. Made when both sides are ready for statements."""

    masks: frozenset[str] = frozenset()
    """All that anything in this session was to be masked by."""
    status = IDLE
    """Of the transaction, as the server said last."""
    encoding = "utf-8"
    plain_strings = True
    """`standard_conforming_strings` is on."""
    changing = False
    """It has changed the database in a transaction, and nobody else can see that yet."""
    defines = False
    """It has defined something that nobody else sees, as long as its transaction is open."""
    tells_masks = True
    """People are told when something was masked."""
    each_statement = False
    """Each has its own entry in the ledger, also where it repeats another."""
    group = 0
    n = 0
    group_open = False
    """Something was asked that the server may do or undo with what comes next: no ReadyForQuery has ended it."""
    rereads = False
    """Something was asked that may change how the server reads texts, and it has not said whether it did."""
    has_reread = False
    """The same, at any time: then the end of a transaction may change it back."""
    sends_pieces = False
    """What was gathered for the server ends within a message."""
    settling = 0
    """So many wait for answers before they go on."""
    in_the_middle = False
    """What was gathered for the person ends within a message."""
    is_cut = False
    """What they were shown does."""

    def __init__(self, gate: Gate, desk: ResultDesk, parsers: Parsers, person: End, server: End) -> None:
        self.gate = gate
        self.desk = desk
        self.parsers = parsers
        self.person = person
        self.server = server
        self.flight = Flight()
        self.statements: Names[Prepared] = Names()
        self.portals: Names[Portal] = Names()
        """What Bind has made, and DECLARE: for the server they are of one kind."""
        self.shapes: dict[str, Prepared] = {}
        """What was admitted by simple queries, by the shape of the statement."""
        self.in_band = InBand()
        self.estimates: Estimates | None = None
        """Who knows about how many rows a statement is; None from when the session may mean something else by its
        names than it did at first."""
        self.began: Mapping[str, str] | None = None
        """The settings that the session began with, and those that say how values are written as they are now."""
        self.catalog: KeptCatalog | None = None
        """What the database holds; None where nobody has asked yet."""
        self.held: asyncio.Future[Permit] | None = None
        """What waits for people."""
        self.moved = asyncio.Event()
        """Set when something has gone on that took longer."""
        self.over = asyncio.Event()
        self.problem: BaseException | None = None
        self._told: list[bytes] = []
        """What they are told as soon as it does not."""
        self._up: list[bytes] = []
        self._down: list[bytes] = []
        self._recording = asyncio.Lock()
        """Held while frames are being recorded that may not be overtaken."""

    def known(self) -> Catalog | None:
        """What the database holds, as far as this session can rely on it."""
        current = None if self.catalog is None else self.catalog.current
        return current.in_doubt() if current is not None and self.changing else current

    @property
    def as_it_began(self) -> Mapping[str, str] | None:
        """The settings that the session began with, as long as its names and texts mean what they meant then, and
        nothing is defined that nobody else can see."""
        if self.estimates is None or self.defines or not self.plain_strings or self.encoding != "utf-8":
            return None
        return self.began

    def number(self) -> int:
        """The number of one more statement."""
        self.n += 1
        return self.n

    def ask(self, data: bytes, entry: Entry | None = None) -> None:
        """Send this to the server with the next `pass_on`; an answer to it is expected where there is an entry."""
        self._up.append(data)
        if entry is not None:
            self.group_open |= entry.awaited < Awaited.SYNCED
            for results in entry.results:
                self._may_reread(results.facts)
            self.flight.add(entry)

    def show(self, data: bytes) -> None:
        """Send this to the person with the next `pass_back`."""
        self._down.append(data)

    def pass_on(self) -> bool:
        """Record, and send to the server what was gathered. False: recording takes longer, await `passed_on`."""
        up = self._up
        if up:
            if not self._recorded():
                return False
            data = up[0] if len(up) == 1 else b"".join(up)
            up.clear()
            if data:
                self.server.write(data)
        return True

    async def passed_on(self) -> None:
        """The same, however long recording takes."""
        data = b"".join(self._up)  # what is gathered from here on is not recorded yet
        self._up.clear()
        await self._record()
        if data:
            self.server.write(data)

    def pass_back(self) -> bool:
        """Record, and show what was gathered. False: recording takes longer, await `passed_back`."""
        if not self._recorded():
            return False
        self._send_down()
        return True

    async def passed_back(self) -> None:
        """The same, however long recording takes."""
        await self._record()
        self._send_down()

    async def settle(self) -> None:
        """Return once the server has answered everything that was sent so far."""
        await self.passed_on()  # also behind what somebody else is passing on just now
        last = None
        for entry in self.flight:
            last = entry
        asks_itself = (Awaited.SYNCED, Awaited.ANSWERED, Awaited.CALLED)
        if last is not None and last.awaited not in asks_itself and not self.sends_pieces:
            self.server.write(FLUSH)
        self.settling += 1
        self.moved.set()
        try:
            await self.flight.landed()
        finally:
            self.settling -= 1

    def fail(self, problem: BaseException) -> None:
        """It can not go on."""
        if not self.over.is_set():
            self.problem = problem
            self.over.set()

    def __enter__(self) -> None:
        """Whatever goes wrong within ends the conversation, because nobody else would hear of it."""

    def __exit__(self, kind: object, problem: BaseException | None, trace: object) -> bool:
        if not isinstance(problem, Exception):
            return False
        self.fail(problem)
        return True

    async def tell(self, words: str) -> None:
        """A sentence of ours to the person, between two messages of the server's."""
        await self.settle()
        await self.gate.tell(refusals.primary(words))
        if self.is_cut or self._down:  # the next statement is answered already
            self._told.append(refusals.spoken(words))
        else:
            self.person.write(refusals.spoken(words))

    @property
    def is_quiet(self) -> bool:
        """Nothing is under way in either direction, and nothing open that an error would undo."""
        return self.status == IDLE and not (self.flight or self.group_open or self._down)

    def _may_reread(self, facts: SqlFacts) -> None:
        if facts.verb in _ENDS:
            self.rereads |= self.has_reread
        elif facts.verb not in _BEGINS and (not facts.certain or facts.effects & _RESETS):
            self.rereads = self.has_reread = True

    def _send_down(self) -> None:
        down = self._down
        if not down:
            return
        if self._told and not self.in_the_middle:
            down += self._told
            self._told.clear()
        self.is_cut = self.in_the_middle
        data = down[0] if len(down) == 1 else b"".join(down)
        down.clear()
        if data:
            self.gate.passed(shown=len(data))
            self.person.write(data)

    def _recorded(self) -> bool:
        if self._recording.locked():
            return False
        frames = self.desk.frames
        if frames:
            if not self.gate.record_at_once(frames):
                return False
            frames.clear()
        return True

    async def _record(self) -> None:
        async with self._recording:
            frames, self.desk.frames = self.desk.frames, []
            if frames:
                await self.gate.record(frames)
