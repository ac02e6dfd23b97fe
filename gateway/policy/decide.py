"""The decision: block beats allow, masks add up, and without a rule that allows everything is blocked.

The order of rules never matters. A rule that can not be evaluated counts as matched where it restricts and as not
matched where it allows.
"""

from dataclasses import dataclass
from typing import assert_never

from gateway.core.operation import Operation
from gateway.core.people import Session
from gateway.core.verdict import Allow, Deny, Verdict
from gateway.policy.predicates import FIELDS, Question, is_readable
from gateway.policy.rules import Condition, Policy, Rule

DEFAULT = "default"


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
                masks |= rule.masks
            case _:
                assert_never(rule.do)
    if blocking is not None:
        return Deny(blocking.id, _reason(blocking, operation))
    if allowing is None:
        return Deny(DEFAULT, f"no rule lets you do this on {session.target.name}")
    return Allow(allowing.id, masks)


def hear(rule: Rule, operation: Operation, session: Session) -> Heard:
    """Ask one rule."""
    if rule.on and session.target.kind not in rule.on:
        return Heard(rule, False, f"on {', '.join(rule.on)}, this is {session.target.kind}")
    for condition in rule.match:
        if not _holds(condition, rule.restricts, operation, session):
            return Heard(rule, False, f"{_named(condition)} does not match")
    # An exception lifts a rule, so doubt counts the other way round in it.
    if rule.unless and all(_holds(c, not rule.restricts, operation, session) for c in rule.unless):
        return Heard(rule, False, "its exception matches: " + ", ".join(map(_named, rule.unless)))
    return Heard(rule, True, ", ".join(map(_named, rule.match)))


def _holds(condition: Condition, restricts: bool, operation: Operation, session: Session) -> bool:
    try:
        return FIELDS[condition.field](Question(operation, session, condition, restricts))
    except (ValueError, TypeError, LookupError, ArithmeticError, AttributeError, RecursionError):
        return restricts


def _named(condition: Condition) -> str:
    name = f"{condition.field}.{condition.key}" if condition.key else condition.field
    return f"{name} = {' | '.join(condition.values)}"


def _first(known: Rule | None, rule: Rule) -> Rule:
    """Of several rules that agree, the one first in the alphabet speaks: so order never matters."""
    return rule if known is None or rule.id < known.id else known


def _reason(rule: Rule, operation: Operation) -> str:
    if any(condition.field == "command" for condition in rule.match) and not is_readable(operation):
        why = "this command line can not be read with certainty"
        return f"{rule.message} ({why})" if rule.message else why
    return rule.message
