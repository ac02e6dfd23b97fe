"""The decision: block beats hold beats allow, masks add up, and without a rule that allows everything is blocked.

The order of rules never matters. A hold grants nothing: what it holds must be allowed by another rule, so that adding
a rule that blocks, holds, masks, alerts or observes never lets anything through. What time it is, the caller says;
without that, rules that depend on it are in doubt.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from gateway.core.operation import Operation
from gateway.core.people import Session
from gateway.core.verdict import Allow, Deny, Hold, Verdict
from gateway.policy import scope
from gateway.policy.docket import ABOUT_SESSION, docket
from gateway.policy.estimates import NOT_KNOWN, has_rows, rows_of
from gateway.policy.hearing import Hearing
from gateway.policy.holding import hold_for
from gateway.policy.lines import stands_inside, what_is_unclear
from gateway.policy.matched import matched as spans
from gateway.policy.paths import is_resolved
from gateway.policy.predicates import FIELDS
from gateway.policy.rules import Policy, Rule
from gateway.policy.statements import statement_of

DEFAULT = "default"
ABOUT_STATEMENT = frozenset(("verb", "effect", "table", "column", "function", "has_where", "rows"))
"""Fields that are matched by a statement of which nothing is certain."""
_BESIDE_ROWS = frozenset(FIELDS) - {"rows", "time"}
_DONE = {"block": "blocked", "hold": "held", "mask": "masked"}


@dataclass(slots=True)
class _Matched:
    """The rules that matched, by what they do; those that only observe are only noted."""

    block: list[Rule] = field(default_factory=list)
    hold: list[Rule] = field(default_factory=list)
    allow: list[Rule] = field(default_factory=list)
    mask: list[Rule] = field(default_factory=list)
    alerts: frozenset[str] = frozenset()
    observed: frozenset[str] = frozenset()

    def add(self, rule: Rule) -> None:
        if rule.observe:
            self.observed |= {f"{rule.id} would have {_DONE[rule.do]}"}
        elif rule.do == "alert":
            self.alerts |= {rule.id}
        else:
            getattr(self, rule.do).append(rule)


def decide(policy: Policy, operation: Operation, session: Session, now: datetime | None = None) -> Verdict:
    """May this operation pass, who has to be asked, and what is masked in its answers?"""
    hearing = Hearing(operation, session, now)
    matched = _Matched()
    for rule in docket(policy, operation, session):
        if hearing.matches(rule):
            matched.add(rule)
    verdict = _verdict(matched, operation, session)
    if isinstance(verdict, Hold):
        held_by = {(rule.id, rule.place) for rule in matched.hold}
        rules = [rule for rule in policy.rules if (rule.id, rule.place) in held_by]
        verdict = replace(verdict, matched=spans(rules, operation))
    if not matched.alerts and not matched.observed:
        return verdict
    return replace(verdict, alerts=matched.alerts, observed=matched.observed)


def _verdict(matched: _Matched, operation: Operation, session: Session) -> Verdict:
    if matched.block:
        blocking = _in_order(matched.block)[0]
        return Deny(blocking.id, _reason(blocking, operation))
    if not matched.allow and not scope.needs_no_rule(operation):
        return Deny(DEFAULT, f"no rule lets you do this on {session.target.name}")
    if matched.mask and scope.can_not_be_masked(operation):
        return Deny(_in_order(matched.mask)[0].id, _unmasked(operation, session))
    masks = frozenset[str]().union(*(scope.masks_on(rule, session.target) for rule in matched.mask))
    if matched.hold:
        holding = _in_order(matched.hold)
        return hold_for(holding, _reason(holding[0], operation), masks)
    return Allow(_in_order(matched.allow)[0].id if matched.allow else DEFAULT, masks)


def watches_typing(policy: Policy, session: Session) -> bool:
    """Whether some rule has something to say about lines that are typed in this session."""
    hearing = Hearing(Operation("typed", ""), session)
    return any(scope.heeds_typing(rule) and hearing.could_match(rule, ABOUT_SESSION) for rule in policy.rules)


def lets_in(policy: Policy, session: Session) -> bool:
    """Whether some rule could allow something in this session."""
    hearing = Hearing(Operation("", ""), session)
    return any(rule.do == "allow" and hearing.could_match(rule, ABOUT_SESSION) for rule in policy.rules)


def is_timeless(policy: Policy, session: Session) -> bool:
    """Whether what was decided in this session stays so: no rule that could be about it asks what time it is."""
    timed = [rule for rule in policy.rules if rule.is_timed]
    if not timed:
        return True
    hearing = Hearing(Operation("", ""), session)
    return not any(hearing.could_match(rule, ABOUT_SESSION) for rule in timed)


def asks_rows(policy: Policy, operation: Operation, session: Session) -> bool:
    """Whether some rule that could be about this needs to know about how many rows it is."""
    asking = [rule for rule in policy.rules if rule.asks_rows]
    facts = statement_of(operation)
    if not asking or facts is None or not facts.certain or not has_rows(facts):
        return False
    hearing = Hearing(operation, session)
    return any(_depends_on_rows(rule, hearing) for rule in asking)


def _depends_on_rows(rule: Rule, hearing: Hearing) -> bool:
    """Whether nothing else decides already what it says. What time it is, is not looked at."""
    if not hearing.could_match(rule, _BESIDE_ROWS):
        return False
    may_except = bool(rule.unless) and hearing.could_except(rule, _BESIDE_ROWS)
    if may_except and "rows" in rule.unless_fields:
        return True
    is_lifted = may_except and rule.unless_fields <= _BESIDE_ROWS
    return not is_lifted and ("rows" in rule.match_fields or (rule.when is not None and rule.when.asks_rows))


def _in_order(rules: Sequence[Rule]) -> list[Rule]:
    """Of several rules that agree, the one first in the alphabet speaks: so order never matters."""
    return sorted(rules, key=lambda rule: (rule.id, rule.place)) if len(rules) > 1 else list(rules)


def _reason(rule: Rule, operation: Operation) -> str:
    why = _doubt(rule, operation)
    if not why:
        return rule.message
    return f"{rule.message} ({why})" if rule.message else why


def _doubt(rule: Rule, operation: Operation) -> str:
    """What this rule could not be sure of, so that people know why it caught them."""
    about = rule.when.about if rule.when is not None else frozenset()
    facts = statement_of(operation)
    if facts is not None:
        if rule.asks_rows and facts.certain and has_rows(facts) and rows_of(operation) is None:
            return NOT_KNOWN
        return facts.why if rule.match_fields & ABOUT_STATEMENT or "statement" in about else ""
    if not scope.ABOUT_LINES.isdisjoint(rule.match_fields | about) and (why := what_is_unclear(operation)):
        return why
    for condition in rule.match if operation.attachments else ():
        if condition.field in scope.ABOUT_LINES and (
            name := stands_inside(operation, condition.field, condition.values)
        ):
            return f"{name} runs something like that"
    if "path" in rule.match_fields and not is_resolved(operation):
        return "the target does not say what this path really is"
    return ""


def _unmasked(operation: Operation, session: Session) -> str:
    name = session.target.name
    if operation.verb == "download":
        return f"files from {name} can not be masked - print what you need instead, or ask for an exception"
    return f"a connection to or from {name} can not be masked - ask for an exception"
