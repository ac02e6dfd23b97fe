"""What several rules that hold come to together: never less than any of them asks for.

All their quorums are needed, the shortest time counts, only what all let people grant may be granted, what they
require adds up, the greatest risk is the risk, only who may break the glass of every one of them may break it, and
only what all let people find out may be found out.
"""

from collections.abc import Sequence
from datetime import timedelta

from gateway.core.impact import LEVELS
from gateway.core.scopes import ONCE, Scope, narrower
from gateway.core.verdict import Glass, Hold, Quorum
from gateway.policy.rules import RISKS, Asking, Rule


def hold_for(rules: Sequence[Rule], reason: str, masks: frozenset[str]) -> Hold:
    """The verdict of these rules. `reason` is what the first of them in the alphabet says."""
    asking = [rule.asking for rule in rules if rule.asking is not None]
    first, *others = asking
    quorums = _quorums(asking)
    return Hold(
        rule=rules[0].id,
        reason=reason,
        approvers=quorums[0].groups,
        count=quorums[0].count,
        timeout=min(each.ttl for each in asking),
        scopes=(ONCE, *map(str, scopes_of_all([each.scopes for each in asking]))),
        masks=masks,
        also=quorums[1:],
        then=_escalation(first, others),
        requires=frozenset().union(*(each.requires for each in asking)),
        mode="fail" if any(each.mode == "fail" for each in asking) else "wait",
        lasts=min((each.lasts for each in asking if each.lasts is not None), default=None),
        author="other" if any(each.author for each in asking) else "",
        break_glass=_glass(asking),
        impact=min((each.impact for each in asking), key=LEVELS.index),
        risk=max((rule.risk for rule in rules), key=lambda risk: RISKS.index(risk) if risk else -1),
    )


def scopes_of_all(listed: Sequence[Sequence[Scope]]) -> tuple[Scope, ...]:
    """What is in every list, each as narrow as in any; `once`, which always is, left out."""
    common, *others = ({scope.kind: scope for scope in each} for each in listed)
    for other in others:
        common = {kind: narrower(scope, other[kind]) for kind, scope in common.items() if kind in other}
    return tuple(sorted(common.values(), key=str))


def _quorums(asking: Sequence[Asking]) -> tuple[Quorum, ...]:
    """All of them. Who is asked for the same groups twice is asked once, for the greater number: rules that agree do
    not need twice the people."""
    counts: dict[frozenset[str], int] = {}
    for each in asking:
        for quorum in each.quorums:
            counts[quorum.groups] = max(counts.get(quorum.groups, 0), quorum.count)
    return tuple(Quorum(groups, count) for groups, count in counts.items())


def _glass(asking: Sequence[Asking]) -> Glass | None:
    """None, where one of them has no glass or they name no group in common."""
    all_of_them = [each.break_glass for each in asking]
    listed = [glass for glass in all_of_them if glass is not None]
    if len(listed) < len(all_of_them):
        return None
    groups = frozenset.intersection(*(glass.groups for glass in listed))
    return Glass(groups, min(glass.review for glass in listed)) if groups else None


def _escalation(first: Asking, others: Sequence[Asking]) -> tuple[tuple[timedelta, frozenset[str]], ...]:
    """Who may stand in for the first quorum: not where another rule asks the same people and says otherwise."""
    groups = first.quorums[0].groups
    for other in others:
        for at, quorum in enumerate(other.quorums):
            if quorum.groups == groups and (at > 0 or other.then != first.then):
                return ()
    return first.then
