"""Asks one rule about one operation: whether it matches, and why.

A rule that can not be evaluated counts as matched where it restricts and as not matched where it allows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from gateway.core.operation import Operation
from gateway.core.people import Session
from gateway.policy import scope
from gateway.policy.predicates import FIELDS, Question
from gateway.policy.rules import Condition, Rule
from gateway.policy.when import Asked, When

_NOTHING = Condition("", ())
_FAILURES = (ValueError, TypeError, LookupError, ArithmeticError, AttributeError, RecursionError)


@dataclass(frozen=True, slots=True)
class Heard:
    """What one rule said about one operation, and why."""

    rule: Rule
    matched: bool
    because: str


class Hearing:
    """About one operation: any number of rules are asked."""

    __slots__ = ("_allowing", "_may_be_silent", "_now", "_operation", "_restricting", "_session")

    def __init__(self, operation: Operation, session: Session, now: datetime | None = None) -> None:
        self._operation = operation
        self._session = session
        self._now = now
        self._may_be_silent = scope.may_be_silent(operation)
        self._restricting = Question(operation, session, _NOTHING, True, now=now)
        self._allowing = Question(operation, session, _NOTHING, False, now=now)

    def matches(self, rule: Rule) -> bool:
        """Whether the rule has something to say."""
        return self._stopped_by(rule) is None

    def hear(self, rule: Rule) -> Heard:
        """The same, and why."""
        stop = self._stopped_by(rule)
        if stop is None:
            told = [*map(named, rule.match), *([f"when = {rule.when.text}"] if rule.when else [])]
            return Heard(rule, True, ", ".join(told))
        if isinstance(stop, str):
            return Heard(rule, False, stop)
        if isinstance(stop, Condition):
            return Heard(rule, False, f"{named(stop)} does not match")
        if isinstance(stop, When):
            return Heard(rule, False, f"when = {stop.text} is not so")
        return Heard(rule, False, "its exception matches: " + ", ".join(map(named, stop)))

    def could_match(self, rule: Rule, fields: frozenset[str]) -> bool:
        """Whether it might, as far as these fields alone decide."""
        if rule.on and self._session.target.kind not in rule.on:
            return False
        return all(
            self._holds(condition, rule.match_fields, rule.restricts)
            for condition in rule.match
            if condition.field in fields
        )

    def could_except(self, rule: Rule, fields: frozenset[str]) -> bool:
        """The same of its exception."""
        return all(
            self._holds(condition, rule.unless_fields, not rule.restricts)
            for condition in rule.unless
            if condition.field in fields
        )

    def _stopped_by(self, rule: Rule) -> str | Condition | When | Sequence[Condition] | None:
        """What keeps the rule silent; None: nothing does."""
        if rule.on and self._session.target.kind not in rule.on:
            return f"on {', '.join(rule.on)}, this is {self._session.target.kind}"
        if (rule.do in self._may_be_silent or rule.when is not None) and (
            because := scope.why_silent(rule, self._operation, self._session.target)
        ):
            return because
        restricts = rule.do != "allow"
        for condition in rule.match:
            if not self._holds(condition, rule.match_fields, restricts):
                return condition
        # An exception lifts a rule, so doubt counts the other way round in it.
        if rule.unless and all(self._holds(each, rule.unless_fields, not restricts) for each in rule.unless):
            return rule.unless
        if rule.when is not None and not self._is_so(rule.when, restricts):
            return rule.when
        return None

    def _holds(self, condition: Condition, beside: frozenset[str], restricts: bool) -> bool:
        question = self._restricting if restricts else self._allowing
        question.condition = condition
        question.beside = beside
        try:
            return FIELDS[condition.field](question)
        except _FAILURES:
            return restricts

    def _is_so(self, when: When, restricts: bool) -> bool:
        try:
            return when.holds(Asked(self._operation, self._session, restricts, self._now))
        except _FAILURES:
            return restricts


def named(condition: Condition) -> str:
    """In words for people."""
    name = f"{condition.field}.{condition.key}" if condition.key else condition.field
    return f"{name} = {' | '.join(condition.values)}"
