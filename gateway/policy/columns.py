"""Names of columns in `mask`: `app.customers.ssn`, `customers.ssn`, `*.ssn`. Which columns they are is masking's."""

import re
from collections.abc import Iterable

NULL = ":null"
"""Behind a mask's name: the value becomes NULL, not words."""
_PART = r'(?:"(?:[^"]|"")+"|[^".]+)'
_COLUMN = re.compile(rf"{_PART}(?:\.{_PART}){{1,2}}")
_LONGEST = 200


def is_column(mask: str) -> bool:
    """Whether it names columns rather than a detector."""
    return "." in mask


def problem(pattern: str) -> str:
    """Why this can not name columns; empty where it can."""
    if len(pattern) > _LONGEST or pattern.endswith(NULL) or not _COLUMN.fullmatch(pattern):
        return (
            f'{pattern} must be a table and a column, as in "app.customers.ssn", "customers.ssn" or "*.ssn"'
        )
    return ""


def detectors_in(masks: Iterable[str]) -> frozenset[str]:
    """Those that are about any text, not about columns."""
    return frozenset(mask for mask in masks if not is_column(mask))
