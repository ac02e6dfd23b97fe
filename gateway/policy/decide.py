"""The decision: block beats allow, masks add up, and without a rule that allows everything is blocked.

The order of rules never matters. A rule that can not be evaluated counts as matched where it restricts and as not
matched where it allows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import assert_never

from gateway.core.operation import Operation
from gateway.core.people import Session
from gateway.core.verdict import Allow, Deny, Verdict
from gateway.policy import scope
from gateway.policy.paths import is_resolved
from gateway.policy.predicates import FIELDS, Question, what_is_unclear
from gateway.policy.rules import Condition, Policy, Rule
from gateway.policy.statements import statement_of

DEFAULT = "default"
ABOUT_SESSION = ("user", "group", "target", "label", "login", "protocol", "source")
"""Fields that say the same of everything in a session."""
ABOUT_STATEMENT = frozenset(("verb", "effect", "table", "function", "has_where"))
"""Fields that are matched by a statement of which nothing is certain."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What one rule said about one operation, and why."""

    rule: Rule
    matched: bool
    because: str


def decide(policy: Policy, operation: Operation, session: Session) -> Verdict:
    """May this operation pass, and what is masked in its answers?"""
    blocking: Rule | None = None
    allowing: Rule | None = None
    masking: Rule | None = None
    masks: frozenset[str] = frozenset()
    for rule in policy.rules:
        if not hear(rule, operation, session).matched:
            continue
        match rule.do:
            case "block":
                blocking = _first(blocking, rule)
            case "allow":
                allowing = _first(allowing, rule)
            case "mask":
                masking = _first(masking, rule)
                masks |= scope.masks_on(rule, session.target)
            case _:
                assert_never(rule.do)
    if blocking is not None:
        return Deny(blocking.id, _reason(blocking, operation))
    if allowing is None and not scope.needs_no_rule(operation):
        return Deny(DEFAULT, f"no rule lets you do this on {session.target.name}")
    if masking is not None and scope.can_not_be_masked(operation):
        return Deny(masking.id, _unmasked(operation, session))
    return Allow(allowing.id if allowing else DEFAULT, masks)


def hear(rule: Rule, operation: Operation, session: Session) -> Heard:
    """Ask one rule."""
    if rule.on and session.target.kind not in rule.on:
        return Heard(rule, False, f"on {', '.join(rule.on)}, this is {session.target.kind}")
    if because := scope.why_silent(rule, operation, session.target):
        return Heard(rule, False, because)
    for condition in rule.match:
        if not _holds(condition, rule.match, rule.restricts, operation, session):
            return Heard(rule, False, f"{_named(condition)} does not match")
    # An exception lifts a rule, so doubt counts the other way round in it.
    if rule.unless and all(
        _holds(c, rule.unless, not rule.restricts, operation, session) for c in rule.unless
    ):
        return Heard(rule, False, "its exception matches: " + ", ".join(map(_named, rule.unless)))
    return Heard(rule, True, ", ".join(map(_named, rule.match)))


def watches_typing(policy: Policy, session: Session) -> bool:
    """Whether some rule could stop a line that is typed in this session."""
    return any(_could_stop_typing(rule, session) for rule in policy.rules)


def lets_in(policy: Policy, session: Session) -> bool:
    """Whether some rule could allow something in this session."""
    return any(rule.do == "allow" and _is_about(rule, session) for rule in policy.rules)


def _is_about(rule: Rule, session: Session) -> bool:
    """As far as the session alone decides."""
    if rule.on and session.target.kind not in rule.on:
        return False
    nothing = Operation("", "")
    return all(
        _holds(condition, rule.match, rule.restricts, nothing, session)
        for condition in rule.match
        if condition.field in ABOUT_SESSION
    )


def _could_stop_typing(rule: Rule, session: Session) -> bool:
    if not scope.heeds_typing(rule) or (rule.on and session.target.kind not in rule.on):
        return False
    line = Operation("typed", "")
    return all(
        _holds(condition, rule.match, rule.restricts, line, session)
        for condition in rule.match
        if condition.field in ABOUT_SESSION
    )


def _holds(
    condition: Condition,
    beside: Sequence[Condition],
    restricts: bool,
    operation: Operation,
    session: Session,
) -> bool:
    fields = frozenset(other.field for other in beside)
    try:
        return FIELDS[condition.field](Question(operation, session, condition, restricts, fields))
    except (ValueError, TypeError, LookupError, ArithmeticError, AttributeError, RecursionError):
        return restricts


def _named(condition: Condition) -> str:
    name = f"{condition.field}.{condition.key}" if condition.key else condition.field
    return f"{name} = {' | '.join(condition.values)}"


def _first(known: Rule | None, rule: Rule) -> Rule:
    """Of several rules that agree, the one first in the alphabet speaks: so order never matters."""
    return rule if known is None or rule.id < known.id else known


def _reason(rule: Rule, operation: Operation) -> str:
    why = _doubt(rule, operation)
    if not why:
        return rule.message
    return f"{rule.message} ({why})" if rule.message else why


def _doubt(rule: Rule, operation: Operation) -> str:
    """What this rule could not be sure of, so that people know why it caught them."""
    fields = {condition.field for condition in rule.match}
    facts = statement_of(operation)
    if facts is not None:
        return facts.why if fields & ABOUT_STATEMENT else ""
    if "command" in fields and (why := what_is_unclear(operation)):
        return why
    if "path" in fields and not is_resolved(operation):
        return "the target does not say what this path really is"
    return ""


def _unmasked(operation: Operation, session: Session) -> str:
    name = session.target.name
    if operation.verb == "download":
        return f"files from {name} can not be masked - print what you need instead, or ask for an exception"
    return f"a connection to or from {name} can not be masked - ask for an exception"
