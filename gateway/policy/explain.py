"""Why: what each rule said about an operation, in words, and what came of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from gateway.core.operation import Operation
from gateway.core.people import Session
from gateway.core.verdict import Verdict
from gateway.policy.decide import decide
from gateway.policy.hearing import Heard, Hearing
from gateway.policy.rules import Policy


@dataclass(frozen=True, slots=True)
class Explanation:
    """The verdict, and every rule that spoke or kept silent."""

    verdict: Verdict
    revision: str
    heard: Sequence[Heard]


def explain(
    policy: Policy, operation: Operation, session: Session, now: datetime | None = None
) -> Explanation:
    """Decide, and say why."""
    hearing = Hearing(operation, session, now)
    heard = [hearing.hear(rule) for rule in policy.rules]
    return Explanation(decide(policy, operation, session, now), policy.revision, heard)
