"""What is different between two policies: which rules came, went and changed. What that does, tests say."""

from dataclasses import dataclass

from gateway.policy.rules import Policy, Rule


@dataclass(frozen=True, slots=True)
class Difference:
    """Ids of rules, each in order."""

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed)


def difference(old: Policy, new: Policy) -> Difference:
    """Where a rule stands in its file makes no difference."""
    before = {rule.id: _meaning(rule) for rule in old.rules}
    after = {rule.id: _meaning(rule) for rule in new.rules}
    both = before.keys() & after.keys()
    return Difference(
        tuple(sorted(after.keys() - before.keys())),
        tuple(sorted(before.keys() - after.keys())),
        tuple(sorted(id for id in both if before[id] != after[id])),
    )


def _meaning(rule: Rule) -> tuple[object, ...]:
    """Everything that it says; the order of fields and values is none of it."""
    match, unless = (
        frozenset((each.field, each.key, frozenset(each.values)) for each in conditions)
        for conditions in (rule.match, rule.unless)
    )
    when = rule.when.text if rule.when is not None else ""
    said = (rule.do, rule.message, rule.masks, rule.risk, rule.observe, rule.asking)
    return (match, unless, frozenset(rule.on), when, *said)
