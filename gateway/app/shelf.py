"""The policy in force, and the one place where another takes its place. Says what time it is to rules that ask."""

from collections.abc import Callable
from datetime import datetime

from gateway.app.clock import SystemClock
from gateway.core.operation import Operation
from gateway.core.people import Session
from gateway.core.verdict import Verdict
from gateway.policy.decide import asks_rows, decide, is_timeless, lets_in, watches_typing
from gateway.policy.rules import Policy
from gateway.session.organs import Judge


class PolicyShelf:
    """Holds the Judge that gates ask before each operation."""

    def __init__(self, policy: Policy, now: Callable[[], datetime] | None = None) -> None:
        self._now = now or SystemClock().now
        self._judge = _judge(policy, self._now)

    def replace(self, policy: Policy) -> None:
        """From the next operation on, this policy decides."""
        self._judge = _judge(policy, self._now)

    def judge(self) -> Judge:
        """Who decides now."""
        return self._judge


def _judge(policy: Policy, now: Callable[[], datetime]) -> Judge:
    def verdict(operation: Operation, session: Session) -> Verdict:
        return decide(policy, operation, session, now())

    return Judge(
        verdict,
        policy.revision,
        watches_typing=lambda session: watches_typing(policy, session),
        lets_in=lambda session: lets_in(policy, session),
        is_timeless=lambda session: is_timeless(policy, session),
        asks_rows=lambda session, operation: asks_rows(policy, operation, session),
    )
