"""What people are told in PostgreSQL's own words: errors and notices of the gateway, as messages.

The primary message stands alone, because some clients show nothing else, and begins with `hoop:`. Everything is
made harmless for a terminal.
"""

from collections.abc import Iterable

from gateway.core.errors import Denied
from gateway.core.plain import plain, sentence
from gateway.session.said import Said
from gateway.wire.postgres.frames import frame
from gateway.wire.postgres.tables import ByClient, ByServer

NOT_ALLOWED = "42501"
CANCELLED = "57014"
TERMINATED = "57P01"
BROKEN_PROTOCOL = "08P01"
SYNTAX = "42601"
OUR_FAULT = "58000"
NOT_CONNECTED = "08006"
NOT_LET_IN = "28000"
MASKED = "01Z04"
_NOTICES = {"held": "01Z01", "waiting": "01Z02", "approved": "01Z03"}
"""Codes of warnings, in the part that is left to implementations: for programs that want to know what a notice is."""

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


def notice(text: str, detail: str = "", hint: str = "", code: str = "00000") -> bytes:
    """A NoticeResponse."""
    fields = [("S", "NOTICE"), ("V", "NOTICE"), ("C", code), ("M", sentence(text.removeprefix("hoop: ")))]
    return frame(ByServer.NOTICE, _fields([*fields, *_more(detail, hint, 0)]))


def primary(words: str) -> str:
    """The sentence of them that is shown, and recorded."""
    return words.primary if isinstance(words, Said) else words


def spoken(words: str, *, at_the_door: bool = False) -> bytes:
    """Words to the person as a NoticeResponse, with all that they hold. `at_the_door`: there is no session yet."""
    if not isinstance(words, Said):
        return notice(words)
    hint = words.hint + _in_band(words.missing, "Or: Ctrl-C", at_the_door=at_the_door)
    return notice(words.primary, words.detail, hint, _NOTICES.get(words.kind, "00000"))


def denied(problem: Denied, target: str = "") -> bytes:
    """An operation was stopped: the connection lives on. `target`: where it would have gone."""
    return _stopped(problem, target, CANCELLED if problem.state in _OVER else NOT_ALLOWED)


def not_let_in(problem: Denied, target: str) -> bytes:
    """Somebody may not come in: the last word to them."""
    return _stopped(problem, target, CANCELLED if problem.state in _OVER else NOT_LET_IN, fatal=True)


_OVER = frozenset({"expired", "withdrawn"})


def _stopped(problem: Denied, target: str, code: str, *, fatal: bool = False) -> bytes:
    words = primary(problem.sentence)
    if problem.state == "blocked":
        words = f"blocked - {problem.reason or 'nothing was run'}"
    by = f"rule {problem.rule} (policy rev {problem.revision}); " if problem.rule else ""
    hint = _what_to_do(problem, target, at_the_door=fatal)
    return error(code, words, f"{by}nothing was run", hint, fatal=fatal)


def _what_to_do(problem: Denied, target: str, *, at_the_door: bool) -> str:
    said = problem.sentence
    match problem.state:
        case "held" if isinstance(said, Said):
            return said.hint + _in_band(said.missing, "Or", at_the_door=at_the_door)
        case "denied" if problem.request:
            return f"hoop-tui request show {problem.request}"
        case "expired" if target:
            access = f'hoop-tui request create --target {target} --for 1h --reason "..."'
            return f"{'connect' if at_the_door else 'run it'} again to ask again, or: {access}"
        case "withdrawn":
            return f"{'connect' if at_the_door else 'run it'} again to ask again"
    return ""


def _in_band(missing: tuple[str, ...], how: str, *, at_the_door: bool) -> str:
    """What is still to be given can be said in the session itself, or as it begins."""
    if at_the_door and missing:
        options = " ".join(f"-c hoop.{name}=..." for name in missing)
        return f". {how}, and connect with PGOPTIONS='{options}'"
    sets = " ".join(f"SET hoop.{name} = '...';" for name in missing)
    return f". {how}, {sets} and run it again" if sets else ""


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
