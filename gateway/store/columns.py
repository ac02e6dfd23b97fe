"""Column types that give back exactly what they were given, on every database.

PostgreSQL's text refuses NUL, neither database takes lone surrogates (undecodable bytes arrive as such), and SQLite
forgets time zones. Nothing here knows which tables there are.
"""

import json
import re
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import DateTime, Dialect, Text
from sqlalchemy.types import TypeDecorator, TypeEngine

_ESCAPE = "\x1a"
_ODD = re.compile("[\x00\x1a\ud800-\udfff]")
_ESCAPES = {code: f"{_ESCAPE}{code:04x}" for code in (0, ord(_ESCAPE), *range(0xD800, 0xE000))}


def escape(text: str) -> str:
    """`text` without NUL and surrogates: each becomes SUB and its four hexadecimal digits, as does SUB itself."""
    return text.translate(_ESCAPES) if _ODD.search(text) else text


def unescape(text: str) -> str:
    """What `escape` was given. A command may be megabytes of undecodable bytes and the event loop waits meanwhile, so
    the work is left to a codec of Python's own, whose escapes are ours with other marks."""
    if _ESCAPE not in text:
        return text
    marked = text.replace("\\", "\\u005c").replace(_ESCAPE, "\\u")
    return marked.encode("raw_unicode_escape").decode("raw_unicode_escape")


class ExactText(TypeDecorator[str]):
    """Any `str`, compared and sorted by code point."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """PostgreSQL would else sort by the language of the server, and could not find prefixes in an index."""
        return Text(collation="C") if dialect.name == "postgresql" else Text()

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Toward the database."""
        return None if value is None else escape(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:
        """From the database."""
        return None if value is None else unescape(value)


class Packed(str):
    """JSON text that is ready for the database."""

    __slots__ = ()


def packed(value: Any) -> Packed:
    """`value` as the database keeps it. Raises TypeError, ValueError or RecursionError for what is not JSON."""
    return Packed(escape(json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)))


class ExactJson(TypeDecorator[Any]):
    """JSON as text: `jsonb` has no NUL, and would lose the order of keys. Readable with the databases' own
    JSON functions, but for rows that hold odd characters."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        """Toward the database."""
        return value if value is None or isinstance(value, Packed) else packed(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        """From the database."""
        return None if value is None else json.loads(unescape(value))


class UtcTime(TypeDecorator[datetime]):
    """An aware moment in UTC. A naive one is refused: nobody could say when it was."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Toward the database. SQLite keeps text, so all of it must be in one zone to be comparable."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone can not be kept")
        moment = value.astimezone(UTC)
        return moment.replace(tzinfo=None) if dialect.name == "sqlite" else moment

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """From the database."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
