"""`[[test]]`: read strictly, and every way in which one can fail is said. And what is different between policies."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.errors import Misconfigured
from gateway.core.verdict import Allow, Deny, Hold, Verdict
from gateway.policy.difference import Difference, difference
from gateway.policy.trials import Trial, hardest, load_trials, what_is_wrong
from tests.policy.conftest import EVERYTHING, policy, rule

BEGIN = '[[test]]\nname = "t"\nuser = "a"\ntarget = "x"\n'
GOOD = BEGIN + 'command = "id"\nwant = "allow"\n'


def trial(more: str) -> Trial:
    (only,) = load_trials([("rules.toml", BEGIN + more)])
    return only


@pytest.mark.parametrize(
    ("more", "verb", "kind"),
    [
        ('command = "id"', "exec", "ssh"),
        ('command = "id"\nverb = "typed"', "typed", "ssh"),
        ('sql = "SELECT 1"', "", "postgres"),
        ('sql = ""', "", "postgres"),
        ('path = "/x"\nverb = "upload"', "upload", "ssh"),
        ('path = ["/x", "/y"]\nverb = "rename"', "rename", "ssh"),
        ('destination = "db:1"', "forward", "ssh"),
        ('destination = "*:1"\nverb = "listen"', "listen", "ssh"),
        ('verb = "shell"', "shell", "ssh"),
    ],
)
def test_what_can_be_asked(more: str, verb: str, kind: str) -> None:
    scene = trial(f'{more}\nwant = "hold"').scene
    assert (scene.verb, scene.kind) == (verb, kind)


@pytest.mark.parametrize(
    ("text", "line", "sentence"),
    [
        (GOOD + "wnat = 1", 7, "unknown key wnat; did you mean want?"),
        ('[[test]]\nname = "t"\nwant = "allow"', 1, "user is missing"),
        (BEGIN + 'command = "id"\nwant = "held"', 6, "want must be allow, hold, block"),
        (BEGIN + 'want = "allow"', 1, "asks for one thing: sql, command, path, destination, or verb alone"),
        (GOOD + 'sql = "SELECT 1"', 1, "asks for one thing"),
        (GOOD + 'verb = "upload"', 7, "verb must be exec, typed here"),
        (BEGIN + 'want = "allow"\nverb = "select"', 6, "verb must be shell, sign, subsystem here"),
        (
            BEGIN + 'want = "allow"\nsql = "SELECT 1"\nverb = "select"',
            7,
            "the statement says its verb itself",
        ),
        (BEGIN + 'want = "allow"\npath = "/x"', 1, "verb must be upload, download, list"),
        (BEGIN + 'want = "allow"\nverb = "rename"\npath = "/x"', 7, "rename has 2 paths"),
        (
            BEGIN + 'want = "allow"\nverb = "stat"\npath = "x"',
            7,
            "path must begin with /, as the target resolv",
        ),
        (
            GOOD + 'at = "noon"',
            7,
            "at must be a time with its zone and no quotes, as in 2026-11-20T10:00:00Z",
        ),
        (GOOD + "at = 2026-11-20T10:00:00", 7, "at must be a time with its zone"),
        (GOOD + "groups = [1]", 7, "groups must be a list of texts"),
        (GOOD + 'labels = { env = ["prod"] }', 7, 'labels must be a table of texts, as in { env = "prod" }'),
        (GOOD + "rule = 1", 7, "rule must be text"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(text: str, line: int, sentence: str) -> None:
    with pytest.raises(Misconfigured) as wrong:
        load_trials([("rules.toml", text)])
    assert re.match(rf'rules\.toml:{line}: test "t": {re.escape(sentence)}', wrong.value.sentence)


@pytest.mark.parametrize(
    ("more", "verdict", "problem"),
    [
        ('want = "allow"', Allow("r"), ""),
        ('want = "block"', Deny("r", ""), ""),
        ('want = "hold"', Hold("r", "", frozenset({"g"})), ""),
        ('want = "allow"', Deny("r", ""), "wanted allow, got block by r"),
        ('want = "block"', Hold("r", "", frozenset({"g"})), "wanted block, got hold by r"),
        ('want = "allow"\nrule = "s"', Allow("r"), "wanted allow by s, got it by r"),
        ('want = "allow"\nmasks = []', Allow("r", frozenset({"card"})), "wanted masks none, got card"),
        ('want = "allow"\nmasks = ["card"]', Allow("r", frozenset({"card"})), ""),
        ('want = "block"\nmasks = ["card"]', Deny("r", ""), "wanted masks card, got none"),
        ('want = "allow"\nalerts = ["a"]', Allow("r", alerts=frozenset({"a"})), ""),
        ('want = "block"\nalerts = ["a"]', Deny("r", ""), "wanted alerts a, got none"),
        (
            'want = "allow"\nobserved = []',
            Allow("r", observed=frozenset({"x"})),
            "wanted observed none, got x",
        ),
    ],
)
def test_how_one_can_fail(more: str, verdict: Verdict, problem: str) -> None:
    assert what_is_wrong(trial(f'command = "id"\n{more}'), verdict) == problem


def test_of_several_statements_the_hardest_counts() -> None:
    allow, hold, deny = Allow("a"), Hold("h", "", frozenset({"g"})), Deny("d", "")
    assert hardest([allow, hold, allow]) == hold
    assert hardest([hold, deny, allow]) == deny


def test_what_is_different() -> None:
    held = rule("b", "hold", 'verb = ["exec", "shell"]', 'ask = { group = "sre" }')
    old = policy(EVERYTHING + held + rule("c", "block", 'verb = "sign"'))
    turned = rule("b", "hold", 'verb = ["shell", "exec"]', 'ask = { group = "sre" }')
    assert difference(old, policy(rule("c", "block", 'verb = "sign"') + turned + EVERYTHING)) == Difference()
    more = rule("b", "hold", 'verb = ["exec", "shell"]', 'ask = { group = "sre", n = 2 }')
    new = policy(more + EVERYTHING + rule("d", "alert", 'verb = "sign"'))
    assert difference(old, new) == Difference(added=("d",), removed=("c",), changed=("b",))
    assert difference(
        old, policy(EVERYTHING + held + rule("c", "block", 'verb = "sign"', "when = 'true'"))
    ).changed


@given(st.integers(0, len(GOOD) * 2 - 1), st.text(max_size=5))
def test_damaged_files_are_refused_in_words_or_read(at: int, noise: str) -> None:
    text = GOOD + GOOD
    said = ""
    try:
        load_trials([("rules.toml", text[:at] + noise + text[at:])])
    except Misconfigured as wrong:
        said = wrong.sentence
    assert not said or re.match(r"rules\.toml:\d+: ", said)
