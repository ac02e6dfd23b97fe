"""What was sent to the server and not answered yet, in order: whoever reads answers finds here what they are about.

A refusal takes a place in this line, too: in its stead the server is sent something that fails, so that the server's
own error comes at the right moment, ends its transaction, and is replaced by ours.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

from gateway.adapters.postgres.names import Change
from gateway.adapters.postgres.prepared import Portal, Prepared
from gateway.session.database.results import Results


class Awaited(IntEnum):
    """What an entry waits for."""

    PARSED = 1
    BOUND = 2
    CLOSED = 3
    STATEMENT_DESCRIBED = 4
    PORTAL_DESCRIBED = 5
    EXECUTED = 6
    SYNCED = 7
    ANSWERED = 8
    """Everything about one simple Query, to its ReadyForQuery."""
    CALLED = 9
    """The same for a FunctionCall."""
    RAN = 10
    """Several at once: Bind, perhaps Describe, Execute and Sync of one statement, sent as one."""


@dataclass(slots=True, eq=False)
class Entry:
    """One message, and what its answers need to be understood."""

    awaited: Awaited
    ours: bool = False
    """The person did not ask for it and is not shown its answer."""
    refusal: bytes = b""
    """What the person is shown in place of the server's error."""
    prepared: Prepared | None = None
    portal: Portal | None = None
    results: list[Results] = field(default_factory=list)
    """One for each statement, in order."""
    at: int = 0
    change: Change[Any] | None = None
    is_portal: bool = False
    """The change is one of portals."""

    describes: bool = False
    """Of `RAN`: there is a Describe among it."""

    def unfolded(self) -> "list[Entry]":
        """The entries that a `RAN` stands for."""
        bound = Entry(Awaited.BOUND, prepared=self.prepared, change=self.change, is_portal=True)
        described = Entry(Awaited.PORTAL_DESCRIBED, portal=self.portal, prepared=self.prepared)
        executed = Entry(Awaited.EXECUTED, results=self.results, portal=self.portal, prepared=self.prepared)
        return [bound, *([described] if self.describes else []), executed, Entry(Awaited.SYNCED)]

    @property
    def current(self) -> Results | None:
        """The result that comes now."""
        return self.results[self.at] if self.at < len(self.results) else None


class Flight:
    """The line."""

    def __init__(self) -> None:
        self.first: Callable[[Entry], None] = lambda entry: None
        """Called with each entry that comes to the front."""
        self.skipped: Callable[[Entry], None] | None = None
        """The server skips everything up to the next Sync: what is sent before that is given to this instead."""
        self._entries: deque[Entry] = deque()
        self._landed = asyncio.Event()
        self._landed.set()

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._entries)

    @property
    def front(self) -> Entry | None:
        """What the next answer is about, as it was sent."""
        return self._entries[0] if self._entries else None

    @property
    def head(self) -> Entry | None:
        """The same, message by message."""
        entries = self._entries
        if not entries:
            return None
        if entries[0].awaited is Awaited.RAN:
            entries.extendleft(reversed(entries.popleft().unfolded()))
        return entries[0]

    def add(self, entry: Entry) -> None:
        """It was sent."""
        if self.skipped is not None:
            if entry.awaited is not Awaited.SYNCED:
                return self.skipped(entry)
            self.skipped = None
        self._entries.append(entry)
        self._landed.clear()
        if len(self._entries) == 1 and entry.awaited is not Awaited.RAN:
            self.first(entry)
        return None

    def pop(self) -> Entry:
        """It is answered."""
        entries = self._entries
        entry = entries.popleft()
        if not entries:
            self._landed.set()
        elif entries[0].awaited is not Awaited.RAN:
            self.first(entries[0])
        return entry

    def drop_group(self) -> list[Entry]:
        """The server has reported an error and skips everything up to the next Sync: what it skips, first to last."""
        dropped: list[Entry] = []
        while (head := self.head) is not None and head.awaited is not Awaited.SYNCED:
            dropped.append(self._entries.popleft())
        if self._entries:
            self.first(self._entries[0])
        else:
            self._landed.set()
        return dropped

    def rest(self) -> None:
        """The server copies from the person: nothing is answered before they say more."""
        self._landed.set()

    def stir(self) -> None:
        """They have ended it: answers come again."""
        if self._entries:
            self._landed.clear()

    async def landed(self) -> None:
        """Return once everything is answered, or the server waits for what it copies."""
        await self._landed.wait()
