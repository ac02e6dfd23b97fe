"""Compares SQL statements with the conditions of rules.

A rule that restricts also looks at what stands inside a statement, takes a name without a schema for any of that
name, and counts what is not certain as a match. A rule that allows goes by what is certain and covers all of it.
"""

from collections.abc import Collection, Iterator, Sequence

from gateway.core.operation import Effect, Operation
from gateway.core.sql import Named, SqlFacts, unknown
from gateway.policy.glob import matches
from gateway.policy.sql.found import EVERYTHING
from gateway.policy.sql.functions import ARGUMENT_IS_RELATION, is_harmless
from gateway.policy.verbs import OPAQUE_VERBS, SQL_VERBS, SSH_VERBS


def statement_of(operation: Operation) -> SqlFacts | None:
    """The facts of a statement; None for what is none."""
    facts = operation.details.get("sql")
    if isinstance(facts, SqlFacts):
        return facts
    if operation.verb in SQL_VERBS and operation.verb not in SSH_VERBS:
        return unknown(operation.text, "nothing is known of this statement")
    return None


def every_verb(facts: SqlFacts) -> Iterator[str]:
    """What the statement is, and whatever it holds and does."""
    yield facts.verb
    if _makes_table(facts):
        yield "create"
    for inner in _real(facts):
        yield from every_verb(inner)


def may_be(verbs: Sequence[str], facts: SqlFacts) -> bool:
    """For rules that restrict: the statement is, holds or may hold one of these."""
    if not facts.certain:
        return any(matches(value, verb) for value in verbs for verb in SQL_VERBS)
    return any(matches(value, verb) for value in verbs for verb in every_verb(facts))


def is_only(verbs: Sequence[str], facts: SqlFacts) -> bool:
    """For rules that allow: the statement is one of these, and so is whatever it holds that does more than read."""
    if not facts.certain and facts.verb not in OPAQUE_VERBS:
        return EVERYTHING in verbs
    own = ("create", facts.verb) if _makes_table(facts) else (facts.verb,)
    if not all(any(matches(value, verb) for value in verbs) for verb in own):
        return False
    return all(is_only(verbs, inner) for inner in _real(facts) if inner.effects - {Effect.READ})


def does_only(effects: Sequence[str], facts: SqlFacts) -> bool:
    """For rules that allow: every effect is one of these."""
    return all(any(matches(value, effect) for value in effects) for effect in facts.effects)


def may_touch(tables: Sequence[str], facts: SqlFacts) -> bool:
    """For rules that restrict: one of the relations is, or may be, one of these."""
    return not facts.certain or any(
        _may_be(pattern, each) for pattern in tables for each in (*facts.reads, *facts.writes)
    )


def stays_within(tables: Sequence[str], facts: SqlFacts, beside: Collection[str]) -> bool:
    """For rules that allow: every relation is surely one of these, and nothing else is done."""
    relations = (*facts.reads, *facts.writes)
    if not facts.certain or not relations or not does_no_more(facts, beside):
        return False
    return all(any(_is(pattern, each) for pattern in tables) for each in relations)


def may_call(functions: Sequence[str], facts: SqlFacts) -> bool:
    """For rules that restrict: one of the functions is, or may be, one of these."""
    return not facts.certain or any(
        _may_be(pattern, each) for pattern in functions for each in facts.functions
    )


def calls_only(functions: Sequence[str], facts: SqlFacts) -> bool:
    """For rules that allow: it calls one of these, and besides only what is harmless."""
    fitting = {each for each in facts.functions if any(_is(pattern, each) for pattern in functions)}
    return (
        facts.certain
        and bool(fitting)
        and all(each in fitting or is_harmless(each) for each in facts.functions)
    )


def has_where(values: Sequence[str], facts: SqlFacts, *, restricts: bool) -> bool:
    """Whether every UPDATE and DELETE has a condition, or one has none."""
    if not facts.certain:
        return restricts
    return facts.has_where is not None and str(facts.has_where).lower() in values


def name_problem(pattern: str) -> str:
    """Why a pattern could never describe a table or a function; empty where it could."""
    parts = pattern.split(".", 1)
    if all(parts):
        return ""
    return f'{pattern} can never fire: write a name, or a schema and a name, as in "app.customers" or "app.*"'


def _real(facts: SqlFacts) -> Iterator[SqlFacts]:
    """What stands inside and happens: not what EXPLAIN only plans."""
    return (inner for inner in facts.inner if inner.effects <= facts.effects)


def _makes_table(facts: SqlFacts) -> bool:
    """SELECT INTO is CREATE TABLE AS by another name."""
    return facts.verb == "select" and Effect.DEFINE in facts.effects


def does_no_more(facts: SqlFacts, beside: Collection[str]) -> bool:
    """Whoever is allowed a table is not allowed programs, files of the server or other people's functions with it,
    unless the rule names effects or functions too."""
    if "effect" in beside:
        return True
    if Effect.TRANSFER in facts.effects:
        return False
    if "function" in beside:
        return True
    return Effect.RUN not in facts.effects and all(
        is_harmless(each) or each.name in ARGUMENT_IS_RELATION for each in facts.functions
    )


def _parts(pattern: str) -> tuple[str, str]:
    schema, dot, name = pattern.partition(".")
    return (schema, name) if dot else (EVERYTHING, pattern)


def _may_be(pattern: str, named: Named) -> bool:
    return may_be_named(*_parts(pattern), named)


def may_be_named(schema: str, name: str, named: Named) -> bool:
    """Whether these patterns may describe it. Letter case makes no difference: too much is better than too little."""
    if named.schema and not matches(schema.casefold(), named.schema.casefold()):
        return False
    return named.name == EVERYTHING or matches(name.casefold(), named.name.casefold())


def _is(pattern: str, named: Named) -> bool:
    return is_named(*_parts(pattern), named)


def is_named(schema: str, name: str, named: Named) -> bool:
    """Whether these patterns surely describe it."""
    if named.name == EVERYTHING and name != EVERYTHING:
        return False
    return matches(name, named.name) and (
        matches(schema, named.schema) if named.schema else schema == EVERYTHING
    )
