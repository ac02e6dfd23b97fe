"""What two policies say of the same operations, each asked once of those that are alike.

Statements of one shape in sessions that rules can not tell apart are judged alike, as they are in sessions, unless a
rule looks at the time or at the text itself.
"""

from collections.abc import Hashable
from dataclasses import dataclass
from datetime import datetime

from gateway.core.operation import Operation
from gateway.core.people import Session
from gateway.policy.decide import asks_rows, decide, is_timeless
from gateway.policy.docket import decisive
from gateway.policy.replays import Came, came
from gateway.policy.rules import Policy
from gateway.policy.statements import statement_of

MOST_REMEMBERED = 50_000
_NEVER_OF_STATEMENTS = ("command", "argv", "path", "destination")
"""No statement has any of these, so no rule that asks for one is about statements."""


@dataclass(frozen=True, slots=True)
class Said:
    """`lacks_rows`: a rule asks about how many rows it is, and nobody knows."""

    before: Came
    after: Came
    lacks_rows: bool


class Verdicts:
    """Of the policy that there is, and of a draft."""

    def __init__(self, now: Policy, draft: Policy) -> None:
        self._now = now
        self._draft = draft
        rules = (*now.rules, *draft.rules)
        self._looks_at_text = any(rule.when is not None and "text" in rule.when.names for rule in rules)
        self._asks_rows = any(rule.asks_rows for rule in rules)
        self._all = Policy(rules)
        self._about_statements = Policy(
            tuple(rule for rule in rules if rule.match_fields.isdisjoint(_NEVER_OF_STATEMENTS))
        )
        self._alike: dict[tuple[str, bool], Hashable] = {}
        """By session, apart for statements: what rules can know of it; None where the time matters."""
        self._known: dict[Hashable, Said] = {}

    def of(self, operation: Operation, session: Session, at: datetime) -> Said:
        """What both say."""
        key = self._key(operation, session)
        known = self._known.get(key) if key is not None else None
        if known is None:
            known = self._asked(operation, session, at)
            if key is not None:
                if len(self._known) >= MOST_REMEMBERED:
                    self._known.clear()
                self._known[key] = known
        return known

    def _key(self, operation: Operation, session: Session) -> Hashable:
        facts = statement_of(operation)
        which = (session.id, facts is not None)
        if which not in self._alike:
            timeless = is_timeless(self._all if facts is None else self._about_statements, session)
            self._alike[which] = (decisive(session), session.target.has_shell) if timeless else None
        alike = self._alike[which]
        if alike is None:
            return None
        shape = facts.shape if facts is not None and not self._looks_at_text else ""
        return (alike, operation.verb, shape, "" if shape else operation.text)

    def _asked(self, operation: Operation, session: Session, at: datetime) -> Said:
        lacks = self._asks_rows and any(
            asks_rows(policy, operation, session) for policy in (self._now, self._draft)
        )
        before, after = (decide(policy, operation, session, at) for policy in (self._now, self._draft))
        return Said(came(before), came(after), lacks)
