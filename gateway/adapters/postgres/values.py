"""Bound values as text: what a rule tests, an approver reads and a recording keeps.

Common types are written as PostgreSQL writes them; of others in binary form the bytes are shown. It changes nothing
of what goes to the server.
"""

import struct
from collections.abc import Sequence
from hashlib import sha256

LONG = 1000
"""Characters of one value that people are shown; of more there is a digest."""

_TEXTS = frozenset({19, 25, 114, 142, 705, 1042, 1043})  # name text json xml unknown bpchar varchar
_NUMBERS = {20: ">q", 21: ">h", 23: ">i", 26: ">I", 700: ">f", 701: ">d"}
_BOOL, _BYTEA, _UUID, _JSONB = 16, 17, 2950, 3802


def shown(
    values: Sequence[bytes | memoryview | None], formats: Sequence[int], types: Sequence[int]
) -> tuple[str | None, ...]:
    """Each value as text; None is NULL. `formats` as Bind has them: none, one for all, or one each."""
    told: list[str | None] = []
    for place, value in enumerate(values):
        if value is None:
            told.append(None)
            continue
        binary = formats[place if len(formats) > 1 else 0] if formats else 0
        type_oid = types[place] if place < len(types) else 0
        told.append(_short(_binary(bytes(value), type_oid) if binary else _text(bytes(value)), value))
    return tuple(told)


def as_comment(values: Sequence[str | None]) -> str:
    """The lines that follow a statement's text where it is judged and approved."""
    return "".join(
        f"\n-- ${number} = {'NULL' if value is None else _quoted(value)}"
        for number, value in enumerate(values, start=1)
    )


def _quoted(value: str) -> str:
    return "'" + value.replace("'", "''").replace("\n", "\\n").replace("\r", "\\r") + "'"


def _text(value: bytes) -> str:
    return value.decode("utf-8", "backslashreplace")


def _binary(value: bytes, type_oid: int) -> str:
    if type_oid in _TEXTS:
        return _text(value)
    if type_oid == _JSONB and value[:1] == b"\x01":
        return _text(value[1:])
    layout = _NUMBERS.get(type_oid)
    if layout is not None and len(value) == struct.calcsize(layout):
        return str(struct.unpack(layout, value)[0])
    if type_oid == _BOOL and len(value) == 1:
        return "t" if value[0] else "f"
    if type_oid == _UUID and len(value) == 16:
        digits = value.hex()
        return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
    return "\\x" + value[: LONG + 1].hex()


def _short(text: str, value: bytes | memoryview) -> str:
    if len(text) <= LONG:
        return text
    return f"{text[:LONG]}... ({len(value):,} bytes, sha256 {sha256(value).hexdigest()})"
