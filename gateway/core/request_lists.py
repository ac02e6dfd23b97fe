"""What can be asked of many Approvals at once: a page of a list, how many are alike, what became of earlier ones.

Who may see which is not known here.
"""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime

DECIDED = frozenset({"approved", "denied"})
COMPARED = 1000
"""So many earlier ones are counted."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where one stands in a list: a page goes on behind it, whether or not it still stands there."""

    moment: datetime
    """Of its end, in a list by the end; else of its beginning."""
    id: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be listed: all that is said here has to be true of it. By default newest first."""

    states: AbstractSet[str] = frozenset()
    """None of them: in any."""
    requester: str = ""
    asked: AbstractSet[str] | None = None
    """Held ones that ask one of these groups, now or later."""
    or_theirs: bool = False
    """`requester` or `asked`: either is enough."""
    but: str = ""
    """Not those of this requester."""
    review_open: bool = False
    by_end: bool = False
    """What is over first comes first."""
    after: Place | None = None
    limit: int = 1000
    text_limit: int | None = None
    """Only so much of each text."""


@dataclass(frozen=True, slots=True)
class Past:
    """What became of the last `COMPARED` of some kind."""

    approved: int = 0
    denied: int = 0
    last_by: str = ""
    last_at: datetime | None = None
    last_approved: str = ""
    """The id of the newest that was approved."""
