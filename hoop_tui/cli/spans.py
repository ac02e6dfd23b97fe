"""How people write a length of time: 90s, 30m, 1h30m, 2d."""

import re

_UNITS = {"d": 86400, "h": 3600, "m": 60, "s": 1}
_SPAN = re.compile(r"(?:([0-9]{1,4})d)?(?:([0-9]{1,4})h)?(?:([0-9]{1,4})m)?(?:([0-9]{1,6})s)?")


def seconds_of(text: str) -> int:
    """Raises ValueError, one sentence."""
    found = _SPAN.fullmatch(text)
    total = (
        sum(int(count or 0) * unit for count, unit in zip(found.groups(), _UNITS.values(), strict=True))
        if found
        else 0
    )
    if total <= 0:
        raise ValueError("A length of time looks like 30m, 1h or 1h30m.")
    return total
