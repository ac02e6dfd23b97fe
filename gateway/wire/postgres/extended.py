"""What a client says to have statements run: at once, or prepared, bound and executed.

What it says again and again, of a few bytes, is remembered.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from gateway.core.errors import Malformed
from gateway.wire.postgres.fields import (
    I32,
    NAME_MOST,
    Fields,
    Value,
    name,
    numbers,
    numbers_at,
    only_text,
    string,
    text,
    values,
    values_at,
)
from gateway.wire.postgres.frames import frame
from gateway.wire.postgres.tables import ByClient

What = Literal["S", "P"]
"""A prepared statement, or a portal."""

SYNC = frame(ByClient.SYNC)
FLUSH = frame(ByClient.FLUSH)
TERMINATE = frame(ByClient.TERMINATE)


@dataclass(frozen=True, slots=True)
class Parse:
    """A statement is to be prepared under a name, which may be empty."""

    statement: str
    text: str
    types: tuple[int, ...] = ()
    """Of parameters, as far as the client knows them; 0 where not."""


@dataclass(slots=True)  # not frozen: one is made for every statement, and that would cost it twice the time
class Bind:
    """A portal is to be made of a prepared statement and values."""

    portal: str
    statement: str
    formats: tuple[int, ...]
    """Of the values, 0 text and 1 binary: none for all text, one for all, or one for each."""
    values: tuple[Value, ...]
    result_formats: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Describe:
    """What a statement or portal takes and gives is asked for."""

    what: What
    name: str


@dataclass(frozen=True, slots=True)
class Close:
    """A statement or portal is to be forgotten."""

    what: What
    name: str


@dataclass(frozen=True, slots=True)
class Execute:
    """A portal is to be run, for so many rows; 0 or less for all."""

    portal: str
    most: int = 0


def parse_query(body: bytes) -> str:
    """The text of a Query."""
    return only_text(body)


def make_query(statements: str) -> bytes:
    """Statements to be run at once."""
    return frame(ByClient.QUERY, string(statements))


def parse_parse(body: bytes) -> Parse:
    """A Parse."""
    fields = Fields(body)
    found = Parse(fields.name(), fields.string(), fields.numbers("I"))
    fields.end()
    return found


def make_parse(message: Parse) -> bytes:
    """A Parse as it is sent."""
    body = name(message.statement) + string(message.text) + numbers("I", message.types)
    return frame(ByClient.PARSE, body)


def parse_bind(body: bytes) -> Bind:
    """A Bind. Values are views of its bytes."""
    end = body.find(0)
    at = body.find(0, end + 1)
    if not 0 <= end <= NAME_MOST or not 0 < at - end <= NAME_MOST + 1:
        raise Malformed("a Bind without names, or with names that are too long")
    portal, statement = text(body[:end]), text(body[end + 1 : at])
    formats, at = numbers_at(body, at + 1, "H")
    found, at = values_at(body, at)
    result_formats, at = numbers_at(body, at, "H")
    if at != len(body):
        raise Malformed("a Bind with more in it than belongs there")
    if len(formats) > 1 and len(formats) != len(found):
        raise Malformed(f"{len(formats)} formats for {len(found)} values")
    return Bind(portal, statement, formats, found, result_formats)


def parse_bind_names(piece: bytes) -> tuple[str, str]:
    """Portal and statement of a Bind that comes in pieces, from its first Run, tag and length included."""
    fields = Fields(piece, 5)
    return fields.name(), fields.name()


def make_bind(message: Bind) -> bytes:
    """A Bind as it is sent."""
    names = name(message.portal) + name(message.statement)
    body = numbers("H", message.formats) + values(message.values) + numbers("H", message.result_formats)
    return frame(ByClient.BIND, names + body)


@lru_cache(1024)
def parse_describe(body: bytes) -> Describe:
    """A Describe."""
    return Describe(*_what_and_name(body))


def make_describe(message: Describe) -> bytes:
    """A Describe as it is sent."""
    return frame(ByClient.DESCRIBE, message.what.encode() + name(message.name))


@lru_cache(1024)
def parse_close(body: bytes) -> Close:
    """A Close."""
    return Close(*_what_and_name(body))


def make_close(message: Close) -> bytes:
    """A Close as it is sent."""
    return frame(ByClient.CLOSE, message.what.encode() + name(message.name))


def _what_and_name(body: bytes) -> tuple[What, str]:
    what: What
    match body[:1]:
        case b"S":
            what = "S"
        case b"P":
            what = "P"
        case _:
            raise Malformed("neither a statement nor a portal")
    fields = Fields(body, 1)
    found = fields.name()
    fields.end()
    return what, found


@lru_cache(1024)
def parse_execute(body: bytes) -> Execute:
    """An Execute."""
    fields = Fields(body)
    found = Execute(fields.name(), fields.number(I32))
    fields.end()
    return found


def make_execute(message: Execute) -> bytes:
    """An Execute as it is sent."""
    return frame(ByClient.EXECUTE, name(message.portal) + I32.pack(message.most))
