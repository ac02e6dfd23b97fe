"""What another policy would have made of what was asked: differences, added up by person and by rule.

It is given operations as they were asked and what two policies say to each; where those come from, others know.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from gateway.core.operation import Operation
from gateway.core.people import Session
from gateway.core.plain import plain
from gateway.core.verdict import Hold, Verdict
from gateway.policy.trials import outcome

EXAMPLES = 3
LONGEST_EXAMPLE = 160
OUTCOMES = ("allow", "hold", "block")


@dataclass(frozen=True, slots=True)
class Came:
    """What came of an operation, as far as that makes a difference. `terms` is None where it was not recorded."""

    outcome: str
    rule: str
    masks: frozenset[str] | None
    terms: tuple[object, ...] | None
    also: tuple[str, ...] = ()
    """In words: masks, alerts, what rules that observe would have done."""

    def __str__(self) -> str:
        return "; ".join((f"{self.outcome} by {self.rule}", *self.also))


def came(verdict: Verdict) -> Came:
    """Of a decision that was just made."""
    masks: frozenset[str] = getattr(verdict, "masks", frozenset())
    also = [f"masks {', '.join(sorted(masks))}"] if masks else []
    also += [f"alerts {', '.join(sorted(verdict.alerts))}"] if verdict.alerts else []
    terms: tuple[object, ...] = (verdict.alerts, verdict.observed)
    if isinstance(verdict, Hold):
        asks = (verdict.approvers, verdict.count, verdict.also, verdict.then, verdict.requires)
        terms += (*asks, verdict.timeout, verdict.mode, frozenset(verdict.scopes))
        also.append(f"asks {verdict.count} of {' or '.join(sorted(verdict.approvers))}")
    return Came(outcome(verdict), verdict.rule, masks, terms, (*also, *sorted(verdict.observed)))


def differ(before: Came, after: Came) -> bool:
    """Whether people would notice: a rule that says the same under another name makes no difference."""
    if before.outcome != after.outcome:
        return True
    if before.masks is not None and before.masks != after.masks:
        return True
    return before.terms is not None and before.terms != after.terms


@dataclass(frozen=True, slots=True)
class Example:
    """One operation, its text made harmless."""

    at: datetime
    session: str
    target: str
    verb: str
    text: str


@dataclass(slots=True)
class Change:
    """The same difference for the same person, so many times."""

    person: str
    before: Came
    after: Came
    count: int = 0
    examples: list[Example] = field(default_factory=list)


@dataclass(slots=True)
class Hits:
    """How often one rule decided, by what it decided, under both policies; and whom it met most under the new one."""

    before: Counter[str] = field(default_factory=Counter)
    after: Counter[str] = field(default_factory=Counter)
    people: Counter[str] = field(default_factory=Counter)


class Tally:
    """Adds up. Memory grows with the number of different changes, not with that of operations."""

    def __init__(self) -> None:
        self.operations = 0
        self.changed = 0
        self._changes: dict[tuple[str, str, str], Change] = {}
        self.rules: dict[str, Hits] = {}

    def add(
        self, session: Session, operation: Operation, at: datetime, before: Came, after: Came, runs: int = 1
    ) -> None:
        """One operation, or the same one `runs` times."""
        self.operations += runs
        person = session.principal.name
        self.rules.setdefault(before.rule, Hits()).before[before.outcome] += runs
        hits = self.rules.setdefault(after.rule, Hits())
        hits.after[after.outcome] += runs
        hits.people[person] += runs
        if not differ(before, after):
            return
        self.changed += runs
        key = (person, str(before), str(after))
        change = self._changes.setdefault(key, Change(person, before, after))
        change.count += runs
        if len(change.examples) < EXAMPLES:
            text = plain(operation.text or operation.verb, LONGEST_EXAMPLE)
            change.examples.append(Example(at, session.id, session.target.name, operation.verb, text))

    def changes(self) -> list[Change]:
        """The most frequent first."""
        return sorted(self._changes.values(), key=lambda each: (-each.count, each.person, str(each.after)))

    def by_rule(self) -> Iterator[tuple[str, Hits]]:
        """Those with the greatest difference first."""

        def moved(hits: Hits) -> int:
            return sum(abs(hits.after[each] - hits.before[each]) for each in OUTCOMES)

        yield from sorted(self.rules.items(), key=lambda each: (-moved(each[1]), each[0]))
