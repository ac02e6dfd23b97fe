"""What every Gate works with, whatever its session: the judge, the book of record, approvals and masks.

Only the composition root knows which they are.
"""

from collections.abc import Callable
from dataclasses import dataclass

from gateway.core.operation import Operation
from gateway.core.people import Session
from gateway.core.ports import Bus, Ledger
from gateway.core.verdict import Verdict
from gateway.session.approvals import Approvals
from gateway.session.masked import Masker


@dataclass(frozen=True, slots=True)
class Judge:
    """The policy in force: a pure decision and the revision it is made by."""

    decide: Callable[[Operation, Session], Verdict]
    revision: str
    watches_typing: Callable[[Session], bool] = lambda session: True
    """Whether a line typed in this session could ever be stopped: only then does it wait to be judged."""
    lets_in: Callable[[Session], bool] = lambda session: True
    """Whether anything at all might be allowed in this session."""
    is_timeless: Callable[[Session], bool] = lambda session: True
    """Whether what is decided in this session stays so. Where not, nothing is repeated without asking again."""
    asks_rows: Callable[[Session, Operation], bool] = lambda session, operation: False
    """Whether a rule that could be about it needs to know about how many rows it is: `details["rows"]`. Where nobody
    says, such a rule takes it for the worst."""


@dataclass(frozen=True, slots=True)
class Organs:
    """What every Gate works with. `judge` is asked each time, so a new policy counts from the next operation."""

    ledger: Ledger
    bus: Bus
    approvals: Approvals
    judge: Callable[[], Judge]
    masker: Callable[[frozenset[str]], Masker]
