"""PostgreSQL's binary formats, read: OID to a function that makes of a cell what the server's own text would be.

Times with a zone are in UTC. A reader raises ValueError, IndexError, OverflowError or struct.error for what is no
value of its type. Only types of the system's own have fixed OIDs; others are not known here.
"""

import struct
from collections.abc import Callable, Mapping
from ipaddress import IPv4Address, IPv6Address

from gateway.recording.cell_numbers import float4, float8, money, numeric
from gateway.recording.cell_times import date, interval, time, timestamp, timestamptz, timetz

Read = Callable[[bytes], str]
_MOST_DIMENSIONS = 6
_QUOTED_IN_ARRAYS = frozenset('{},"\\ \t\n\r\v\f')


def _text(cell: bytes) -> str:
    return cell.decode("utf-8", "backslashreplace")


def _bool(cell: bytes) -> str:
    return {b"\x00": "f", b"\x01": "t"}.get(cell) or _refuse()


def _refuse() -> str:
    raise ValueError("this is no value of its type")


def _whole(letter: str) -> Read:
    number = struct.Struct(f">{letter}")
    return lambda cell: str(number.unpack(cell)[0])


def _bytea(cell: bytes) -> str:
    return "\\x" + cell.hex()


def _jsonb(cell: bytes) -> str:
    return _text(cell[1:]) if cell[:1] == b"\x01" else _refuse()


def _uuid(cell: bytes) -> str:
    digits = cell.hex()
    if len(cell) != 16:
        return _refuse()
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def _mac(cell: bytes) -> str:
    return cell.hex(":") if len(cell) in (6, 8) else _refuse()


def _bits(cell: bytes) -> str:
    (count,) = struct.unpack_from(">i", cell)
    if count < 0 or len(cell) - 4 != (count + 7) // 8:
        return _refuse()
    return "".join([f"{byte:08b}" for byte in cell[4:]])[:count]


def _network(cell: bytes) -> str:
    family, bits, is_network, size = cell[:4]
    raw = cell[4:]
    if len(raw) != size or (family, size) not in ((2, 4), (3, 16)) or bits > size * 8:
        return _refuse()
    address = str(IPv4Address(raw) if size == 4 else _ipv6(raw))
    return f"{address}/{bits}" if is_network or bits < size * 8 else address


def _ipv6(raw: bytes) -> str:
    inside = IPv6Address(raw).ipv4_mapped
    return f"::ffff:{inside}" if inside is not None else str(IPv6Address(raw))


def _array(cell: bytes) -> str:
    dimensions, _, oid = struct.unpack_from(">iiI", cell)
    read = READERS.get(oid)
    if not 0 <= dimensions <= _MOST_DIMENSIONS or read is None:
        return _refuse()
    if dimensions == 0:
        return "{}"
    sizes = [struct.unpack_from(">ii", cell, 12 + 8 * each) for each in range(dimensions)]
    total = 1
    for size, _ in sizes:
        total *= size
    if min(size for size, _ in sizes) < 1 or total > len(cell):
        return _refuse()
    told = _elements(cell, 12 + 8 * dimensions, total, read)
    for size, _ in reversed(sizes):
        told = ["{" + ",".join(told[at : at + size]) + "}" for at in range(0, len(told), size)]
    bounds = "".join(f"[{low}:{low + size - 1}]" for size, low in sizes)
    return told[0] if all(low == 1 for _, low in sizes) else f"{bounds}={told[0]}"


def _elements(cell: bytes, at: int, count: int, read: Read) -> list[str]:
    told: list[str] = []
    for _ in range(count):
        (size,) = struct.unpack_from(">i", cell, at)
        at += 4
        if size < 0:
            told.append("NULL")
            continue
        if at + size > len(cell):
            _refuse()
        told.append(_in_array(read(cell[at : at + size])))
        at += size
    if at != len(cell):
        _refuse()
    return told


def _in_array(text: str) -> str:
    if text and text.upper() != "NULL" and not _QUOTED_IN_ARRAYS.intersection(text):
        return text
    inside = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{inside}"'


READERS: Mapping[int, Read] = {
    16: _bool,
    17: _bytea,
    18: _text,
    19: _text,
    20: _whole("q"),
    21: _whole("h"),
    23: _whole("i"),
    25: _text,
    26: _whole("I"),
    28: _whole("I"),
    114: _text,
    142: _text,
    650: _network,
    700: float4,
    701: float8,
    705: _text,
    774: _mac,
    790: money,
    829: _mac,
    869: _network,
    1042: _text,
    1043: _text,
    1082: date,
    1083: time,
    1114: timestamp,
    1184: timestamptz,
    1186: interval,
    1266: timetz,
    1560: _bits,
    1562: _bits,
    1700: numeric,
    2205: _whole("I"),
    2950: _uuid,
    3802: _jsonb,
    **dict.fromkeys(
        (
            143,
            199,
            651,
            1000,
            1001,
            1002,
            1003,
            1005,
            1007,
            1009,
            1014,
            1015,
            1016,
            1021,
            1022,
            1028,
            1040,
            1041,
        ),
        _array,
    ),
    **dict.fromkeys((1115, 1182, 1183, 1185, 1187, 1231, 1270, 1561, 1563, 2951, 3807), _array),
}

NAMES: Mapping[int, str] = {
    16: "bool",
    17: "bytea",
    18: "char",
    19: "name",
    20: "int8",
    21: "int2",
    23: "int4",
    25: "text",
    26: "oid",
    114: "json",
    142: "xml",
    650: "cidr",
    700: "float4",
    701: "float8",
    705: "unknown",
    790: "money",
    829: "macaddr",
    869: "inet",
    1007: "int4[]",
    1009: "text[]",
    1016: "int8[]",
    1015: "varchar[]",
    1042: "bpchar",
    1043: "varchar",
    1082: "date",
    1083: "time",
    1114: "timestamp",
    1184: "timestamptz",
    1186: "interval",
    1266: "timetz",
    1560: "bit",
    1562: "varbit",
    1700: "numeric",
    2205: "regclass",
    2249: "record",
    2278: "void",
    2950: "uuid",
    3802: "jsonb",
}
"""What the types are called where a recording does not say."""
