"""Where lines typed in a shell have to wait to be judged: only where a rule could stop one."""

from datetime import UTC, datetime

import pytest

from gateway.app.shelf import PolicyShelf
from gateway.core.people import Peer, Principal, Session, Target
from gateway.policy.decide import watches_typing
from gateway.policy.rules import Condition, Policy, Rule

ALICE = Principal("alice", "alice@example.com", frozenset({"dev"}))
WEB = Target("web-1", "ssh", "127.0.0.1", 22, "deploy", labels={"env": "prod"})
SESSION = Session("s-1", ALICE, WEB, Peer("10.0.0.1"), datetime(2026, 1, 1, tzinfo=UTC), "deploy")

COMMAND = Condition("command", ("reboot*",))
RULES = {
    "no rule": ((), False),
    "an allow": ((Rule("a", "allow", (COMMAND,)),), False),
    "a mask": ((Rule("a", "mask", (Condition("user", ("*",)),), masks=frozenset({"card"})),), False),
    "a block of commands": ((Rule("a", "block", (COMMAND,)),), True),
    "a block of the verb": ((Rule("a", "block", (Condition("verb", ("typed",)),)),), True),
    "a block of exec only": ((Rule("a", "block", (COMMAND, Condition("verb", ("exec",)))),), False),
    "a block of a person": ((Rule("a", "block", (Condition("user", ("*",)),)),), False),
    "for another person": ((Rule("a", "block", (COMMAND, Condition("user", ("bob*",)))),), False),
    "for this person": ((Rule("a", "block", (COMMAND, Condition("user", ("alice*",)))),), True),
    "for this label": ((Rule("a", "block", (COMMAND, Condition("label", ("prod",), "env"))),), True),
    "for another label": ((Rule("a", "block", (COMMAND, Condition("label", ("test",), "env"))),), False),
    "on another kind": ((Rule("a", "block", (COMMAND,), on=("postgres",)),), False),
    "with an exception": ((Rule("a", "block", (COMMAND,), (Condition("user", ("alice*",)),)),), True),
}


@pytest.mark.parametrize("case", RULES)
def test_when_lines_are_watched(case: str) -> None:
    rules, watched = RULES[case]
    assert watches_typing(Policy(rules), SESSION) is watched
    assert PolicyShelf(Policy(rules)).judge().watches_typing(SESSION) is watched
