"""Words for tests about SQL: facts of a text, facts as one line, operations and sessions of a database.

The grammar is called in this process, which a test may do with texts that it has chosen itself.
"""

from dataclasses import replace
from functools import cache
from pathlib import Path

from gateway.core.operation import Operation
from gateway.core.people import Session
from gateway.core.sql import Reading, SqlFacts
from gateway.policy.sql import reading
from gateway.session.database.parser_grammar import Grammar
from gateway.session.database.parser_process import library
from tests.policy.conftest import session

LETTERS = {
    "read": "r",
    "write": "w",
    "define": "d",
    "control": "c",
    "run": "x",
    "transfer": "t",
    "unknown": "u",
}


@cache
def grammar() -> Grammar:
    return Grammar(library())


def read(text: str) -> Reading:
    return reading.read(grammar().parse(text), text, grammar().fingerprint)


def facts(text: str) -> SqlFacts:
    (only,) = read(text).statements
    return only


def line(found: SqlFacts) -> str:
    """`select; rw; <read; >written; !called; where; limit; with; name=..; setting=value; (inside); ?`, where so."""
    parts = [
        found.verb,
        "".join(letter for effect, letter in LETTERS.items() if effect in found.effects) or "-",
    ]
    for sign, names in (("<", found.reads), (">", found.writes), ("!", found.functions)):
        if names:
            parts.append(sign + " ".join(map(str, names)))
    if found.has_where is not None:
        parts.append("where" if found.has_where else "nowhere")
    parts += ["limit"] * found.has_limit + ["with"] * found.writes_in_with
    if found.name:
        parts.append(f"name={found.name}")
    parts += [f"{name}={value}" for name, value in found.sets]
    if found.inner:
        parts.append(f"({', '.join(each.verb for each in found.inner)})")
    return "; ".join(parts + ["?"] * (not found.certain))


def labelled() -> list[tuple[str, str]]:
    """Statements and what is to be found in them, from the files beside this one: a statement, and under it, four
    spaces further in, its line."""
    cases: list[tuple[str, str]] = []
    for file in sorted((Path(__file__).parent / "statements").glob("*.txt")):
        pending: list[str] = []
        for each in file.read_text(encoding="utf-8").splitlines():
            if each.startswith("    "):
                cases.append(("\n".join(pending), each.strip()))
                pending = []
            else:
                pending.append(each)
        assert pending == [], f"{file.name} ends with a statement that nothing is said of"
    return cases


def statement(text: str) -> Operation:
    """As an adapter makes it."""
    return operation(facts(text))


def operation(found: SqlFacts) -> Operation:
    resources = tuple(map(str, (*found.reads, *found.writes)))
    return Operation(found.verb, found.text, found.effects, resources, {"sql": found})


def in_database() -> Session:
    one = session(target="appdb")
    return replace(one, target=replace(one.target, kind="postgres"))
