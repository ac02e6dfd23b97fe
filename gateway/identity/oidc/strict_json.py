"""JSON from outside, read so that two readers can not understand it differently.

Refused: a name twice in one object, NaN and Infinity, anything but an object at the top, nesting deeper than the
interpreter goes, text that is not UTF-8.
"""

import json
from collections.abc import Iterable
from typing import Any, NoReturn


def read_object(raw: bytes) -> dict[str, Any]:
    """The object in `raw`. Raises `ValueError`, whose words hold nothing of `raw`."""
    try:
        value = json.loads(raw.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise ValueError("not a JSON object that can be read in only one way") from None
    if not isinstance(value, dict):
        raise ValueError("not a JSON object")
    return value


def _unique(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError("a name twice")
        found[name] = value
    return found


def _no_constant(_: str) -> NoReturn:
    raise ValueError("not a number of JSON")
