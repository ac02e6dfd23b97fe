"""Scopes: what is written is what is read, and nobody grants more than a rule lists."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.scopes import LONGEST, MOST_RUNS, ONCE, Scope, chosen, narrower, parse

TIMES = st.integers(1, int(LONGEST.total_seconds())).map(lambda seconds: timedelta(seconds=seconds))
RUNS = st.integers(1, MOST_RUNS)
SCOPES = st.one_of(
    st.just(Scope(ONCE)),
    st.just(Scope("session")),
    st.builds(Scope, st.just("target"), TIMES),
    st.builds(Scope, st.just("shape"), TIMES, RUNS),
)


@given(SCOPES)
def test_a_scope_is_read_as_it_was_written(scope: Scope) -> None:
    assert parse(str(scope)) == scope


@pytest.mark.parametrize(
    ("text", "scope"),
    [
        ("once", Scope("once")),
        ("shape 15m 10", Scope("shape", timedelta(minutes=15), 10)),
        ("target 1h", Scope("target", timedelta(hours=1))),
        (" session ", Scope("session")),
    ],
)
def test_what_a_rule_may_list(text: str, scope: Scope) -> None:
    assert parse(text) == scope


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "ever",
            "once 5m",
            "session 1h",
            "target",
            "target 0m",
            "target 25h",
            "target 1d",
            "target 1h 5",
        ),
        *("shape 15m", "shape 10 15m", "shape 15m 0", "shape 15m -1", "shape 15m 10001"),
        *("shape 15m \u0661", "target \u0661h"),
    ],
)
def test_what_is_no_scope(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no (scope|time for a scope|number of runs): write "):
        parse(text)


@given(st.text(max_size=20), st.lists(SCOPES, max_size=3))
def test_nobody_grants_more_than_is_listed(asked: str, listed: list[Scope]) -> None:
    got = chosen(asked, map(str, listed))
    assert got is None or got == Scope(ONCE) or got in listed or _is_less(got, listed)


@given(SCOPES, st.lists(SCOPES, max_size=3))
def test_less_of_the_same_kind_may_be_granted(asked: Scope, listed: list[Scope]) -> None:
    got = chosen(str(asked), map(str, listed))
    if str(asked) in ("session", "once"):
        assert got == (asked if asked.kind == ONCE or asked in listed else None)
    else:
        assert got == (asked if _is_less(asked, listed) else None)


def test_the_first_word_means_all_of_it() -> None:
    assert chosen("shape", ["once", "shape 15m 10"]) == Scope("shape", timedelta(minutes=15), 10)
    assert chosen("shape", ["once", "target 1h"]) is None
    assert chosen("once", []) == Scope(ONCE)


@given(SCOPES, SCOPES)
def test_what_two_grant_is_what_both_grant(one: Scope, other: Scope) -> None:
    both = narrower(one, other)
    assert both == narrower(other, one)
    assert narrower(one, one) == one
    if one.kind != other.kind:
        assert both == Scope(ONCE)
    else:
        assert _is_less(both, [one])
        assert _is_less(both, [other])


def _is_less(scope: Scope, listed: list[Scope]) -> bool:
    return any(
        each.kind == scope.kind
        and (scope.lasts or timedelta()) <= (each.lasts or timedelta())
        and (scope.runs or 0) <= (each.runs or 0)
        for each in listed
    )
