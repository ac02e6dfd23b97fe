"""Times of the week, as rules write them: `mon-fri 08:00-18:00 Europe/Berlin`. What time it is, others say.

Days, hours and zone may be left out, but not both days and hours; without a zone it is UTC. Hours that run past
midnight belong to the day on which they begin.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_MIDNIGHT = 24 * 60
_DAY = "|".join(DAYS)
_SPAN = rf"(?:{_DAY})(?:-(?:{_DAY}))?"
_WINDOW = re.compile(
    rf"(?P<days>{_SPAN}(?:,{_SPAN})*)?"
    r"(?:(?:^| )(?P<from>\d\d:\d\d)-(?P<to>\d\d:\d\d))?"
    r"(?: (?P<zone>[A-Za-z][A-Za-z0-9_+/-]{0,60}))?"
)
_FORM = 'must be days, hours, or both, as in "mon-fri 08:00-18:00 Europe/Berlin", "sat,sun" or "22:00-06:00"'


@dataclass(frozen=True, slots=True)
class Window:
    """Minutes of these days, of which `start` belongs to it and `end` does not."""

    days: frozenset[int]
    start: int
    end: int
    zone: tzinfo

    def holds(self, now: datetime) -> bool:
        """Whether it is that time. `now` has a zone of its own."""
        local = now.astimezone(self.zone)
        minute = local.hour * 60 + local.minute
        if self.start < self.end:
            return local.weekday() in self.days and self.start <= minute < self.end
        if minute >= self.start:
            return local.weekday() in self.days
        return minute < self.end and (local - timedelta(days=1)).weekday() in self.days


@lru_cache(maxsize=1024)
def read(text: str) -> Window:
    """Raises ValueError with a sentence."""
    found = _WINDOW.fullmatch(text)
    if found is None or not (found["days"] or found["from"]):
        raise ValueError(f"{text} {_FORM}")
    days = _days(found["days"]) if found["days"] else frozenset(range(7))
    start, end = (_minute(found["from"]), _minute(found["to"])) if found["from"] else (0, _MIDNIGHT)
    if start in (end, _MIDNIGHT):
        raise ValueError(
            f"{text} can never fire: it begins when it ends; a whole day is written without hours"
        )
    return Window(days, start, end, _zone(found["zone"] or "UTC"))


def pattern_problem(text: str) -> str:
    """Why it is no time; empty where it is."""
    try:
        read(text)
    except ValueError as problem:
        return str(problem)
    return ""


def _days(text: str) -> frozenset[int]:
    days: set[int] = set()
    for span in text.split(","):
        first, _, last = span.partition("-")
        at = DAYS.index(first)
        days.add(at)
        while last and DAYS[at] != last:
            at = (at + 1) % 7
            days.add(at)
    return frozenset(days)


def _minute(text: str) -> int:
    hours, minutes = int(text[:2]), int(text[3:])
    if minutes > 59 or hours * 60 + minutes > _MIDNIGHT:
        raise ValueError(f"there is no {text}: hours are 00:00 to 24:00")
    return hours * 60 + minutes


def _zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, LookupError):  # ZoneInfoNotFoundError is a LookupError
        raise ValueError(f'there is no time zone {name}; write one as in "Europe/Berlin" or "UTC"') from None
