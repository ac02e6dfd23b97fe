"""Runs `[[test]]` blocks against rules, and says in words what came of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from gateway.cli.exits import BadUsage
from gateway.cli.policy_questions import Known, operations_of, read_sql, session_of
from gateway.cli.talk import data
from gateway.core.verdict import Hold, Quorum, Verdict
from gateway.policy.decide import decide
from gateway.policy.explain import Explanation
from gateway.policy.rules import Policy
from gateway.policy.trials import Trial, hardest, outcome, what_is_wrong


@dataclass(frozen=True, slots=True)
class Ran:
    """A test that was run. `problem`: why it failed; empty where it did not."""

    trial: Trial
    verdict: Verdict | None
    problem: str

    @property
    def came(self) -> str:
        return told(self.verdict) if self.verdict is not None else self.problem


def run(trials: Sequence[Trial], policy: Policy, known: Known) -> list[Ran]:
    """Each of them, SQL read by the gateway's own parser."""
    readings = read_sql(trial.scene for trial in trials)
    ran = []
    for trial in trials:
        scene = trial.scene
        try:
            session = session_of(scene, known)
            operations = operations_of(scene, readings)
        except BadUsage as problem:
            ran.append(Ran(trial, None, problem.sentence))
            continue
        verdict = hardest(decide(policy, operation, session, scene.at) for operation in operations)
        ran.append(Ran(trial, verdict, what_is_wrong(trial, verdict)))
    return ran


def told(verdict: Verdict) -> str:
    """A verdict in one line."""
    parts = [f"{outcome(verdict)} by {verdict.rule}"]
    if isinstance(verdict, Hold):
        quorums = (Quorum(verdict.approvers, verdict.count), *verdict.also)
        parts += [f"asks {' and '.join(map(_people, quorums))} for {_length(verdict.timeout)}"]
        parts += [f"after {_length(after)} also {_either(groups)}" for after, groups in verdict.then]
        parts += [f"may grant {', '.join(verdict.scopes)}"]
        parts += [f"requires {', '.join(sorted(verdict.requires))}"] * bool(verdict.requires)
        parts += [f"risk {verdict.risk}"] * bool(verdict.risk)
        parts += ["fails at once"] * (verdict.mode == "fail")
        parts += [f"lasts {_length(verdict.lasts)}"] if verdict.lasts else []
        parts += ["somebody else has to write it"] * bool(verdict.author)
        parts += [f"glass for {_either(glass.groups)}" for glass in [verdict.break_glass] if glass]
    for key in ("masks", "alerts"):
        names: frozenset[str] = getattr(verdict, key, frozenset())
        if names:
            parts.append(f"{key} {', '.join(sorted(names))}")
    return "; ".join([*parts, *sorted(verdict.observed)])


def as_data(ran: Ran) -> dict[str, Any]:
    """For programs."""
    trial = ran.trial
    facts = {"test": trial.name, "place": trial.place, "ok": not ran.problem, "want": trial.want}
    return {**facts, **_facts(ran.verdict), "problem": ran.problem}


def explained(each: Explanation, text: str) -> dict[str, Any]:
    """The same of an explanation."""
    rules = [
        {"id": heard.rule.id, "do": heard.rule.do, "matched": heard.matched, "because": heard.because}
        for heard in each.heard
    ]
    return {"text": text, **_facts(each.verdict), "revision": each.revision, "rules": rules}


def print_explained(each: Explanation) -> None:
    """Rules that matched first."""
    for heard in sorted(each.heard, key=lambda heard: (not heard.matched, heard.rule.id)):
        does = f"{heard.rule.do}, only observed" if heard.rule.observe else heard.rule.do
        sign = "+" if heard.matched else "-"
        data(f"{sign} {heard.rule.id} ({does}): {heard.because}")
    data(f"= {told(each.verdict)}")
    if reason := getattr(each.verdict, "reason", ""):
        data(f"  {reason}")


def _facts(verdict: Verdict | None) -> dict[str, Any]:
    if verdict is None:
        return {"got": "", "rule": ""}
    lists = {key: sorted(getattr(verdict, key, ())) for key in ("masks", "alerts", "observed")}
    return {"got": outcome(verdict), "rule": verdict.rule, **lists, "told": told(verdict)}


def _people(quorum: Quorum) -> str:
    return f"{quorum.count} of {_either(quorum.groups)}"


def _either(groups: frozenset[str]) -> str:
    return " or ".join(sorted(groups))


def _length(length: timedelta) -> str:
    from gateway.app.config_values import show_duration

    return show_duration(length)
