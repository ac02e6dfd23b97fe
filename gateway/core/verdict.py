"""What policy answers about an Operation: allow it, hold it for a human, or deny it.

Verdicts are facts without behaviour; `gateway/session/gate.py` acts on them and is next in the reading path.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Allow:
    """The operation may go to the target; answers pass through the named masks."""

    rule: str
    masks: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Hold:
    """The operation waits until `count` distinct people of `approvers` grant it, or `timeout` denies it."""

    rule: str
    reason: str
    approvers: frozenset[str]
    count: int = 1
    timeout: timedelta = timedelta(minutes=10)
    scopes: Sequence[str] = ("once",)
    masks: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Deny:
    """The operation never reaches the target. `reason` is shown to the person verbatim."""

    rule: str
    reason: str


Verdict = Allow | Hold | Deny
