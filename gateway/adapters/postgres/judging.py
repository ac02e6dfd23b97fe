"""Statements become Operations and go through the Gate: what is asked, by which facts, and what a name stands for.

Two ways: `repeated`, at once, for what was admitted before and only reads; `admit`, which may take as long as people
do. It knows the conversation and not its messages.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from gateway.adapters.postgres import in_band, refusals, values
from gateway.adapters.postgres.catalogs import KeptCatalog
from gateway.adapters.postgres.in_band import Hears
from gateway.adapters.postgres.names import Names
from gateway.adapters.postgres.prepared import Prepared
from gateway.adapters.postgres.standing import NAMED, stands_for
from gateway.adapters.postgres.talk import Talk
from gateway.core.errors import Denied
from gateway.core.operation import Effect, Operation
from gateway.core.sql import SqlFacts
from gateway.core.verdict import Allow, Deny, Verdict
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


class Instead(Exception):
    """The person has accepted another text while theirs was held."""

    def __init__(self, denied: Denied) -> None:
        super().__init__(denied.sentence)
        self.denied = denied
        self.text = denied.instead


class Judging:
    """Of one conversation."""

    def __init__(self, talk: Talk) -> None:
        self._talk = talk
        self._work: asyncio.Future[Permit] | None = None
        self._hears = Hears(self._held, talk.in_band)

    def repeated(self, prepared: Prepared, bound: tuple[str | None, ...]) -> Results | None:
        """A prepared statement once more, if that may be at once."""
        talk, permit = self._talk, prepared.permit
        if permit is None or prepared.facts.verb in NAMED or prepared.facts.sets:
            return None
        if not self._may_repeat(permit):
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
        talk.defines &= not talk.is_quiet
        if talk.each_statement:
            return False
        if permit.masks and self._outdated(permit.masks) is not None:
            return False  # what the database holds has to be read before anything can be masked
        return talk.gate.repeats(permit)

    def foresee(self, facts: SqlFacts) -> frozenset[str] | None:
        """What would be masked in its answers; None where it would be blocked. It is not written down."""
        verdict = self._talk.gate.foresee(self._operation(self._meant(facts), (), 0))
        return None if isinstance(verdict, Deny) else verdict.masks

    async def foresee_by_rows(self, facts: SqlFacts) -> frozenset[str] | None:
        """The same, with what can be found out about its rows."""
        meant = self._meant(facts)
        verdict, _ = await self._foresee_by_rows(meant, (), meant)
        return None if isinstance(verdict, Deny) else verdict.masks

    async def _foresee_by_rows(
        self, facts: SqlFacts, bound: Values, planned: SqlFacts | None
    ) -> tuple[Verdict, int | None]:
        """And about how many they are, where that matters and somebody knows. `planned`: what is asked about; None
        where something before it may change what it means."""
        talk = self._talk
        operation = self._operation(facts, bound, 0)
        verdict = talk.gate.foresee(operation)
        if isinstance(verdict, Allow) and not (verdict.masks or verdict.alerts or verdict.observed):
            return verdict, None  # not knowing is the worst that it can be
        if planned is None or not talk.plain_strings or not talk.gate.asks_rows(operation):
            return verdict, None
        if talk.estimates is None or talk.defines:
            return verdict, None
        rows = await talk.estimates.rows(planned)
        return talk.gate.foresee(self._operation(facts, bound, 0, rows)), rows

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
        talk.defines &= not talk.is_quiet
        meant = self._all_meant(given)
        running = [_running(facts, portal) for facts in given]
        at_once = len(meant) > 1
        rows: list[int | None] = []
        is_as_now = True
        for asked, facts in zip(given, meant, strict=True):
            planned = _planned(asked, facts) if is_as_now else None
            verdict, count = await self._foresee_by_rows(facts, bound, planned)
            rows.append(count)
            is_as_now &= facts.certain and facts.effects <= _PLAIN and not facts.sets
            at_once &= isinstance(verdict, Allow)
            if isinstance(verdict, Deny):
                await self._one(facts, bound, maskable, rows=count)
            elif why := await self._why_not(verdict.masks, facts):
                raise await talk.gate.refuse(self._operation(facts, bound, 0, count), "", why)
        each = zip(meant, running, rows, strict=True)
        if at_once:  # they share transactions of the ledger; marks come in order, each when its turn is
            permits = await asyncio.gather(
                *[self._one(facts, bound, maskable, runs, rows=count) for facts, runs, count in each]
            )
            return [
                Results(talk.desk, n, permit, facts)
                for facts, (n, permit) in zip(meant, permits, strict=True)
            ]
        admitted = []
        for facts, runs, count in each:
            n, permit = await self._one(facts, bound, maskable, runs, rows=count)
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
        verdict = self._talk.gate.foresee(self._operation(facts, bound, 0))
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
        """Why nobody may run it, whatever the rules say: what it sets is wrong, or these columns are masked."""
        if facts.sets and (why := in_band.why_not(facts.sets)):
            return why
        await self._look_up(masks)
        return self._talk.desk.masks.why_not(masks, facts) if masks else ""

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
        has_other: bool = False,
    ) -> list[Results] | None:
        """The same, where a refusal is passed on to whoever asked: then it is None. `has_other`: whoever calls goes
        on with another text where the person has accepted one; raises `Instead` then."""
        try:
            return await self.admit(facts, bound, maskable=maskable, portal=portal)
        except Denied as problem:
            if has_other and problem.instead:
                raise Instead(problem) from problem
            refuse(self.told(problem), problem.sentence)
        except Withdrawn:
            refuse(refusals.cancelled(), "withdrawn")
        return None

    def told(self, problem: Denied) -> bytes:
        """How the person hears that something was stopped."""
        return refusals.denied(problem, self._talk.gate.session.target.name)

    async def _one(
        self,
        facts: SqlFacts,
        bound: Values,
        maskable: bool,
        running: Collection[str] = (),
        n: int = 0,
        rows: int | None = None,
    ) -> tuple[int, Permit]:
        talk = self._talk
        n = n or talk.number()
        operation = self._operation(facts, bound, n, rows)
        admitted = talk.gate.admit(operation, self._hears, maskable=maskable)
        work = self._work = asyncio.ensure_future(admitted)
        try:
            permit = await asyncio.shield(work)
            await self._look_up(permit.masks)
            talk.masks |= permit.masks
            permit.once |= rows is not None  # with other values it may be more
            self._renamed(facts, n, running)
            self._changed(facts)
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

    def _changed(self, facts: SqlFacts) -> None:
        """It is about to run: settings that it may change, and names that it may give to something else."""
        talk = self._talk
        talk.in_band.take(facts.sets)
        if facts.certain and facts.effects <= _PLAIN:
            return
        talk.defines |= Effect.DEFINE in facts.effects
        if _runs_unseen(facts) or (facts.sets and Effect.CONTROL in facts.effects) or _makes_temporary(facts):
            talk.estimates = None

    def _operation(self, facts: SqlFacts, bound: Values, n: int, rows: int | None = None) -> Operation:
        operation = _operation(facts, bound, n)
        more: dict[str, object] = {} if rows is None else {"rows": rows}
        if not self._talk.in_band.waits:
            more["waits"] = False
        if n and (began := self._talk.as_it_began) is not None:
            more["began"] = began
        return replace(operation, details={**operation.details, **more}) if more else operation

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


def _makes_temporary(facts: SqlFacts) -> bool:
    """Whether it may make something that only this session sees, and that hides what others see."""
    text = facts.text.lower()
    return Effect.DEFINE in facts.effects and ("temp" in text or "u&" in text)


def _planned(given: SqlFacts, meant: SqlFacts) -> SqlFacts:
    """What can be asked about in its stead: of a cursor, the statement that made it."""
    return meant.inner[-1] if meant is not given and meant.certain and meant.inner else meant


def _running(facts: SqlFacts, portal: str | None) -> tuple[str, ...]:
    """The portals that are open and in use while this runs."""
    names = () if portal is None else (portal,)
    return (*names, facts.name) if facts.verb in ("fetch", "move") else names


def operation_of(facts: SqlFacts) -> Operation:
    """What such a statement is when it is run with no parameters."""
    return _operation(facts, (), 0)


def _operation(facts: SqlFacts, bound: tuple[str | None, ...], n: int) -> Operation:
    mark: Mapping[str, object] = {"n": n, "text": facts.text, **({"values": list(bound)} if bound else {})}
    return Operation(
        facts.verb,
        facts.text + values.as_comment(bound) if bound else facts.text,
        facts.effects,
        tuple(map(str, (*facts.reads, *facts.writes))),
        {"sql": facts, "values": bound, "mark": mark},
    )
