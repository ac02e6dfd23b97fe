"""Statements become Operations and go through the Gate: what is asked, by which facts, and what a name stands for.

Two ways: `repeated`, at once, for what was admitted before and only reads; `admit`, which may take as long as people
do. It knows the conversation and not its messages.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from gateway.adapters.postgres import refusals, values
from gateway.adapters.postgres.catalogs import KeptCatalog
from gateway.adapters.postgres.names import Names
from gateway.adapters.postgres.prepared import Prepared
from gateway.adapters.postgres.standing import NAMED, stands_for
from gateway.adapters.postgres.talk import Talk
from gateway.core.errors import Denied
from gateway.core.operation import Effect, Operation
from gateway.core.sql import SqlFacts
from gateway.core.verdict import Allow, Deny
from gateway.recording.statements import mark_again, mark_command
from gateway.session.database.results import Results
from gateway.session.gate import Permit

SHAPES_MOST = 1000
"""So many shapes of statements are remembered of a session; with more, all are forgotten."""

_UNSEEN = "what it stands for was not seen here"
_DOUBTFUL = "what it stands for may have changed since it was made - make it again"
_RENAMES = frozenset({"prepare", "deallocate", "discard", "declare", "close"})
_RUNS_ANYTHING = frozenset({"do", "call", "unknown"})
_PLAIN = frozenset({Effect.READ, Effect.WRITE})
_OPAQUE = frozenset({Effect.RUN, Effect.UNKNOWN})


Values = tuple[str | None, ...]
"""What is bound to a statement, as text."""
Refuse = Callable[[bytes, str], None]
"""Tells the person that something was refused: an error, and why for the server's log."""


class Withdrawn(Exception):
    """The person has cancelled what was waiting for people."""


class Judging:
    """Of one conversation."""

    def __init__(self, talk: Talk) -> None:
        self._talk = talk
        self._work: asyncio.Future[Permit] | None = None

    def repeated(self, prepared: Prepared, bound: tuple[str | None, ...]) -> Results | None:
        """A prepared statement once more, if that may be at once."""
        talk, permit = self._talk, prepared.permit
        if permit is None or prepared.facts.verb in NAMED or not self._may_repeat(permit):
            return None
        n = talk.number()
        talk.desk.mark(mark_again(n, prepared.first, bound))
        return Results(talk.desk, n, permit, prepared.facts)

    def alike(self, facts: SqlFacts, bound: Values = ()) -> tuple[Prepared, Results] | None:
        """A statement like one before, if that may be at once; and that one."""
        talk = self._talk
        known = talk.shapes.get(facts.shape) if facts.shape else None
        if known is None or known.permit is None or known.facts.verb != facts.verb:
            return None
        if not self._may_repeat(known.permit):
            return None
        n = talk.number()
        told = mark_command(n, facts.text, facts.verb, bound, rule=known.permit.rule, like=known.first)
        talk.desk.mark(told)
        return known, Results(talk.desk, n, known.permit, facts)

    def _may_repeat(self, permit: Permit) -> bool:
        """What it was for may be done once more at once, without an entry of its own in the ledger."""
        talk = self._talk
        if talk.each_statement:
            return False
        if permit.masks and self._outdated(permit.masks) is not None:
            return False  # what the database holds has to be read before anything can be masked
        return talk.gate.repeats(permit)

    def foresee(self, facts: SqlFacts) -> frozenset[str] | None:
        """What would be masked in its answers; None where it would be blocked. It is not written down."""
        verdict = self._talk.gate.foresee(_operation(self._meant(facts), (), 0))
        return None if isinstance(verdict, Deny) else verdict.masks

    async def admit(
        self,
        given: Sequence[SqlFacts],
        bound: tuple[str | None, ...] = (),
        *,
        maskable: bool = True,
        portal: str | None = None,
    ) -> list[Results]:
        """All of these, or none. `portal`: it is run by this name. Raises `Denied`, `Withdrawn` or `Fault`."""
        talk = self._talk
        if any(facts.verb in NAMED for facts in given):
            await talk.settle()  # what is on its way may give the name another meaning
        meant = self._all_meant(given)
        running = [_running(facts, portal) for facts in given]
        at_once = len(meant) > 1
        for facts in meant:
            operation = _operation(facts, bound, 0)
            verdict = talk.gate.foresee(operation)
            at_once &= isinstance(verdict, Allow)
            if isinstance(verdict, Deny):
                await self._one(facts, bound, maskable)
            elif verdict.masks and (why := await self._why_not(verdict.masks, facts)):
                raise await talk.gate.refuse(operation, "", why)
        each = zip(meant, running, strict=True)
        if (
            at_once
        ):  # they share transactions of the ledger; marks come in order, each is made when its turn is
            permits = await asyncio.gather(*[self._one(facts, bound, maskable, runs) for facts, runs in each])
            return [
                Results(talk.desk, n, permit, facts)
                for facts, (n, permit) in zip(meant, permits, strict=True)
            ]
        admitted = []
        for facts, runs in each:
            n, permit = await self._one(facts, bound, maskable, runs)
            if len(meant) == 1:
                self.remember(facts, permit, n)
            admitted.append(Results(talk.desk, n, permit, facts))
        return admitted

    def plain(self, facts: SqlFacts, bound: Values) -> frozenset[str] | None:
        """What is to be masked in its answers, if it is allowed as it stands and only reads and writes rows. None if
        it is not so, or nobody can tell at once."""
        if facts.verb in NAMED or facts.verb in _RENAMES or not facts.certain or facts.sets:
            return None
        if not facts.effects or not facts.effects <= _PLAIN:
            return None
        verdict = self._talk.gate.foresee(_operation(facts, bound, 0))
        if not isinstance(verdict, Allow):
            return None
        masks = verdict.masks
        if masks and (self._outdated(masks) is not None or self._talk.desk.masks.why_not(masks, facts)):
            return None
        return masks

    async def one(self, n: int, facts: SqlFacts, bound: Values) -> Permit:
        """Such a statement is admitted, as number `n`. Raises `Denied`, `Withdrawn` or `Fault`."""
        return (await self._one(facts, bound, True, n=n))[1]

    def goes_on(self, results: Results, portal: str) -> None:
        """More of what was admitted is about to run, by the name of this portal."""
        self._renamed(results.facts, self._talk.n + 1, (portal,))

    def _all_meant(self, given: Sequence[SqlFacts]) -> list[SqlFacts]:
        meant: list[SqlFacts] = []
        hazy = False
        for facts in given:
            meant.append(self._meant(facts, hazy=hazy))
            hazy |= facts.verb in _RENAMES or _runs_unseen(meant[-1])
        return meant

    async def _why_not(self, masks: frozenset[str], facts: SqlFacts) -> str:
        """Why nobody may run it where these columns are masked, whatever else the rules say."""
        await self._look_up(masks)
        return self._talk.desk.masks.why_not(masks, facts)

    async def _look_up(self, masks: frozenset[str]) -> None:
        """What the database holds, read again where these masks go by it."""
        if masks and (outdated := self._outdated(masks)) is not None:
            await outdated.refresh()

    def _outdated(self, masks: frozenset[str]) -> KeptCatalog | None:
        """What is known of the database, where that is too old for these masks."""
        known = self._talk.catalog
        if known is None or known.is_fresh:
            return None
        is_enough = known.is_recent and not self._talk.desk.masks.name_columns(masks)
        return None if is_enough else known

    async def admitted(
        self,
        facts: Sequence[SqlFacts],
        bound: Values,
        refuse: Refuse,
        *,
        maskable: bool = True,
        portal: str | None = None,
    ) -> list[Results] | None:
        """The same, where a refusal is passed on to whoever asked: then it is None."""
        try:
            return await self.admit(facts, bound, maskable=maskable, portal=portal)
        except Denied as problem:
            refuse(refusals.denied(problem), problem.sentence)
        except Withdrawn:
            refuse(refusals.cancelled(), "withdrawn")
        return None

    async def _one(
        self, facts: SqlFacts, bound: Values, maskable: bool, running: Collection[str] = (), n: int = 0
    ) -> tuple[int, Permit]:
        talk = self._talk
        n = n or talk.number()
        admitted = talk.gate.admit(_operation(facts, bound, n), self._held, maskable=maskable)
        work = self._work = asyncio.ensure_future(admitted)
        try:
            permit = await asyncio.shield(work)
            await self._look_up(permit.masks)
            talk.masks |= permit.masks
            self._renamed(facts, n, running)
            return n, permit
        except asyncio.CancelledError:
            if work.cancelled():
                raise Withdrawn from None
            work.cancel()
            await asyncio.wait([work])
            raise
        finally:
            talk.held = None
            self._work = None

    async def _held(self, words: str) -> None:
        """People have to decide, or have decided."""
        self._talk.held = self._work
        self._talk.moved.set()
        await self._talk.tell(words)

    def remember(self, facts: SqlFacts, permit: Permit, n: int) -> None:
        """It was admitted as this: what is like it may be repeated."""
        shapes = self._talk.shapes
        if not facts.shape:
            return
        if len(shapes) >= SHAPES_MOST:
            shapes.clear()
        shapes[facts.shape] = Prepared(facts, permit=permit, first=n)

    def _renamed(self, facts: SqlFacts, n: int, running: Collection[str]) -> None:
        """It is about to run: names that it may give another meaning mean nothing certain until it has. A portal
        that is running can not become another, and no SQL can say the name of the unnamed statement."""
        talk = self._talk
        match facts.verb:
            case "prepare" | "deallocate" if facts.name:
                talk.statements.forget(facts.name, n)
            case "deallocate" | "discard":
                talk.statements.clear(n)
            case "declare" | "close" if facts.name:
                talk.portals.forget(facts.name, n)
            case "close":
                talk.portals.clear(n)
        if _runs_unseen(facts):
            talk.statements.doubt(n, ("",))
            talk.portals.doubt(n, running)

    def _meant(self, facts: SqlFacts, *, hazy: bool = False) -> SqlFacts:
        """What a statement that only names another one comes to. `hazy`: names may have changed just before it."""
        if facts.verb not in NAMED:
            return facts
        talk = self._talk
        names: Names[Any]
        if facts.verb == "execute":
            names = talk.statements
            found = talk.statements.get(facts.name)
        else:
            names = talk.portals
            portal = talk.portals.get(facts.name)
            found = portal.prepared if portal is not None else None
        if found is None or hazy or not names.settled(facts.name, -1):
            why = _DOUBTFUL if hazy or names.doubted(facts.name) is not None else _UNSEEN
            return replace(
                facts,
                effects=facts.effects | {Effect.UNKNOWN},
                certain=False,
                why=f'of the {NAMED[facts.verb]} "{facts.name}", {why}',
                shape="",
            )
        return stands_for(facts, found.facts)


def _runs_unseen(facts: SqlFacts) -> bool:
    """Whether SQL may run in it that the gateway does not see: DO, functions that somebody wrote, whatever is not
    certain. It may also prepare, declare, and take away."""
    return facts.verb in _RUNS_ANYTHING or not facts.certain or not facts.effects.isdisjoint(_OPAQUE)


def _running(facts: SqlFacts, portal: str | None) -> tuple[str, ...]:
    """The portals that are open and in use while this runs."""
    names = () if portal is None else (portal,)
    return (*names, facts.name) if facts.verb in ("fetch", "move") else names


def _operation(facts: SqlFacts, bound: tuple[str | None, ...], n: int) -> Operation:
    mark: Mapping[str, object] = {"n": n, "text": facts.text, **({"values": list(bound)} if bound else {})}
    return Operation(
        facts.verb,
        facts.text + values.as_comment(bound) if bound else facts.text,
        facts.effects,
        tuple(map(str, (*facts.reads, *facts.writes))),
        {"sql": facts, "values": bound, "mark": mark},
    )
