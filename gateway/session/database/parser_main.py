"""The process in which SQL is parsed: a text in, facts out, until its input ends.

It is made to be lost: whatever a text does to it, it does to nothing else. It holds no descriptor but its socket, no
secret and no connection. Started by `parser_process.py`.
"""

import gc
import json
import os
import resource
import signal
import sys
import threading

from gateway.core.sql import Reading, unknown
from gateway.policy.sql.portable import pack_reading
from gateway.policy.sql.reading import read
from gateway.session.database.parser_grammar import Grammar, NotGrammar, TooMuch

MORE, LAST = b"+", b"-"
"""Before each reply: whether this process goes on."""
STACK = 64 << 20
DEEPEST = 50_000
REPLY_MOST = 4 << 20
MORE_TIME_BYTES = 512 << 10
"""A text of so many bytes may take twice the time, one of twice that three times."""
_TOO_MUCH = "it takes too much memory to be understood"
_TOO_DEEP = "it is nested too deeply to be understood"
_IN, _OUT = 0, 1
_ENCODE = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode


def main() -> None:
    """Arguments: the library, megabytes of memory, milliseconds of work for a short text."""
    library, memory, work = sys.argv[-3], int(sys.argv[-2]) << 20, int(sys.argv[-1]) / 1000
    grammar = Grammar(library)
    _confine(memory)
    gc.disable()  # trees have no cycles, and a large one would be gone through again and again
    sys.setrecursionlimit(DEEPEST)
    threading.stack_size(STACK)
    thread = threading.Thread(target=_serve, args=(grammar, work))
    thread.start()
    thread.join()


def _confine(memory: int) -> None:
    """Take away what parsing does not need."""
    for kind, most in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_NOFILE, 16),
    ):
        _, hard = resource.getrlimit(kind)
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (most, most))


def _serve(grammar: Grammar, work: float) -> None:
    _send(b"ready")
    while (head := _receive(4)) is not None:
        data = _receive(int.from_bytes(head, "big"))
        if data is None:
            return
        # Counts only what this process works, so a busy machine is no reason to give up; ends the process.
        signal.setitimer(signal.ITIMER_PROF, work * (1 + len(data) / MORE_TIME_BYTES))
        reply, is_spent = _answer(grammar, data.decode())
        signal.setitimer(signal.ITIMER_PROF, 0)
        _send((LAST if is_spent else MORE) + reply)
        if is_spent:
            return


def _answer(grammar: Grammar, text: str) -> tuple[bytes, bool]:
    """The reply, and whether this process should rather end than go on."""
    try:
        try:
            reading = read(grammar.parse(text), text, grammar.fingerprint)
        except NotGrammar as problem:
            why = "PostgreSQL's grammar does not know it"
            reading = Reading((unknown(text, why),), problem.sentence, problem.position)
        reply = _ENCODE(pack_reading(reading, text)).encode()
        return (reply, False) if len(reply) <= REPLY_MOST else _gives_up(text, _TOO_MUCH, False)
    except (MemoryError, TooMuch):
        return _gives_up(text, _TOO_MUCH, True)
    except RecursionError:
        return _gives_up(text, _TOO_DEEP, True)
    except (LookupError, TypeError, ValueError, AttributeError) as problem:
        return _gives_up(text, f"its syntax tree is not understood ({type(problem).__name__})", False)


def _gives_up(text: str, why: str, is_spent: bool) -> tuple[bytes, bool]:
    return _ENCODE(pack_reading(Reading((unknown(text, why),)), text)).encode(), is_spent


def _receive(size: int) -> bytes | None:
    parts = []
    while size:
        part = os.read(_IN, size)
        if not part:
            return None
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def _send(data: bytes) -> None:
    view = memoryview(len(data).to_bytes(4, "big") + data)
    while view:
        view = view[os.write(_OUT, view) :]
