"""What speaks for and against a request, as lines of its card: never one number.

Made of what was known when it was held, and of what became of others like it.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from gateway.api.schema_requests import CardPast, RiskLine, Statement
from gateway.core.approval import Approval

LONG_TEXT = 1 << 16
MANY_ROWS = 1000
_EFFECTS = {
    "write": "writes",
    "define": "changes how things are defined",
    "control": "controls the machine or the database",
    "run": "runs a program",
    "transfer": "carries a file or a connection",
    "unknown": "what it does can not be told for certain",
}
_PRODUCTION = frozenset(("prod", "production", "live"))


def risks(approval: Approval, statement: Statement, past: CardPast) -> list[RiskLine]:
    """Each line raises (`+`) or lowers (`-`) it."""
    return [RiskLine(sign=sign, text=text) for sign, text in _for_and_against(approval, statement, past)]


def _for_and_against(approval: Approval, statement: Statement, past: CardPast) -> Iterable[tuple[Any, str]]:
    facts = approval.facts
    effects = words(facts.get("effects"))
    for effect in effects:
        if effect in _EFFECTS:
            yield "+", _EFFECTS[effect]
    if effects == ["read"]:
        yield "-", "only reads"
    if facts.get("has_where") is False:
        yield "+", "no WHERE: it is about all rows"
    rows = facts.get("rows")
    if isinstance(rows, int):
        yield "+" if rows > MANY_ROWS else "-", f"about {_count(rows, 'row')}, as the server guesses"
    env = labels(facts).get("env", "")
    if env:
        production = env.casefold() in _PRODUCTION
        yield "+" if production else "-", f"{'production' if production else 'not production'} (env={env})"
    if statement.size > LONG_TEXT:
        yield "+", f"a long statement: {statement.size:,} bytes"
    if statement.hidden_count:
        yield "+", f"{_count(statement.hidden_count, 'hidden character')} in the statement"
    if statement.blanks_count:
        yield "+", f"{_count(statement.blanks_count, 'long blank stretch', 'es')} in the statement"
    shape = past.shape
    if shape is not None and shape.approved and not shape.denied:
        yield "-", f"the same shape was approved {_times(shape.approved)}, and denied never"
    if shape is not None and shape.denied:
        yield "+", f"the same shape was denied {_times(shape.denied)}"


def labels(facts: Mapping[str, Any]) -> dict[str, str]:
    """Of the target, as they were."""
    known = facts.get("labels")
    return {str(name): str(value) for name, value in known.items()} if isinstance(known, Mapping) else {}


def words(value: Any) -> list[str]:
    """Of a fact that is several."""
    return sorted(map(str, value)) if isinstance(value, Collection) and not isinstance(value, str) else []


def _count(number: int, thing: str, plural: str = "s") -> str:
    return f"{number:,} {thing}{'' if number == 1 else plural}"


def _times(number: int) -> str:
    return "once" if number == 1 else f"{number:,} times"
