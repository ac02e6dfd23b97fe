"""Puts together what a server answered about its database: who uses whom, all the way down. It waits for nothing."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from sys import intern
from typing import TypeVar

from gateway.adapters.postgres.catalog_query import FIRST_OF_OTHERS, Question
from gateway.core.catalog import Catalog, Column, Relation, TypeInfo
from gateway.core.sql import Named

Row = tuple[str, ...]
"""NULL as an empty text."""
Answers = Mapping[Question, list[Row] | None]
"""None: the server did not answer."""
_Thing = TypeVar("_Thing")
_VIEWS = frozenset({"v", "m"})
_YES = "t"
_UNKNOWN = Named("", "")


@dataclass(slots=True)
class _Rules:
    """What the rules of one relation use, first by themselves and then all the way down."""

    relations: set[int] = field(default_factory=set)
    columns: set[tuple[int, int]] = field(default_factory=set)
    calls: set[Named] = field(default_factory=set)
    targets: dict[int, tuple[int, int]] = field(default_factory=dict)
    """Columns of a view that are a column of something else, unchanged."""


def assemble(answers: Answers) -> Catalog:
    """The catalog that these answers make. Without some of them it is not complete."""
    complete = all(rows is not None for rows in answers.values())
    columns = _columns(_rows(answers, Question.COLUMNS))
    rules = _rules(answers)
    parents = _pairs(_rows(answers, Question.PARENTS))
    cascades = _pairs(_rows(answers, Question.CASCADES))
    relations: dict[int, Relation] = {}
    names: dict[str, list[int]] = defaultdict(list)
    for number, schema, name, kind, triggers in _rows(answers, Question.RELATIONS):
        oid = int(number)
        used = rules.get(oid) or _Rules()
        mine = columns.get(oid, {})
        relations[oid] = Relation(
            oid=oid,
            schema=intern(schema),
            name=intern(name),
            kind=intern(kind),
            columns=mine,
            origins=_origins(oid, mine, rules) if kind in _VIEWS and complete else {},
            depends=frozenset(used.relations),
            parents=frozenset(parents.get(oid, ())),
            calls=frozenset(used.calls),
            triggers=triggers == _YES,
            cascades=frozenset(_reached(oid, lambda each: cascades.get(each, ()))),
        )
        names[name].append(oid)
    return Catalog(
        relations=relations,
        types=_types(_rows(answers, Question.TYPES)),
        complete=complete,
        names={name: tuple(oids) for name, oids in names.items()},
        pure=frozenset(Named(schema, name) for schema, name in _rows(answers, Question.PURE)),
        own=frozenset(name for (name,) in _rows(answers, Question.OWN)),
        implicit=bool(_rows(answers, Question.IMPLICIT)),
    )


def _rows(answers: Answers, question: Question) -> list[Row]:
    return answers.get(question) or []


def _columns(rows: Iterable[Row]) -> dict[int, dict[int, Column]]:
    found: dict[int, dict[int, Column]] = defaultdict(dict)
    for relation, number, name, type_number in rows:
        found[int(relation)][int(number)] = Column(int(number), intern(name), int(type_number))
    return found


def _types(rows: Iterable[Row]) -> dict[int, TypeInfo]:
    return {
        int(oid): TypeInfo(int(oid), name, category, int(base), int(element))
        for oid, name, category, base, element in rows
    }


def _pairs(rows: Iterable[Row]) -> dict[int, set[int]]:
    found: dict[int, set[int]] = defaultdict(set)
    for one, other in rows:
        found[int(one)].add(int(other))
    return found


def _rules(answers: Answers) -> dict[int, _Rules]:
    own: dict[int, _Rules] = defaultdict(_Rules)
    for oid, used, column in _rows(answers, Question.RULE_COLUMNS):
        own[int(oid)].relations.add(int(used))
        own[int(oid)].columns.add((int(used), int(column)))
    for oid, used in _rows(answers, Question.RULE_RELATIONS):
        own[int(oid)].relations.add(int(used))
        if int(used) < FIRST_OF_OTHERS:
            own[int(oid)].columns.add((int(used), 0))  # of the server's own, not each column is noted
    for oid, number, used, column in _rows(answers, Question.RULE_TARGETS):
        own[int(oid)].targets[int(number)] = (int(used), int(column))
    for (oid,) in _rows(answers, Question.RULE_WHOLE_ROWS):
        own[int(oid)].columns |= {(used, 0) for used in own[int(oid)].relations}
    for oid, schema, name in _rows(answers, Question.RULE_FUNCTIONS):
        own[int(oid)].calls.add(Named(schema, name) if name else _UNKNOWN)
    return {oid: _all_the_way_down(oid, own) for oid in own}


def _all_the_way_down(oid: int, own: Mapping[int, _Rules]) -> _Rules:
    found = _Rules(targets=own[oid].targets)
    for each in (oid, *_reached(oid, lambda each: own[each].relations if each in own else ())):
        if each in own:
            found.relations |= own[each].relations
            found.columns |= own[each].columns
            found.calls |= own[each].calls
    return found


def _origins(
    oid: int, columns: Iterable[int], rules: Mapping[int, _Rules]
) -> dict[int, frozenset[tuple[int, int]]]:
    """Of each column of a view: the columns that it is, view by view; else all that the view uses for whatever."""
    used = rules.get(oid) or _Rules()
    everything = frozenset(used.columns)
    found: dict[int, frozenset[tuple[int, int]]] = {}
    for number in columns:
        followed: set[tuple[int, int]] = set()
        at = used.targets.get(number)
        while at is not None and at not in followed:
            followed.add(at)
            below = rules.get(at[0])
            if below is None:
                break
            if at[1] not in below.targets:
                followed |= below.columns
            at = below.targets.get(at[1])
        found[number] = frozenset(followed) if number in used.targets else everything
    return found


def _reached(start: _Thing, step: Callable[[_Thing], Iterable[_Thing]]) -> set[_Thing]:
    seen: set[_Thing] = set()
    waiting = [start]
    while waiting:
        for other in step(waiting.pop()):
            if other not in seen and other != start:
                seen.add(other)
                waiting.append(other)
    return seen
