"""What can be asked for in advance, how long a session may last, and what somebody else has to run."""

from datetime import timedelta

import pytest

from gateway.core.errors import Misconfigured
from gateway.core.operation import Effect, Operation
from gateway.core.verdict import Hold
from gateway.policy.decide import decide
from gateway.policy.windows import windows
from tests.policy.conftest import EVERYTHING, policy, rule, run, session

CONNECT = Operation("connect", "access to web-1", frozenset({Effect.CONTROL}))
SRE = 'ask = { group = "sre", scopes = ["target 1h"] }'
ONCE = 'ask = { group = "sre" }'


def found(*rules: str, **who: object) -> list[str]:
    return [each.rule for each in windows(policy(EVERYTHING + "".join(rules)), session(**who))]  # type: ignore[arg-type]  # words of this test


def test_each_rule_that_may_hold_something_in_a_session() -> None:
    assert found(
        rule("reboots", "hold", 'command = "reboot*"', SRE),
        rule("all", "hold", 'user = "*"', ONCE).replace('"all"', '"a-all"'),
        rule("coming", "hold", 'verb = "connect"', SRE),
        rule("sql", "hold", 'verb = "drop"', SRE),
        rule("others", "hold", 'user = "bob@example.com"', SRE),
        rule("elsewhere", "hold", 'target = "db-*"', SRE),
        rule("excepted", "hold", 'command = "x"', f'unless = {{ group = "dev" }}\n{SRE}'),
        rule("observed", "hold", 'command = "x"', f"observe = true\n{SRE}"),
        rule("blocked", "block", 'command = "y"'),
    ) == ["a-all", "reboots"]


def test_a_window_is_what_its_rule_asks_for() -> None:
    (window,) = windows(policy(EVERYTHING + rule("reboots", "hold", 'command = "reboot*"', SRE)), session())
    assert window == Hold("reboots", "", frozenset({"sre"}), scopes=("once", "target 1h"))


def test_a_session_lasts_as_long_as_the_strictest_rule_says() -> None:
    text = EVERYTHING + "".join(
        rule(id, "hold", 'verb = "connect"', f'{ONCE}\nlasts = "{lasts}"')
        for id, lasts in (("one", "2h"), ("two", "30m"))
    )
    verdict = decide(policy(text), CONNECT, session())
    assert isinstance(verdict, Hold)
    assert verdict.lasts == timedelta(minutes=30)


def test_what_one_rule_wants_somebody_else_to_run_no_other_lets_its_author_run() -> None:
    both = rule("a", "hold", 'command = "reboot*"', f"{SRE}\n") + rule(
        "b", "hold", 'verb = "exec"', f'{ONCE}\nauthor = "other"'
    )
    verdict = decide(policy(EVERYTHING + both), run("reboot"), session())
    assert isinstance(verdict, Hold)
    assert (verdict.rule, verdict.author, verdict.scopes) == ("a", "other", ("once",))
    alone = decide(policy(EVERYTHING + both), run("ls"), session())
    assert isinstance(alone, Hold)
    assert alone.demands != Hold("b", "", frozenset({"sre"})).demands


@pytest.mark.parametrize(
    ("match", "more", "says"),
    [
        ('command = "x"', 'lasts = "1h"', "it belongs to a rule with verb"),
        ('verb = "*"', 'lasts = "1h"', "it belongs to a rule with verb"),
        ('verb = "connect"', 'lasts = "1s"', "from 10 seconds"),
        ('verb = "connect"', "lasts = 3600", "lasts must be a time"),
        ('verb = "connect"', 'author = "other"', "can never be met"),
        ('verb = ["connect", "exec"]', 'author = "other"', "can never be met"),
        ('verb = "upload"', 'author = "other"', "can never be met"),
        ('verb = "exec"', 'author = "others"', "did you mean other"),
        ('verb = "exec"', 'author = "other"\nmode = "fail"', "mode means nothing beside author"),
    ],
)
def test_what_can_not_be_meant_is_refused(match: str, more: str, says: str) -> None:
    with pytest.raises(Misconfigured, match=says):
        policy(rule("wrong", "hold", match, f"{ONCE}\n{more}"))


def test_what_was_written_passes_once() -> None:
    with pytest.raises(Misconfigured, match=r"rules.toml:5: .* scopes mean nothing beside author"):
        policy(rule("wrong", "hold", 'verb = "exec"', f'{SRE}\nauthor = "other"'))


@pytest.mark.parametrize("key", ['lasts = "1h"', 'author = "other"'])
def test_only_rules_that_hold_say_such_things(key: str) -> None:
    with pytest.raises(Misconfigured, match='belongs to do = "hold"'):
        policy(rule("wrong", "block", 'verb = "connect"', key))
