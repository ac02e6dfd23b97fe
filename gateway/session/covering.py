"""What passes by an earlier approval: the same again, the same but for its constants, this target, this session; and
what was written down beforehand, by its author or, where the rule says so, by anybody else.

A grant is looked at each time: that its time is not over by any clock, that the rule still lists such a grant, and
that whoever gave it may still do so. Then one run of it is taken, by compare-and-set and with an entry of its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway.core import scopes
from gateway.core.approval import ACCESS, OPERATION, TEXT
from gateway.core.approval_events import ApprovalVoided, GrantEnded, GrantOpened, GrantUsed
from gateway.core.operation import Operation
from gateway.core.people import Session
from gateway.core.ports import Approval, Clock, Grant, Ledger
from gateway.core.verdict import Hold, Quorum
from gateway.session import asking
from gateway.session.who_decides import WhoDecides

AGAIN = "again"
CONNECT = "connect"
FOR_A_TIME = ("target", "shape")
SKEW = timedelta(minutes=1)
"""So far may clocks of gateways be apart. A grant from further in the future says that somebody set this one back."""
LONGEST = timedelta(days=14)
"""So long ago at most somebody asked for what may still be used: a rule gives people seven days to decide, and then
as long again to use it."""
LOOKED_AT = 200
"""Of a person's newest requests, so many may have been approved for a later try."""

MOST_REMEMBERED = 10_000
"""Grants: what is over is forgotten then."""


@dataclass(frozen=True, slots=True)
class Stay:
    """How long: by the wall clock, and by the one that nobody can set. Without a grant for a time there is no end."""

    grant: Grant | None = None
    until: datetime | None = None
    until_us: int | None = None


class Covering:
    """Opens, finds and uses grants."""

    def __init__(self, ledger: Ledger, clock: Clock, who: WhoDecides) -> None:
        self._ledger = ledger
        self._clock = clock
        self._who = who
        self._until_us: dict[str, int] = {}
        """When the time of a grant is over by the clock that nobody can set."""

    async def take(self, session: Session, operation: Operation, hold: Hold) -> str:
        """Take one run of a grant that covers this operation: the id of its request. Empty: there is none."""
        if hold.author:
            return await self._written_by_another(session, operation, hold)
        if used := await self._by_grant(session, operation, hold):
            return used
        person, target = session.principal.id, session.target.name
        since = self._clock.now() - LONGEST
        asked = await self._ledger.asked_before(target, since, requester=person)
        for approval in asked:  # whoever granted it was to open it, and may have been killed before
            if approval.kind == ACCESS and approval.rule == hold.rule and await self.open(approval):
                return await self._by_grant(session, operation, hold)
        later = await self._of(person, "approved") if hold.mode == "fail" else ()
        own = [*asked, *(each for each in later if each.kind == OPERATION)]
        return await self._approved_before(own, session, operation, hold)

    async def _by_grant(self, session: Session, operation: Operation, hold: Hold) -> str:
        for grant in await self._ledger.grants(session.principal.id, session.target.name):
            if await self._is_over(grant) or not _covers(grant, session, operation, hold):
                continue
            approval = await self._ledger.approval(grant.id)
            if approval is None or not _same_account(approval, session):
                continue
            if await self._is_still_given(approval, grant, hold) and await self._use(
                grant.id, session, operation
            ):
                return grant.id
        return ""

    async def open(self, approval: Approval) -> bool:
        """Let through what was granted beyond the one operation, which is the first of its runs; of what was asked
        for in advance, from the moment on at which it was granted. False: there is no such thing, or it was done."""
        scope = scopes.parse(approval.granted_scope or scopes.ONCE)
        runs = scope.runs if scope.runs is None or approval.mode == "fail" else scope.runs - 1
        if scope.kind == scopes.ONCE or runs == 0:
            return False
        now = _granted_at(approval) if approval.kind == ACCESS else self._clock.now()
        until = now + (scope.lasts or scopes.LONGEST)
        key = {"shape": approval.shape, "session": approval.session}.get(scope.kind, "")
        if approval.verb == CONNECT:
            key = {"target": str(approval.facts.get("login", ""))}.get(scope.kind, key)
        person, target, rule = approval.requester, approval.target, approval.rule
        grant = Grant(approval.id, person, target, rule, scope.kind, key, now, until, runs)
        opened = GrantOpened(
            session=approval.session,
            actor=person,
            request=approval.id,
            scope=str(scope),
            expires_at=until.isoformat(),
            runs=runs or 0,
        )
        return await self._ledger.open_grant(grant, opened)

    async def waiting(self, session: Session, operation: Operation, hold: Hold) -> list[Approval]:
        """The requests that ask about exactly this already, where nobody's client waits."""
        now, found = self._clock.now(), await self._of(session.principal.id, "held")
        return [each for each in found if _is_about(each, session, operation, hold) and now < each.expires_at]

    async def waiting_in_all(self, person: str) -> int:
        """How much of theirs waits."""
        return len(await self._of(person, "held"))

    async def still(self, approval: Approval, hold: Hold) -> Approval:
        """What was approved, denied after all if whoever granted it may not do so any more."""
        why = self._who.still(approval, hold)
        return await self.void(approval, why) if why else approval

    async def void(self, approval: Approval, why: str) -> Approval:
        """What was approved, denied after all before it was let through."""
        voided = ApprovalVoided(session=approval.session, request=approval.id, why=why)
        await self._ledger.void_approval(approval.id, why, voided)
        return await self._ledger.approval(approval.id) or approval

    async def stay(self, approval: Approval) -> Stay:
        """How long whoever came in by this may stay."""
        grant = await self._ledger.grant(approval.id)
        if grant is None or grant.kind not in FOR_A_TIME:
            return Stay()
        over = await self._is_over(grant)
        until_us = self._clock.monotonic_us() if over else self._until_us[grant.id]
        return Stay(grant, grant.expires_at, until_us)

    async def why_over(self, approval: Approval, grant: Grant, hold: Hold | None) -> str:
        """Why somebody who came in by this grant, which `hold` asks for now, may not stay; else nothing. Asks the
        ledger nothing."""
        why = self._who.still(approval, hold)
        if not why and hold is not None and grant.kind not in _kinds(hold):
            why = "its rule does not grant it any more"
        if why:
            await self._end(grant, why)
        return why

    async def _of(self, person: str, state: str) -> Sequence[Approval]:
        return await self._ledger.approvals(requester=person, state=state, limit=LOOKED_AT, text_limit=0)

    async def why_not(self, session: Session, operation: Operation, hold: Hold) -> str:
        """What to do about what somebody else has to run."""
        target = session.target.name
        since = self._clock.now() - LONGEST
        for approval in await self._ledger.asked_before(target, since, sha256=operation.sha256):
            own = self._who.is_requester(approval, session.principal)
            if own and _is_about(approval, session, operation, hold) and self._is_in_time(approval):
                return f"you wrote {approval.id} yourself, so somebody else has to run it"
        how = f"hoop-tui request create --target {target} --text"
        return f"only what somebody else wrote and had approved may run: they ask with {how}"

    async def _written_by_another(self, session: Session, operation: Operation, hold: Hold) -> str:
        since = self._clock.now() - LONGEST
        asked = await self._ledger.asked_before(session.target.name, since, sha256=operation.sha256)
        others = [
            each
            for each in asked
            if each.kind == TEXT and not self._who.is_requester(each, session.principal)
        ]
        return await self._approved_before(others, session, operation, hold)

    def _is_in_time(self, approval: Approval) -> bool:
        now, given = self._clock.now(), _granted_at(approval)
        return given - SKEW <= now < given + (approval.expires_at - approval.opened_at)

    async def _approved_before(
        self, asked: Sequence[Approval], session: Session, operation: Operation, hold: Hold
    ) -> str:
        """What was refused at first, or written down beforehand, passes once, for as long again as it could have been
        decided."""
        for approval in asked:
            if not self._is_in_time(approval) or not _is_about(approval, session, operation, hold):
                continue
            approval = await self.still(approval, hold)
            if approval.state == "approved" and await self._first_run(approval, session, operation):
                return approval.id
        return ""

    async def _first_run(self, approval: Approval, session: Session, operation: Operation) -> bool:
        if scopes.parse(approval.granted_scope or scopes.ONCE).kind != scopes.ONCE:
            await self.open(approval)
            return await self._use(approval.id, session, operation)
        now = self._clock.now()
        person, target, rule, key = approval.requester, approval.target, approval.rule, approval.sha256
        grant = Grant(approval.id, person, target, rule, AGAIN, key, now, now, 0, ended=AGAIN)
        return await self._ledger.open_grant(grant, _used(approval.id, session, operation))

    async def _use(self, id: str, session: Session, operation: Operation) -> bool:
        return await self._ledger.use_grant(id, self._clock.now(), _used(id, session, operation))

    async def _is_over(self, grant: Grant) -> bool:
        """By the wall clock, or by the one that nobody can set: whichever comes first. Once over, it stays so."""
        now, now_us = self._clock.now(), self._clock.monotonic_us()
        left_us = int((grant.expires_at - now).total_seconds() * 1_000_000)
        lasts_us = int((grant.expires_at - grant.opened_at).total_seconds() * 1_000_000)
        if len(self._until_us) > MOST_REMEMBERED:
            self._until_us = {id: until for id, until in self._until_us.items() if until > now_us}
        until_us = self._until_us.setdefault(grant.id, now_us + min(left_us, lasts_us))
        if now < grant.opened_at - SKEW:
            return True
        if now < grant.expires_at and now_us < until_us:
            return False
        await self._end(grant, "its time is over")
        return True

    async def _is_still_given(self, approval: Approval, grant: Grant, hold: Hold) -> bool:
        why = self._who.still(approval, hold)
        if why and not (_asks_more(hold, approval) and not self._who.still(approval)):
            await self._end(grant, why)
        return not why

    async def _end(self, grant: Grant, why: str) -> None:
        self._until_us.pop(grant.id, None)
        await self._ledger.end_grant(grant.id, why, GrantEnded(request=grant.id, why=why))


def _granted_at(approval: Approval) -> datetime:
    return approval.review.opened_at if approval.review else approval.decisions[-1].at


def _covers(grant: Grant, session: Session, operation: Operation, hold: Hold) -> bool:
    if grant.rule != hold.rule or grant.kind not in _kinds(hold):
        return False
    if grant.kind == "target":
        return grant.key in ("", session.login)
    return grant.key == {"shape": asking.shape(operation), "session": session.id}.get(grant.kind)


def _kinds(hold: Hold) -> frozenset[str]:
    """That its rule lists."""
    return frozenset(scopes.parse(each).kind for each in hold.scopes)


def _asks_more(hold: Hold, approval: Approval) -> bool:
    """Another rule holds this one as well: it is no less granted for what the first holds by itself."""
    asked = {Quorum(approval.approvers, approval.count), *approval.also}
    return {Quorum(hold.approvers, hold.count), *hold.also} > asked


def _is_about(approval: Approval, session: Session, operation: Operation, hold: Hold) -> bool:
    asked = (approval.mode, approval.target, approval.rule, approval.verb, approval.sha256)
    same = asked == ("fail", session.target.name, hold.rule, operation.verb, operation.sha256)
    return same and _same_account(approval, session)


def _same_account(approval: Approval, session: Session) -> bool:
    """What was granted for one account on the target is not granted for another."""
    return str(approval.facts.get("login", "")) == session.login


def _used(id: str, session: Session, operation: Operation) -> GrantUsed:
    return GrantUsed(session=session.id, actor=session.principal.id, request=id, sha256=operation.sha256)
