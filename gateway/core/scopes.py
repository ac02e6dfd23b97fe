"""What a grant may cover beyond the one operation that was asked about, as rules list it and approvers choose it.

    once                this operation, this time
    shape 15m 10        the same but for its constants, for so long, so many times at most
    target 1h           whatever the same rule would hold on the same target, for so long
    session             whatever the same rule would hold until this session is over

Times are `s`, `m` or `h`. An approver may name less than a rule lists, never more.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

ONCE = "once"
LONGEST = timedelta(hours=24)
MOST_RUNS = 10_000
_TIME = re.compile(r"([1-9][0-9]{0,5})([smh])")
_SECONDS = {"s": 1, "m": 60, "h": 3600}


@dataclass(frozen=True, slots=True)
class Scope:
    """`kind` is `once`, `shape`, `target` or `session`."""

    kind: str
    lasts: timedelta | None = None
    runs: int | None = None

    def __str__(self) -> str:
        parts = [self.kind]
        if self.lasts is not None:
            parts.append(_said(self.lasts))
        if self.runs is not None:
            parts.append(str(self.runs))
        return " ".join(parts)


def parse(text: str) -> Scope:
    """Raises `ValueError` with a sentence."""
    kind, *rest = text.split() or [""]
    if kind in (ONCE, "session") and not rest:
        return Scope(kind)
    if kind == "target" and len(rest) == 1:
        return Scope(kind, _time(rest[0]))
    if kind == "shape" and len(rest) == 2:
        return Scope(kind, _time(rest[0]), _runs(rest[1]))
    raise ValueError(
        f'{text[:40]!r} is no scope: write "once", "session", "target 1h" or "shape 15m 10" (time, then runs)'
    )


def chosen(asked: str, listed: Iterable[str], *, once: bool = True) -> Scope | None:
    """What an approver may grant who asks for `asked`: a scope in full, or its first word for all that is listed.
    None: it is not listed, or is more than what is. Not `once`: there is no single operation, so that word stands for
    all that was asked for."""
    scopes = [parse(each) for each in listed]
    if not once and asked.strip() == ONCE and scopes:
        return scopes[0]
    named = [scope for scope in scopes if scope.kind == asked.strip()]
    if asked.strip() == ONCE:
        return Scope(ONCE)
    if named:
        return named[0]
    try:
        wanted = parse(asked)
    except ValueError:
        return None
    return wanted if any(_within(wanted, scope) for scope in scopes) else None


def grantable(listed: Iterable[str], *, once: bool = True) -> list[str]:
    """What people may choose from, in words."""
    return list(dict.fromkeys([ONCE, *listed] if once else listed))


def narrower(one: Scope, other: Scope) -> Scope:
    """What two people both grant: `once`, unless they mean the same kind."""
    if one.kind != other.kind:
        return Scope(ONCE)
    lasts = [scope.lasts for scope in (one, other) if scope.lasts is not None]
    runs = [scope.runs for scope in (one, other) if scope.runs is not None]
    return Scope(one.kind, min(lasts, default=None), min(runs, default=None))


def _within(wanted: Scope, listed: Scope) -> bool:
    if wanted.kind != listed.kind:
        return False
    lasts_no_longer = listed.lasts is None or (wanted.lasts is not None and wanted.lasts <= listed.lasts)
    runs_no_more = listed.runs is None or (wanted.runs is not None and wanted.runs <= listed.runs)
    return lasts_no_longer and runs_no_more


def _time(text: str) -> timedelta:
    found = _TIME.fullmatch(text)
    lasts = timedelta(seconds=int(found[1]) * _SECONDS[found[2]]) if found else timedelta()
    if not timedelta() < lasts <= LONGEST:
        raise ValueError(f"{text[:20]!r} is no time for a scope: write 30s, 15m or 1h, at most 24h")
    return lasts


def _runs(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 5 and 1 <= int(text) <= MOST_RUNS):
        raise ValueError(f"{text[:20]!r} is no number of runs: write 1 to {MOST_RUNS}")
    return int(text)


def _said(span: timedelta) -> str:
    seconds = int(span.total_seconds())
    for unit in ("h", "m"):
        if seconds % _SECONDS[unit] == 0:
            return f"{seconds // _SECONDS[unit]}{unit}"
    return f"{seconds}s"
