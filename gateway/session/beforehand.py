"""Asking before there is a session: to come in for a time, for what a rule holds, or for one text written down.

Only what a rule would hold for this person can be asked for, and only what it lets people grant; what it blocks is
blocked. Whoever is asked, and what becomes of it, is the business of `approvals.py`, as for everything that is held.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from gateway.core import scopes
from gateway.core.accounts import account_for
from gateway.core.approval import ACCESS, TEXT
from gateway.core.errors import Fault, Refused, Unreachable
from gateway.core.operation import Operation
from gateway.core.people import Peer, Principal, Session, Target
from gateway.core.plain import plain
from gateway.core.ports import Approval, Clock
from gateway.core.scopes import ONCE, Scope
from gateway.core.verdict import Deny, Hold, Verdict
from gateway.session import asking, words
from gateway.session.approvals import Approvals
from gateway.session.arrival import arrival
from gateway.session.looking import Foresee
from gateway.session.objections import Objection
from gateway.session.organs import Judge

Draft = Callable[[Target, str], Awaitable[Operation]]
"""What a text would be on a target, as its adapter reads it. Raises `Refused` where it is not one operation."""

Look = Callable[[Session, Foresee, Operation], Awaitable[Operation]]
"""What is in the files that it runs: `looking.py`. Raises `Unreachable`."""
SSH = "ssh"


_ASK = "ask for it with hoop-tui request create --text"


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody wants to do later. `lasts`: as scopes write times."""

    target: str
    lasts: str = ""
    rule: str = ""
    login: str = ""
    text: str = ""
    reason: str = ""
    ticket: str = ""
    key: str = ""
    """Wished with the same key again, it is the same request, whatever has become of it."""


class Beforehand:
    """Turns wishes into requests."""

    def __init__(
        self,
        approvals: Approvals,
        judge: Callable[[], Judge],
        find: Callable[[str], Target | None],
        draft: Draft,
        clock: Clock,
        look: Look | None = None,
    ) -> None:
        self._approvals = approvals
        self._judge = judge
        self._find = find
        self._draft = draft
        self._clock = clock
        self._look = look

    async def ask(self, who: Principal, peer: Peer, wish: Wish) -> Approval:
        """The request, which is in the ledger; or the one that asks for the same and waits. Raises `Objection` and
        `Fault`."""
        session = self._session(who, peer, wish)
        judge = self._judge()
        if wish.text:
            operation, hold = await self._written(session, judge, wish)
            asked = asking.request(session, operation, hold, judge.revision, self._clock.now())
            asked = replace(asked, kind=TEXT)
        else:
            operation, hold, scope = self._access(session, judge, wish)
            asked = asking.request(session, operation, hold, judge.revision, self._clock.now())
            asked = replace(asked, kind=ACCESS, scopes=(str(scope),))
        given = {"reason": wish.reason.strip(), "ticket": wish.ticket.strip()}
        answers = {name: said for name, said in given.items() if said}
        facts = {**asked.facts, **({"key": wish.key} if wish.key else {})}
        try:
            return await self._approvals.ask(replace(asked, mode="fail", answers=answers, facts=facts))
        except Objection:
            raise
        except Refused as problem:
            raise Objection("many", problem.sentence) from problem

    async def amend(
        self, approval: Approval, by: Principal, sha: str, version: int, text: str, reason: str
    ) -> Approval:
        """Another text is proposed. It is read as its target would read it, and refused where rules block it for who
        asks as they were then. Raises `Objection`."""
        amending = self._approvals.amending
        amending.must_be_amendable(approval, by, sha, version)
        facts = approval.facts
        groups = frozenset(map(str, facts.get("groups") or ()))
        who = Principal(approval.requester, str(facts.get("person", "")), groups)
        peer = Peer(str(facts.get("address", "")), 0, str(facts.get("client", "")))
        session = self._session(who, peer, _same_place(approval, text))
        operation = await self._read(session, text)
        _verdict(self._judge(), operation, session)
        if not await amending.propose(approval, by, operation.text, reason):
            raise Objection("changed", f"{approval.id} has changed meanwhile: look again")
        await self._approvals.changed(approval.id)
        return approval

    async def accept(
        self, approval: Approval, who: Principal, peer: Peer, sha: str, version: int
    ) -> Approval:
        """Whoever asked takes the text that was proposed, judged as if they asked for it now. Raises `Objection`."""
        amending = self._approvals.amending
        said = amending.proposed(approval, who, sha, version)
        session, judge = self._session(who, peer, _same_place(approval, said.text)), self._judge()
        operation = await self._read(session, said.text)
        verdict = _verdict(judge, operation, session)
        other = None
        if isinstance(verdict, Hold):
            if verdict.author:
                raise Objection("scope", f"{verdict.rule} wants somebody else to run it: {_ASK}")
            now = self._clock.now()
            other = asking.request(session, operation, verdict, judge.revision, now, approval.answers)
            other = replace(other, kind=TEXT, mode="fail")
        if not await amending.accept(approval, said, other):
            raise Objection("changed", f"{approval.id} has changed meanwhile: look again")
        await self._approvals.changed(approval.id, *([other.id] if other else []))
        return approval

    async def _read(self, session: Session, text: str) -> Operation:
        if "\0" in text:
            raise Objection("scope", "a text can not have a zero byte in it")
        try:
            return await self._draft(session.target, text)
        except Refused as problem:
            raise Objection("scope", problem.sentence) from problem

    def _session(self, who: Principal, peer: Peer, wish: Wish) -> Session:
        """In which it would be done; it never begins."""
        target = self._find(wish.target)
        if target is None or (who.targets and target.name not in who.targets):
            raise Objection("unknown", f'there is no target "{plain(wish.target, 64)}" for you')
        try:
            account = account_for(target, who, wish.login)
        except Refused as problem:
            raise Objection("blocked", problem.sentence) from problem
        return Session("", who, target, peer, self._clock.now(), account)

    async def _written(self, session: Session, judge: Judge, wish: Wish) -> tuple[Operation, Hold]:
        """One text, judged as it would be when it is run."""
        if wish.lasts or wish.rule:
            raise Objection("scope", "a text passes once: ask for a time, or for a rule, without one")
        operation = await self._read(session, wish.text)
        verdict = _verdict(judge, operation, session)
        if self._look is not None and session.target.kind == SSH:
            operation = await self._looked_into(self._look, operation, judge, session)
            verdict = _verdict(judge, operation, session)
        if isinstance(verdict, Hold):
            return operation, verdict
        raise Objection("scope", f"no rule holds this on {session.target.name} for you: just run it")

    async def _looked_into(
        self, look: Look, operation: Operation, judge: Judge, session: Session
    ) -> Operation:
        """With the files that it runs, as they will be looked at when it is run."""
        try:
            return await look(session, lambda each: judge.decide(each, session), operation)
        except Unreachable as problem:
            raise Objection("scope", problem.sentence) from problem

    def _access(self, session: Session, judge: Judge, wish: Wish) -> tuple[Operation, Hold, Scope]:
        """Coming in, or what one rule holds, for a time; coming in also just once."""
        name = session.target.name
        coming = arrival(session)
        verdict = _verdict(judge, coming, session)
        if not judge.lets_in(session):
            raise Objection("blocked", f"no rule lets you do anything on {name}")
        if isinstance(verdict, Hold) and wish.rule in ("", verdict.rule):
            scope = _scope(verdict, wish.lasts, name)
            text = coming.text if scope.kind == ONCE else f"{coming.text} for {_time(scope)}"
            return replace(coming, text=text), verdict, scope
        hold = _window(judge.windows(session), wish.rule, name)
        scope = _scope(hold, wish.lasts, name)
        text = f"{coming.text} for {_time(scope)}, for what {hold.rule} holds"
        return replace(coming, text=text), hold, scope


def _same_place(approval: Approval, text: str) -> Wish:
    return Wish(approval.target, login=str(approval.facts.get("login", "")), text=text)


def _verdict(judge: Judge, operation: Operation, session: Session) -> Verdict:
    try:
        verdict = judge.decide(operation, session)
    except Exception as problem:
        raise Fault(words.POLICY_FAILED) from problem
    if isinstance(verdict, Deny):
        raise Objection("blocked", words.blocked(verdict.rule, verdict.reason).removeprefix("hoop: "))
    return verdict


def _window(windows: Sequence[Hold], rule: str, target: str) -> Hold:
    """The one that is asked for, or the only one."""
    if not windows:
        raise Objection("scope", f"no rule holds anything on {target} for you: just connect")
    if rule and all(each.rule != rule for each in windows):
        raise Objection("scope", f"no rule {plain(rule, 64)} holds anything on {target} for you")
    timed = [each for each in windows if _listed(each) is not None and rule in ("", each.rule)]
    if len(timed) > 1:
        which = ", ".join(each.rule for each in timed)
        raise Objection("missing", f"several rules hold something on {target}, say which: {which}")
    if not timed:
        named = rule or ", ".join(each.rule for each in windows)
        raise Objection("scope", f"what {named} holds on {target} is granted as you go, not for a time")
    return timed[0]


def _listed(hold: Hold) -> Scope | None:
    return next((scope for scope in map(scopes.parse, hold.scopes) if scope.kind == "target"), None)


def _scope(hold: Hold, lasts: str, target: str) -> Scope:
    """As much of what the rule lists as is asked for: with no time said, all."""
    listed = _listed(hold)
    if not lasts:
        return listed or Scope(ONCE)
    if listed is None:
        raise Objection("scope", f"{hold.rule} lets nobody grant a time on {target}: ask for one session")
    try:
        wanted = scopes.parse(f"target {lasts}")
    except ValueError as problem:
        raise Objection("scope", str(problem)) from problem
    if _length(wanted) > _length(listed):
        raise Objection("scope", f"{hold.rule} lets people grant {_time(listed)} on {target} at most")
    return wanted


def _length(scope: Scope) -> timedelta:
    return scope.lasts or timedelta()


def _time(scope: Scope) -> str:
    return str(scope).partition(" ")[2]
