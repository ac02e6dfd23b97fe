"""How times, lengths and counts are written, the same on every screen and in the CLI. Pure functions."""

from datetime import UTC, datetime, timedelta
from typing import Literal

from gateway.api.schema import SessionSummary

Zone = Literal["utc", "local"]


def in_zone(moment: datetime, zone: Zone) -> datetime:
    return moment.astimezone(UTC if zone == "utc" else None)


def full_time(moment: datetime, zone: Zone) -> str:
    """`2026-11-20 10:42:07Z`, or with the local offset."""
    shown = in_zone(moment, zone)
    return f"{shown:%Y-%m-%d %H:%M:%S}{_suffix(shown, zone)}"


def minute_time(moment: datetime, zone: Zone) -> str:
    """`2026-11-20 09:12Z`."""
    shown = in_zone(moment, zone)
    return f"{shown:%Y-%m-%d %H:%M}{_suffix(shown, zone)}"


def _suffix(shown: datetime, zone: Zone) -> str:
    return "Z" if zone == "utc" else f"{shown:%z}"


def short_time(moment: datetime, now: datetime, zone: Zone) -> str:
    """`10:27:44` today, `11-19 22:10` this year, `2025-12-31` before that."""
    shown, today = in_zone(moment, zone), in_zone(now, zone)
    if shown.date() == today.date():
        return f"{shown:%H:%M:%S}"
    return f"{shown:%m-%d %H:%M}" if shown.year == today.year else f"{shown:%Y-%m-%d}"


def clock_length(span: timedelta) -> str:
    """`14:23`, `1:02:03`, `2d 03h`."""
    seconds = max(0, int(span.total_seconds()))
    if seconds >= 86400:
        return f"{seconds // 86400}d {seconds % 86400 // 3600:02}h"
    if seconds >= 3600:
        return f"{seconds // 3600}:{seconds % 3600 // 60:02}:{seconds % 60:02}"
    return f"{seconds // 60:02}:{seconds % 60:02}"


def position(at_us: int) -> str:
    """`08:47.106`: where a player stands."""
    milliseconds = max(0, at_us) // 1000
    seconds = milliseconds // 1000
    hours = f"{seconds // 3600}:" if seconds >= 3600 else ""
    return f"{hours}{seconds % 3600 // 60:02}:{seconds % 60:02}.{milliseconds % 1000:03}"


def brief(span_us: int) -> str:
    """`0m41s`, `9m04s`, `2h05m`: for a header."""
    seconds = max(0, span_us) // 1_000_000
    if seconds >= 3600:
        return f"{seconds // 3600}h{seconds % 3600 // 60:02}m"
    return f"{seconds // 60}m{seconds % 60:02}s"


def size(count: int) -> str:
    """`190 B`, `4k`, `12M`."""
    for unit, letter in ((1 << 30, "G"), (1 << 20, "M"), (1 << 10, "k")):
        if count >= unit:
            return f"{count / unit:.0f}{letter}" if count >= 10 * unit else f"{count / unit:.1f}{letter}"
    return f"{count} B"


def short_id(session: str) -> str:
    """`s-2B8CK4TQ` as people say it: `2B8CK4TQ`."""
    return session.removeprefix("s-")


def length_of(session: SessionSummary, now: datetime) -> timedelta:
    return (session.ended_at or now) - session.started_at


_SHORT_KINDS = {"postgres": "pg"}
_DATABASES = frozenset({"postgres", "mysql"})


def target_of(session: SessionSummary) -> tuple[str, str]:
    """`ssh:web-1` or `pg:appdb` and, where the target has an `env` label, `PROD`."""
    kind = _SHORT_KINDS.get(session.kind, session.kind)
    return f"{kind}:{session.target}", session.labels.get("env", "").upper()


def is_database(session: SessionSummary) -> bool:
    """Its recording holds statements and results; there was no terminal."""
    return session.kind in _DATABASES


def flags_of(session: SessionSummary) -> list[tuple[str, str]]:
    """Letter with count, and what it means: held, blocked, masked."""
    counts = (("H", session.held, "held"), ("B", session.blocked, "blocked"), ("M", session.masked, "masked"))
    return [(f"{letter}{count}", meaning) for letter, count, meaning in counts if count]
