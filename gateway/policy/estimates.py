"""How many rows a statement may be about: `rows = ">10000"`. Who asks the server for the estimate, others say.

It is carried in `details["rows"]` of an Operation: a number, or nothing where nobody knows. What is not known meets
every rule that restricts and none that allows.
"""

import re
from collections.abc import Sequence

from gateway.core.operation import Operation
from gateway.core.sql import SqlFacts
from gateway.policy.statements import every_verb
from gateway.policy.verbs import ROW_VERBS

DETAIL = "rows"
NOT_KNOWN = "how many rows it is about is not known"
_PATTERN = re.compile(r"(<=|>=|<|>) ?([0-9]{1,15})")
_FORM = 'must be a number of rows with a sign before it, as in ">10000" or "<=100"'


def pattern_problem(pattern: str) -> str:
    """Why it is no condition on rows; empty where it is."""
    found = _PATTERN.fullmatch(pattern)
    if found is None:
        return f"{pattern} {_FORM}"
    return f"{pattern} can never fire: nothing has less than no rows" if _least(pattern) == "<0" else ""


def has_rows(facts: SqlFacts) -> bool:
    """Whether it reads or changes rows at all, as far as anybody can tell."""
    return not facts.certain or any(verb in ROW_VERBS for verb in every_verb(facts))


def rows_of(operation: Operation) -> int | None:
    """The estimate; None where nobody knows."""
    said = operation.details.get(DETAIL)
    return said if isinstance(said, int) and not isinstance(said, bool) and said >= 0 else None


def may_be(patterns: Sequence[str], operation: Operation, facts: SqlFacts) -> bool:
    """For rules that restrict: it is, or may be, about so many."""
    if not facts.certain:
        return True
    return has_rows(facts) and ((rows := rows_of(operation)) is None or _fits(patterns, rows))


def surely_is(patterns: Sequence[str], operation: Operation, facts: SqlFacts) -> bool:
    """For rules that allow: it is estimated to be about so many."""
    rows = rows_of(operation)
    return facts.certain and has_rows(facts) and rows is not None and _fits(patterns, rows)


def _fits(patterns: Sequence[str], rows: int) -> bool:
    return any(_compares(pattern, rows) for pattern in patterns)


def _compares(pattern: str, rows: int) -> bool:
    found = _PATTERN.fullmatch(pattern)
    if found is None:
        raise ValueError(f"{pattern} {_FORM}")
    sign, number = found[1], int(found[2])
    if sign.startswith("<"):
        return rows <= number if sign == "<=" else rows < number
    return rows >= number if sign == ">=" else rows > number


def _least(pattern: str) -> str:
    found = _PATTERN.fullmatch(pattern)
    return f"{found[1]}{int(found[2])}" if found else ""
