"""PostgreSQL's numbers in binary format, as the server's own text would have them."""

import math
import struct
from collections.abc import Iterator

_FLOAT4, _FLOAT8, _INT8 = struct.Struct(">f"), struct.Struct(">d"), struct.Struct(">q")
_NUMERIC_HEAD = struct.Struct(">hhHh")
_SPECIAL = {0xC000: "NaN", 0xD000: "Infinity", 0xF000: "-Infinity"}
_NEGATIVE = 0x4000
_DIGITS = 4
"""Decimal digits in one of numeric's."""
_MOST_WEIGHT = 33_000
_SCALE_MASK = 0x3FFF


def float8(cell: bytes) -> str:
    (number,) = _FLOAT8.unpack(cell)
    return _float(number, repr(number), 15)


def float4(cell: bytes) -> str:
    (number,) = _FLOAT4.unpack(cell)
    return _float(number, next(filter(lambda told: _means(told, cell), _shorter(number)), repr(number)), 6)


def _shorter(number: float) -> Iterator[str]:
    return (f"{number:.{digits}e}" for digits in range(9))


def _means(told: str, cell: bytes) -> bool:
    try:
        return _FLOAT4.pack(float(told)) == cell
    except OverflowError:  # rounded up, the largest number is none any more
        return False


def _float(number: float, shortest: str, widest: int) -> str:
    """`shortest`: some notation with the fewest digits that mean this number."""
    if not math.isfinite(number):
        return "NaN" if math.isnan(number) else "Infinity" if number > 0 else "-Infinity"
    sign = "-" if math.copysign(1.0, number) < 0 else ""
    mantissa, _, power = shortest.lstrip("-").partition("e")
    whole, _, part = mantissa.partition(".")
    digits = (whole + part).lstrip("0")
    if not digits:
        return f"{sign}0"
    exponent = int(power or 0) + len(whole) - 1
    exponent -= len(whole + part) - len(digits)
    digits = digits.rstrip("0")
    if not -4 <= exponent < widest:
        point = f"{digits[0]}.{digits[1:]}" if len(digits) > 1 else digits
        return f"{sign}{point}e{'-' if exponent < 0 else '+'}{abs(exponent):02d}"
    if exponent < 0:
        return f"{sign}0.{'0' * (-exponent - 1)}{digits}"
    digits = digits.ljust(exponent + 1, "0")
    rest = digits[exponent + 1 :]
    return f"{sign}{digits[: exponent + 1]}" + (f".{rest}" if rest else "")


def numeric(cell: bytes) -> str:
    count, weight, sign, scale = _NUMERIC_HEAD.unpack_from(cell)
    if sign in _SPECIAL:
        return _SPECIAL[sign]
    if sign not in (0, _NEGATIVE) or count < 0 or abs(weight) > _MOST_WEIGHT or scale & ~_SCALE_MASK:
        raise ValueError("this is no number")
    groups = struct.unpack(f">{count}H", cell[_NUMERIC_HEAD.size :])
    if max(groups, default=0) > 9999:
        raise ValueError("this is no number")
    whole = "".join(f"{groups[at] if at < count else 0:04d}" for at in range(weight + 1))
    before = max(0, -weight - 1)
    part = "0000" * min(before, scale) + "".join(f"{group:04d}" for group in groups[max(0, weight + 1) :])
    text = whole.lstrip("0") or "0"
    if scale:
        text += "." + part[:scale].ljust(scale, "0")
    return f"-{text}" if sign == _NEGATIVE else text


def money(cell: bytes) -> str:
    """Hundredths, without the sign of a currency: that is the server's locale, which is not known here."""
    (cents,) = _INT8.unpack(cell)
    return f"{'-' if cents < 0 else ''}{abs(cents) // 100}.{abs(cents) % 100:02d}"
