"""Reads what a rule that holds says about people: `ask`, `then`, `require`, `mode` and so on."""

import re
from collections.abc import Collection, Iterator, Sequence
from datetime import timedelta
from typing import Any

from gateway.core import scopes
from gateway.core.impact import LEVELS, LOOK
from gateway.core.scopes import ONCE, Scope
from gateway.core.verdict import Glass, Quorum
from gateway.policy.holding import scopes_of_all
from gateway.policy.rules import RISKS, Asking
from gateway.policy.wrong import Wrong, did_you_mean

KEYS = ("ask", "then", "require", "mode", "lasts", "author", "break_glass", "impact")
"""Of a rule that holds, and of no other."""
ASK_KEYS = ("group", "n", "ttl", "scopes")
THEN_KEYS = ("group", "after")
GLASS_KEYS = ("group", "review")
REQUIRED = ("reason", "ticket")
MODES = ("wait", "fail")
AUTHORS = ("other",)
TTL = timedelta(minutes=10)
SHORTEST, LONGEST = timedelta(seconds=10), timedelta(days=7)
MOST_PEOPLE = 20
_DURATION = re.compile(r"(?:([0-9]{1,3})d)?(?:([0-9]{1,4})h)?(?:([0-9]{1,5})m)?(?:([0-9]{1,6})s)?")

Path = tuple[str | int, ...]
Groups = Collection[str] | None
"""The groups that there are; None where only an identity provider knows."""


def read_asking(table: dict[str, Any], groups: Groups) -> Asking:
    """Of a rule with `do = "hold"`. Raises `Wrong`."""
    if "ask" not in table:
        raise Wrong((), 'ask is missing: say who decides, as in ask = { group = "sre" }')
    given = list(_asked(table["ask"]))
    quorums = tuple(_quorum(each, path, groups) for path, each in given)
    for at, quorum in enumerate(quorums):
        if any(quorum.groups == other.groups for other in quorums[:at]):
            raise Wrong(given[at][0], "asks the same people twice; for two of them write n = 2")
    ttls = [duration(each["ttl"], (*path, "ttl")) for path, each in given if "ttl" in each]
    listed = [_scopes(each["scopes"], (*path, "scopes")) for path, each in given if "scopes" in each]
    ttl = min(ttls, default=TTL)
    author = _author(table, given)
    return Asking(
        quorums,
        ttl,
        scopes_of_all(listed) if listed else (),
        tuple(_escalation(table["then"], ttl, quorums[0], groups)) if "then" in table else (),
        _required(table.get("require", [])),
        _one_of(table.get("mode", "wait"), "mode", MODES),
        duration(table["lasts"], ("lasts",)) if "lasts" in table else None,
        author,
        _glass(table["break_glass"], groups) if "break_glass" in table else None,
        _one_of(table.get("impact", LOOK), "impact", LEVELS),
    )


def read_risk(table: dict[str, Any]) -> str:
    """How much is at stake; empty where nothing is said."""
    return _one_of(table["risk"], "risk", RISKS) if "risk" in table else ""


def duration(given: Any, path: Path) -> timedelta:
    """`90s`, `10m`, `1h30m`."""
    found = _DURATION.fullmatch(given) if isinstance(given, str) else None
    if found is None or not any(found.groups()):
        raise Wrong(path, f'{path[-1]} must be a time, as in "90s", "10m" or "1h30m"')
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    length = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
    if not SHORTEST <= length <= LONGEST:
        raise Wrong(path, f"{path[-1]} must be from 10 seconds to 7 days")
    return length


def _asked(given: Any) -> Iterator[tuple[Path, dict[str, Any]]]:
    several = isinstance(given, list)
    tables = given if isinstance(given, list) else [given]
    if not tables or not all(isinstance(each, dict) for each in tables):
        raise Wrong(("ask",), 'ask must be a table, as in { group = "sre", n = 1 }, or a list of them')
    for at, each in enumerate(tables):
        path: Path = ("ask", at) if several else ("ask",)
        _known(each, path, ASK_KEYS)
        yield path, each


def _author(table: dict[str, Any], asked: Sequence[tuple[Path, dict[str, Any]]]) -> str:
    if "author" not in table:
        return ""
    if "mode" in table:
        raise Wrong(
            ("mode",), "mode means nothing beside author: what somebody else has to run waits for nobody"
        )
    for path, each in asked:
        if "scopes" in each:
            raise Wrong((*path, "scopes"), "scopes mean nothing beside author: what was written passes once")
    return _one_of(table["author"], "author", AUTHORS)


def _known(given: dict[str, Any], path: Path, keys: Sequence[str]) -> None:
    for key in given:
        if key not in keys:
            raise Wrong((*path, key), f"{path[0]} has no {key}{did_you_mean(key, keys)}")


def _quorum(given: dict[str, Any], path: Path, groups: Groups) -> Quorum:
    count = given.get("n", 1)
    if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= MOST_PEOPLE:
        raise Wrong((*path, "n"), f"n must be a number of people, from 1 to {MOST_PEOPLE}")
    return Quorum(_groups(given, path, groups), count)


def _glass(given: Any, groups: Groups) -> Glass:
    path: Path = ("break_glass",)
    if not isinstance(given, dict):
        raise Wrong(path, 'break_glass must be a table, as in { group = "oncall", review = "24h" }')
    _known(given, path, GLASS_KEYS)
    names = _groups(given, path, groups, "break it")
    return Glass(names, duration(given["review"], (*path, "review"))) if "review" in given else Glass(names)


def _groups(given: dict[str, Any], path: Path, groups: Groups, could: str = "decide") -> frozenset[str]:
    if "group" not in given:
        raise Wrong(path, f'{path[0]} must name a group, as in {{ group = "sre" }}')
    value = given["group"]
    names = value if isinstance(value, list) else [value]
    if not names or not all(isinstance(name, str) and name for name in names):
        raise Wrong((*path, "group"), "group must be the name of a group or a list of names")
    for name in names:
        if "*" in name or "?" in name:
            raise Wrong((*path, "group"), f"{name}: people are asked by the whole name of their group")
        if groups is not None and name not in groups:
            hint = did_you_mean(name, groups)
            raise Wrong((*path, "group"), f"nobody is in the group {name}, so nobody could {could}{hint}")
    return frozenset(names)


def _scopes(given: Any, path: Path) -> tuple[Scope, ...]:
    if not isinstance(given, list) or not given or not all(isinstance(each, str) for each in given):
        raise Wrong(path, 'scopes must be a list, as in ["once", "shape 15m 3"]')
    found: dict[str, Scope] = {}
    for each in given:
        try:
            scope = scopes.parse(each)
        except ValueError as problem:
            raise Wrong(path, str(problem)) from None
        if scope.kind in found:
            raise Wrong(path, f"scopes names {scope.kind} twice")
        found[scope.kind] = scope
    found.pop(ONCE, None)
    return tuple(found.values())


def _escalation(
    given: Any, ttl: timedelta, first: Quorum, groups: Groups
) -> Iterator[tuple[timedelta, frozenset[str]]]:
    several = isinstance(given, list)
    tables = given if isinstance(given, list) else [given]
    before = timedelta()
    if not tables or not all(isinstance(each, dict) for each in tables):
        raise Wrong(("then",), 'then must be a table, as in { group = "sre", after = "3m" }, or a list')
    for at, each in enumerate(tables):
        path: Path = ("then", at) if several else ("then",)
        _known(each, path, THEN_KEYS)
        if "after" not in each:
            raise Wrong(path, 'then must say after how long, as in after = "3m"')
        after = duration(each["after"], (*path, "after"))
        if after >= ttl:
            raise Wrong((*path, "after"), "can never happen: by then the request has expired")
        if after <= before:
            raise Wrong((*path, "after"), "must be later than the one before it")
        before = after
        names = _groups(each, path, groups)
        if names <= first.groups:
            raise Wrong((*path, "group"), "changes nothing: these people are asked from the beginning")
        yield after, names


def _required(given: Any) -> frozenset[str]:
    names = given if isinstance(given, list) else [given]
    for name in names:
        _one_of(name, "require", REQUIRED)
    return frozenset(names)


def _one_of(given: Any, key: str, known: Sequence[str]) -> str:
    for each in known:
        if given == each:
            return each
    raise Wrong((key,), f"{key} must be {' or '.join(known)}{did_you_mean(str(given), known)}")
