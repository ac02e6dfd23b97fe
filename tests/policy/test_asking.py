"""Rules that hold: what they say about people, what several of them come to, and what is refused."""

from datetime import timedelta

import pytest

from gateway.core.errors import Misconfigured
from gateway.core.verdict import Allow, Deny, Glass, Hold, Quorum
from gateway.policy.decide import decide, watches_typing
from gateway.policy.loader import load_policy
from tests.policy.conftest import DETECTORS, EVERYTHING, file, policy, rule, run, session, typed

REBOOT = 'command = "reboot*"'
SRE = 'ask = { group = "sre" }'


def held(*texts: str) -> Hold:
    verdict = decide(policy(EVERYTHING + "".join(texts)), run("reboot now"), session())
    assert isinstance(verdict, Hold)
    return verdict


def test_a_hold_says_all_that_its_rule_does() -> None:
    assert held(
        rule(
            *("reboots", "hold", REBOOT),
            'ask = { group = ["sre", "ops"], n = 2, ttl = "1h30m", scopes = ["once", "session", "shape 15m 3"] }\n'
            'then = [{ group = "lead", after = "3m" }, { group = "cto", after = "1h" }]\n'
            'require = ["reason", "ticket"]\nmode = "fail"\nrisk = "high"\nmessage = "ask first"',
        )
    ) == Hold(
        "reboots",
        "ask first",
        frozenset({"sre", "ops"}),
        2,
        timedelta(minutes=90),
        ("once", "session", "shape 15m 3"),
        then=(
            (timedelta(minutes=3), frozenset({"lead"})),
            (timedelta(hours=1), frozenset({"cto"})),
        ),
        requires=frozenset({"reason", "ticket"}),
        mode="fail",
        risk="high",
    )


def test_what_is_not_said_is_the_least() -> None:
    assert held(rule("reboots", "hold", REBOOT, SRE)) == Hold("reboots", "", frozenset({"sre"}))


def test_several_quorums_of_one_rule() -> None:
    asked = (
        'ask = [{ group = "sre", ttl = "20m" }, { group = "sec", n = 2, ttl = "5m", scopes = ["session"] }]'
    )
    verdict = held(rule("reboots", "hold", REBOOT, asked))
    assert verdict.approvers == {"sre"}
    assert verdict.also == (Quorum(frozenset({"sec"}), 2),)
    assert verdict.timeout == timedelta(minutes=5)
    assert verdict.scopes == ("once", "session")


def test_several_rules_need_all_that_each_of_them_needs() -> None:
    one = (
        'ask = { group = "sre", ttl = "20m", scopes = ["shape 15m 9", "target 1h", "session"] }\n'
        'then = { group = "lead", after = "1m" }\nrequire = "reason"\nrisk = "low"\nmessage = "one"'
    )
    two = (
        'ask = [{ group = "sec" }, { group = "sre", n = 2, scopes = ["shape 1h 3", "target 30m"] }]\n'
        'require = "ticket"\nrisk = "critical"\nmode = "fail"\nmessage = "two"'
    )
    assert held(rule("b-two", "hold", 'user = "*"', two), rule("a-one", "hold", REBOOT, one)) == Hold(
        "a-one",
        "one",
        frozenset({"sre"}),
        2,
        timedelta(minutes=10),
        ("once", "shape 15m 3", "target 30m"),
        also=(Quorum(frozenset({"sec"})),),
        then=(),  # the other rule asks the same people, and knows nobody who may stand in for them
        requires=frozenset({"reason", "ticket"}),
        mode="fail",
        risk="critical",
    )


def test_who_may_break_the_glass() -> None:
    glass = f'{SRE}\nbreak_glass = {{ group = ["oncall", "lead"] }}'
    one = rule("a", "hold", REBOOT, glass)
    assert held(one).break_glass == Glass(frozenset({"oncall", "lead"}), timedelta(hours=24))
    two = rule("b", "hold", 'user = "*"', f'{SRE}\nbreak_glass = {{ group = "oncall", review = "2h" }}')
    assert held(one, two).break_glass == Glass(frozenset({"oncall"}), timedelta(hours=2))
    assert held(one, rule("c", "hold", REBOOT, SRE)).break_glass is None
    others = rule("d", "hold", REBOOT, f'{SRE}\nbreak_glass = {{ group = "cto" }}')
    assert held(one, others).break_glass is None
    assert held(one).demands != held(rule("a", "hold", REBOOT, SRE)).demands


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ('impact = "dry run"', "impact must be off or look or dry-run; did you mean dry-run?"),
        ("impact = true", "impact must be off or look or dry-run"),
        ('break_glass = "oncall"', "break_glass must be a table"),
        ('break_glass = { review = "24h" }', "break_glass must name a group"),
        ('break_glass = { group = "nobody" }', "so nobody could break it"),
        ('break_glass = { group = "on*" }', "by the whole name of their group"),
        ('break_glass = { group = "sre", after = "1h" }', "break_glass has no after"),
        ('break_glass = { group = "sre", review = "8d" }', "review must be from 10 seconds to 7 days"),
        ('break_glass = { group = "sre", review = 24 }', "review must be a time"),
    ],
)
def test_what_can_not_be_said_of_glass(said: str, words: str) -> None:
    text = EVERYTHING + rule("a", "hold", REBOOT, f"{SRE}\n{said}")
    with pytest.raises(Misconfigured, match=words):
        load_policy([("rules.toml", text)], DETECTORS, {"sre"})


def test_who_may_stand_in_stays_where_no_other_rule_asks_the_same() -> None:
    then = f'{SRE}\nthen = {{ group = "lead", after = "1m" }}'
    other = rule("b", "hold", REBOOT, 'ask = { group = "sec" }\nthen = { group = "cto", after = "2m" }')
    assert held(rule("a", "hold", REBOOT, then), other).then == ((timedelta(minutes=1), frozenset({"lead"})),)
    same = rule("b", "hold", REBOOT, then)
    assert held(rule("a", "hold", REBOOT, then), same).then == ((timedelta(minutes=1), frozenset({"lead"})),)


def test_a_hold_grants_nothing() -> None:
    only = policy(rule("reboots", "hold", REBOOT, SRE))
    assert decide(only, run("reboot"), session()) == Deny("default", "no rule lets you do this on web-1")
    assert isinstance(decide(only, typed("reboot"), session()), Hold)  # the shell was allowed


def test_a_block_beats_a_hold_and_masks_go_with_it() -> None:
    block = rule("no", "block", REBOOT)
    rules = EVERYTHING + rule("ask", "hold", 'user = "*"', SRE) + block
    rules += rule("m", "mask", 'user = "*"', 'mask = { card = "redact" }')
    assert isinstance(decide(policy(rules), run("reboot"), session()), Deny)
    verdict = decide(policy(rules), run("uptime"), session())
    assert isinstance(verdict, Hold)
    assert verdict.masks == {"card"}
    assert isinstance(decide(policy(rules), file("download", "/x", "/x"), session()), Deny)


def test_a_look_at_a_file_waits_for_nobody() -> None:
    rules = policy(EVERYTHING + rule("etc", "hold", 'path = "/etc/*"', SRE))
    assert isinstance(decide(rules, file("upload", "/etc/x", "/etc/x"), session()), Hold)
    assert isinstance(decide(rules, file("stat", "/etc/x", "/etc/x"), session()), Allow)


def test_doubt_holds_and_says_why() -> None:
    rules = policy(EVERYTHING + rule("reboots", "hold", REBOOT, f'{SRE}\nmessage = "ask first"'))
    verdict = decide(rules, run("$X"), session())
    assert isinstance(verdict, Hold)
    assert (
        verdict.reason
        == "ask first (this command line can not be read with certainty: the program is not written plainly)"
    )


def test_alerts_are_noted_and_change_nothing() -> None:
    alert = rule("root", "alert", 'command = "sudo *"', 'risk = "high"')
    loaded = policy(EVERYTHING + alert)
    assert decide(loaded, run("sudo id"), session()) == Allow("all", alerts=frozenset({"root"}))
    assert decide(loaded, run("id"), session()) == Allow("all")
    assert decide(policy(alert), run("sudo id"), session()) == Deny(
        "default", "no rule lets you do this on web-1", alerts=frozenset({"root"})
    )
    assert watches_typing(loaded, session())
    assert loaded.rules[1].risk == "high"


@pytest.mark.parametrize(
    ("do", "more", "told"),
    [
        ("block", "", "r would have blocked"),
        ("hold", SRE, "r would have held"),
        ("mask", 'mask = { card = "redact" }', "r would have masked"),
    ],
)
def test_what_observes_only_says_what_it_would_have_done(do: str, more: str, told: str) -> None:
    loaded = policy(EVERYTHING + rule("r", do, 'verb = "exec"', f"{more}\nobserve = true"))
    assert decide(loaded, run("id"), session()) == Allow("all", observed=frozenset({told}))
    waits = decide(policy(EVERYTHING + rule("r", do, 'verb = "exec"', more)), run("id"), session())
    assert waits != Allow("all")


HOLDS = [
    ("ask = {}", 5, 'ask must name a group, as in { group = "sre" }'),
    ('ask = "sre"', 5, 'ask must be a table, as in { group = "sre", n = 1 }'),
    ("ask = []", 5, "ask must be a table"),
    ('ask = { grup = "sre" }', 5, "ask has no grup; did you mean group?"),
    ('ask = { group = "sre", n = 0 }', 5, "n must be a number of people, from 1 to 20"),
    ('ask = { group = "sre", n = true }', 5, "n must be a number of people"),
    ('ask = { group = "s*" }', 5, "s*: people are asked by the whole name of their group"),
    ('ask = { group = "sre", ttl = "soon" }', 5, 'ttl must be a time, as in "90s", "10m" or "1h30m"'),
    ('ask = { group = "sre", ttl = "30d" }', 5, "ttl must be from 10 seconds to 7 days"),
    ('ask = { group = "sre", scopes = ["forever"] }', 5, "'forever' is no scope: write"),
    ('ask = { group = "sre", scopes = ["shape 15m 3", "shape 1h 1"] }', 5, "scopes names shape twice"),
    ('ask = [\n  { group = "sre" },\n  { group = "sre", n = 2 },\n]', 7, "asks the same people twice"),
    (f'{SRE}\nthen = {{ group = "lead" }}', 6, 'then must say after how long, as in after = "3m"'),
    (
        f'{SRE}\nthen = {{ group = "lead", after = "10m" }}',
        6,
        "can never happen: by then the request has exp",
    ),
    (f'{SRE}\nthen = {{ group = "sre", after = "1m" }}', 6, "changes nothing: these people are asked from"),
    (
        f'{SRE}\nthen = [\n  {{ group = "a", after = "2m" }},\n  {{ group = "b", after = "1m" }},\n]',
        8,
        "must be later than the one before it",
    ),
    (f'{SRE}\nrequire = ["raeson"]', 6, "require must be reason or ticket; did you mean reason?"),
    (f'{SRE}\nmode = "async"', 6, "mode must be wait or fail"),
    (f'{SRE}\nrisk = "hihg"', 6, "risk must be low or medium or high or critical; did you mean high?"),
    (f'{SRE}\nobserve = "yes"', 6, "observe must be true or false, without quotes"),
]


@pytest.mark.parametrize(("more", "line", "sentence"), HOLDS)
def test_what_is_wrong_with_a_hold_is_said_with_its_line(more: str, line: int, sentence: str) -> None:
    with pytest.raises(Misconfigured) as wrong:
        policy(rule("a", "hold", 'user = "*"', more))
    assert wrong.value.sentence.startswith(f'rules.toml:{line}: rule "a": {sentence}')


@pytest.mark.parametrize(
    ("do", "match", "more", "sentence"),
    [
        ("block", 'user = "*"', SRE, 'ask belongs to do = "hold"'),
        ("allow", 'user = "*"', 'mode = "fail"', 'mode belongs to do = "hold"'),
        ("block", 'user = "*"', 'risk = "low"', 'risk belongs to do = "hold" or "alert"'),
        ("allow", 'user = "*"', "observe = true", "observe is for rules that block, hold or mask"),
        ("hold", 'verb = "stat"', SRE, "can never fire: a look at what a file is waits for nobody"),
        ("hold", 'verb = "exec", path = "/x"', SRE, "can never fire: exec has no path"),
    ],
)
def test_keys_of_a_hold_are_for_holds(do: str, match: str, more: str, sentence: str) -> None:
    with pytest.raises(Misconfigured, match=sentence):
        policy(rule("a", do, match, more))


def test_a_group_that_nobody_has_is_refused_where_groups_are_known() -> None:
    text = rule("a", "hold", 'user = "*"', 'ask = { group = ["sre", "dba-oncal"] }')
    assert load_policy([("rules.toml", text)], DETECTORS).rules
    assert load_policy([("rules.toml", text)], DETECTORS, ("sre", "dba-oncal")).rules
    with pytest.raises(Misconfigured) as wrong:
        load_policy([("rules.toml", text)], DETECTORS, ("sre", "dba-oncall"))
    assert wrong.value.sentence == (
        'rules.toml:5: rule "a": nobody is in the group dba-oncal, so nobody could decide; did you mean dba-oncall?'
    )


def test_what_people_may_find_out_is_what_all_rules_let_them() -> None:
    tried = rule("a", "hold", 'user = "*"', f'{SRE}\nimpact = "dry-run"')
    looked, off = rule("b", "hold", REBOOT, SRE), rule("c", "hold", REBOOT, f'{SRE}\nimpact = "off"')
    assert [held(tried).impact, held(looked).impact, held(off).impact] == ["dry-run", "look", "off"]
    assert held(tried, looked).impact == "look"
    assert held(tried, looked, off).impact == "off"
