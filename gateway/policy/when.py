"""`when`: a condition in CEL, for what no field of a rule can say.

Checked when it is read: an unknown name, a wrong type or a mistake is refused there. What it costs is bounded: by its
length, by the size of what it is given, and by the library, which counts what an expression goes through and
matches patterns in linear time. The library is imported by the first rule that has a `when`.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from gateway.core.attachments import UNREAD
from gateway.core.operation import Operation
from gateway.core.people import Session
from gateway.core.sql import SqlFacts
from gateway.policy import command_line
from gateway.policy.estimates import NOT_KNOWN, has_rows, rows_of
from gateway.policy.lines import command_of, scripts_of, was_seen
from gateway.policy.sql.found import EVERYTHING
from gateway.policy.statements import every_verb, statement_of
from gateway.policy.wrong import did_you_mean

if TYPE_CHECKING:
    from cel_expr_python import cel

LONGEST = 2000
MOST_ENTRIES = 1000
MOST_LETTERS = 64 << 10
"""Of all that one expression is given. Whatever is larger counts as doubt."""
_COMPLAINT = re.compile(r"ERROR: <input>:-?\d+:(-?\d+): (.*)")
_UNDECLARED = re.compile(r"undeclared reference to '([\w.]+)'")


class Doubt(ValueError):
    """It can not be told: true where a rule restricts, false where one allows."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What an expression is about."""

    operation: Operation
    session: Session
    restricts: bool
    now: datetime | None

    @property
    def statement(self) -> SqlFacts:
        facts = statement_of(self.operation)
        if facts is None or not facts.certain:
            raise Doubt("this statement is not understood")
        return facts

    @property
    def rows(self) -> int:
        """None at all, of what neither reads nor changes any."""
        if not has_rows(self.statement):
            return 0
        rows = rows_of(self.operation)
        if rows is None:
            raise Doubt(NOT_KNOWN)
        return rows

    @property
    def commands(self) -> tuple[str, ...]:
        """As patterns of `command` are tried: in a rule that allows only what is certain, and never on nothing."""
        line = command_line.read(self.line)
        if not (line.certain if self.restricts else line.plain and line.commands):
            raise Doubt("this command line can not be read with certainty")
        return (*line.forms, *self._inside("forms")) if self.restricts else line.commands

    @property
    def words(self) -> tuple[str, ...]:
        """Of all commands: in a rule that restricts only where all of them are known."""
        line = command_line.read(self.line)
        known = line.certain and line.words_are_known
        if not (known if self.restricts else line.plain and line.commands):
            raise Doubt("not every word of this command line can be known")
        return (*line.words, *(self._inside("words") if self.restricts else ()))

    def _inside(self, what: str) -> tuple[str, ...]:
        """Of the scripts that it runs."""
        if UNREAD in self.operation.attachments:
            raise Doubt("nobody has looked into it")
        return tuple(each for script in scripts_of(self.operation) for each in getattr(script, what))

    @property
    def line(self) -> str:
        text = command_of(self.operation)
        if text is None:
            raise Doubt("there is no command line")
        if self.operation.verb == "typed" and not (self.restricts and was_seen(self.operation)):
            raise Doubt("what was typed is never certain enough")
        return text

    @property
    def time(self) -> datetime:
        if self.now is None:
            raise Doubt("the time is not known")
        return self.now


@dataclass(frozen=True, slots=True)
class Name:
    """A name that expressions may use: its type, what has it, and its value. `about`: empty, `time`, or a field of
    which it says the same: then the rule is only about operations that have it."""

    type: str
    about: str
    value: Callable[[Asked], Any]


def _named(kind: str) -> Callable[[Asked], list[str]]:
    def names(asked: Asked) -> list[str]:
        found = asked.statement
        named = {
            "tables": (*found.reads, *found.writes),
            "writes": found.writes,
            "functions": found.functions,
        }
        if any(each.name == EVERYTHING for each in named[kind]):
            raise Doubt("it is about all there are, whatever their names")
        return [str(each) for each in named[kind]]

    return names


NAMES: dict[str, Name] = {
    "user.name": Name("text", "", lambda asked: asked.session.principal.name),
    "user.groups": Name("list", "", lambda asked: sorted(asked.session.principal.groups)),
    "target.name": Name("text", "", lambda asked: asked.session.target.name),
    "target.kind": Name("text", "", lambda asked: asked.session.target.kind),
    "target.labels": Name("map", "", lambda asked: dict(asked.session.target.labels)),
    "login": Name("text", "", lambda asked: asked.session.login),
    "client.address": Name("text", "", lambda asked: asked.session.peer.address),
    "client.program": Name("text", "", lambda asked: asked.session.peer.client),
    "verb": Name("text", "", lambda asked: asked.operation.verb),
    "effects": Name("list", "", lambda asked: sorted(asked.operation.effects)),
    "text": Name("text", "", lambda asked: asked.operation.text),
    "now": Name("time", "time", lambda asked: asked.time),
    "ssh.line": Name("text", "command", lambda asked: asked.line),
    "ssh.commands": Name("list", "command", lambda asked: list(asked.commands)),
    "ssh.argv": Name("list", "command", lambda asked: list(asked.words)),
    "sql.verbs": Name("list", "statement", lambda asked: list(every_verb(asked.statement))),
    "sql.tables": Name("list", "statement", _named("tables")),
    "sql.writes": Name("list", "statement", _named("writes")),
    "sql.functions": Name("list", "statement", _named("functions")),
    "sql.has_where": Name("bool", "statement", lambda asked: asked.statement.has_where is not False),
    "sql.est_rows": Name("int", "statement", lambda asked: asked.rows),
    "sql.has_limit": Name("bool", "statement", lambda asked: asked.statement.has_limit),
}


@dataclass(frozen=True, slots=True)
class When:
    """An expression that was checked."""

    text: str
    names: tuple[str, ...] = ()
    """That it uses."""
    program: "cel.Expression | None" = field(default=None, repr=False, compare=False)

    @property
    def asks_the_time(self) -> bool:
        return "now" in self.names

    @property
    def asks_rows(self) -> bool:
        return "sql.est_rows" in self.names

    @property
    def about(self) -> frozenset[str]:
        """`command` and `statement`, where it can only be asked of what has these."""
        return frozenset(NAMES[name].about for name in self.names) - {"", "time"}

    def holds(self, asked: Asked) -> bool:
        """Raises ValueError where it can not be told."""
        assert self.program is not None
        values = {name: NAMES[name].value(asked) for name in self.names}
        _bounded(values)
        try:
            answer = self.program.eval(data=values).value()
        except (RuntimeError, TypeError) as problem:
            raise Doubt(str(problem)) from problem
        if not isinstance(answer, bool):
            raise Doubt(str(answer))  # errors are values in CEL
        return answer


def compile_when(text: str) -> When:
    """Raises ValueError with a sentence."""
    if len(text) > LONGEST:
        raise ValueError(f"when is longer than {LONGEST} characters")
    try:
        program = _environment("").compile(text)
    except ImportError:
        raise ValueError("when needs the package cel-expr-python, which is not installed") from None
    except RuntimeError as problem:
        raise ValueError(_complaint(str(problem))) from None
    if program.return_type().name() != "BOOL":
        raise ValueError(f"when must be true or false, this is {program.return_type().name().lower()}")
    return When(text, tuple(name for name in NAMES if _uses(text, name)), program)


def _uses(text: str, name: str) -> bool:
    """Exact, whatever an expression calls its own variables: without the name it would not be understood."""
    if name.rpartition(".")[2] not in text:
        return False
    try:
        _environment(name).compile(text)
    except RuntimeError:
        return True
    return False


@lru_cache(maxsize=len(NAMES) + 1)
def _environment(without: str) -> "cel.Env":
    from cel_expr_python import cel

    text = cel.Type.STRING
    types = {
        "text": text,
        "list": cel.Type.List(text),
        "map": cel.Type.Map(text, text),
        "time": cel.Type.TIMESTAMP,
        "bool": cel.Type.BOOL,
        "int": cel.Type.INT,
    }
    return cel.NewEnv(variables={name: types[each.type] for name, each in NAMES.items() if name != without})


def _complaint(said: str) -> str:
    """The library's first complaint in one sentence."""
    found = _COMPLAINT.search(said)
    if found is None:
        return f"when can not be read: {said.partition(chr(10))[0][:200]}"
    sentence = found[2].removesuffix(" (in container '')")
    at = f" at character {found[1]}" if int(found[1]) > 0 else ""
    if unknown := _UNDECLARED.match(sentence):
        sentence = f"it knows no {unknown[1]}{did_you_mean(unknown[1], NAMES)}"
    elif sentence.startswith("Syntax error: mismatched input '<EOF>'"):
        sentence = "something is missing"
    return f"when can not be read{at}: {sentence[:200]}"


def _bounded(values: Mapping[str, Any]) -> None:
    letters = 0
    for entries, text in _texts(values):
        letters += len(text)
        if entries > MOST_ENTRIES or letters > MOST_LETTERS:
            raise Doubt("it is too large to be looked at")


def _texts(values: Mapping[str, Any]) -> Iterator[tuple[int, str]]:
    for value in values.values():
        if isinstance(value, str):
            yield 1, value
        elif isinstance(value, list):
            yield from ((len(value), each) for each in value)
