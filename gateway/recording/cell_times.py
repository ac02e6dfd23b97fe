"""PostgreSQL's dates and times in binary format, as the server's own text would have them (ISO, UTC)."""

import struct

_INT4, _INT8 = struct.Struct(">i"), struct.Struct(">q")
_TIMETZ, _INTERVAL = struct.Struct(">qi"), struct.Struct(">qii")
_DAY_US = 86_400_000_000
_EPOCH_DAYS = 730_425
"""Days from 0000-03-01 to 2000-01-01, where PostgreSQL counts from."""
_ERA_DAYS = 146_097
"""Four hundred years."""
_ENDLESS = {
    4: {-(1 << 31): "-infinity", (1 << 31) - 1: "infinity"},
    8: {-(1 << 63): "-infinity", (1 << 63) - 1: "infinity"},
}


def date(cell: bytes) -> str:
    (days,) = _INT4.unpack(cell)
    return _ENDLESS[4].get(days) or "{}{}".format(*_day(days))


def timestamp(cell: bytes) -> str:
    return _moment(cell, "")


def timestamptz(cell: bytes) -> str:
    return _moment(cell, "+00")


def time(cell: bytes) -> str:
    (us,) = _INT8.unpack(cell)
    return _clock(us)


def timetz(cell: bytes) -> str:
    us, west = _TIMETZ.unpack(cell)
    minutes, seconds = divmod(abs(west), 60)
    zone = f"{'-' if west > 0 else '+'}{minutes // 60:02d}"
    if minutes % 60 or seconds:
        zone += f":{minutes % 60:02d}" + (f":{seconds:02d}" if seconds else "")
    return _clock(us) + zone


def interval(cell: bytes) -> str:
    us, days, months = _INTERVAL.unpack(cell)
    parts: list[str] = []
    years, rest = divmod(abs(months), 12)
    after_less = False
    for count, unit in ((years, "year"), (rest, "mon")):
        if count:
            signed = -count if months < 0 else count
            parts.append(_counted(signed, unit, after_less))
            after_less = signed < 0
    if days:
        parts.append(_counted(days, "day", after_less))
        after_less = days < 0
    if us or not parts:
        sign = "-" if us < 0 else "+" if after_less else ""
        parts.append(sign + _clock(abs(us)))
    return " ".join(parts)


def _counted(count: int, unit: str, after_less: bool) -> str:
    return f"{'+' if after_less and count > 0 else ''}{count} {unit}{'' if count == 1 else 's'}"


def _moment(cell: bytes, zone: str) -> str:
    (us,) = _INT8.unpack(cell)
    if us in _ENDLESS[8]:
        return _ENDLESS[8][us]
    days, within = divmod(us, _DAY_US)
    day, era = _day(days)
    return f"{day} {_clock(within)}{zone}{era}"


def _clock(us: int) -> str:
    seconds, part = divmod(us, 1_000_000)
    text = f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    return text + (f".{part:06d}".rstrip("0") if part else "")


def _day(days: int) -> tuple[str, str]:
    """The date, and ` BC` where it is one: any number of days, as the calendar of today would have it."""
    era, within = divmod(days + _EPOCH_DAYS, _ERA_DAYS)
    year = (within - within // 1_460 + within // 36_524 - within // 146_096) // 365
    of_year = within - (365 * year + year // 4 - year // 100)
    month = (5 * of_year + 2) // 153
    day = of_year - (153 * month + 2) // 5 + 1
    month = month + 3 if month < 10 else month - 9
    year += era * 400 + (month <= 2)
    text = f"{year if year > 0 else 1 - year:04d}-{month:02d}-{day:02d}"
    return text, "" if year > 0 else " BC"
