"""Names of columns in `mask` and `column`: `app.customers.ssn`, `customers.ssn`, `*.ssn`.

Which columns of an answer they are is masking's, and which statements use them is in `column_use.py`.
"""

import re
from collections.abc import Iterable
from functools import lru_cache

NULL = ":null"
"""Behind a mask's name: the value becomes NULL, not words."""
_PART = r'(?:"(?:[^"]|"")+"|[^".]+)'
_EACH_PART = re.compile(_PART)
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


@lru_cache(maxsize=1024)
def parts_of(pattern: str) -> tuple[str, str, str]:
    """Schema, table and column, without quotes; the schema is `*` where none is said."""
    parts = [_unquoted(part) for part in _EACH_PART.findall(pattern)]
    schema, table, column = ("*", *parts)[-3:]
    return schema, table, column


def _unquoted(part: str) -> str:
    return part[1:-1].replace('""', '"') if part.startswith('"') else part


def detectors_in(masks: Iterable[str]) -> frozenset[str]:
    """Those that are about any text, not about columns."""
    return frozenset(mask for mask in masks if not is_column(mask))
