"""What a CI job's token must say, letter for letter; and that each is remembered as long as it lasts."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.identity.job_claims import (
    CLOCKS_DIFFER,
    LONGEST_LIFE,
    UsedOnce,
    identity_of,
    pattern_problem,
    remember_until,
    shown,
    why_not,
)

NOW = 1_795_251_600.0


@pytest.mark.parametrize(
    ("wanted", "said", "fits"),
    [
        ("acme/shop", "acme/shop", True),
        ("acme/shop", "acme/Shop", False),
        ("acme/*", "acme/shop", True),
        ("acme/*", "acme/", False),
        ("acme/*", "acme", False),
        ("acme/*", "Acme/shop", False),
        ("acme/*", "acme-evil/shop", False),
        ("repo:acme/shop:*", "repo:acme/shop:ref:refs/heads/main", True),
        ("repo:acme/shop:*", "repo:acme/shop2:ref:refs/heads/main", False),
        ("repo:acme*", "repo:acme/shop", False),
        ("acme*", "acme", False),
        ("*", "anything", False),
        ("", "", False),
        ("a/*/c", "a/b/c", False),
        ("a/*/c", "a/*/c", False),
        ("a/**", "a/b", False),
        ("a/?", "a/b", False),
        ("a/[b]", "a/b", False),
        ("a/.*", "a/.b", False),
    ],
)
def test_values(wanted: str, said: str, fits: bool) -> None:
    assert (why_not({"claim": [wanted]}, {"claim": said}) == "") is fits


@pytest.mark.parametrize("wanted", ["", "*", "acme*", "a*b", "a/*b", "a/**", "*/a"])
def test_what_no_value_of_the_configuration_may_be(wanted: str) -> None:
    assert pattern_problem(wanted)


def test_every_claim_must_fit_and_each_by_one_value() -> None:
    wanted = {"a": ("1", "2"), "b": ("3",)}
    assert why_not(wanted, {"a": "2", "b": "3", "c": "x"}) == ""
    assert why_not(wanted, {"a": "2", "b": "4"}) == "the claim b is 4"
    assert why_not(wanted, {"b": "3"}) == "the token has no claim a"
    assert why_not({}, {"a": "1"})
    assert shown(wanted, {"a": "2", "b": "3", "c": "x"}) == "a=2 b=3"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=200)
@given(st.dictionaries(st.sampled_from(["a", "b"]), JSON), st.text(max_size=10))
def test_only_the_text_itself_fits(claims: dict[str, Any], wanted: str) -> None:
    """Patterns have a test of their own; everything else is equality, of whatever a token can say."""
    reason = why_not({"a": (wanted,)}, claims)
    if "*" not in wanted:
        assert (reason == "") == (claims.get("a") == wanted and wanted.isprintable() and wanted != "")
    assert reason.isascii()


@pytest.mark.parametrize(
    ("end", "kept"),
    [
        (NOW + 300, NOW + 300 + CLOCKS_DIFFER),
        (NOW + LONGEST_LIFE, NOW + LONGEST_LIFE + CLOCKS_DIFFER),
        (NOW + LONGEST_LIFE + 1, None),
        (NOW - 30, NOW - 30 + CLOCKS_DIFFER),
        (0, None),
        (-1, None),
        (True, None),
        ("1795251900", None),
        (None, None),
        (float("inf"), None),
        (float("nan"), None),
    ],
)
def test_until_when_a_token_is_remembered(end: Any, kept: float | None) -> None:
    assert remember_until({"exp": end}, NOW) == kept


def test_a_token_without_an_end() -> None:
    assert remember_until({}, NOW) is None


def test_what_a_token_is_recognised_by() -> None:
    token, twin = "header.claims.signature", "header.claims.another"
    assert identity_of(token, "i", {}) == identity_of(twin, "i", {})
    assert identity_of(token, "i", {}) != identity_of("header.other.signature", "i", {})
    assert identity_of(token, "i", {"jti": "1"}) == identity_of("a.b.c", "i", {"jti": "1"})
    different = [
        identity_of(token, "i", {}),
        identity_of(token, "i", {"jti": "1"}),
        identity_of(token, "other", {"jti": "1"}),
        identity_of(token, "i", {"jti": "2"}),
        identity_of(token, "i", {"jti": "header.claims"}),
        identity_of(token, "i", {"jti": "\ud800"}),
    ]
    assert len(set(different)) == len(different)
    assert identity_of(token, "i", {"jti": ""}) == identity_of(token, "i", {"jti": 7})


def test_once_until_it_has_expired() -> None:
    used = UsedOnce()
    assert used.take("a", NOW + 10, NOW)
    assert not used.take("a", NOW + 10, NOW + 9.9)
    assert used.take("b", NOW + 10, NOW)
    assert used.take("a", NOW + 20, NOW + 10)


def test_memory_is_bounded_and_full_means_no() -> None:
    used = UsedOnce(remembered=3)
    assert [used.take(str(n), NOW + 10 + n, NOW) for n in range(5)] == [True, True, True, False, False]
    assert len(used) == 3
    assert used.take("later", NOW + 99, NOW + 10.5), "the first has expired by then"
    assert not used.take("2", NOW + 99, NOW + 10.5)
    assert len(used) == 3
