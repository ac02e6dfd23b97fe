"""Answers what a held operation would do, when somebody asks: who is told, how often, and what is masked in it.

The request is judged once more as it is now: what its rules let people find out, and what is masked for its requester
and for whoever asks. What it then takes to find out is the business of a source (`gateway/core/impact.py`). The card
waits for none of this.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from gateway.core.approval import ACCESS
from gateway.core.errors import Fault, Malformed, Refused, Unreachable
from gateway.core.impact import DRY_RUN, OFF, Impact, ImpactQuestion, ImpactSource
from gateway.core.impact_events import RequestImpact
from gateway.core.operation import Operation
from gateway.core.people import Peer, Principal, Session, Target
from gateway.core.ports import Approval, Clock, Ledger
from gateway.core.verdict import Deny, Hold, Verdict
from gateway.session import words
from gateway.session.flood import Flood
from gateway.session.objections import Objection
from gateway.session.organs import Judge

MOST_AT_ONCE = 4
"""Questions under way, of everybody: each is a connection to a target."""
MOST_A_MINUTE = 20
"""Questions of one person."""
LASTS = 5.0
"""Seconds that an answer is given again instead of being found out anew."""
PATIENCE = 20.0
"""Seconds that a source has."""
MOST_KEPT = 50

Remake = Callable[[str, Approval], Awaitable[Operation]]
"""What a request of a target of this kind holds, read again. Raises `Refused` where that can not be told."""

log = logging.getLogger("hoop.impact")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What it takes to judge a request again."""

    ledger: Ledger
    clock: Clock
    judge: Callable[[], Judge]
    target: Callable[[str], Target | None]
    person: Callable[[str], Principal | None]
    remake: Remake


_Key = tuple[str, int, bool, frozenset[str], str]


class Impacts:
    """One for a gateway. `sources` by the kind of target."""

    def __init__(self, around: Surroundings, sources: Mapping[str, ImpactSource]) -> None:
        self._around = around
        self._sources = sources
        self._under_way: set[str] = set()
        self._kept: dict[_Key, tuple[float, Impact]] = {}
        self._flood = Flood(around.clock, MOST_AT_ONCE, MOST_A_MINUTE)

    async def ask(self, approval: Approval, by: Principal, *, dry_run: bool) -> Impact:
        """About a request that waits, for somebody who may know. Raises `Objection`."""
        question = await self._question(approval, by)
        if isinstance(question, str):
            return Impact(refused=question)
        key = (approval.id, approval.version, dry_run, question.masks, question.level)
        now = asyncio.get_running_loop().time()
        until, found = self._kept.get(key, (0.0, Impact()))
        if now < until:
            return found
        self._must_be_few(approval.id, by)
        self._under_way.add(approval.id)
        try:
            found = await self._measured(question, by, dry_run=dry_run)
        finally:
            self._under_way.discard(approval.id)
        self._keep(key, found)
        return found

    def _must_be_few(self, id: str, by: Principal) -> None:
        if id in self._under_way:
            raise Objection("many", f"somebody asks this about {id} right now: ask again in a moment")
        if len(self._under_way) >= MOST_AT_ONCE:
            raise Objection("many", "too much is asked at once here: ask again in a moment")
        try:
            self._flood.take(by.id)
        except Refused as problem:
            raise Objection("many", problem.sentence) from problem

    def _keep(self, key: _Key, found: Impact) -> None:
        now = asyncio.get_running_loop().time()
        self._kept = {each: kept for each, kept in self._kept.items() if kept[0] > now}
        if len(self._kept) < MOST_KEPT:
            self._kept[key] = (now + LASTS, found)

    async def _question(self, approval: Approval, by: Principal) -> ImpactQuestion | str:
        """Or why there is none."""
        around = self._around
        if approval.kind == ACCESS:
            return "it asks to come in: what is done then is not known yet"
        target = around.target(approval.target)
        person = around.person(approval.requester)
        if target is None:
            return f"{approval.target} is not known here any more"
        if person is None:
            return "who asks for it may not come in any more"
        try:
            operation = await around.remake(target.kind, approval)
        except Refused as problem:
            return problem.sentence
        verdict = self._judged(operation, approval, person, target)
        if isinstance(verdict, Deny):
            return f"it would be blocked by now: {verdict.reason or verdict.rule}"
        level = verdict.impact if isinstance(verdict, Hold) else OFF
        masks = verdict.masks
        seen = self._judged(operation, approval, by, target)
        if not isinstance(seen, Deny):
            masks |= seen.masks
        question = ImpactQuestion(approval, target, operation, masks, level)
        return self._why_not(question) or question

    def _why_not(self, question: ImpactQuestion) -> str:
        if question.level == OFF:
            return "its rules let nobody find out"
        source = self._sources.get(question.target.kind)
        if source is None:
            return f"nothing can be found out about what is done on {question.target.kind} targets"
        return source.can(question) or ""

    def _judged(self, operation: Operation, approval: Approval, who: Principal, target: Target) -> Verdict:
        facts = approval.facts
        peer = Peer(str(facts.get("address", "")), client=str(facts.get("client", "")))
        login = str(facts.get("login", ""))
        session = Session(approval.session, who, target, peer, approval.opened_at, login)
        try:
            return self._around.judge().decide(operation, session)
        except Exception as problem:
            raise Fault(words.POLICY_FAILED) from problem

    async def _measured(self, question: ImpactQuestion, by: Principal, *, dry_run: bool) -> Impact:
        if dry_run and question.level != DRY_RUN:
            return Impact(refused=NOT_LISTED)
        await self._note(question, by, dry_run=dry_run, result="begun")
        found, result = Impact(refused="it took too long"), "failed"
        try:
            async with asyncio.timeout(PATIENCE):
                found = await self._sources[question.target.kind].measure(question, dry_run=dry_run)
            result = "refused" if found.refused else "done"
        except (Unreachable, Malformed, Fault, OSError, TimeoutError) as problem:
            sentence = getattr(problem, "sentence", "") or "it took too long, or the target went away"
            log.info("what %s would do was not found out: %s", question.approval.id, sentence)
            found = Impact(refused=sentence)
        finally:
            await asyncio.shield(self._note(question, by, dry_run=dry_run, result=result, found=found))
        return found

    async def _note(
        self,
        question: ImpactQuestion,
        by: Principal,
        *,
        dry_run: bool,
        result: str,
        found: Impact | None = None,
    ) -> None:
        """In the ledger before the target hears of it, and afterwards how it went."""
        found = found or Impact()
        await self._around.ledger.append(
            RequestImpact(
                session=question.approval.session,
                actor=by.id,
                request=question.approval.id,
                dry_run=dry_run,
                result=result,
                reason=found.refused,
                rows=-1 if found.rows is None else found.rows,
                samples=sum(len(table.rows) for table in found.tables),
                took_ms=found.took_ms,
            )
        )


NOT_LISTED = 'its rules let nobody try it: none says impact = "dry-run"'
