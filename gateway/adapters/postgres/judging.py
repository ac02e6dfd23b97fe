"""Statements become Operations and go through the Gate: what is asked, by which facts, and what a name stands for.

Two ways: `repeated`, at once, for what was admitted before and only reads; `admit`, which may take as long as people
do. It knows the conversation and not its messages.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from gateway.adapters.postgres import refusals, values
from gateway.adapters.postgres.prepared import Prepared
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
_PARAMETERS = "what its parameters call does more than compute"
_RENAMES = frozenset({"prepare", "deallocate", "discard", "declare", "close", "do", "call", "unknown"})
_NAMED = {"execute": "prepared statement", "fetch": "cursor", "move": "cursor"}


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
        if permit is None or prepared.facts.verb in _NAMED or not self._may_repeat(permit):
            return None
        n = talk.number()
        talk.desk.mark(mark_again(n, prepared.first, bound))
        return Results(talk.desk, n, permit, prepared.facts)

    def alike(self, facts: SqlFacts) -> tuple[Prepared, Results] | None:
        """A statement like one before, if that may be at once; and that one."""
        talk = self._talk
        known = talk.shapes.get(facts.shape) if facts.shape else None
        if known is None or known.permit is None or known.facts.verb != facts.verb:
            return None
        if not self._may_repeat(known.permit):
            return None
        n = talk.number()
        talk.desk.mark(mark_command(n, facts.text, facts.verb, rule=known.permit.rule, like=known.first))
        return known, Results(talk.desk, n, known.permit, facts)

    def _may_repeat(self, permit: Permit) -> bool:
        """What it was for may be done once more at once, without an entry of its own in the ledger."""
        talk = self._talk
        if talk.each_statement:
            return False
        if permit.masks and talk.catalog is not None and not talk.catalog.is_fresh:
            return False  # what the database holds has to be read before anything can be masked
        return talk.gate.repeats(permit)

    def foresee(self, facts: SqlFacts) -> frozenset[str] | None:
        """What would be masked in its answers; None where it would be blocked. It is not written down."""
        verdict = self._talk.gate.foresee(_operation(self._meant(facts), (), 0))
        return None if isinstance(verdict, Deny) else verdict.masks

    async def admit(
        self, given: Sequence[SqlFacts], bound: tuple[str | None, ...] = (), *, maskable: bool = True
    ) -> list[Results]:
        """All of these, or none. Raises `Denied`, `Withdrawn` or `Fault`."""
        talk = self._talk
        if any(facts.verb in _NAMED for facts in given):
            await talk.settle()  # what is on its way may give the name another meaning
        meant: list[SqlFacts] = []
        for facts in given:
            hazy = any(earlier.verb in _RENAMES for earlier in given[: len(meant)])
            meant.append(self._meant(facts, hazy=hazy))
        at_once = len(meant) > 1
        for facts in meant:
            operation = _operation(facts, bound, 0)
            verdict = talk.gate.foresee(operation)
            at_once &= isinstance(verdict, Allow)
            if isinstance(verdict, Deny):
                await self._one(facts, bound, maskable)
            elif verdict.masks and (why := await self._why_not(verdict.masks, facts)):
                raise await talk.gate.refuse(operation, "", why)
        if (
            at_once
        ):  # they share transactions of the ledger; marks come in order, each is made when its turn is
            permits = await asyncio.gather(*[self._one(facts, bound, maskable) for facts in meant])
            return [
                Results(talk.desk, n, permit, facts)
                for facts, (n, permit) in zip(meant, permits, strict=True)
            ]
        admitted = []
        for facts in meant:
            n, permit = await self._one(facts, bound, maskable)
            if facts.shape and not bound and len(meant) == 1:
                self._remember(facts, permit, n)
            admitted.append(Results(talk.desk, n, permit, facts))
        return admitted

    async def _why_not(self, masks: frozenset[str], facts: SqlFacts) -> str:
        """Why nobody may run it where these columns are masked, whatever else the rules say."""
        talk = self._talk
        if talk.catalog is not None and not talk.catalog.is_fresh:
            await talk.catalog.refresh()
        return talk.desk.masks.why_not(masks, facts)

    async def admitted(
        self, facts: Sequence[SqlFacts], bound: Values, refuse: Refuse, *, maskable: bool = True
    ) -> list[Results] | None:
        """The same, where a refusal is passed on to whoever asked: then it is None."""
        try:
            return await self.admit(facts, bound, maskable=maskable)
        except Denied as problem:
            refuse(refusals.denied(problem), problem.sentence)
        except Withdrawn:
            refuse(refusals.cancelled(), "withdrawn")
        return None

    async def _one(
        self, facts: SqlFacts, bound: tuple[str | None, ...], maskable: bool
    ) -> tuple[int, Permit]:
        talk = self._talk
        n = talk.number()
        admitted = talk.gate.admit(_operation(facts, bound, n), self._held, maskable=maskable)
        work = self._work = asyncio.ensure_future(admitted)
        try:
            permit = await asyncio.shield(work)
            if permit.masks and talk.catalog is not None and not talk.catalog.is_fresh:
                await talk.catalog.refresh()
            talk.masks |= permit.masks
            self._renamed(facts, n)
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
        await self._talk.tell(words)

    def _remember(self, facts: SqlFacts, permit: Permit, n: int) -> None:
        shapes = self._talk.shapes
        if len(shapes) >= SHAPES_MOST:
            shapes.clear()
        shapes[facts.shape] = Prepared(facts, permit=permit, first=n)

    def _renamed(self, facts: SqlFacts, n: int) -> None:
        """It is about to run: names that it may give another meaning mean nothing certain until it has."""
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
            case "do" | "call" | "unknown":
                talk.obscured = True

    def _meant(self, facts: SqlFacts, *, hazy: bool = False) -> SqlFacts:
        """What a statement that only names another one comes to. `hazy`: names may have changed just before it."""
        if facts.verb not in _NAMED:
            return facts
        talk = self._talk
        if facts.verb == "execute":
            found = talk.statements.get(facts.name) if talk.statements.settled(facts.name, -1) else None
            inner = found.facts if found is not None else None
        else:
            portal = talk.portals.get(facts.name) if talk.portals.settled(facts.name, -1) else None
            inner = portal.prepared.facts if portal is not None else None
        if inner is None or hazy or talk.obscured:
            return replace(
                facts,
                effects=facts.effects | {Effect.UNKNOWN},
                certain=False,
                why=f'of the {_NAMED[facts.verb]} "{facts.name}", {_UNSEEN}',
                shape="",
            )
        text = f"{facts.text}\n-- {_NAMED[facts.verb]} {facts.name}: {inner.text}"
        meant = replace(inner, text=text, shape="", inner=(*inner.inner, inner))
        if facts.effects <= {Effect.READ, Effect.UNKNOWN}:
            return meant
        both = inner.effects | facts.effects | {Effect.UNKNOWN}
        functions = (*inner.functions, *facts.functions)
        return replace(meant, effects=both, functions=functions, certain=False, why=_PARAMETERS)


def _operation(facts: SqlFacts, bound: tuple[str | None, ...], n: int) -> Operation:
    mark: Mapping[str, object] = {"n": n, "text": facts.text, **({"values": list(bound)} if bound else {})}
    return Operation(
        facts.verb,
        facts.text + values.as_comment(bound) if bound else facts.text,
        facts.effects,
        tuple(map(str, (*facts.reads, *facts.writes))),
        {"sql": facts, "values": bound, "mark": mark},
    )
