"""What a recording says about itself: a typed view on the JSON object in its head.

The object may hold more than this; whatever has the wrong type counts as absent, because a viewer must be able
to open any recording whose bytes are whole.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

_SMALLEST, _LARGEST = 1, 10_000


@dataclass(frozen=True, slots=True)
class RecordingMeta:
    """The fields of a head that players and exports use."""

    session: str = ""
    person: str = ""
    target: str = ""
    login: str = ""
    protocol: str = ""
    started_at: datetime | None = None
    cols: int = 80
    rows: int = 24
    term: str = ""
    command: str = ""
    database: str = ""
    """Of a database session; what its client calls itself is `application`."""
    application: str = ""
    pty: bool | None = None
    """Whether there was a terminal; None where the head does not say."""

    @classmethod
    def of(cls, meta: Mapping[str, Any]) -> "RecordingMeta":
        """Read what is there. `kind` stands in for `protocol`, as in the ledger."""
        return cls(
            session=_text(meta, "session"),
            person=_text(meta, "person"),
            target=_text(meta, "target"),
            login=_text(meta, "login"),
            protocol=_text(meta, "protocol") or _text(meta, "kind"),
            started_at=_moment(meta.get("started_at")),
            cols=size(meta.get("cols"), 80),
            rows=size(meta.get("rows"), 24),
            term=_text(meta, "term"),
            command=_text(meta, "command"),
            database=_text(meta, "database"),
            application=_text(meta, "application"),
            pty=pty if isinstance(pty := meta.get("pty"), bool) else None,
        )


def size(value: object, otherwise: int) -> int:
    """A terminal's width or height, if `value` can be one."""
    if isinstance(value, int) and not isinstance(value, bool) and _SMALLEST <= value <= _LARGEST:
        return value
    return otherwise


def clean(text: str) -> str:
    """Lone surrogates (undecodable bytes of a command) become question marks: they can't be encoded again."""
    return text.encode("utf-8", "replace").decode()


def json_object(data: bytes) -> dict[str, Any] | None:
    """The JSON object in `data`, if it is one."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _text(meta: Mapping[str, Any], name: str) -> str:
    value = meta.get(name)
    return clean(value) if isinstance(value, str) else ""


def _moment(value: object) -> datetime | None:
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
