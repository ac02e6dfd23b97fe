"""Who wins: block over allow, masks add up, order never matters, doubt restricts."""

import random
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.operation import Effect, Operation
from gateway.core.people import Session
from gateway.core.scopes import parse
from gateway.core.verdict import Allow, Deny, Hold, Quorum, Verdict
from gateway.policy import predicates
from gateway.policy.decide import decide
from gateway.policy.explain import explain
from gateway.policy.rules import RISKS, Asking, Condition, Policy, Rule
from gateway.policy.verbs import FORWARD_VERBS
from gateway.policy.when import compile_when
from tests.policy.conftest import SHELL, file, forward, policy, run, session, typed
from tests.policy.sql_text import in_database, statement

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
    assert verdict == Deny(
        "no-rm",
        "ask for a window (this command line can not be read with certainty: the program is not written plainly)",
    )


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
    st.builds(
        Condition, st.just("verb"), st.tuples(st.sampled_from(["select", "delete", "create", "listen"]))
    ),
    st.builds(Condition, st.just("effect"), st.tuples(st.sampled_from(["write", "run"]))),
    st.builds(Condition, st.just("table"), st.tuples(st.sampled_from(["orders", "app.*"]))),
    st.builds(Condition, st.just("has_where"), st.tuples(st.sampled_from(["true", "false"]))),
    st.builds(Condition, st.just("path"), st.tuples(st.sampled_from(["/etc/*", "/srv/*", "*"]))),
    st.builds(
        Condition, st.just("destination"), st.tuples(st.sampled_from(["db:*", "*.internal:5432", "*"]))
    ),
)
masks = st.sampled_from([frozenset({"card"}), frozenset({"email"})])
groups = st.sets(st.sampled_from(["dba", "sre", "sec"]), min_size=1, max_size=2).map(frozenset)
minutes = st.integers(1, 3).map(lambda count: timedelta(minutes=count))
expressions = [
    compile_when(text)
    for text in [
        "user.name.startsWith('alice')",
        "'x' in target.labels",
        "ssh.line == 'id'",
        "target.labels['x'] == ''",
    ]
]


@st.composite
def askings(draw: st.DrawFn) -> Asking:
    several = draw(st.lists(groups, min_size=1, max_size=2, unique=True))
    return Asking(
        tuple(Quorum(each, draw(st.integers(1, 2))) for each in several),
        draw(minutes),
        tuple(
            draw(
                st.sets(st.sampled_from(["shape 15m 3", "target 1h", "session"])).map(lambda s: map(parse, s))
            )
        ),
        tuple(draw(st.lists(st.tuples(minutes, groups), max_size=1))),
        draw(st.sets(st.sampled_from(["reason", "ticket"])).map(frozenset)),
        draw(st.sampled_from(["wait", "fail"])),
    )


@st.composite
def any_rule(draw: st.DrawFn) -> Rule:
    do = draw(st.sampled_from(["allow", "block", "hold", "hold", "mask", "alert"]))
    return Rule(
        draw(st.text("abc", min_size=1, max_size=3)),
        do,  # type: ignore[arg-type]  # drawn from the literal's words
        tuple(draw(st.lists(conditions, min_size=1, max_size=2))),
        tuple(draw(st.lists(conditions, max_size=1))),
        masks=draw(masks) if do == "mask" else frozenset(),
        when=draw(st.sampled_from([None, None, *expressions])),
        asking=draw(askings()) if do == "hold" else None,
        risk=draw(st.sampled_from(["", *RISKS])) if do in ("hold", "alert") else "",
        observe=do in ("block", "hold", "mask") and draw(st.booleans()),
    )


rules = any_rule()
STATEMENTS = [
    statement(text)
    for text in (
        "SELECT 1",
        "SELECT * INTO app.copy FROM app.orders",
        "WITH x AS (DELETE FROM app.orders RETURNING id) SELECT id FROM x",
        "DELETE FROM orders WHERE id = 1",
        "EXPLAIN ANALYZE DELETE FROM app.orders",
        "LISTEN x",
        "DO $$ BEGIN END $$",
        "CREATE TABLE app.copy AS SELECT * FROM orders",
    )
]
operations = st.one_of(
    st.sampled_from(STATEMENTS),
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


RANK = {Deny: 0, Hold: 1, Allow: 2}


def masks_of(verdict: Verdict) -> frozenset[str]:
    return frozenset() if isinstance(verdict, Deny) else verdict.masks


def people(hold: Hold) -> dict[frozenset[str], int]:
    return {each.groups: each.count for each in (Quorum(hold.approvers, hold.count), *hold.also)}


def is_no_more(new: Verdict, old: Verdict) -> bool:
    """Whatever `new` lets through, `old` does too, and as easily."""
    if RANK[type(new)] != RANK[type(old)] or isinstance(new, Deny):
        return RANK[type(new)] <= RANK[type(old)] and (
            isinstance(new, Deny) or masks_of(new) >= masks_of(old)
        )
    if not masks_of(new) >= masks_of(old):
        return False
    if not (isinstance(new, Hold) and isinstance(old, Hold)):
        return True
    asked = people(new)
    may_stand_in = set(old.then) if new.approvers == old.approvers else set()
    return (
        all(asked.get(groups, 0) >= count for groups, count in people(old).items())
        and new.timeout <= old.timeout
        and set(new.scopes) <= set(old.scopes)
        and new.requires >= old.requires
        and (old.mode == "wait" or new.mode == "fail")
        and (not old.risk or RISKS.index(new.risk) >= RISKS.index(old.risk))
        and (new.approvers not in people(old) or set(new.then) <= may_stand_in)
    )


@given(st.lists(rules, max_size=6), operations, st.randoms())
def test_order_never_matters(given_rules: list[Rule], operation: Operation, chance: random.Random) -> None:
    once_each = list({rule.id: rule for rule in given_rules}.values())
    shuffled = list(once_each)
    chance.shuffle(shuffled)
    first = decide(Policy(tuple(once_each)), operation, session())
    assert first == decide(Policy(tuple(shuffled)), operation, session())


@given(st.lists(rules, max_size=5), rules, operations)
def test_a_restricting_rule_never_grants(before: list[Rule], new: Rule, operation: Operation) -> None:
    once_each = list({rule.id: rule for rule in before if rule.id != new.id}.values())
    old = decide(Policy(tuple(once_each)), operation, session())
    now = decide(Policy((*once_each, new)), operation, session())
    if new.do != "allow":
        assert is_no_more(now, old)
        if new.do == "alert" or new.observe:
            assert replace(now, alerts=old.alerts, observed=old.observed) == old
        return
    assert is_no_more(old, now) or isinstance(old, Deny)
    assert not isinstance(old, Allow) or masks_of(now) == masks_of(old)
    is_forward = operation.verb in FORWARD_VERBS and "sql" not in operation.details
    if is_forward and RANK[type(now)] > RANK[type(old)]:
        assert any(condition.field == "destination" for condition in new.match)


sessions = st.sampled_from(
    [
        session(),
        session("bob@example.com", target="db-1", x="y"),
        session("root@example.com", ()),
        in_database(),
    ]
)


@given(st.lists(rules, max_size=6), operations, sessions)
def test_what_explains_agrees_with_what_decides(
    given_rules: list[Rule], operation: Operation, where: Session
) -> None:
    once_each = {rule.id: rule for rule in given_rules}
    told = explain(Policy(tuple(once_each.values())), operation, where)
    matched = {heard.rule.id for heard in told.heard if heard.matched}
    assert told.verdict.rule in {*matched, "default"}
    acting = {once_each[id].do for id in matched if not once_each[id].observe}
    if "block" in acting or not ("allow" in acting or operation.verb == "typed"):
        assert isinstance(told.verdict, Deny)
    elif not isinstance(told.verdict, Deny):  # for want of a mask
        assert isinstance(told.verdict, Hold) is ("hold" in acting)
    assert told.verdict.alerts == {id for id in matched if once_each[id].do == "alert"}
    assert len(told.verdict.observed) == sum(once_each[id].observe for id in matched)
