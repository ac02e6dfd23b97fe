"""Errors and notices: fields with a letter each. Order and repetition are kept, and letters that nobody knows."""

from gateway.core.errors import Malformed
from gateway.wire.postgres.fields import octets, text
from gateway.wire.postgres.frames import frame
from gateway.wire.postgres.tables import ByServer

ErrorFields = tuple[tuple[str, str], ...]
"""A letter and a text each, as PostgreSQL's manual lists them: S severity, C code, M message, D detail ..."""


def parse_fields(body: bytes) -> ErrorFields:
    """What an ErrorResponse or a NoticeResponse says."""
    parts = body.split(b"\0")
    if len(parts) < 2 or parts.pop() or parts.pop():
        raise Malformed("an error or notice without an end")
    if not all(parts):
        raise Malformed("an error or notice that goes on behind its end")
    return tuple([(chr(part[0]), text(part[1:])) for part in parts])


def make_error(fields: ErrorFields) -> bytes:
    """An ErrorResponse."""
    return frame(ByServer.ERROR, _body(fields))


def make_notice(fields: ErrorFields) -> bytes:
    """A NoticeResponse."""
    return frame(ByServer.NOTICE, _body(fields))


def say(severity: str, code: str, message: str, *, detail: str = "", hint: str = "") -> ErrorFields:
    """The fields of an error or notice of our own."""
    always = (("S", severity), ("V", severity), ("C", code), ("M", message))
    return always + tuple((letter, words) for letter, words in (("D", detail), ("H", hint)) if words)


def field(fields: ErrorFields, letter: str) -> str:
    """The first field of that letter, empty where there is none."""
    return next((words for found, words in fields if found == letter), "")


def _body(fields: ErrorFields) -> bytes:
    parts = [letter.encode("latin-1") + octets(words) for letter, words in fields]
    if any(not letter or letter == "\0" for letter, _ in fields) or any(b"\0" in part for part in parts):
        raise ValueError("a text with a zero byte can not be sent")
    return b"\0".join((*parts, b"", b""))
