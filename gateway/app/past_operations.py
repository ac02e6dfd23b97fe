"""From what the ledger has of an operation to the Operation that was judged, by the code that made it then.

An entry has a verb and a text. What else was known - which line carried a file, how well a typed line was read - is
not in it: `Past.unknown` says so. A text that has more than one reading is not guessed at: then it is a reason.
"""

import re
from dataclasses import dataclass, replace
from typing import Literal

from gateway.adapters.postgres.standing import NAMED, mark_of, stands_for
from gateway.adapters.ssh.asked import Asked
from gateway.core.operation import Effect, Operation
from gateway.core.sql import SqlFacts
from gateway.policy.verbs import FILE_VERBS, FORWARD_VERBS, TWO_PATHS
from gateway.session.database.parser import Parsers
from gateway.session.files import FilePath, file_operation

NOT_CARRIED = (
    "files: neither a command line that carried them, nor whether a whole tree was meant, is recorded"
)
NOT_WITNESSED = (
    "typed lines: taken as read from the screen with certainty, how well they were read is not recorded"
)
MANY_READINGS = "its path can be read in more than one way"
NO_PATH = "its text has no path that can be read"
NOT_ONE = "its text is no single statement"
NO_PLACE = "its text has no destination that can be read"
NO_SUCH = "it is of a kind that is not known here"
_RUN = ("exec", "shell", "subsystem")
_SIGNS = ("exec", "shell", "subsystem", "typed", "sign", *FILE_VERBS, "forward")
_RESOLVED = re.compile(r"(.+?) \((/.*)\)", re.DOTALL)
_NAMES_ONE = re.compile(f"\n-- (?:{'|'.join(sorted(set(NAMED.values())))}) ")
_FUNCTION = "-- function "


@dataclass(frozen=True, slots=True)
class Past:
    """An operation as it was, or why nobody can tell. `unknown`: what is not known of it."""

    operation: Operation | None
    why_not: str = ""
    unknown: str = ""


class PastOperations:
    """Makes them. `parsers` are those that sessions use, and started."""

    def __init__(self, parsers: Parsers) -> None:
        self._parsers = parsers

    async def made(self, kind: str, verb: str, text: str) -> Past:
        """Of a session with a target of this kind."""
        if kind == "postgres" and verb not in _SIGNS:
            facts = await self._facts(verb, text)
            return Past(None, NOT_ONE) if facts is None else Past(_statement(facts, text))
        return over_ssh(verb, text)

    async def _facts(self, verb: str, text: str) -> SqlFacts | None:
        if verb == "function" and text.startswith(_FUNCTION):
            effects = frozenset({Effect.RUN, Effect.UNKNOWN})
            return SqlFacts("function", text, effects, certain=False, why="it is called by number")
        if (marked := _NAMES_ONE.search(text)) is not None:
            naming = await self._one(text[: marked.start()])
            if naming is not None and naming.verb in NAMED:
                mark = mark_of(naming)
                if not text.startswith(mark, marked.start()):
                    return None
                inner = await self._one(text[marked.start() + len(mark) :])
                return None if inner is None else stands_for(naming, inner)
        return await self._one(text)

    async def _one(self, text: str) -> SqlFacts | None:
        reading = await self._parsers.read(text)
        return reading.statements[0] if len(reading.statements) == 1 else None


def over_ssh(verb: str, text: str) -> Past:
    """What was asked for over SSH."""
    if verb in _RUN:
        asked = Asked("shell") if verb == "shell" or not text else Asked(_channel(verb), text)
        return Past(replace(asked.operation, verb=verb, text=text))
    if verb == "typed":
        details = {"command": text, "confidence": "high"}
        return Past(Operation(verb, text, frozenset({Effect.RUN}), details=details), unknown=NOT_WITNESSED)
    if verb in FILE_VERBS:
        return _file(verb, text)
    if verb in FORWARD_VERBS:
        return _forward(verb, text)
    if verb == "sign":
        return Past(Operation(verb, text, frozenset({Effect.CONTROL})))
    return Past(None, NO_SUCH)


def _channel(verb: str) -> Literal["exec", "subsystem"]:
    return "exec" if verb == "exec" else "subsystem"


def _statement(facts: SqlFacts, text: str) -> Operation:
    resources = tuple(map(str, (*facts.reads, *facts.writes)))
    return Operation(facts.verb, text, facts.effects, resources, {"sql": facts})


def _file(verb: str, text: str) -> Past:
    head, _, rest = text.partition(" ")
    given = rest.split(" to ") if verb in TWO_PATHS else [rest]
    if head != verb or not all(given):
        return Past(None, NO_PATH)
    paths = [_path(each) for each in given]
    if len(paths) != (2 if verb in TWO_PATHS else 1) or None in paths:
        return Past(None, MANY_READINGS)
    operation = file_operation(verb, *filter(None, paths), program="sftp")
    return Past(operation, unknown=NOT_CARRIED)


def _path(text: str) -> FilePath | None:
    """`GIVEN (RESOLVED)`. What is whole by itself was resolved to itself."""
    if " (/" not in text:
        return FilePath(text, text if text.startswith("/") else "")
    found = _RESOLVED.fullmatch(text)
    return FilePath(found[1], found[2]) if found is not None and text.count(" (/") == 1 else None


def _forward(verb: str, text: str) -> Past:
    _, said, place = text.partition(" to " if verb == "forward" else " on ")
    if not said or not place:
        return Past(None, NO_PLACE)
    details = {"destination": place, "origin": ""}
    return Past(Operation(verb, text, frozenset({Effect.TRANSFER}), (place,), details))
