"""`hoop-tui request`: what became of what one asks for, waiting for it, answering, taking it back."""

import json
import signal
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.core.verdict import Allow, Hold
from tests.api.asking import DROP
from tests.api.house import NOON
from tests.tui.conftest import Program
from tests.tui.requests_gateway import RequestsGateway

Done = subprocess.CompletedProcess[str]


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[RequestsGateway]:
    gateway = RequestsGateway(tmp_path)
    gateway.house.groups |= {"pia": {"dba"}}
    yield gateway
    gateway.close()


@pytest.fixture
def program(gateway: RequestsGateway, tmp_path: Path) -> Program:
    program = Program(tmp_path / "home", gateway.url)
    program.environ["HOOP_TOKEN"] = "token-of-ugo"
    return program


def pia(program: Program, *words: str) -> Done:
    done = program("review", *words, HOOP_TOKEN="token-of-pia")
    assert done.returncode == 0, done.stderr
    return done


def approve(program: Program, id: str) -> None:
    card = json.loads(pia(program, "show", id, "-o", "json").stdout)
    pia(program, "approve", id, "--yes", "--sha", card["statement"]["sha256"], "--reason", "ok")


def test_ls(gateway: RequestsGateway, program: Program) -> None:
    denied = gateway.ask()
    pia(program, "deny", denied.id, "--reason", "no")
    gateway.later(timedelta(seconds=1))
    held = gateway.ask("drop table b", count=2)
    gateway.ask("drop table c", "nina")
    lines = program("request", "ls").stdout.splitlines()
    assert lines[0].split() == ["ID", "STATE", "LEFT", "WHERE", "WHAT", "RULE", "BY"]
    assert lines[1].split() == [
        held.id, "held", "0/2", "10:00", "pg:appdb", "PROD", "drop", "table", "b", "ddl",
    ]  # fmt: skip
    assert lines[2].split() == [denied.id, "denied", "pg:appdb", "PROD", *DROP.split(), "ddl", "pia"]
    assert len(lines) == 3
    rows = [json.loads(line) for line in program("request", "ls", "-o", "jsonl").stdout.splitlines()]
    assert [row["id"] for row in rows] == [held.id, denied.id]
    rows = json.loads(program("request", "ls", "--state", "denied", "-o", "json").stdout)
    assert [row["id"] for row in rows] == [denied.id]
    other = program("request", "show", held.id, HOOP_TOKEN="token-of-adam")
    assert other.returncode == 0
    assert program("request", "show", held.id, HOOP_TOKEN="token-of-nina").returncode == 7


def test_waiting_hears_what_is_said_and_ends_with_the_outcome(
    gateway: RequestsGateway, program: Program
) -> None:
    asked = gateway.ask()
    waiting = program.start("request", "wait", asked.id)
    assert waiting.stderr is not None
    assert waiting.stderr.readline() == f"held {asked.id}, 10:00 left, asks dba - Ctrl-C leaves it held\n"
    gateway.until(lambda: gateway.house.bus.listeners >= 2)
    pia(program, "claim", asked.id)
    assert waiting.stderr.readline().endswith("  pia is looking\n")
    pia(program, "comment", asked.id, 'which "replica"?')
    assert waiting.stderr.readline().endswith("  pia says: \"which 'replica'?\"\n")
    pia(program, "deny", asked.id, "--reason", "use the replica")
    out, err = waiting.communicate(timeout=30)
    assert (waiting.returncode, out, err) == (4, f'{asked.id}  denied by pia: "use the replica"\n', "")


def test_ctrl_c_leaves_it_held(gateway: RequestsGateway, program: Program) -> None:
    asked = gateway.ask()
    waiting = program.start("request", "wait", asked.id)
    assert waiting.stderr is not None
    waiting.stderr.readline()
    waiting.send_signal(signal.SIGINT)
    waiting.communicate(timeout=30)
    assert waiting.returncode == 130
    assert json.loads(program("request", "show", asked.id, "-o", "json").stdout)["state"] == "held"


def test_what_waiting_ends_with(gateway: RequestsGateway, program: Program) -> None:
    asked = gateway.ask(requires=frozenset({"ticket"}))
    done = program("request", "wait", asked.id, "--timeout", "1s")
    assert (done.returncode, done.stdout) == (5, f"{asked.id}  held\n")
    assert f'still to be given: ticket - hoop-tui request reply {asked.id} "..."' in done.stderr
    program("request", "reply", asked.id, "--ticket", "OPS-4412")
    approve(program, asked.id)
    done = program("request", "wait", asked.id)
    assert (done.returncode, done.stdout) == (0, f'{asked.id}  approved by pia: "ok"\n')
    expired, withdrawn = gateway.ask(timeout=timedelta(minutes=1)), gateway.ask()
    program("request", "cancel", withdrawn.id)
    gateway.later(timedelta(minutes=1))
    assert program("request", "wait", expired.id).returncode == 6
    assert program("request", "wait", withdrawn.id).returncode == 8
    assert program("request", "wait", "000-0000").returncode == 7
    for wrong in (("--timeout", "soon"), ("--timeout", "0s")):
        done = program("request", "wait", asked.id, *wrong)
        assert (done.returncode, done.stdout) == (2, "")
        assert "A length of time looks like" in done.stderr


def test_reply(gateway: RequestsGateway, program: Program) -> None:
    asked = gateway.ask(requires=frozenset({"reason", "ticket"}))
    assert program("request", "reply", asked.id, "clean-up").stdout == f"{asked.id}  told\n"
    assert program("request", "reply", asked.id, "db-2 it is", "--ticket", "OPS-4412").returncode == 0
    card = json.loads(program("request", "show", asked.id, "-o", "json").stdout)
    assert card["why"] == {"reason": "clean-up", "ticket": "OPS-4412", "missing": [], "ticket_url": ""}
    assert [each["text"] for each in card["remarks"]] == ["db-2 it is"]
    again = program("request", "reply", asked.id, "--reason", "another")
    assert (again.returncode, again.stdout) == (8, "")
    assert program("request", "reply", asked.id).returncode == 2
    assert program("request", "reply", asked.id, "two\nlines").returncode == 2
    others = program("request", "reply", asked.id, "x", HOOP_TOKEN="token-of-pia")
    assert (others.returncode, others.stdout) == (4, "")
    assert f"{asked.id} is not yours" in others.stderr


def test_cancel(gateway: RequestsGateway, program: Program) -> None:
    asked, decided = gateway.ask(), gateway.ask()
    for _ in range(2):
        done = program("request", "cancel", asked.id)
        assert (done.returncode, done.stdout) == (0, f"{asked.id}  withdrawn\n")
    assert gateway.settled(asked).state == "withdrawn"
    approve(program, decided.id)
    done = program("request", "cancel", decided.id, "-o", "json")
    assert (done.returncode, done.stdout) == (8, "")
    assert f"{decided.id} is decided already: approved by pia" in done.stderr
    assert program("request", "cancel", decided.id, HOOP_TOKEN="token-of-nina").returncode == 7


# Asking in advance.

COME = Hold("ask-to-come", "PROD needs a DBA", frozenset({"dba"}), scopes=("once", "target 1h"))
CREATE = ("request", "create", "--target", "appdb", "--for", "1h")


@pytest.fixture
def pam(gateway: RequestsGateway, program: Program) -> Program:
    gateway.house.coming = COME
    program.environ["HOOP_TOKEN"] = "token-of-pam"
    return program


def test_create_waits_and_says_what_to_do_next(gateway: RequestsGateway, pam: Program) -> None:
    waiting = pam.start(*CREATE, "--reason", "fix invoice 88", "--ticket", "OPS-4412", "--wait")
    assert waiting.stdout is not None
    assert waiting.stderr is not None
    first = waiting.stdout.readline()
    id = first.split()[1]
    assert first == f"held {id}  access to appdb (PROD) for 1h  ask: dba  expires in 10m\n"
    assert waiting.stderr.readline() == "waiting .. Ctrl-C leaves it held\n"
    gateway.until(lambda: gateway.house.bus.listeners >= 1)
    pia(pam, "claim", id)
    assert waiting.stderr.readline() == "waiting .. pia is looking (00:00)\n"
    approve(pam, id)
    out, err = waiting.communicate(timeout=30)
    until = (NOON + timedelta(hours=1)).astimezone()
    assert (waiting.returncode, err) == (0, "")
    assert out == f'approved by pia: "ok"    use: hoop-tui psql appdb    until {until:%H:%M}\n'


def test_create_without_waiting(gateway: RequestsGateway, pam: Program) -> None:
    done = pam(*CREATE, "--no-wait")
    id = done.stdout.split()[1]
    assert (done.returncode, done.stdout.startswith(f"held {id}  access to appdb (PROD) for 1h  ")) == (
        5,
        True,
    )
    again = pam(*CREATE, "--no-wait", "-o", "json")
    assert (again.returncode, json.loads(again.stdout)["id"]) == (5, id)
    shown = pam("request", "show", id).stdout
    assert "access to appdb (PROD) for 1h" in shown
    assert "session" not in shown
    (row,) = [json.loads(line) for line in pam("request", "ls", "-o", "jsonl").stdout.splitlines()]
    assert (row["id"], row["about"]) == (id, "access")
    late = pam(*CREATE, "--wait", "--timeout", "1s")
    assert (late.returncode, late.stderr.endswith(f"{id} is held still - hoop-tui request wait {id}\n")) == (
        5,
        True,
    )
    pia(pam, "deny", id, "--reason", "use the replica")
    gateway.house.coming = Allow("everything")
    refused = pam(*CREATE)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "no rule holds anything on appdb for you: just connect" in refused.stderr


def test_create_ends_as_it_was_decided(gateway: RequestsGateway, pam: Program) -> None:
    waiting = pam.start(*CREATE, "--wait", "-o", "jsonl")
    assert waiting.stdout is not None
    held = json.loads(waiting.stdout.readline())
    pia(pam, "deny", held["id"], "--reason", "use the replica")
    out, _ = waiting.communicate(timeout=30)
    assert (waiting.returncode, json.loads(out)["state"]) == (4, "denied")


def test_create_a_text(gateway: RequestsGateway, pam: Program, tmp_path: Path) -> None:
    file = tmp_path / "x.sql"
    file.write_bytes(b"DELETE FROM t\nWHERE id = 1;\n")
    done = pam("request", "create", "--target", "appdb", "--file", str(file), "--no-wait", "-o", "json")
    assert (done.returncode, json.loads(done.stdout)["statement"]["text"]) == (5, file.read_text())
    both = pam("request", "create", "--target", "appdb", "--file", str(file), "--text", "x")
    assert (both.returncode, "Say --text or --file, not both." in both.stderr) == (2, True)
    for wrong in (("--file", str(tmp_path / "none")), ("--for", "soon"), ("--timeout", "soon")):
        assert pam("request", "create", "--target", "appdb", *wrong).returncode == 2
