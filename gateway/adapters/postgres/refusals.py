"""What people are told in PostgreSQL's own words: errors and notices of the gateway, as messages.

The primary message stands alone, because some clients show nothing else, and begins with `hoop:`. Everything is
made harmless for a terminal.
"""

from collections.abc import Iterable

from gateway.core.errors import Denied
from gateway.core.plain import plain, sentence
from gateway.wire.postgres.frames import frame
from gateway.wire.postgres.tables import ByClient, ByServer

NOT_ALLOWED = "42501"
CANCELLED = "57014"
TERMINATED = "57P01"
BROKEN_PROTOCOL = "08P01"
SYNTAX = "42601"
OUR_FAULT = "58000"
NOT_CONNECTED = "08006"

CHANGED = "cached plan must not change result type"

READY_IDLE = frame(ByServer.READY, b"I")

_FAILS = b'hoop_refused "'
"""No grammar takes this. The server's own error about it is replaced by ours."""


def error(
    code: str, primary: str, detail: str = "", hint: str = "", *, fatal: bool = False, position: int = 0
) -> bytes:
    """An ErrorResponse. `primary` may begin with `hoop: `; it always does where it is shown."""
    severity = "FATAL" if fatal else "ERROR"
    fields = [("S", severity), ("V", severity), ("C", code), ("M", sentence(primary.removeprefix("hoop: ")))]
    return frame(ByServer.ERROR, _fields([*fields, *_more(detail, hint, position)]))


def grammar(text: str, position: int) -> bytes:
    """The ErrorResponse of a text that is no statement, as the server would have said it."""
    fields = [("S", "ERROR"), ("V", "ERROR"), ("C", SYNTAX), ("M", plain(text))]
    detail = "hoop did not send it: the rules can not judge what can not be read"
    return frame(ByServer.ERROR, _fields([*fields, *_more(detail, "", position)]))


def cancelled() -> bytes:
    """As the server says it when a statement is cancelled."""
    fields = [("S", "ERROR"), ("V", "ERROR"), ("C", CANCELLED)]
    return frame(ByServer.ERROR, _fields([*fields, ("M", "canceling statement due to user request")]))


def result_changed() -> bytes:
    """As the server says it of a prepared statement whose result is another now. Drivers know it by the routine."""
    fields = [("S", "ERROR"), ("V", "ERROR"), ("C", "0A000"), ("M", CHANGED), ("R", "RevalidateCachedQuery")]
    return frame(ByServer.ERROR, _fields(fields))


def notice(text: str, detail: str = "", hint: str = "") -> bytes:
    """A NoticeResponse."""
    fields = [("S", "NOTICE"), ("V", "NOTICE"), ("C", "00000"), ("M", sentence(text.removeprefix("hoop: ")))]
    return frame(ByServer.NOTICE, _fields([*fields, *_more(detail, hint, 0)]))


def denied(problem: Denied) -> bytes:
    """An operation was stopped: the connection lives on."""
    primary = (
        f"blocked - {problem.reason or 'nothing was run'}" if problem.state == "blocked" else problem.sentence
    )
    by = f"rule {problem.rule} (policy rev {problem.revision}); " if problem.rule else ""
    code = CANCELLED if problem.state in ("expired", "withdrawn") else NOT_ALLOWED
    return error(code, primary, f"{by}nothing was run")


def failing_query(about: str) -> bytes:
    """A Query that the server refuses whatever its state, for its own log with a word about why."""
    return frame(ByClient.QUERY, _comment(about) + _FAILS + b"\0")


def failing_parse(about: str) -> bytes:
    """The same in the extended protocol. It has a name, so that no unnamed statement is lost by it."""
    return frame(ByClient.PARSE, b"hoop_refused\0" + _comment(about) + _FAILS + b"\0\0\0")


def _comment(about: str) -> bytes:
    return f"/* hoop: {plain(about).replace('*/', '* /').replace('/*', '/ *')} */ ".encode()


def _more(detail: str, hint: str, position: int) -> Iterable[tuple[str, str]]:
    if detail:
        yield "D", plain(detail)
    if hint:
        yield "H", plain(hint)
    if position:
        yield "P", str(position)


def _fields(fields: Iterable[tuple[str, str]]) -> bytes:
    return b"".join(letter.encode() + text.encode() + b"\0" for letter, text in fields) + b"\0"
