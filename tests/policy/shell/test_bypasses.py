"""Every way that was thought of to get past a rule: what is stopped, and what is documented as beyond any reading."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from gateway.adapters.ssh.asked import Asked
from gateway.adapters.ssh.only_commands import NotOffered, narrowed
from gateway.capture import prompts
from gateway.core.operation import Operation
from gateway.core.people import Target
from gateway.core.verdict import Allow, Deny, Hold, Verdict
from gateway.policy.decide import decide
from gateway.policy.rules import Policy
from tests.policy.conftest import EVERYTHING, file, policy, rule, run, session, typed
from tests.policy.sql_text import in_database, operation, read

FILE = tomllib.loads(Path(__file__).with_name("bypasses.toml").read_text(encoding="utf-8"))
PAGE = Path(__file__).resolve().parents[3] / "docs" / "bypasses.md"
LISTED = ("uptime", "/usr/bin/journalctl -u * -n *", "/usr/bin/tail -- **")
BARE = Target("web-1", "ssh", "127.0.0.1", 22, "deploy", options={"shell": "none", "commands": LISTED})
FEW = policy(
    rule("few", "allow", 'verb = "exec", command = ["uptime", "/usr/bin/journalctl *", "/usr/bin/tail -- *"]')
)


def _text(given: str) -> str:
    marked = given.replace("<NL>", "\n").replace("<TAB>", "\t")
    return re.sub(r"<U\+(\w{4})>", lambda found: chr(int(found[1], 16)), marked)


ATTEMPTS: list[dict[str, str]] = [
    {
        "way": "",
        "resolved": "",
        **attempt,
        "class": name,
        "text": _text(attempt["text"]),
        "written": attempt["text"],
    }
    for name, attempts in FILE["attempts"].items()
    for attempt in attempts
]


def _ids(attempt: dict[str, str]) -> str:
    return f"{attempt['class']}-{attempt['written']}"


def operations(attempt: dict[str, str]) -> list[Operation]:
    """As the adapters make them: a text as a command and as a line that two witnesses have read."""
    text, way = attempt["text"], attempt["way"]
    if way == "sql":
        return [operation(found) for found in read(text).statements]
    if way in ("upload", "download", "chmod"):
        return [file(way, text, *([attempt["resolved"]] if attempt["resolved"] else []))]
    if way in ("rename", "link"):
        return [file(way, text, text, attempt["resolved"])]
    line = typed(text, "low" if way == "unseen" or prompts.recalls(text) else "high")
    return [line] if way else [run(text), line]


def verdicts(rules: Policy, attempt: dict[str, str]) -> list[Verdict]:
    where = in_database() if attempt["way"] == "sql" else session()
    return [decide(rules, each, where) for each in operations(attempt)]


def rules_against(attempt: dict[str, str], do: str) -> Policy:
    more = 'ask = { group = "dba" }' if do == "hold" else ""
    return policy(EVERYTHING + rule("against", do, FILE["rules"][attempt["past"]], more))


def test_there_are_many_and_each_is_there_once() -> None:
    assert len(ATTEMPTS) >= 150
    assert len({(a["text"], a["way"], a["past"], a["resolved"]) for a in ATTEMPTS}) == len(ATTEMPTS)
    assert {a["happens"] for a in ATTEMPTS} == {"blocked", "beyond"}
    assert sum(a["happens"] == "blocked" for a in ATTEMPTS) >= 150


@pytest.mark.parametrize("attempt", [a for a in ATTEMPTS if a["happens"] == "blocked"], ids=_ids)
def test_what_is_blocked(attempt: dict[str, str]) -> None:
    """Of several statements in one message one is enough: none is sent then."""
    found = verdicts(rules_against(attempt, "block"), attempt)
    stopped = [isinstance(each, Deny) and each.rule == "against" for each in found]
    assert any(stopped) if attempt["way"] == "sql" else all(stopped)


def test_what_is_blocked_is_held_where_the_rule_holds() -> None:
    for attempt in ATTEMPTS:
        found = verdicts(rules_against(attempt, "hold"), attempt)
        assert any(isinstance(each, Hold) for each in found) is (attempt["happens"] == "blocked"), attempt[
            "written"
        ]


@pytest.mark.parametrize("attempt", [a for a in ATTEMPTS if a["happens"] == "beyond"], ids=_ids)
def test_what_is_beyond_still_passes(attempt: dict[str, str]) -> None:
    found = verdicts(rules_against(attempt, "block"), attempt)
    assert all(isinstance(each, Allow) for each in found), "it is stopped by now: say so in both places"


@pytest.mark.parametrize("attempt", ATTEMPTS, ids=_ids)
def test_a_target_without_a_shell_refuses_every_one(attempt: dict[str, str]) -> None:
    """Whoever may run three commands there gets nothing else to it, whichever way it is sent."""
    sent = [each for each in operations(attempt) if each.verb not in ("exec", "typed")]
    if attempt["way"] in ("typed", "unseen"):
        with pytest.raises(NotOffered):
            narrowed(BARE, Asked("shell"))
        sent = []
    elif attempt["text"] and (asked := _reaches(attempt["text"])) is not None:
        sent.append(asked.operation)
    assert all(isinstance(decide(FEW, each, session()), Deny) for each in sent)


def _reaches(text: str) -> Asked | None:
    """What comes through to be judged by rules, if anything does."""
    try:
        return narrowed(BARE, Asked("exec", text))
    except NotOffered:
        return None


def test_what_is_listed_does_pass_there() -> None:
    asked = _reaches("/usr/bin/journalctl -u nginx -n 50")
    assert asked is not None
    assert isinstance(decide(FEW, asked.operation, session()), Allow)


def test_the_page_lists_what_is_beyond_and_nothing_else() -> None:
    blocks: list[Any] = re.findall(r"```beyond\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    listed = [line for block in blocks for line in str(block).splitlines() if line]
    assert sorted(listed) == sorted(a["written"] for a in ATTEMPTS if a["happens"] == "beyond")
