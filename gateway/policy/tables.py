"""The arrays of tables of a TOML text, and what is wrong where it is none."""

import tomllib
from typing import Any

from gateway.core.errors import Misconfigured
from gateway.core.toml_lines import line_of, line_of_error


def tables(name: str, text: str, key: str) -> list[Any]:
    """What `[[key]]` says in this text. Raises `Misconfigured`."""
    try:
        found = tomllib.loads(text).get(key, [])
    except (tomllib.TOMLDecodeError, RecursionError) as problem:
        line = line_of_error(text, problem) if isinstance(problem, tomllib.TOMLDecodeError) else 1
        raise Misconfigured(f"{name}:{line}: this is not TOML: {problem}") from None
    if not isinstance(found, list):
        line = line_of(text, (key,)) or 1
        raise Misconfigured(f"{name}:{line}: {key}: write [[{key}]] with two brackets")
    return found
