"""`policy check`, `test`, `explain` and `diff`: on a configuration, on files, and what each of them refuses."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]
RULES = """
[[rule]]
id = "dev"
match = { group = "dev" }
do = "allow"

[[rule]]
id = "ddl"
match = { verb = ["drop", "truncate"], label = { env = "prod" } }
when = '"drop" in sql.verbs'
do = "hold"
ask = { group = "dba" }
message = "ask a DBA"

[[rule]]
id = "reboots"
match = { command = "reboot*", label = { env = "prod" } }
do = "block"
"""
TEST = """
[[test]]
name = "a drop is held"
user = "alice@example.com"
groups = ["dev"]
target = "appdb"
labels = { env = "prod" }
sql = "SELECT 1; DROP TABLE app.old"
want = "hold"
rule = "ddl"
"""


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    path = tmp_path / "rules.toml"
    path.write_text(RULES + TEST)
    return path


@pytest.fixture
def configured(config: Path) -> Path:
    """A configuration with people, targets, rules and a test."""
    people = (
        '[[person]]\nname = "alice@example.com"\ngroups = ["dev"]\n[[person]]\nname = "dora@example.com"\n'
    )
    database = (
        '[[target]]\nname = "appdb"\nkind = "postgres"\nto = "127.0.0.1:1"\ndatabase = "app"\nuser = "app"\n'
        'password = { env = "NOT_SET" }\nlabels = { env = "prod" }\ntls = "disable"\n'
    )
    config.write_text(f'{config.read_text()}\n{people}groups = ["dba"]\n{database}{RULES}{TEST}')
    return config


def test_check_says_what_there_is(run: Run, rules: Path, configured: Path) -> None:
    ended = run("policy", "check", rules)
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith(f"{rules}: good - 1 allow, 1 block, 1 hold; 1 test; revision ")
    ended = run("policy", "check", "--config", configured, "-o", "json")
    told = json.loads(ended.out)
    assert (told["rules"]["hold"], told["tests"], told["observing"]) == (1, 1, 0)


def test_check_of_a_directory(run: Run, rules: Path, tmp_path: Path) -> None:
    directory = tmp_path / "policies"
    directory.mkdir()
    ended = run("policy", "check", directory)
    assert (ended.code, ended.err) == (7, f"hoop-gateway: there is no file *.toml in {directory}\n")
    rules.rename(directory / "a.toml")
    (directory / "b.toml").write_text('[[rule]]\nid = "dev"\nmatch = { user = "*" }\ndo = "alert"\n')
    ended = run("policy", "check", directory)
    assert (ended.code, ended.out) == (2, "")
    assert f'{directory}/b.toml:1: rule "dev": this id is taken at {directory}/a.toml:2' in ended.err


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            ('"dba"', '"dab"'),
            'rule "ddl": nobody is in the group dab, so nobody could decide; did you mean dba?',
        ),
        (("sql.verbs", "sql.verb"), 'rule "ddl": when can not be read'),
        (('want = "hold"', 'want = "held"'), 'test "a drop is held": want must be allow, hold, block'),
    ],
)
def test_check_says_what_is_wrong(run: Run, configured: Path, change: tuple[str, str], sentence: str) -> None:
    text = configured.read_text()
    before, _, after = text.rpartition(change[0])
    configured.write_text(before + change[1] + after)
    ended = run("policy", "check", "--config", configured)
    assert (ended.code, ended.out) == (2, "")
    line = next(line for line in ended.err.splitlines() if sentence in line)
    assert line.startswith(f"{configured}:")


def test_groups_of_a_provider_are_not_known(run: Run, configured: Path) -> None:
    text = configured.read_text().replace('ask = { group = "dba" }', 'ask = { group = "of-the-provider" }')
    configured.write_text(text)
    assert run("policy", "check", "--config", configured).code == 2
    issuer = '\n[[issuer]]\nname = "idp"\nurl = "https://id.example.com"\nclient_id = "hoop"\n'
    configured.write_text(
        text.replace('ssh = "127.0.0.1:0"', 'ssh = "127.0.0.1:0"\napi = "127.0.0.1:0"') + issuer
    )
    ended = run("policy", "check", "--config", configured)
    assert (ended.code, ended.err) == (0, "")


def test_what_holds_other_things_is_no_file_with_rules(run: Run, configured: Path) -> None:
    ended = run("policy", "test", configured)
    assert ended.code == 2
    assert "a file with rules holds nothing else" in ended.err


def test_tests_that_hold(run: Run, rules: Path, configured: Path) -> None:
    assert run("policy", "test", rules) == (0, "1 test, 0 failed\n", "")
    assert run("policy", "test", "--config", configured) == (0, "1 test, 0 failed\n", "")


def test_tests_that_fail(run: Run, rules: Path) -> None:
    rules.write_text(
        RULES + TEST + TEST.replace("a drop is held", "it is not").replace('env = "prod"', 'env = "x"')
    )
    ended = run("policy", "test", rules)
    assert ended.code == 1
    assert ended.out == f"{rules}:30: it is not: wanted hold, got allow by dev\n2 tests, 1 failed\n"
    first, second = json.loads(run("policy", "test", rules, "-o", "json").out)
    assert (first["ok"], first["got"], first["rule"], first["problem"]) == (True, "hold", "ddl", "")
    assert (second["ok"], second["want"], second["got"]) == (False, "hold", "allow")


def test_no_tests_at_all(run: Run, rules: Path) -> None:
    rules.write_text(RULES)
    ended = run("policy", "test", rules)
    assert (ended.code, ended.err) == (1, f"hoop-gateway: {rules}: there is no [[test]]\n")


def test_tests_about_the_configuration(run: Run, configured: Path) -> None:
    text = configured.read_text()
    short = TEST.replace('groups = ["dev"]\n', "").replace('labels = { env = "prod" }\n', "")
    configured.write_text(text.replace(TEST, short))
    assert run("policy", "test", "--config", configured).code == 0
    configured.write_text(text.replace(TEST, short.replace('"appdb"', '"nowhere"')))
    ended = run("policy", "test", "--config", configured)
    assert "there is no target nowhere; say its labels if there is to be one" in ended.out
    configured.write_text(text.replace(TEST, short.replace('"appdb"', '"web-1"')))
    assert "web-1 is of kind ssh, this is for postgres" in run("policy", "test", "--config", configured).out


def test_explain(run: Run, configured: Path) -> None:
    asked = ("policy", "explain", "--config", configured, "--user", "alice@example.com", "--target")
    ended = run(*asked, "appdb", "--sql", "DROP TABLE app.old")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.splitlines() == [
        '+ ddl (hold): verb = drop | truncate, label.env = prod, when = "drop" in sql.verbs',
        "+ dev (allow): group = dev",
        "- reboots (block): command = reboot* does not match",
        "= hold by ddl; asks 1 of dba for 10m; may grant once",
        "  ask a DBA",
    ]
    ended = run(*asked, "web-1", "--command", "sudo reboot")
    assert "= block by reboots" in ended.out
    ended = run(*asked, "web-1", "--command", "reboot", "--label", "env=stage")
    assert "= allow by dev" in ended.out
    ended = run(*asked, "web-1", "--command", "id", "--group", "nobody")
    assert "= block by default" in ended.out


def test_explain_of_several_statements_as_json(run: Run, rules: Path) -> None:
    given = ("--file", rules, "--group", "dev", "--label", "env=prod", "-o", "json")
    ended = run("policy", "explain", "--user", "a", "--target", "t", "--sql", "SELECT 1; TRUNCATE a", *given)
    first, second = json.loads(ended.out)
    assert (first["text"], first["got"]) == ("SELECT 1", "allow")
    assert (second["text"], second["got"]) == ("TRUNCATE a", "allow")
    told = {each["id"]: each for each in second["rules"]}
    assert told["ddl"]["because"] == 'when = "drop" in sql.verbs is not so'
    assert not told["ddl"]["matched"]


@pytest.mark.parametrize(
    ("given", "outcome"),
    [
        (("--path", "/etc/x", "--verb", "upload"), "block by etc"),
        (("--path", "/a", "--path", "/etc/x", "--verb", "rename"), "block by etc"),
        (("--destination", "db:5432"), "block by default"),
        (("--destination", "unix:/run/x", "--verb", "listen"), "block by default"),
        (("--verb", "shell"), "allow by all"),
        (("--verb", "sign"), "allow by all"),
        (("--command", "x", "--verb", "typed"), "allow by default"),
        (("--command", "x", "--at", "2026-11-21T10:00:00"), "block by weekends"),
        (("--command", "x", "--source", "10.0.0.1"), "block by ten"),
        (("--command", "x", "--client", "Odd_1"), "block by odd"),
        (("--command", "x", "--login", "root"), "block by root"),
    ],
)
def test_explain_everything_that_can_be_asked(
    run: Run, tmp_path: Path, given: tuple[str, ...], outcome: str
) -> None:
    file = tmp_path / "all.toml"
    conditions = {
        "etc": 'path = "/etc/*"',
        "weekends": 'time = "sat,sun"',
        "ten": 'source = "10.0.0.0/8"',
        "odd": 'client = "Odd*"',
        "root": 'login = "root"',
    }
    blocks = "".join(
        f'[[rule]]\nid = "{id}"\nmatch = {{ {m} }}\ndo = "block"\n' for id, m in conditions.items()
    )
    file.write_text('[[rule]]\nid = "all"\nmatch = { user = "*" }\ndo = "allow"\n' + blocks)
    asked = ("--user", "a", "--target", "t", "--file", file)
    weekday = () if "--at" in given else ("--at", "2026-11-20T10:00:00Z")
    ended = run("policy", "explain", *asked, *weekday, *given)
    assert f"= {outcome}" in ended.out, ended.err


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ((), "say what is asked: asks for one thing: sql, command, path, destination, or verb alone"),
        (("--sql", "x", "--command", "y"), "say what is asked: asks for one thing"),
        (("--path", "/x", "--verb", "uplaod"), "--verb: verb must be upload, download,"),
        (("--command", "x", "--label", "prod"), "--label: write it as env=prod"),
        (("--destination", "db"), "db: a forward needs a port between 1 and 65535"),
    ],
)
def test_explain_refuses_half_a_question(
    run: Run, rules: Path, given: tuple[str, ...], sentence: str
) -> None:
    ended = run("policy", "explain", "--user", "a", "--target", "t", "--file", rules, *given)
    assert (ended.code, ended.out) == (2, "")
    assert sentence in ended.err


def test_diff(run: Run, rules: Path, tmp_path: Path) -> None:
    same = tmp_path / "same.toml"
    same.write_text(rules.read_text())
    assert run("policy", "diff", rules, same) == (0, "0 rules and the outcome of 0 tests differ\n", "")
    draft = tmp_path / "draft.toml"
    changed = RULES.replace('do = "hold"\nask = { group = "dba" }', 'do = "block"').replace(
        '"reboots"', '"boots"'
    )
    draft.write_text(changed)
    ended = run("policy", "diff", rules, draft)
    assert ended.code == 1
    assert ended.out.splitlines() == [
        "added: boots",
        "removed: reboots",
        "changed: ddl",
        "test a drop is held: hold by ddl; asks 1 of dba for 10m; may grant once -> block by ddl",
        "3 rules and the outcome of 1 test differ",
    ]
    told = json.loads(run("policy", "diff", draft, rules, "-o", "json").out)
    assert (told["added"], told["removed"], told["changed"]) == (["reboots"], ["boots"], ["ddl"])
    assert told["tests"][0]["new"].startswith("hold by ddl")
    assert told["revisions"]["old"] != told["revisions"]["new"]


def test_diff_of_what_is_not_there(run: Run, rules: Path) -> None:
    ended = run("policy", "diff", rules, "nowhere.toml")
    assert (ended.code, ended.err) == (7, "hoop-gateway: there is no file nowhere.toml\n")
