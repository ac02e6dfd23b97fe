"""Compares the paths of a file operation with the patterns of rules.

A rule that restricts looks at every form a path has, as given and as the target resolved it, and counts what is not
known as a match. A rule that allows trusts only what the target resolved, every path of it. Nothing here looks at a
file system.
"""

import posixpath
from collections.abc import Iterable, Sequence
from functools import lru_cache

from gateway.core.operation import Effect, Operation
from gateway.policy.glob import can_begin, matches
from gateway.policy.verbs import FILE_VERBS, TWO_PATHS

BELOW = "/*"


def pattern_problem(pattern: str) -> str:
    """Why a pattern could never describe a path as targets resolve them; empty where it could."""
    if not pattern.startswith(("/", "*")):
        hint = f'; write "*/{pattern.removeprefix("~/")}" for wherever it is' if pattern[:1] != "?" else ""
        return f'{pattern} must begin with "/" or "*": paths are compared as the target resolves them{hint}'
    if pattern != "/" and pattern.endswith("/"):
        short = pattern.rstrip("/")
        return (
            f'{pattern} can never fire: write "{short}" for the directory, "{short}/*" for what is in it too'
        )
    parts = pattern.split("/")
    if "//" in pattern or "." in parts or ".." in parts:
        return f'{pattern} can never fire: resolved paths have no "//", "." or ".." in them'
    return ""


def may_touch(patterns: Sequence[str], operation: Operation) -> bool:
    """For rules that restrict: the operation is, or may be, about one of these paths."""
    if operation.verb not in FILE_VERBS:
        return False
    paths = list(_forms(_all_paths(operation)))
    if not paths or not is_resolved(operation):
        return True
    is_tree = _is_tree(operation, doubt=True)
    return any(_touches(pattern, path, is_tree) for pattern in patterns for path in paths)


def stays_within(patterns: Sequence[str], operation: Operation) -> bool:
    """For rules that allow: everything that the operation is about is described by these patterns."""
    if operation.verb not in FILE_VERBS or not is_resolved(operation):
        return False
    is_tree = _is_tree(operation, doubt=False)
    return all(_covered(patterns, path, is_tree) for path in _resolved_paths(operation))


def is_resolved(operation: Operation) -> bool:
    """The target has said what every path of the operation really is."""
    if Effect.UNKNOWN in operation.effects:
        return False
    least = 2 if operation.verb in TWO_PATHS else 1
    return len(operation.resources) >= least and all(map(_is_whole, _resolved_paths(operation)))


def _touches(pattern: str, path: str, is_tree: bool) -> bool:
    if matches(pattern, path):
        return True
    if pattern.endswith(BELOW) and matches(pattern.removesuffix(BELOW), path):
        return True  # the directory itself
    return is_tree and can_begin(pattern, path.rstrip("/") + "/")


def _covered(patterns: Sequence[str], path: str, is_tree: bool) -> bool:
    """Of a tree, its top and whatever is below it, which may be two patterns: `/srv/www` and `/srv/www/*`."""
    if not any(matches(pattern, path) for pattern in patterns):
        return False
    below = path.rstrip("/") + "/"
    return not is_tree or any(pattern.endswith("*") and matches(pattern, below) for pattern in patterns)


def _is_tree(operation: Operation, *, doubt: bool) -> bool:
    """Whether what is below the paths is meant too. Who builds a rename says in `details` whether it is one of a
    directory; where nothing is said it may be."""
    said = operation.details.get("tree")
    if isinstance(said, bool):
        return said
    return doubt and operation.verb == "rename"


def _resolved_paths(operation: Operation) -> tuple[str, ...]:
    said = operation.details.get("resolved")
    own = (said,) if isinstance(said, str) else ()
    return (*operation.resources, *own)


def _all_paths(operation: Operation) -> Iterable[str]:
    yield from operation.resources
    for key in ("path", "resolved"):
        said = operation.details.get(key)
        if isinstance(said, str):
            yield said
    for said in operation.details.get("paths", ()):
        yield str(said)


def _forms(paths: Iterable[str]) -> Iterable[str]:
    """Each path as it is, and without what makes no difference."""
    for path in dict.fromkeys(paths):
        if path:
            yield path
            yield tidy(path)


@lru_cache(maxsize=512)
def tidy(path: str) -> str:
    """Without `//`, `.`, `..` and a slash at the end, as far as the text alone can tell."""
    plain = posixpath.normpath(path)
    return plain[1:] if plain.startswith("//") else plain


def _is_whole(path: str) -> bool:
    return path.startswith("/") and tidy(path) == path
