"""Whether those who have granted are enough: every quorum of an Approval is met by different people.

Somebody of two asked groups counts for one of them, whichever helps more: a matching of people and places, which
are few. Whether somebody is in a group is not known here; each Decision says which of the asked groups they were in.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from gateway.core.approval import Approval, Decision
from gateway.core.verdict import Quorum


def quorums(approval: Approval) -> tuple[Quorum, ...]:
    """All that have to be met, the first with everybody who may ever stand in for its people."""
    stand_ins = frozenset[str]().union(*(groups for _, groups in approval.then))
    return (Quorum(approval.approvers | stand_ins, approval.count), *approval.also)


def asked(approval: Approval, at: datetime) -> frozenset[str]:
    """The groups whose members may decide at this moment."""
    waited = at - approval.opened_at
    stand_ins = (groups for after, groups in approval.then if waited >= after)
    return approval.approvers.union(*(quorum.groups for quorum in approval.also), *stand_ins)


def ever_asked(approval: Approval) -> frozenset[str]:
    """The groups whose members may decide now or later."""
    return frozenset[str]().union(*(quorum.groups for quorum in quorums(approval)))


def missing(approval: Approval) -> frozenset[str]:
    """What the requester has to give before a grant counts."""
    return frozenset(name for name in approval.requires if not approval.answers.get(name, "").strip())


def met(approval: Approval) -> bool:
    """Whether its decisions are enough."""
    return not unmet(approval)


def unmet(approval: Approval) -> tuple[Quorum, ...]:
    """The quorums that are not met yet, each with the number of people who are missing in it."""
    places = [quorum.groups for quorum in quorums(approval) for _ in range(quorum.count)]
    taken = _matching([word for word in approval.decisions if word.granted], places)
    left = []
    first = 0
    for quorum in quorums(approval):
        empty = sum(place not in taken for place in range(first, first + quorum.count))
        first += quorum.count
        if empty:
            left.append(replace(quorum, count=empty))
    return tuple(left)


def _matching(words: Sequence[Decision], places: Sequence[frozenset[str]]) -> dict[int, int]:
    """The most places that can be filled, each by another person: who is in which."""
    taken: dict[int, int] = {}

    def seat(person: int, tried: set[int]) -> bool:
        groups = words[person].groups
        for place, wanted in enumerate(places):
            if place in tried or not (groups is None or groups & wanted):
                continue
            tried.add(place)
            if place not in taken or seat(taken[place], tried):
                taken[place] = person
                return True
        return False

    for person in range(len(words)):
        seat(person, set())
    return taken
