"""What a person writes to name a moment: `8:39`, `+30s`, `50%`, `09:20:15Z`, and links such as `2B8C@8:39`."""

import re
from datetime import UTC, datetime, timedelta

_CLOCK = re.compile(r"(?:(\d{1,4}):)?(\d{1,6}):(\d{1,2}(?:\.\d{1,6})?)", re.ASCII)
_SECONDS = re.compile(r"(\d{1,7}(?:\.\d{1,6})?)s?", re.ASCII)
_SHIFT = re.compile(r"([+-])(?:(\d{1,4})h)?(?:(\d{1,5})m)?(?:(\d{1,6}(?:\.\d{1,6})?)s?)?", re.ASCII)
_PERCENT = re.compile(r"(\d{1,3}(?:\.\d{1,4})?)%", re.ASCII)
_WALL = re.compile(r"(\d{1,2}):(\d{2}):(\d{2})Z", re.ASCII)
HOW = "Write a moment like 8:39, +30s, -2m, 50% or 09:20:15Z."


def parse_moment(text: str, *, here_us: int, length_us: int, started_at: datetime) -> int:
    """Microseconds from the start. Raises ValueError with one sentence."""
    word = text.strip()
    if match := _PERCENT.fullmatch(word):
        return int(length_us * min(float(match[1]), 100.0) / 100)
    if match := _WALL.fullmatch(word.upper()):
        return _wall_time(started_at, int(match[1]), int(match[2]), int(match[3]))
    if len(word) > 1 and (match := _SHIFT.fullmatch(word)):
        hours, minutes, seconds = (float(part or 0) for part in match.groups()[1:])
        shift = int((hours * 3600 + minutes * 60 + seconds) * 1_000_000)
        return here_us + (shift if match[1] == "+" else -shift)
    return parse_offset(word)


def parse_offset(word: str) -> int:
    """`8:39.2`, `1:02:03` or `41s` as microseconds. Raises ValueError with one sentence."""
    if match := _CLOCK.fullmatch(word):
        return (int(match[1] or 0) * 3600 + int(match[2]) * 60) * 1_000_000 + _microseconds(match[3])
    if match := _SECONDS.fullmatch(word):
        return _microseconds(match[1])
    raise ValueError(HOW)


def _microseconds(seconds: str) -> int:
    return round(float(seconds) * 1_000_000)


def parse_link(text: str) -> tuple[str, int | None]:
    """`2B8C@8:39` as a session id and microseconds; without `@` there is no moment."""
    session, at, moment = text.strip().partition("@")
    if not session:
        raise ValueError("Name a session, such as 2B8CK4TQ or 2B8CK4TQ@8:39.")
    return whole_id(session), parse_offset(moment) if at else None


def whole_id(text: str) -> str:
    """`2b8ck4tq`, `S-2B8C` and `s-2b8c` as the gateway writes it: `s-2B8C`."""
    body = text.strip().upper().removeprefix("S-")
    if not re.fullmatch(r"[0-9A-Z]{1,8}", body):
        raise ValueError("A session id looks like s-2B8CK4TQ.")
    return "s-" + body.translate(str.maketrans("OIL", "011"))


def link(session: str, at_us: int) -> str:
    """The command that opens this moment on anybody's machine."""
    seconds, tenths = divmod(at_us // 100_000, 10)
    return f"hoop-tui play {session.removeprefix('s-')}@{seconds // 60}:{seconds % 60:02}.{tenths}"


def _wall_time(started_at: datetime, hour: int, minute: int, second: int) -> int:
    if hour > 23 or minute > 59 or second > 59:
        raise ValueError("That is no time of day.")
    start = started_at.astimezone(UTC)
    moment = start.replace(hour=hour, minute=minute, second=second, microsecond=0)
    if moment < start:
        moment += timedelta(days=1)
    return (moment - start) // timedelta(microseconds=1)
