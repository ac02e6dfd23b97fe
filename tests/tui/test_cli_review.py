"""`hoop-tui review`: what it prints, what it asks, what it decides about, and with which exit codes it ends."""

import json
import os
import pty
import re
import signal
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.core.operation import Effect
from gateway.core.verdict import Quorum
from tests.api.asking import DROP
from tests.tui.conftest import BIN, Program
from tests.tui.requests_gateway import RequestsGateway

EVIL = "select '\x1b]52;c;eA==\x07\u202egnp\x9b31m'\r\n-- \u200b"
Done = subprocess.CompletedProcess[str]


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[RequestsGateway]:
    gateway = RequestsGateway(tmp_path)
    gateway.house.groups |= {"pia": {"dba", "sre"}, "carl": {"dba"}, "nina": {"dba"}}
    yield gateway
    gateway.close()


@pytest.fixture
def program(gateway: RequestsGateway, tmp_path: Path) -> Program:
    return Program(tmp_path / "home", gateway.url)


def by(program: Program, name: str, *words: str) -> Done:
    return program("review", *words, HOOP_TOKEN=f"token-of-{name}")


def sha(program: Program, id: str) -> str:
    return str(json.loads(by(program, "pia", "show", id, "-o", "json").stdout)["statement"]["sha256"])


def refused(done: Done, code: int, words: str) -> None:
    assert (done.returncode, done.stdout) == (code, ""), done
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_ls(gateway: RequestsGateway, program: Program) -> None:
    first = gateway.ask(risk="high", timeout=timedelta(minutes=2))
    second = gateway.ask("update  t\nset a = 1", also=(Quorum(frozenset({"sre"})),))
    gateway.later(timedelta(seconds=48))
    by(program, "carl", "claim", second.id)
    lines = by(program, "pia", "ls").stdout.splitlines()
    assert lines[0].split() == ["ID", "LEFT", "RISK", "WHO", "WHERE", "WHAT", "STATE"]
    assert lines[1].split() == [
        first.id, "01:12", "!", "HIGH", "ugo", "pg:appdb", "PROD", *DROP.split(), "held",
    ]  # fmt: skip
    assert lines[2].split()[-7:] == ["set", "a", "=", "1", "held", "0/2", "@carl"]
    rows = json.loads(by(program, "pia", "ls", "-o", "json").stdout)
    assert [row["id"] for row in rows] == [first.id, second.id]
    assert len(by(program, "pia", "ls", "-o", "jsonl", "--limit", "1").stdout.splitlines()) == 1
    assert by(program, "alba", "ls", "-o", "json").stdout == "[]\n"
    by(program, "pia", "deny", first.id, "--reason", "no")
    rows = json.loads(by(program, "alba", "ls", "--all", "--state", "denied", "-o", "json").stdout)
    assert [(row["id"], row["decided_by"]) for row in rows] == [(first.id, "pia")]
    assert "by pia" in by(program, "alba", "ls", "--all").stdout
    refused(by(program, "pia", "ls", "--state", "denied"), 2, "goes with --all")


def test_more_than_a_page(gateway: RequestsGateway, program: Program) -> None:
    made = [gateway.ask(f"drop table t{number}").id for number in range(3)]
    listed = by(program, "pia", "ls", "--limit", "2", "-o", "json")
    assert len(json.loads(listed.stdout)) == 2
    everything = json.loads(by(program, "pia", "ls", "--limit", "2000", "-o", "json").stdout)
    assert {row["id"] for row in everything} == set(made)


def test_show(gateway: RequestsGateway, program: Program) -> None:
    asked = gateway.ask(
        "begin;\n" + "\n" * 20 + "drop" + " " * 100 + "table\tt;",
        risk="medium",
        requires=frozenset({"ticket"}),
        effects=frozenset({Effect.DEFINE}),
    )
    by(program, "carl", "comment", asked.id, "which t?")
    shown = by(program, "pia", "show", asked.id.lower().replace("-", ""))
    assert shown.returncode == 0
    lines = shown.stdout.splitlines()
    assert lines[0] == f"{asked.id}  ~ MED  held, 10:00 left"
    facts = {line.split()[0]: line for line in lines[1:8]}
    assert "ugo   dev   token t-7QF2KM   from 192.0.2.7, psql" in facts["WHO"]
    assert "pg:appdb (env=prod)   as app_rw   session s-2B8CK4TQ" in facts["WHERE"]
    assert "still to be given: ticket" in facts["WHY"]
    assert "ddl, policy rev-42: DDL needs a DBA   needs 1 of dba" in facts["RULE"]
    assert "+ production (env=prod)" in facts["RISK"]
    assert "same shape: 0 approved, 0 denied   ugo: 0 approved, 0 denied" in facts["PAST"]
    assert lines[8] == "-" * 79
    assert lines[9:12] == [" 1  begin;", " 2  <20 empty lines>", "22  drop <100 blanks> table\tt;"]
    assert "22 lines, all of it shown, no hidden characters" in shown.stdout
    assert "2 long stretches of blanks or empty lines" in shown.stdout
    assert f"sha256 {sha(program, asked.id)}  version 1" in shown.stdout
    assert 'carl says: "which t?"' in shown.stdout
    mine = program("request", "show", asked.id, HOOP_TOKEN="token-of-ugo").stdout
    assert "you can not decide it: you are the requester" in mine
    assert "same shape" not in mine


def test_nothing_in_it_acts_on_a_terminal(gateway: RequestsGateway, program: Program) -> None:
    asked = gateway.ask(EVIL, labels={"env": EVIL, "x": EVIL})
    for words in (("ls",), ("show", asked.id), ("ls", "-o", "json"), ("show", asked.id, "-o", "jsonl")):
        done = by(program, "pia", *words)
        assert done.returncode == 0
        assert not any(letter in done.stdout for letter in "\x1b\x07\u202e\x9b\u200b\r")
    shown = by(program, "pia", "show", asked.id).stdout
    assert "1  select '<U+001B>]52;c;eA==<U+0007><U+202E>gnp<U+009B>31m'\n2  -- <U+200B>\n" in shown
    assert "5 hidden characters, shown as <U+XXXX>" in shown
    assert "U+202E RIGHT-TO-LEFT OVERRIDE" in shown


def test_a_script_approves_what_it_saw(gateway: RequestsGateway, program: Program) -> None:
    asked = gateway.ask()
    digest = sha(program, asked.id)
    yes = ("approve", asked.id, "--yes", "--sha")
    refused(by(program, "pia", *yes, digest[:11]), 2, "12 to 64 hex digits")
    refused(by(program, "pia", *yes, "not hexadecimal"), 2, "12 to 64 hex digits")
    refused(by(program, "pia", "approve", asked.id, "--yes"), 2, "--yes needs --sha")
    refused(by(program, "pia", "approve", asked.id, "--sha", digest), 2, "Without a terminal")
    wrong = ("0" if digest[0] != "0" else "1") + digest[1:12]
    refused(by(program, "pia", *yes, wrong), 8, f"{asked.id} is not what you were shown: look again")
    refused(by(program, "nina", *yes, digest), 4, "it takes the role approver")
    refused(by(program, "ugo", *yes, digest), 4, "you are the requester")
    refused(by(program, "adam", "approve", "000-0000", "--yes", "--sha", digest), 7, "no such request")
    refused(by(program, "pia", "approve", "nonsense", "--yes", "--sha", digest), 2, "id looks like")
    refused(by(program, "pia", *yes, digest, "--scope", "session"), 2, "it lists once")
    done = by(program, "pia", *yes, f"{digest[:16]}..", "--reason", "ok per OPS-4412")
    assert (done.returncode, done.stdout) == (0, f"{asked.id}  approved\n")
    settled = gateway.settled(asked)
    assert (settled.state, settled.decisions[0].reason) == ("approved", "ok per OPS-4412")
    refused(by(program, "carl", *yes, digest), 8, f"{asked.id} is decided already: approved by pia")


def test_of_several_who_have_to_say_yes(gateway: RequestsGateway, program: Program) -> None:
    asked = gateway.ask(count=2)
    digest = sha(program, asked.id)
    done = by(program, "carl", "approve", asked.id, "--yes", "--sha", digest)
    assert (done.returncode, done.stdout) == (0, f"{asked.id}  held, and still needs 1 of dba\n")
    assert "1/2" in by(program, "alba", "ls", "--all").stdout
    done = by(program, "pia", "approve", asked.id, "--yes", "--sha", digest, "-o", "jsonl")
    assert json.loads(done.stdout)["state"] == "approved"


def test_deny(gateway: RequestsGateway, program: Program) -> None:
    asked = gateway.ask()
    assert by(program, "pia", "deny", asked.id).returncode == 2
    refused(by(program, "pia", "deny", asked.id, "--reason", " "), 2, "one line")
    refused(by(program, "pia", "deny", asked.id, "--reason", "two\nlines"), 2, "one line")
    refused(by(program, "ugo", "deny", asked.id, "--reason", "x"), 4, "you are the requester")
    done = by(program, "pia", "deny", asked.id, "--reason", "use the archive job instead")
    assert (done.returncode, done.stdout) == (0, f"{asked.id}  denied\n")
    assert gateway.settled(asked).decisions[0].reason == "use the archive job instead"


def test_too_late(gateway: RequestsGateway, program: Program) -> None:
    expired, withdrawn = gateway.ask(timeout=timedelta(minutes=1)), gateway.ask()
    assert program("request", "cancel", withdrawn.id, HOOP_TOKEN="token-of-ugo").returncode == 0
    gateway.later(timedelta(minutes=1))
    refused(by(program, "pia", "deny", expired.id, "--reason", "x"), 6, "decided already: expired")
    refused(by(program, "pia", "deny", withdrawn.id, "--reason", "x"), 8, "decided already: withdrawn")
    refused(by(program, "pia", "claim", expired.id), 6, "it expired")


def test_claiming_and_talking(gateway: RequestsGateway, program: Program) -> None:
    asked = gateway.ask()
    assert by(program, "pia", "claim", asked.id).stdout == f"{asked.id}  claimed\n"
    refused(by(program, "carl", "claim", asked.id), 8, "pia is looking")
    assert by(program, "pia", "unclaim", asked.id).stdout == f"{asked.id}  left to others\n"
    assert by(program, "pia", "comment", asked.id, "why?").stdout == f"{asked.id}  told\n"
    gateway.until(lambda: any("why?" in said for said in asked.told))
    gateway.later(timedelta(minutes=3))
    card = json.loads(by(program, "pia", "comment", asked.id, "why?", "-o", "json").stdout)
    assert [each["kind"] for each in card["remarks"]] == ["claim", "unclaim", "comment", "comment"]
    refused(by(program, "pia", "comment", asked.id, ""), 2, "one line")


def asked_at_a_terminal(program: Program, typed: str, *words: str) -> tuple[int, str]:
    """What is printed, and how it ends, where somebody sits in front of it who types this."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [str(BIN / "hoop-tui"), "review", "approve", *words],
        env=program.environ | {"HOOP_TOKEN": "token-of-pia"},
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=program.home,
    )
    os.close(theirs)
    os.write(ours, typed.encode())
    printed, _ = process.communicate(timeout=60)
    os.close(ours)
    return process.returncode, printed


def test_whoever_sits_there_is_asked(gateway: RequestsGateway, program: Program) -> None:
    asked = gateway.ask()
    for typed in ("\n", "n\n", "appdb\n", "\x04"):
        code, printed = asked_at_a_terminal(program, typed, asked.id)
        assert code == 1
        assert f"1  {DROP}" in printed
        assert f"Approve {asked.id}? [y/N] " in printed
        assert f"{asked.id} was left as it is" in printed
    code, printed = asked_at_a_terminal(program, "y\n", asked.id)
    assert (code, printed.splitlines()[-1]) == (0, f"{asked.id}  approved")


def test_what_is_risky_wants_its_target_typed(gateway: RequestsGateway, program: Program) -> None:
    asked = gateway.ask(risk="critical", scopes=("once", "target 1h"))
    assert asked_at_a_terminal(program, "y\n", asked.id)[0] == 1
    code, printed = asked_at_a_terminal(program, "appdb\n", asked.id, "--scope", "target")
    assert code == 0
    assert f"Approve {asked.id} (target)? Type appdb to say yes: " in printed
    assert gateway.settled(asked).granted_scope == "target 1h"


def test_watch(gateway: RequestsGateway, program: Program) -> None:
    there = gateway.ask("drop table a", risk="high")
    watching = program.start("review", "watch", HOOP_TOKEN="token-of-pia")
    assert watching.stdout is not None

    def line() -> str:
        assert watching.stdout is not None
        return re.sub(r"^\d\d:\d\d:\d\dZ  ", "", watching.stdout.readline()).rstrip()

    try:
        assert line() == f"{there.id}  held  ! HIGH  ugo  pg:appdb PROD  drop table a"
        gateway.until(lambda: gateway.house.bus.listeners >= 2)
        fresh = gateway.ask(EVIL, also=(Quorum(frozenset({"sre"})),))
        said = line()
        assert said.startswith(f"{fresh.id}  held  ugo  pg:appdb PROD  select '<U+001B>]52;c;")
        by(program, "carl", "claim", there.id)
        assert line() == f"{there.id}  claim by carl"
        gateway.later(timedelta(seconds=1))
        by(program, "carl", "deny", there.id, "--reason", 'use "the" archive job')
        assert line() == f"{there.id}  denied by carl: \"use 'the' archive job\""
        by(program, "pia", "approve", fresh.id, "--yes", "--sha", sha(program, fresh.id))
        assert line() == f"{fresh.id}  yes by pia"
        gateway.later(timedelta(seconds=1))
        program("request", "cancel", fresh.id, HOOP_TOKEN="token-of-ugo")
        assert line() == f"{fresh.id}  withdrawn"
    finally:
        watching.send_signal(signal.SIGINT)
        _, err = watching.communicate(timeout=30)
    assert (watching.returncode, err) == (130, "")


def test_watch_for_programs(gateway: RequestsGateway, program: Program) -> None:
    asked = gateway.ask(EVIL)
    watching = program.start("review", "watch", "--all", "-o", "jsonl", HOOP_TOKEN="token-of-alba")
    assert watching.stdout is not None
    try:
        first = watching.stdout.readline()
        assert first.isascii()
        said = json.loads(first)
        assert (said["event"], said["id"], said["what"], said["where"]) == (
            "held",
            asked.id,
            " ".join(EVIL.split()),
            "pg:appdb PROD",
        )
        gateway.later(timedelta(seconds=1))
        by(program, "pia", "deny", asked.id, "--reason", "no")
        said = json.loads(watching.stdout.readline())
        assert (said["event"], said["by"], said["text"], said["state"]) == ("denied", "pia", "no", "denied")
    finally:
        watching.send_signal(signal.SIGINT)
        watching.communicate(timeout=30)


def test_watch_without_a_sign_in(gateway: RequestsGateway, program: Program) -> None:
    refused(program("review", "watch", HOOP_TOKEN="wrong"), 3, "does not know this token")
    refused(by(program, "pia", "watch", "-o", "json"), 2, "json")


@pytest.mark.parametrize("words", [("ls",), ("show", "7QF-2KM4"), ("deny", "7QF-2KM4", "--reason", "x")])
def test_nobody_answers(program: Program, words: tuple[str, ...]) -> None:
    done = program("review", *words, HOOP_GATEWAY="http://127.0.0.1:1", HOOP_TOKEN="x")
    refused(done, 9, "There is no gateway at 127.0.0.1:1")
