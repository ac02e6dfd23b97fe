"""Executes that lie in the buffer together are written down together, in transactions of the ledger that they share.

Until they are, they wait here with everything that came behind them, in order: nothing of it is on its way to the
server before what has to be written down is. Only what is allowed as it stands comes here; should the rules change at
this very moment, it is refused in its place, or masked.
"""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from gateway.adapters.postgres import refusals
from gateway.adapters.postgres.flight import Awaited, Entry
from gateway.adapters.postgres.judging import Judging, Withdrawn
from gateway.adapters.postgres.prepared import Portal
from gateway.adapters.postgres.talk import Talk
from gateway.adapters.postgres.texts import may_copy_in
from gateway.core.errors import Denied
from gateway.session.database.results import Results
from gateway.session.gate import Permit
from gateway.wire.postgres.messages import Describe, make_describe

MOST = 256
"""So many wait for each other."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """An Execute, and the number of its statement."""

    data: bytes
    name: str
    portal: Portal
    n: int
    is_described: bool
    """The server is asked before what its rows consist of."""


class Together:
    """Of one conversation. While `waits`, everything for the server goes through `ask`."""

    def __init__(self, talk: Talk, judging: Judging) -> None:
        self._talk = talk
        self._judging = judging
        self._line: list[Waiting | tuple[bytes, Entry | None]] = []
        self.syncs = False
        """There is a Sync among what waits."""

    @property
    def waits(self) -> bool:
        """Something has to be finished before anything else is done."""
        return bool(self._line)

    def ask(self, data: bytes, entry: Entry | None = None) -> None:
        """Send this to the server, behind what waits."""
        if self._line:
            self._line.append((data, entry))
            self.syncs |= entry is not None and entry.awaited is Awaited.SYNCED
        else:
            self._talk.ask(data, entry)

    def takes(self, portal: Portal) -> frozenset[str] | None:
        """What is to be masked in its answers, if it may wait for others: it is allowed, and changes nothing that is
        needed to judge them. Else None."""
        facts = portal.prepared.facts
        if len(self._line) >= MOST or may_copy_in(facts):
            return None
        return self._judging.plain(facts, portal.values)

    def execute(self, data: bytes, name: str, portal: Portal) -> None:
        """This is one of those."""
        self._line.append(Waiting(data, name, portal, self._talk.number(), portal.described))

    async def finish(self, skip: Callable[[], None]) -> None:
        """Return once all of it is written down and may go to the server. `skip`: what comes next in this group is
        not to be looked at. Raises `Fault`."""
        if not self._talk.pass_on():  # what was finished before need not wait for these
            await self._talk.passed_on()
        line, self._line = self._line, []
        waiting = [self._admission(each) for each in line if isinstance(each, Waiting)]
        outcomes = iter(await asyncio.gather(*waiting, return_exceptions=True))
        refused = self.syncs = False
        for each in line:
            if isinstance(each, Waiting):
                refused |= self._go(each, next(outcomes))
            else:
                data, entry = each
                self._talk.ask(data, entry)
                refused &= entry is None or entry.awaited is not Awaited.SYNCED
        if refused:
            skip()

    def _admission(self, each: Waiting) -> Coroutine[Any, Any, Permit]:
        return self._judging.one(each.n, each.portal.prepared.facts, each.portal.values)

    def _go(self, each: Waiting, outcome: Permit | BaseException) -> bool:
        """Whether it is refused. The server skips the rest of its group then, as it does after every error."""
        match outcome:
            case Permit():
                self._run(each, outcome)
                return False
            case Denied():
                error, why = self._judging.told(outcome), outcome.sentence
            case Withdrawn():
                error, why = refusals.cancelled(), "withdrawn"
            case _:
                raise outcome
        self._talk.ask(refusals.failing_parse(why), Entry(Awaited.PARSED, refusal=error))
        return True

    def _run(self, each: Waiting, permit: Permit) -> None:
        prepared = each.portal.prepared
        if permit.masks and not each.is_described:  # the rules have changed since it came
            described = Entry(Awaited.PORTAL_DESCRIBED, ours=True, portal=each.portal)
            self._talk.ask(make_describe(Describe("P", each.name)), described)
        results = Results(self._talk.desk, each.n, permit, prepared.facts)
        prepared.ran(results)
        self._judging.remember(prepared.facts, permit, each.n)
        entry = Entry(Awaited.EXECUTED, results=[results], portal=each.portal, prepared=prepared)
        self._talk.ask(each.data, entry)
