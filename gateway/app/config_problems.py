"""Everything that is wrong with a configuration, each as `file:line: key: sentence`.

Turns pydantic's findings into sentences for people. A sentence never repeats a value that was given, because a
value may be a password in the wrong place.
"""

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.core.errors import Misconfigured
from gateway.core.plain import plain

Path = tuple[str | int, ...]
Where = Callable[[Path], tuple[str, int]]
"""Says which file and line a key is at; line 0 where there is none."""


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing that is wrong."""

    file: str
    line: int
    key: str
    sentence: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return ": ".join(part for part in (place, self.key, self.sentence) if part)


class ConfigurationProblems(Misconfigured):
    """All problems of one configuration; `sentence` has one on each line."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(set(problems)))
        super().__init__("\n".join(str(problem) for problem in self.problems))


def dotted(path: Path) -> str:
    """A key as people write it. Places in lists are left out: the line tells which one it is."""
    return ".".join(plain(part, 80) for part in path if isinstance(part, str))


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`; did you mean "..."?` or nothing."""
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f'; did you mean "{close[0]}"?' if close else ""


_TYPES = {
    "string_type": "must be text in quotes",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "bool_type": "must be true or false",
    "tuple_type": "must be a list, as in [ ... ]",
    "dict_type": "must be a table",
    "mapping_type": "must be a table",
    "model_type": "must be a table",
    "model_attributes_type": "must be a table",
    "path_type": "must be a path",
}
_PATTERNS = {
    "person.name": "may have up to 128 letters, digits and . _ @ + -, and starts with a letter or digit",
    "target.name": 'may have up to 128 letters, digits and . _ -, and a "*" where it is a pattern',
    "target.environment": 'must be names of capitals, digits and "_", as in "DEPLOY_ENV" or "DEPLOY_*"',
    "target.database": "may have up to 63 letters, none of them a control character",
    "target.options": 'must be names of settings, as in "statement_timeout" or "app.tenant"',
    "target.server_name": "must be the name of a machine",
    "target.via": 'must be the name of another target, without a "*"',
    "ssh.banner": "a line may have up to 79 printable ASCII characters",
}
_LISTS = ("person", "target")
_NAMED = (*_LISTS, "notify")
_OF_KINDS = ("target", "notify")
"""Lists, and tables by name, with tables of several kinds."""
_WORD = "may have up to 64 letters, digits and . _ @ -"


def from_findings(
    findings: Sequence[Mapping[str, Any]], where: Where, unknown: Callable[[Path], str]
) -> list[Problem]:
    """The Problems that pydantic's error list amounts to. `unknown` says what is wrong with a key that there is not,
    by its path as pydantic has it: behind an entry of a list with several kinds stands the kind."""
    problems = []
    for finding in findings:
        path = _own_path(finding)
        file, line = where(path)
        problems.append(Problem(file, line, dotted(path), _sentence(finding, path, unknown)))
    return problems


def _own_path(finding: Mapping[str, Any]) -> Path:
    path: Path = tuple(finding["loc"])
    if len(path) > 2 and path[0] in _OF_KINDS:
        path = (*path[:2], *path[3:])
    if str(finding["type"]).startswith("union_tag_"):
        path = (*path, "kind")
    return path[:-1] if path and path[-1] == "[key]" else path


def _sentence(finding: Mapping[str, Any], path: Path, unknown: Callable[[Path], str]) -> str:
    kind, context = str(finding["type"]), finding.get("ctx", {})
    if kind == "hoop":
        return str(context["sentence"])
    if kind in ("missing", "union_tag_not_found"):
        return "is missing"
    if kind == "extra_forbidden":
        return unknown(tuple(finding["loc"]))
    if kind == "union_tag_invalid":
        known = [word.strip("'") for word in str(context["expected_tags"]).split(", ")]
        return f"must be {_any_of(known)}" + did_you_mean(str(context["tag"]), known)
    if kind == "literal_error":
        return f"must be {_expected(context)}" + _guess(finding, context)
    if kind == "string_pattern_mismatch":
        return _PATTERNS.get(dotted(path), _WORD)
    if kind == "greater_than_equal":
        return f"must be at least {context['ge']}"
    if kind == "less_than_equal":
        return f"must be at most {context['le']}"
    if kind == "too_long":
        return f"may have at most {context['max_length']} entries"
    return _TYPES.get(kind, "has a value that is not accepted here")


def _expected(context: Mapping[str, Any]) -> str:
    return str(context["expected"]).replace("'", '"')


def _any_of(words: Sequence[str]) -> str:
    *others, last = (f'"{word}"' for word in words)
    return " or ".join([", ".join(others), last] if others else [last])


def _guess(finding: Mapping[str, Any], context: Mapping[str, Any]) -> str:
    given = finding.get("input")
    known = [word.strip("'") for word in str(context["expected"]).replace(" or ", ", ").split(", ")]
    return did_you_mean(given, known) if isinstance(given, str) and len(known) > 1 else ""


def without_bad_parts(
    raw: Mapping[str, Any], findings: Sequence[Mapping[str, Any]]
) -> tuple[dict[str, Any], dict[str, list[int]]]:
    """`raw` without unknown keys and without the people and targets that have problems, and for each list the
    places of those that are left: what remains may have further problems worth telling in the same breath."""
    bad_entries = {path[:2] for path in map(_own_path, findings) if path[0] in _NAMED and len(path) > 1}
    unknown = {tuple(finding["loc"]) for finding in findings if finding["type"] == "extra_forbidden"}
    rest: dict[str, Any] = {}
    for key, value in raw.items():
        if (key,) not in unknown:
            rest[key] = _without_unknown(key, value, unknown)
    kept: dict[str, list[int]] = {}
    for key in _LISTS:
        entries = rest.get(key)
        if isinstance(entries, list):
            kept[key] = [place for place in range(len(entries)) if (key, place) not in bad_entries]
            rest[key] = [entries[place] for place in kept[key]]
    if isinstance(named := rest.get("notify"), dict):
        rest["notify"] = {name: table for name, table in named.items() if ("notify", name) not in bad_entries}
    return rest, kept


def _without_unknown(key: str, value: Any, unknown: set[Path]) -> Any:
    if not isinstance(value, dict):
        return value
    return {name: inner for name, inner in value.items() if (key, name) not in unknown}
