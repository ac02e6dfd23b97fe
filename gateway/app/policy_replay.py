"""Runs a draft of a policy over what the ledger recorded: each operation is judged by two policies at its own time.

Reads the ledger and nothing else; a gateway may be writing to it meanwhile. Differences are added up in
`gateway/policy/replays.py`, operations are made in `past_operations.py`.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from gateway.app.past_operations import Past, PastOperations
from gateway.app.two_verdicts import Verdicts
from gateway.core.operation import Effect, Operation
from gateway.core.people import Peer, Principal, Session, Target
from gateway.core.ports import Entry
from gateway.policy.replays import Came, Tally
from gateway.policy.rules import Policy
from gateway.session.database.parser import Parsers
from gateway.store.sql_history import SqlHistory

NAMES = ("operation.admitted", "operation.denied", "operation.held", "operation.repeated")
NO_SESSION = "its session's beginning is not in the ledger"
NO_RULE = "no rule decided it"
BEFORE = "it repeats what was admitted before that time"
NOT_COUNTED = "statements: judged as if nobody knew how many rows they are about, estimates are not recorded"
AT_ONCE = 8
"""Texts that are read at the same time: who waits for a parser too long is told that nobody understands it."""
MOST_REMEMBERED = 100_000
"""Operations that may be repeated."""

FindTarget = Callable[[str], Target | None]


@dataclass(frozen=True, slots=True)
class Replayed:
    """What came of it."""

    tally: Tally
    since: datetime
    until: datetime | None
    """When the last of them was asked; None where there was none."""
    left_out: Mapping[str, int]
    """Why operations could not be judged once more, and how many."""
    unknown: Mapping[str, int]
    """What was not known of operations that were, and of how many."""


@dataclass(slots=True)
class _Asked:
    """An entry about an operation, with when it was asked."""

    entry: Entry
    at: datetime
    runs: int = 1


@dataclass(slots=True)
class _State:
    tally: Tally = field(default_factory=Tally)
    left_out: Counter[str] = field(default_factory=Counter)
    unknown: Counter[str] = field(default_factory=Counter)
    until: datetime | None = None


class Replay:
    """One run. `against_recorded`: compares with what happened, instead of with what `now` says."""

    def __init__(
        self,
        ledger: SqlHistory,
        parsers: Parsers,
        now: Policy,
        draft: Policy,
        find: FindTarget,
        *,
        against_recorded: bool = False,
    ) -> None:
        self._ledger = ledger
        self._past = PastOperations(parsers)
        self._find = find
        self._against_recorded = against_recorded
        self._sessions: dict[str, Session | None] = {}
        self._held: dict[str, Entry] = {}
        self._repeatable: dict[tuple[str, str], Past] = {}
        self._verdicts = Verdicts(now, draft)
        self._state = _State()

    async def run(self, since: datetime) -> Replayed:
        """Everything since then."""
        async for page in self._ledger.history(NAMES, since):
            await self._know(page)
            await self._judge_all([asked for entry in page if (asked := self._asked(entry)) is not None])
        await self._judge_all([_Asked(entry, entry.at) for entry in self._held.values()])
        state = self._state
        return Replayed(state.tally, since, state.until, state.left_out, state.unknown)

    async def _know(self, page: Sequence[Entry]) -> None:
        missing = {entry.session for entry in page} - self._sessions.keys()
        opened = await self._ledger.openings(missing)
        for id in missing:
            entry = opened.get(id)
            self._sessions[id] = None if entry is None else _session(entry, self._find)

    def _asked(self, entry: Entry) -> _Asked | None:
        """What this entry is about, once: what waited for people counts where that ended, at the time it began."""
        request = str(entry.body.get("request", ""))
        if entry.name == "operation.held":
            self._held[request] = entry
            return None
        held = self._held.pop(request, None) if request else None
        if entry.name == "operation.repeated":
            return _Asked(entry, entry.at, int(entry.body["count"]))
        return _Asked(entry, entry.at if held is None else held.at)

    async def _judge_all(self, asked: Sequence[_Asked]) -> None:
        """A few at a time are made, in the processes that read SQL, and then judged in their order."""
        made: dict[int, Past] = {}
        waiting = iter(asked)

        async def make() -> None:
            for each in waiting:
                made[id(each)] = await self._made(each)

        await asyncio.gather(*[make() for _ in range(AT_ONCE)])
        for each in asked:
            self._state.until = max(self._state.until or each.at, each.at)
            self._judge(each, made[id(each)])

    async def _made(self, asked: _Asked) -> Past:
        entry = asked.entry
        session = self._sessions[entry.session]
        if session is None:
            return Past(None, NO_SESSION)
        if entry.name == "operation.repeated":
            return Past(None, BEFORE)
        if not entry.body["rule"]:
            return Past(None, NO_RULE)
        return await self._past.made(session.target.kind, str(entry.body["verb"]), str(entry.body["text"]))

    def _judge(self, asked: _Asked, past: Past) -> None:
        if asked.entry.name == "operation.repeated":
            past = self._repeatable.get((asked.entry.session, str(asked.entry.body["sha256"])), past)
        operation, session = past.operation, self._sessions[asked.entry.session]
        if operation is None or session is None:
            self._state.left_out[past.why_not] += asked.runs
            return
        if past.unknown:
            self._state.unknown[past.unknown] += asked.runs
        self._remember(asked.entry, operation, past)
        said = self._verdicts.of(operation, session, asked.at)
        if said.lacks_rows:
            self._state.unknown[NOT_COUNTED] += asked.runs
        recorded = self._against_recorded and asked.entry.name != "operation.repeated"
        before = _recorded(asked.entry) if recorded else said.before
        self._state.tally.add(session, operation, asked.at, before, said.after, asked.runs)

    def _remember(self, entry: Entry, operation: Operation, past: Past) -> None:
        if entry.name == "operation.admitted" and operation.effects <= {Effect.READ}:
            if len(self._repeatable) >= MOST_REMEMBERED:
                self._repeatable.pop(next(iter(self._repeatable)))
            self._repeatable[entry.session, str(entry.body["sha256"])] = past


def _session(entry: Entry, find: FindTarget) -> Session:
    """As it was when it began. What a target can do is only known of those that there still are."""
    body = entry.body
    name, kind = str(body["target"]), str(body["kind"])
    known = find(name)
    options = known.options if known is not None and known.kind == kind else {}
    target = Target(name, kind, "", 0, str(body["login"]), dict(body.get("labels", {})), options)
    person = Principal(entry.actor, str(body["person"]), frozenset(body["groups"]))
    peer = Peer(str(body["address"]), client=str(body["client"]))
    return Session(entry.session, person, target, peer, entry.at, str(body["login"]))


def _recorded(entry: Entry) -> Came:
    """What became of it then."""
    body = entry.body
    was_held = bool(body.get("request")) or body.get("state") == "held"
    if was_held:
        return Came("hold", str(body["rule"]), None, None)
    if entry.name == "operation.admitted":
        return Came("allow", str(body["rule"]), frozenset(body["masks"]), None)
    return Came("block", str(body["rule"]), None, None)
