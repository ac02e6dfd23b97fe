"""Who wins: block over allow, masks add up, order never matters, doubt restricts."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.operation import Effect, Operation
from gateway.core.verdict import Allow, Deny
from gateway.policy import predicates
from gateway.policy.decide import decide
from gateway.policy.explain import explain
from gateway.policy.rules import Condition, Policy, Rule
from gateway.policy.verbs import FORWARD_VERBS
from tests.policy.conftest import SHELL, file, forward, policy, run, session, typed

RULES = policy(
    """
[[rule]]
id = "dev"
match = { group = "dev", label = { env = "prod" } }
do = "allow"

[[rule]]
id = "no-rm"
match = { command = ["rm -rf *"] }
unless = { user = "root@example.com" }
do = "block"
message = "ask for a window"

[[rule]]
id = "cards"
match = { target = "web-*" }
do = "mask"
mask = { card = "redact" }

[[rule]]
id = "mails"
match = { source = ["10.0.0.0/8"] }
do = "mask"
mask = { email = "redact" }
"""
)


def test_allow_with_all_masks_added_up() -> None:
    assert decide(RULES, run("uptime"), session()) == Allow("dev", frozenset({"card", "email"}))
    assert decide(RULES, SHELL, session(address="192.0.2.1")) == Allow("dev", frozenset({"card"}))


@pytest.mark.parametrize(
    ("address", "matched"),
    [
        ("10.1.2.3", True),
        ("::ffff:10.1.2.3", True),
        ("2001:db8::1", True),
        ("192.0.2.1", False),
        ("::ffff:192.0.2.1", False),
        ("2001:db9::1", False),
        ("no address", True),
    ],
)
def test_networks(address: str, matched: bool) -> None:
    rules = policy(
        '[[rule]]\nid = "all"\nmatch = { user = "*" }\ndo = "allow"\n'
        '[[rule]]\nid = "net"\nmatch = { source = ["10.0.0.0/8", "2001:db8::/32"] }\ndo = "block"'
    )
    assert isinstance(decide(rules, run("id"), session(address=address)), Deny) is matched


def test_block_wins() -> None:
    assert decide(RULES, run("rm -rf /"), session()) == Deny("no-rm", "ask for a window")


def test_an_exception_lifts_a_rule() -> None:
    assert isinstance(decide(RULES, run("rm -rf /"), session("root@example.com")), Allow)


def test_nothing_allows_so_it_is_blocked() -> None:
    assert decide(RULES, run("uptime"), session(groups=())) == Deny(
        "default", "no rule lets you do this on web-1"
    )
    assert isinstance(decide(Policy(), run("uptime"), session()), Deny)


def test_a_line_that_can_not_be_read_is_blocked_and_says_so() -> None:
    verdict = decide(RULES, run("$'\\x72m' -rf /"), session())
    assert verdict == Deny("no-rm", "ask for a window (this command line can not be read with certainty)")


@pytest.mark.parametrize(
    ("line", "passes"),
    [
        ("uptime", True),
        ("  uptime", True),
        ("ls -l", True),
        ("uptime; id", False),
        ("uptime $(id)", False),
        ("uptime > /etc/passwd", False),
        ("uptime\nid", False),
        ("ls -l `id`", False),
        ("ls -l '", False),
        ("ls -l;", True),
        ("ls -l | uptime", True),
        ("ls -l | sh", False),
        ("", False),
        ("uptimes", False),
        ("ls -l *", False),
    ],
)
def test_an_allow_list_covers_every_command_or_nothing(line: str, passes: bool) -> None:
    listed = policy('[[rule]]\nid = "some"\nmatch = { command = ["uptime", "ls *"] }\ndo = "allow"')
    assert isinstance(decide(listed, run(line), session()), Allow) is passes


def test_unknown_effects_match_restrictions_only() -> None:
    unknown = Operation("exec", "x", frozenset({Effect.UNKNOWN}))
    blocks = policy('[[rule]]\nid = "w"\nmatch = { effect = "write" }\ndo = "block"')
    allows = policy('[[rule]]\nid = "w"\nmatch = { effect = "write" }\ndo = "allow"')
    assert decide(blocks, unknown, session()) == Deny("w", "")
    assert decide(allows, unknown, session()) == Deny("default", "no rule lets you do this on web-1")


def test_a_rule_that_raises_restricts_and_never_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(question: predicates.Question) -> bool:
        raise LookupError("no such fact")

    monkeypatch.setitem(predicates.FIELDS, "user", broken)
    match = (Condition("user", ("*",)),)
    blocking, allowing = Rule("b", "block", match), Rule("a", "allow", match)
    masking = Rule("m", "mask", match, masks=frozenset({"card"}))
    always = Rule("always", "allow", (Condition("target", ("*",)),))
    assert decide(Policy((always, blocking)), run("x"), session()) == Deny("b", "")
    assert isinstance(decide(Policy((allowing,)), run("x"), session()), Deny)
    assert decide(Policy((always, masking)), run("x"), session()) == Allow("always", frozenset({"card"}))
    # An exception that can not be evaluated lifts no restriction and cancels every permission.
    excepted = Rule("e", "block", always.match, unless=match)
    assert decide(Policy((always, excepted)), run("x"), session()) == Deny("e", "")
    assert isinstance(decide(Policy((Rule("e", "allow", always.match, match),)), run("x"), session()), Deny)


def test_explain_says_why() -> None:
    told = {heard.rule.id: heard for heard in explain(RULES, run("rm -rf /"), session()).heard}
    assert told["no-rm"].matched
    assert told["no-rm"].because == "command = rm -rf *"
    lifted = explain(RULES, run("rm -rf /"), session("root@example.com")).heard[1]
    assert not lifted.matched
    assert lifted.because == "its exception matches: user = root@example.com"


conditions = st.one_of(
    st.builds(Condition, st.just("user"), st.tuples(st.sampled_from(["alice*", "bob*", "*"]))),
    st.builds(Condition, st.just("target"), st.tuples(st.sampled_from(["web-*", "db-*"]))),
    st.builds(
        Condition, st.just("verb"), st.tuples(st.sampled_from(["exec", "shell", "upload", "typed", "*"]))
    ),
    st.builds(Condition, st.just("command"), st.tuples(st.sampled_from(["rm *", "id", "*"]))),
    st.builds(Condition, st.just("effect"), st.tuples(st.sampled_from(["write", "run"]))),
    st.builds(Condition, st.just("path"), st.tuples(st.sampled_from(["/etc/*", "/srv/*", "*"]))),
    st.builds(
        Condition, st.just("destination"), st.tuples(st.sampled_from(["db:*", "*.internal:5432", "*"]))
    ),
)
masks = st.sampled_from([frozenset({"card"}), frozenset({"email"})])
rules = st.builds(
    lambda id, do, match, unless, masks: Rule(
        id, do, match, unless, masks=masks if do == "mask" else frozenset()
    ),
    st.text("abc", min_size=1, max_size=3),
    st.sampled_from(["allow", "block", "mask"]),
    st.lists(conditions, min_size=1, max_size=2).map(tuple),
    st.lists(conditions, max_size=1).map(tuple),
    masks,
)
operations = st.one_of(
    st.sampled_from(["id", "rm -rf /", "id; rm x", "$x", "'"]).map(run),
    st.just(SHELL),
    st.just(Operation("exec", "id", frozenset({Effect.UNKNOWN}))),
    st.sampled_from(
        [
            file("upload", "x", "/etc/x"),
            file("upload", "/srv/x", "/srv/x", command="scp -t /srv/x"),
            file("download", "/srv/x"),
            file("rename", "/srv/x", "/srv/x", "/etc/x"),
            forward("db:5432"),
            forward("a.internal:5432", "listen"),
            forward("127.1:1"),
            typed("rm x"),
            typed("id", "low"),
        ]
    ),
)


def power(verdict: object) -> tuple[bool, frozenset[str]]:
    return isinstance(verdict, Allow), verdict.masks if isinstance(verdict, Allow) else frozenset()


@given(st.lists(rules, max_size=6), operations, st.randoms())
def test_order_never_matters(given_rules: list[Rule], operation: Operation, chance: random.Random) -> None:
    shuffled = list(given_rules)
    chance.shuffle(shuffled)
    first = decide(Policy(tuple(given_rules)), operation, session())
    second = decide(Policy(tuple(shuffled)), operation, session())
    assert power(first) == power(second)
    assert first.rule == second.rule


@given(st.lists(rules, max_size=5), rules, operations)
def test_a_restricting_rule_never_grants(before: list[Rule], new: Rule, operation: Operation) -> None:
    allowed, masked = power(decide(Policy(tuple(before)), operation, session()))
    allowed_now, masked_now = power(decide(Policy((*before, new)), operation, session()))
    if new.do != "allow":
        assert allowed_now <= allowed
        assert not allowed_now or masked_now >= masked
    else:
        assert allowed_now >= allowed
        assert not allowed or masked_now == masked
        if operation.verb in FORWARD_VERBS and allowed_now > allowed:
            assert any(condition.field == "destination" for condition in new.match)
