"""Where in a text stands what a rule matched: stretches that a card marks, so that people look there first.

An aid for the eye. The rule has judged all of the text; where nothing in particular can be pointed at, nothing is,
and of what is not certain all is.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from gateway.core.operation import Operation
from gateway.core.sql import Named, SqlFacts
from gateway.core.verdict import Span
from gateway.policy import command_line
from gateway.policy.glob import matches
from gateway.policy.lines import command_of
from gateway.policy.rules import Condition, Rule
from gateway.policy.sql.found import EVERYTHING
from gateway.policy.sql.tokens import Token, tokens
from gateway.policy.statements import every_verb, may_be_named, statement_of

if TYPE_CHECKING:
    from tree_sitter import Node

LONGEST = 64 << 10
MOST = 50
"""Stretches of one text."""
_MOST_PARTS = 200
_OF_THE_VERB = frozenset(("verb", "effect", "has_where", "rows"))
_OF_NAMES = frozenset(("table", "function", "column"))
_PARTS = frozenset(("command", "declaration_command", "unset_command", "redirected_statement", "pipeline"))


def matched(rules: Iterable[Rule], operation: Operation) -> tuple[Span, ...]:
    """What these rules, which have matched it, point at. In order; none overlaps another."""
    text = operation.text
    if len(text) > LONGEST:
        return ()
    facts, line = statement_of(operation), command_of(operation)
    found: set[Span] = set()
    for rule in rules:
        if facts is not None:
            found.update(_in_statement(rule, facts, text))
        elif line is not None and line == text:
            found.update(_in_line(rule, text))
        elif "path" in rule.match_fields:
            found.update(_of_paths(operation))
    return tuple(_apart(found))[:MOST]


def _apart(found: Iterable[Span]) -> Iterator[Span]:
    end = 0
    for span in sorted(found, key=lambda each: (each[0], -each[1])):
        if span[0] >= end and span[1] > span[0]:
            yield span
            end = span[1]


def _in_statement(rule: Rule, facts: SqlFacts, text: str) -> Iterator[Span]:
    told = rule.match_fields & (_OF_THE_VERB | _OF_NAMES)
    if not told:
        return
    if not facts.certain:
        yield 0, len(text)
        return
    words = list(tokens(text))
    for condition in rule.match:
        if condition.field in _OF_NAMES:
            yield from _of_names(condition, facts, words)
        elif condition.field in _OF_THE_VERB:
            yield from _of_verb(condition, facts, words)


def _of_verb(condition: Condition, facts: SqlFacts, words: Sequence[Token]) -> Iterator[Span]:
    wanted = {verb for verb in every_verb(facts) if _fits(condition, verb)}
    for verb in wanted:
        word = next((each for each in words if each.text == verb and not each.quoted), None)
        if word is not None:
            yield word.start, word.end


def _fits(condition: Condition, verb: str) -> bool:
    if condition.field == "verb":
        return any(matches(value, verb) for value in condition.values)
    return condition.field != "has_where" or verb in ("update", "delete")


def _of_names(condition: Condition, facts: SqlFacts, words: Sequence[Token]) -> Iterator[Span]:
    names = _named(condition, facts)
    for at, word in enumerate(words):
        before = words[at - 1] if word.dotted and at else None
        for name in names:
            if word.text != name.name or (before and name.schema and before.text != name.schema):
                continue
            yield (before.start if before is not None else word.start), word.end


def _named(condition: Condition, facts: SqlFacts) -> list[Named]:
    if condition.field == "column":
        patterns = [value.rpartition(".")[2].casefold() for value in condition.values]
        used = {column.name for column in facts.columns} | set(facts.mentions)
        return [
            Named("", name)
            for name in used
            if name != EVERYTHING and any(matches(pattern, name.casefold()) for pattern in patterns)
        ]
    known = facts.functions if condition.field == "function" else (*facts.reads, *facts.writes)
    return [each for each in known if any(_may_be(value, each) for value in condition.values)]


def _may_be(value: str, name: Named) -> bool:
    schema, dot, rest = value.partition(".")
    return may_be_named(schema, rest, name) if dot else may_be_named(EVERYTHING, value, name)


def _in_line(rule: Rule, text: str) -> Iterator[Span]:
    conditions = [each for each in rule.match if each.field in ("command", "argv")]
    if not conditions:
        return
    from gateway.policy.shell.grammar import Budget

    root = Budget(len(text)).parse(text.encode("utf-8", "replace"))
    for condition in conditions:
        found = list(_in_tree(condition, root)) if root is not None and text.isascii() else []
        yield from found or [(0, len(text))]  # no part of it alone: the line is what matched


def _in_tree(condition: Condition, root: "Node") -> Iterator[Span]:
    """The smallest parts that match by themselves."""
    stack, seen = [root], 0
    while stack and seen < _MOST_PARTS:
        node = stack.pop()
        inner = [part for part in _parts_of(node) if _matches_alone(condition, part)]
        seen += 1
        if inner:
            stack += inner
        elif node is not root:
            yield from _words(condition, node)


def _parts_of(node: "Node") -> Iterator["Node"]:
    """The nearest parts below it."""
    stack = list(reversed(node.children))
    while stack:
        each = stack.pop()
        if each.type in _PARTS:
            yield each
        else:
            stack += reversed(each.children)


def _matches_alone(condition: Condition, node: "Node") -> bool:
    line = command_line.read(_text(node))
    fits = line.may_be if condition.field == "command" else line.may_have_word
    return not line.certain or fits(condition.values)


def _words(condition: Condition, node: "Node") -> Iterator[Span]:
    """Of a condition about words, the words."""
    fitting = [
        each
        for each in node.children
        if condition.field == "argv" and any(matches(value, _text(each)) for value in condition.values)
    ]
    for each in fitting or [node]:
        yield each.start_byte, each.end_byte


def _text(node: "Node") -> str:
    return (node.text or b"").decode("utf-8", "replace")


def _of_paths(operation: Operation) -> Iterator[Span]:
    for path in operation.resources[:MOST]:
        at = operation.text.find(path) if path else -1
        if at >= 0:
            yield at, at + len(path)
