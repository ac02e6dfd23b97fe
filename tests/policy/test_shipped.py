"""deploy/policies: what the examples say of themselves is so, and each of their rules matters to one test."""

from functools import cache
from pathlib import Path

import pytest

from gateway.cli.policy_questions import operations_of, read_sql, session_of
from gateway.cli.policy_runs import run
from gateway.cli.policy_sources import Source, of_files
from gateway.policy.decide import decide
from gateway.policy.rules import Policy
from gateway.policy.trials import hardest, what_is_wrong

FILES = sorted((Path(__file__).parents[2] / "deploy" / "policies").glob("*.toml"))


@cache
def source(file: Path) -> Source:
    return of_files([file])


def test_there_are_enough_of_them() -> None:
    assert len(FILES) >= 3
    assert {rule.do for file in FILES for rule in source(file).policy.rules} == {
        "allow",
        "block",
        "hold",
        "mask",
        "alert",
    }


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_their_own_tests_hold(file: Path) -> None:
    ran = run(source(file).trials, source(file).policy, source(file).known)
    assert len(ran) >= 10
    assert [f"{each.trial.name}: {each.problem}" for each in ran if each.problem] == []


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_without_any_of_their_rules_a_test_fails(file: Path) -> None:
    here = source(file)
    readings = read_sql(trial.scene for trial in here.trials)
    asked = [
        (trial, session_of(trial.scene, here.known), operations_of(trial.scene, readings))
        for trial in here.trials
    ]
    for left_out in here.policy.rules:
        policy = Policy(tuple(rule for rule in here.policy.rules if rule is not left_out))
        wrong = [
            what_is_wrong(
                trial, hardest(decide(policy, each, session, trial.scene.at) for each in operations)
            )
            for trial, session, operations in asked
        ]
        assert any(wrong), f"no test needs the rule {left_out.id}"
