"""Facts as plain lists, to be sent from the process that parses to the one that judges.

What comes back is checked like anything from outside: a parser that was broken into must not break more.
"""

from typing import Any

from gateway.core.operation import Effect
from gateway.core.sql import Column, Copying, Named, Reading, SqlFacts


def pack_reading(reading: Reading, text: str) -> list[Any]:
    """Of a whole text. A statement that is all of it is not sent back."""
    statements = [
        [None if facts.text == text else facts.text, facts.shape, pack(facts)] for facts in reading.statements
    ]
    return [statements, reading.error, reading.position]


def unpack_reading(packed: Any, text: str) -> Reading:
    """The reading again. Raises ValueError, KeyError or TypeError for what no parser of ours sends."""
    statements, error, position = packed
    if not isinstance(error, str) or not isinstance(position, int) or not statements:
        raise TypeError("a reading is none")
    facts = [unpack(each, text if own is None else own, shape) for own, shape, each in statements]
    if any(each.text not in text for each in facts):
        raise ValueError("a statement is not in its text")
    return Reading(tuple(facts), error, position)


def pack(facts: SqlFacts) -> list[Any]:
    """Everything but the text and the shape."""
    return [
        facts.verb,
        "".join(sorted(_LETTERS[effect] for effect in facts.effects)),
        [[each.schema, each.name] for each in facts.reads],
        [[each.schema, each.name] for each in facts.writes],
        [[each.schema, each.name] for each in facts.functions],
        facts.has_where,
        facts.has_limit,
        facts.writes_in_with,
        facts.certain,
        facts.why,
        facts.name,
        [pack(each) for each in facts.inner],
        [list(each) for each in facts.sets],
        _pack_copying(facts.copying),
        sorted(facts.mentions),
        [[each.schema, each.table, each.name] for each in facts.columns],
    ]


def unpack(packed: Any, text: str, shape: str = "") -> SqlFacts:
    """The facts again. Raises ValueError, KeyError or TypeError for what no parser of ours sends."""
    verb, effects, reads, writes, functions, has_where, has_limit, in_with, certain, *rest = packed
    why, name, inner, sets, copying, mentions, columns = rest
    if not all(isinstance(each, str) for each in (verb, effects, why, name, shape)):
        raise TypeError("a text is none")
    _check_answers(has_where, has_limit, in_with, certain)
    facts = SqlFacts(
        verb=verb,
        text=text,
        effects=frozenset([_EFFECTS[letter] for letter in effects]),
        reads=_names(reads),
        writes=_names(writes),
        functions=_names(functions),
        has_where=has_where,
        has_limit=has_limit,
        writes_in_with=in_with,
        certain=certain,
        why=why,
        name=name,
        inner=tuple([unpack(each, text) for each in inner]),
        sets=tuple([_pair(each) for each in sets]),
        shape=shape,
        copying=_copying(copying),
        mentions=_words(mentions),
        columns=_columns(columns),
    )
    if not certain and Effect.UNKNOWN not in facts.effects:
        raise ValueError("what is not certain has an effect that is unknown")
    return facts


def _check_answers(has_where: Any, *others: Any) -> None:
    if has_where not in (None, True, False) or not all(isinstance(each, bool) for each in others):
        raise TypeError("a yes or no is neither")


def _pack_copying(copying: Copying | None) -> list[Any] | None:
    if copying is None:
        return None
    return [list(copying.columns), [list(each) for each in copying.options], copying.sends]


def _copying(given: Any) -> Copying | None:
    if given is None:
        return None
    columns, options, sends = given
    if not all(isinstance(each, str) for each in columns) or not isinstance(sends, bool):
        raise TypeError("what is said of a copy is something else")
    return Copying(tuple(columns), tuple([_pair(each) for each in options]), sends)


def _words(given: Any) -> frozenset[str]:
    if not all(isinstance(each, str) for each in given):
        raise TypeError("a name is no text")
    return frozenset(given)


def _columns(given: Any) -> tuple[Column, ...]:
    found = tuple([Column(*each) for each in given])
    if not all(isinstance(part, str) for each in found for part in (each.schema, each.table, each.name)):
        raise TypeError("a name is no text")
    return found


def _names(given: Any) -> tuple[Named, ...]:
    return tuple([Named(*_pair(each)) for each in given])


def _pair(given: Any) -> tuple[str, str]:
    first, second = given
    if not isinstance(first, str) or not isinstance(second, str):
        raise TypeError("a name is no text")
    return first, second


_LETTERS = {
    Effect.READ: "r",
    Effect.WRITE: "w",
    Effect.DEFINE: "d",
    Effect.CONTROL: "c",
    Effect.RUN: "x",
    Effect.TRANSFER: "t",
    Effect.UNKNOWN: "u",
}
_EFFECTS = {letter: effect for effect, letter in _LETTERS.items()}
