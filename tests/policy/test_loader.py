"""Rule files: what is wrong is said with its line, and nothing wrong is taken."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.errors import Misconfigured
from gateway.policy.loader import load_policy
from gateway.policy.members import Members
from gateway.policy.predicates import FIELDS
from gateway.policy.rules import Condition
from gateway.policy.verbs import VERBS
from tests.policy.conftest import DETECTORS, policy, rule

GOOD = '[[rule]]\nid = "a"\nmatch = { user = "*" }\ndo = "allow"\n'
MASK = 'mask = { card = "redact" }'
WHERE_TO = 'say where to, as in destination = ["db.internal:5432"]'
NEVER = [
    ('verb = ["exec"], path = "/etc/*"', "block", "", 3, "can never fire: exec has no path, only upload, download,"),
    ('verb = "upload", destination = "*"', "block", "", 3, "can never fire: upload has no destination, only forward"),
    ('path = "*", destination = "*"', "block", "", 3, "can never fire: nothing has path and destination at once"),
    ('verb = "mkdir", command = "*"', "allow", "", 3, "can never fire: mkdir has no command"),
    ('verb = ["forward", "listen"]', "allow", "", 3, f"can never fire: {WHERE_TO}"),
    ('verb = "typed"', "allow", "", 3, "can never fire: a line typed in a shell needs no permission of its own"),
    ('verb = "connect"', "allow", "", 3, "can never fire: coming in needs no permission of its own"),
    ('verb = "connect"', "mask", MASK, 3, "can never fire: connect shows nothing that could be masked"),
    ('verb = "upload"', "mask", MASK, 3, "can never fire: upload shows nothing that could be masked"),
    ('verb = "exec"', "block", 'unless = { path = "/srv/*" }', 5, "can never lift this rule: nothing meets"),
    ('verb = "uplaod"', "block", "", 3, "unknown verb uplaod; did you mean upload?"),
    ('verb = "fowrard"', "block", "", 3, "unknown verb fowrard; did you mean forward?"),
    ('paht = "/x"', "block", "", 3, "unknown field paht; did you mean path?"),
    ('destnation = "/x"', "block", "", 3, "unknown field destnation; did you mean destination?"),
    ('path = "etc/*"', "block", "", 3, 'etc/* must begin with "/" or "*"'),
    ('path = "~/.ssh/*"', "block", "", 3, '~/.ssh/* must begin with "/" or "*": paths are compared as the target '
     'resolves them; write "*/.ssh/*" for wherever it is'),
    ('path = "/etc/"', "block", "", 3, '/etc/ can never fire: write "/etc" for the directory, "/etc/*" for'),
    ('path = "/srv/../etc/*"', "block", "", 3, '/srv/../etc/* can never fire: resolved paths have no "//"'),
    ('path = "/srv//x"', "block", "", 3, '/srv//x can never fire: resolved paths have no "//"'),
    ('destination = "db.internal"', "allow", "", 3, "db.internal must be a host and a port, as in"),
    ('destination = "::1:22"', "allow", "", 3, "::1:22 must have an IPv6 address in brackets"),
    ('destination = "[::g]:22"', "allow", "", 3, "[::g]:22 has no host name or address before its port"),
    ('destination = "[::1::2]:22"', "allow", "", 3, "[::1::2]:22 can never fire: its address is not in its usual"),
    ('destination = "[0::1]:22"', "allow", "", 3, "[0::1]:22 can never fire: its address is not in its usual form; "
     "write ::1"),
    ('destination = "127.1:22"', "allow", "", 3, "127.1:22 can never fire: its address is not in its usual form"),
    ('destination = "db:99999"', "allow", "", 3, "db:99999 has no port number from 0 to 65535"),
    ('destination = "db:022"', "allow", "", 3, "db:022 has no port number from 0 to 65535"),
    ('destination = "unix:run/x"', "allow", "", 3, "unix:run/x must name a whole plain path"),
    ('destination = "d b:22"', "allow", "", 3, "d b:22 has no host name or address before its port"),
    ('verb = "listen"', "allow", "", 3, f'can never fire: {WHERE_TO}; for LISTEN in SQL write on = ["postgres"]'),
    ('verb = ["listen"]', "allow", 'on = ["ssh"]', 3, f"can never fire: {WHERE_TO}"),
    ('verb = "selct"', "block", "", 3, "unknown verb selct; did you mean select?"),
    ('verb = "exec", table = "t"', "block", "", 3, "can never fire: exec has no table, only select, insert, update, "
     "delete, merge and other statements have"),
    ('verb = "begin", has_where = true', "block", "", 3, "can never fire: begin has no has_where, only select,"),
    ('verb = "drop", function = "f"', "block", "", 3, "can never fire: drop has no function, only select,"),
    ('table = "t", path = "/x"', "block", "", 3, "can never fire: nothing has table and path at once"),
    ('table = "t", command = "x"', "block", "", 3, "can never fire: nothing has table and command at once"),
    ('verb = "select", protocol = "ssh"', "block", "", 3, "can never fire: there is no select over ssh"),
    ('table = "t", protocol = "ssh"', "block", "", 3, "can never fire: there is no table over ssh"),
    ('verb = "select"', "block", 'on = ["ssh"]', 5, "can never fire: there is no select over ssh"),
    ('path = "/x"', "block", 'on = ["postgres"]', 5, "can never fire: there is no path over postgres"),
    ('table = ".t"', "block", "", 3, ".t can never fire: write a name, or a schema and a name"),
    ('function = "a."', "block", "", 3, "a. can never fire: write a name, or a schema and a name"),
    ('has_where = "no"', "block", "", 3, "has_where must be true or false, without quotes"),
    ('has_where = [true]', "block", "", 3, "has_where must be true or false, without quotes"),
    ('verb = "select"', "block", 'unless = { path = "/x" }', 5, "can never lift this rule: nothing meets"),
    ('user = "*"', "mask", 'mask = { ssn = "redact" }', 5, 'unknown detector ssn; a column is named with its table, '
     'as in "*.ssn"'),
    ('user = "*"', "mask", 'mask = { card = "null" }', 5, 'card must be "redact": "null" is for columns'),
    ('user = "*"', "mask", 'mask = { "a.b" = "last4" }', 5, 'a.b must be "redact" or "null"'),
    ('user = "*"', "mask", 'mask = { "a.b.c.d" = "redact" }', 5, "a.b.c.d must be a table and a column, as in"),
    ('user = "*"', "mask", 'mask = { "a..b" = "redact" }', 5, "a..b must be a table and a column"),
    ('user = "*"', "mask", 'mask = { "a.b:null" = "redact" }', 5, "a.b:null must be a table and a column"),
    ('verb = "exec"', "mask", 'mask = { "a.b" = "redact" }', 5, "can never fire: columns are masked in databases"),
    ('user = "*"', "mask", 'on = ["ssh"]\nmask = { card = "redact", "a.b" = "redact" }', 6, "can never fire: col"),
]  # fmt: skip
RULES_PAGE = Path(__file__).parents[2] / "docs" / "rules.md"
MASKING_PAGE = RULES_PAGE.with_name("masking.md")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[[rule]\n", "rules.toml:1: this is not TOML"),
        ("[rule]\nid = 'a'", "rules.toml:1: rule: write [[rule]] with two brackets"),
        (GOOD + "colour = 'red'", 'rules.toml:5: rule "a": unknown key colour'),
        (GOOD + "mach = {}", 'rules.toml:5: rule "a": unknown key mach; did you mean match?'),
        (
            '[[rule]]\nid = "a"\ndo = "allow"',
            'rules.toml:1: rule "a": match is missing; for everything write',
        ),
        ('[[rule]]\nid = "a"\nmatch = {}\ndo = "allow"', 'rules.toml:3: rule "a": match must say something'),
        (
            '[[rule]]\nid = "a"\nmatch = { comand = "x" }\ndo = "block"',
            'rules.toml:3: rule "a": unknown field comand; did you mean command?',
        ),
        (
            '[[rule]]\nid = "a"\nmatch = { env = "prod" }\ndo = "block"',
            'rules.toml:3: rule "a": unknown field env; labels are written label = { env = ... }',
        ),
        (
            '[[rule]]\nid = "a"\nmatch = { user = [] }\ndo = "block"',
            'rules.toml:3: rule "a": an empty list can never fire',
        ),
        (
            '[[rule]]\nid = "a"\nmatch = { verb = "shell", command = "x" }\ndo = "block"',
            'rules.toml:3: rule "a": can never fire: shell has no command, only exec, typed,',
        ),
        *[
            (
                f'[[rule]]\nid = "a"\nmatch = {{ {match} }}\ndo = "{do}"\n{more}',
                f'rules.toml:{line}: rule "a": {told}',
            )
            for match, do, more, line, told in NEVER
        ],
        (
            '[[rule]]\nid = "a"\nmatch = { verb = "exce" }\ndo = "block"',
            'rules.toml:3: rule "a": unknown verb exce; did you mean exec?',
        ),
        (
            '[[rule]]\nid = "a"\nmatch = { user = "x" }\nunless = { user = "x" }\ndo = "block"',
            'rules.toml:4: rule "a": can never fire: whatever matches is excepted',
        ),
        (
            '[[rule]]\nid = "a"\nmatch = { source = "10.0.0.1/8" }\ndo = "block"',
            'rules.toml:3: rule "a": 10.0.0.1/8 is not an address or a network, as in 10.0.0.0/8',
        ),
        (
            '[[rule]]\nid = "a"\nmatch = { user = "x" }\ndo = "hold"',
            'rules.toml:1: rule "a": ask is missing: say who decides, as in ask = { group = "sre" }',
        ),
        (
            '[[rule]]\nid = "a"\nmatch = { user = "x" }\ndo = "alow"',
            'rules.toml:4: rule "a": do must be "allow", "block", "hold", "mask" or "alert"; did you mean allow?',
        ),
        ('[[rule]]\nid = "a"\nmatch = { user = "x" }', 'rules.toml:1: rule "a": do must be'),
        (
            '[[rule]]\nid = "a"\nmatch = { user = "x" }\ndo = "mask"\nmask = { crad = "redact" }',
            'rules.toml:5: rule "a": unknown detector crad; did you mean card?',
        ),
        (
            '[[rule]]\nid = "a"\nmatch = { user = "x" }\ndo = "mask"\nmask = { card = "last4" }',
            'rules.toml:5: rule "a": card must be "redact", the one way to mask so far',
        ),
        (
            '[[rule]]\nid = "a"\nmatch = { user = "x" }\ndo = "mask"',
            'rules.toml:1: rule "a": mask is missing',
        ),
        (
            GOOD + 'mask = { card = "redact" }',
            'rules.toml:5: rule "a": mask belongs to do = "mask"',
        ),
        (GOOD + 'on = ["shh"]', 'rules.toml:5: rule "a": unknown protocol shh; did you mean ssh?'),
        (GOOD + "on = []", 'rules.toml:5: rule "a": on must be a list of protocols'),
        (GOOD + GOOD, 'rules.toml:5: rule "a": this id is taken at rules.toml:1'),
        (GOOD.replace('"a"', '"a b"'), 'rules.toml:2: rule "a b": id must be a word'),
        (GOOD + 'message = "a\\nb"', 'rules.toml:5: rule "a": message must be one line of text'),
    ],
)
def test_what_is_wrong_is_said_with_its_line(text: str, sentence: str) -> None:
    with pytest.raises(Misconfigured) as wrong:
        policy(text)
    assert wrong.value.sentence.startswith(sentence)


def test_every_problem_is_said_at_once() -> None:
    with pytest.raises(Misconfigured) as wrong:
        load_policy([("a.toml", GOOD + "x = 1"), ("b.toml", '[[rule]]\nid = "b"\ndo = "allow"')], DETECTORS)
    assert [line.split(":")[0] for line in wrong.value.sentence.splitlines()] == ["a.toml", "b.toml"]


def test_the_revision_follows_the_text() -> None:
    assert policy(GOOD).revision == policy(GOOD).revision
    assert policy(GOOD).revision != policy(GOOD + "# changed").revision
    assert re.fullmatch(r"[0-9a-f]{12}", policy(GOOD).revision)


@pytest.mark.parametrize(
    "text",
    [
        rule("a", "block", 'path = "/etc/*", verb = "upload"', 'unless = { verb = "rename" }'),
        rule("a", "block", 'verb = "exec", command = "rsync *"', 'unless = { path = "/srv/*" }'),
        rule("a", "allow", 'destination = ["*.internal:5432", "unix:/run/*", "[2001:db8::*]:22", "*"]'),
        rule("a", "allow", 'verb = ["exec", "forward"]'),
        rule("a", "block", 'verb = ["typed", "exec"], command = "rm *"'),
        rule("a", "mask", 'user = "*"', MASK + '\nunless = { verb = "download" }'),
        rule("a", "allow", 'verb = "*", path = ["/srv", "*", "/"]'),
        rule("a", "allow", 'verb = "listen"', 'on = ["postgres"]'),
        rule("a", "allow", 'verb = "listen", protocol = "postgres"'),
        rule("a", "allow", 'verb = ["listen", "notify"]'),
        rule("a", "block", 'verb = ["exec", "select"], table = "app.*"'),
        rule(
            "a", "block", 'table = ["*", "*.*", "app.cust?mers", "my.odd.name"], function = "operator(<=>)"'
        ),
        rule("a", "block", "has_where = false", 'unless = { verb = "delete" }'),
        rule("a", "mask", 'verb = "listen"', MASK + '\non = ["postgres"]'),
        rule("a", "mask", 'verb = "update"', 'mask = { "*.ssn" = "null", card = "redact" }'),
        rule("a", "mask", 'user = "*"', """mask = { 'app."odd.name".ssn' = "redact", "a?.*" = "redact" }"""),
    ],
)
def test_what_can_fire_is_taken(text: str) -> None:
    assert len(policy(text).rules) == 1


def test_labels_and_lists() -> None:
    loaded = policy(
        '[[rule]]\nid = "a"\nmatch = { label = { env = ["prod", "stage"] }, verb = "*" }\ndo = "allow"'
    )
    assert [(c.field, c.key, c.values) for c in loaded.rules[0].match] == [
        ("label", "env", ("prod", "stage")),
        ("verb", "", ("*",)),
    ]


def test_masks_have_their_names() -> None:
    loaded = policy(
        rule("a", "mask", 'user = "*"', 'mask = { card = "redact", "*.a" = "null", "b.c.d" = "redact" }')
    )
    assert loaded.rules[0].masks == frozenset({"card", "*.a:null", "b.c.d"})
    assert policy(rule("a", "block", "has_where = false")).rules[0].match == (
        Condition("has_where", ("false",)),
    )


@given(st.integers(0, len(GOOD) * 2 - 1), st.text(max_size=5))
def test_damaged_files_are_refused_in_words_or_read(at: int, noise: str) -> None:
    text = GOOD + GOOD.replace('"a"', '"b"')
    said = ""
    try:
        policy(text[:at] + noise + text[at:])
    except Misconfigured as wrong:
        said = wrong.sentence
    assert not said or re.match(r"rules\.toml:\d+: ", said)


@pytest.mark.parametrize(
    ("match", "unless", "line", "sentence"),
    [
        ('group = ["dev", "srre"]', "", 3, "nobody is in a group srre; did you mean sre?"),
        ('group = "d*"', 'group = "x*"', 5, "nobody is in a group x*"),
        (
            'user = "alise@example.com"',
            "",
            3,
            "there is nobody alise@example.com; did you mean alice@example.com?",
        ),
        ('user = "*"', 'user = "*@example.org"', 5, "there is nobody *@example.org"),
    ],
)
def test_rules_about_nobody_are_refused_where_it_is_known_who_there_is(
    match: str, unless: str, line: int, sentence: str
) -> None:
    members = Members(frozenset({"alice@example.com", "ci-1"}), frozenset({"dev", "sre"}))
    text = rule("a", "block", match, f"unless = {{ {unless} }}" if unless else "")
    assert load_policy([("rules.toml", text)], DETECTORS).rules
    with pytest.raises(Misconfigured) as wrong:
        load_policy([("rules.toml", text)], DETECTORS, None, members)
    assert wrong.value.sentence == f'rules.toml:{line}: rule "a": {sentence}'


def test_rules_about_somebody_are_read() -> None:
    members = Members(frozenset({"alice@example.com", "ci-1"}), frozenset({"dev"}))
    text = rule("a", "block", 'user = ["*", "ci-?", "alice@example.com"], group = ["*", "d?v"]')
    assert load_policy([("rules.toml", text)], DETECTORS, None, members).rules


def test_every_field_is_documented() -> None:
    page = RULES_PAGE.read_text()
    missing = [field for field in FIELDS if f"| `{field}` |" not in page]
    assert missing == []


def test_every_verb_is_documented() -> None:
    text = RULES_PAGE.read_text()
    rows = text[text.index("| verb |") : text.index("## Commands")]
    assert set(
        re.findall(r"`([\w-]+)`", "".join(row.split("|")[1] for row in rows.splitlines() if row))
    ) == set(VERBS)


@pytest.mark.parametrize(("page", "least"), [(RULES_PAGE, 3), (MASKING_PAGE, 1)])
def test_the_examples_of_the_pages_are_good(page: Path, least: int) -> None:
    examples = re.findall(r"```toml\n(.*?)```", page.read_text(), re.DOTALL)
    assert len(examples) >= least
    for example in examples:
        load_policy([("rules.md", example)], ("card", "email", "password", "jwt", "cloud-key", "private-key"))
