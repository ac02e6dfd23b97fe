"""Quorums: the quick answer is the one that trying everything gives."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import permutations

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core import quorum
from gateway.core.approval import Approval, Decision
from gateway.core.verdict import Quorum

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
GROUPS = st.frozensets(st.sampled_from(["dba", "sec", "sre"]), max_size=3)


def asking(
    approvers: frozenset[str], count: int = 1, also: Sequence[Quorum] = (), words: Sequence[Decision] = ()
) -> Approval:
    return Approval(
        "7QF-2KM", "s-1", "alice", "web-1", "exec", "x", "0" * 64, "r", "", approvers, count, NOON, NOON,
        also=tuple(also), decisions=tuple(words),
    )  # fmt: skip


def granted(*groups: str, by: str = "carol", yes: bool = True) -> Decision:
    return Decision(by, yes, "", NOON, groups=frozenset(groups))


def tried(places: Sequence[frozenset[str]], people: Sequence[frozenset[str]]) -> bool:
    """Whether any way to put different people into the places fills all of them."""
    return any(
        all(groups & place for groups, place in zip(row, places, strict=True))
        for row in permutations(people, len(places))
    )


@given(
    approvers=GROUPS,
    count=st.integers(1, 2),
    also=st.lists(st.builds(Quorum, GROUPS, st.integers(1, 2)), max_size=2),
    people=st.lists(GROUPS, max_size=5),
)
@settings(max_examples=300)
def test_met_is_what_trying_everything_says(
    approvers: frozenset[str], count: int, also: list[Quorum], people: list[frozenset[str]]
) -> None:
    words = [granted(*groups, by=f"p{n}") for n, groups in enumerate(people)]
    request = asking(approvers, count, also, words)
    places = [each.groups for each in (Quorum(approvers, count), *also) for _ in range(each.count)]
    assert quorum.met(request) == tried(places, people)
    left = sum(each.count for each in quorum.unmet(request))
    assert len(places) - len(people) <= left <= len(places)


@given(st.lists(st.tuples(GROUPS, st.booleans()), max_size=5))
def test_who_denies_fills_no_place(said: list[tuple[frozenset[str], bool]]) -> None:
    words = [granted(*groups, by=f"p{n}", yes=yes) for n, (groups, yes) in enumerate(said)]
    request = asking(frozenset({"dba"}), 2, words=words)
    assert quorum.met(request) == (sum("dba" in groups and yes for groups, yes in said) >= 2)


def test_nobody_is_enough_where_nobody_is_asked() -> None:
    assert not quorum.met(asking(frozenset(), words=[granted("dba", "sec")]))


def test_what_is_still_missing() -> None:
    dba, sec = frozenset({"dba"}), frozenset({"sec"})
    assert quorum.unmet(asking(dba, 2, [Quorum(sec)], [granted("dba")])) == (Quorum(dba, 1), Quorum(sec, 1))
    assert quorum.unmet(asking(dba, 1, [Quorum(sec)], [granted("dba", "sec")])) == (Quorum(sec, 1),)


def test_others_stand_in_after_a_time() -> None:
    dba, sre = frozenset({"dba"}), frozenset({"sre"})
    request = replace(asking(dba), then=((timedelta(minutes=3), sre),))
    assert quorum.asked(request, NOON) == dba
    assert quorum.asked(request, NOON + timedelta(minutes=3)) == dba | sre
    assert quorum.asked(request, NOON - timedelta(days=1)) == dba
    assert quorum.ever_asked(request) == dba | sre


def test_an_answer_of_spaces_is_none() -> None:
    asked = replace(asking(frozenset({"dba"})), requires=frozenset({"reason", "ticket"}))
    assert quorum.missing(asked) == {"reason", "ticket"}
    assert quorum.missing(replace(asked, answers={"reason": " ", "ticket": "OPS-1"})) == {"reason"}
