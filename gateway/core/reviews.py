"""What is kept of an Approval once it is granted: the review of a broken glass, and that it was revoked.

Breaking the glass is no decision: the requester lets their own operation through, loudly, and somebody who was asked
has to look at it afterwards. Who may do what is not known here: `gateway/session/glass.py`.
"""

from dataclasses import dataclass
from datetime import datetime

OK, NOT_OK = "ok", "not-ok"
VERDICTS = (OK, NOT_OK)


@dataclass(frozen=True, slots=True)
class Review:
    """Somebody let their own operation through. Open until somebody else has signed it: nothing else closes it."""

    by: str
    reason: str
    opened_at: datetime
    due_at: datetime
    name: str = ""
    """What they were called."""
    verdict: str = ""
    """`ok` or `not-ok`; empty while it is open."""
    signed_by: str = ""
    signed_name: str = ""
    signed_reason: str = ""
    signed_at: datetime | None = None

    @property
    def is_open(self) -> bool:
        """Nobody has signed it."""
        return not self.verdict

    def is_overdue(self, now: datetime) -> bool:
        """It should have been signed by now."""
        return self.is_open and now >= self.due_at


@dataclass(frozen=True, slots=True)
class Signature:
    """What somebody says who has looked at a broken glass."""

    by: str
    verdict: str
    reason: str
    at: datetime
    name: str = ""


@dataclass(frozen=True, slots=True)
class Revocation:
    """Somebody ended what an Approval covers."""

    by: str
    reason: str
    at: datetime
    name: str = ""


@dataclass(frozen=True, slots=True)
class OpenReviews:
    """How many there are, and how many of them are overdue."""

    count: int = 0
    overdue: int = 0
