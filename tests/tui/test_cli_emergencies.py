"""`hoop-tui request break-glass`, `review sign` and `review revoke`: what they print, and with which exit codes."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.core.verdict import Glass
from tests.api.house import ROLES
from tests.tui.conftest import Program
from tests.tui.requests_gateway import RequestsGateway

ONCALL = frozenset({"oncall"})
WHY = "db is down, paging nobody"
Done = subprocess.CompletedProcess[str]


@pytest.fixture
def gateway(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RequestsGateway]:
    monkeypatch.setitem(ROLES, "ugo", "person")
    gateway = RequestsGateway(tmp_path)
    gateway.house.groups |= {"pia": {"dba"}, "carl": {"dba"}, "ugo": {"oncall"}}
    yield gateway
    gateway.close()


@pytest.fixture
def program(gateway: RequestsGateway, tmp_path: Path) -> Program:
    return Program(tmp_path / "home", gateway.url)


def by(program: Program, name: str, *words: str) -> Done:
    return program(*words, HOOP_TOKEN=f"token-of-{name}")


def refused(done: Done, code: int, words: str) -> None:
    assert (done.returncode, done.stdout) == (code, ""), done
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_from_breaking_to_signing(gateway: RequestsGateway, program: Program) -> None:
    asked = gateway.ask(break_glass=Glass(ONCALL), groups=ONCALL)
    shown = by(program, "ugo", "request", "show", asked.id).stdout
    assert f"in an emergency you may let it through: hoop-tui request break-glass {asked.id}" in shown
    assert "in an emergency" not in by(program, "pia", "review", "show", asked.id).stdout
    refused(by(program, "pia", "request", "break-glass", asked.id, "--reason", WHY), 4, "is not yours")
    done = by(program, "ugo", "request", "break-glass", asked.id, "--reason", WHY)
    assert (done.returncode, done.stdout) == (0, f"{asked.id}  let through by you (break-glass)\n")
    assert "a review is open: somebody of dba has to sign it by" in done.stderr
    refused(
        by(program, "ugo", "request", "break-glass", asked.id, "--reason", WHY),
        *(8, f"{asked.id} is decided already: let through by ugo, who broke the glass"),
    )
    waited = by(program, "ugo", "request", "wait", asked.id)
    assert (waited.returncode, waited.stdout) == (
        *(0, f'{asked.id}  let through by ugo (break-glass): "{WHY}"\n'),
    )
    opened = by(program, "pia", "review", "ls", "--open-reviews")
    assert opened.stdout.splitlines()[1].endswith("approved by ugo break-glass, review open")
    assert f'GLASS BROKEN by ugo: "{WHY}"' in by(program, "pia", "review", "show", asked.id).stdout
    signing = ("review", "sign", asked.id, "--verdict", "not-ok", "--reason", "carl was there")
    refused(by(program, "ugo", *signing), 4, "you are the requester")
    assert by(program, "pia", *signing).stdout == f"{asked.id}  signed: not-ok\n"
    assert by(program, "carl", *signing).returncode == 8
    assert by(program, "pia", "review", "ls", "--open-reviews", "-o", "json").stdout == "[]\n"
    shown = by(program, "ugo", "request", "show", asked.id).stdout
    assert 'review signed not-ok by pia: "carl was there"' in shown


def test_where_there_is_no_glass(gateway: RequestsGateway, program: Program) -> None:
    asked = gateway.ask()
    done = by(program, "ugo", "request", "break-glass", asked.id, "--reason", WHY)
    refused(done, 4, f"{asked.id} has no glass to break")
    assert by(program, "ugo", "request", "break-glass", asked.id).returncode == 2


def test_a_no_that_comes_too_late_names_revoke(gateway: RequestsGateway, program: Program) -> None:
    asked, other = gateway.ask(scopes=("target 1h",)), gateway.ask("drop it")
    sha = json.loads(by(program, "pia", "review", "show", asked.id, "-o", "json").stdout)["statement"][
        "sha256"
    ]
    yes = ("review", "approve", asked.id, "--yes", "--sha", sha, "--scope", "target")
    assert by(program, "pia", *yes).returncode == 0
    by(program, "pia", "review", "deny", other.id, "--reason", "no")
    late = by(program, "carl", "review", "deny", asked.id, "--reason", "no")
    words = f"approved by pia; to end what it covers: hoop-tui review revoke {asked.id}"
    refused(late, 8, words)
    done = by(program, "carl", "review", "revoke", asked.id, "--reason", "enough")
    assert done.stdout == f"{asked.id}  revoked: it covers nothing more\n"
    decided = by(program, "carl", "review", "ls", "--decided")
    states = sorted(line.split("  ")[-1].strip() for line in decided.stdout.splitlines()[1:])
    assert states == ["approved by pia revoked", "denied by pia"]
    refused(by(program, "carl", "review", "ls", "--decided", "--all"), 2, "One of --all")


def test_rows_that_are_alike_are_counted(gateway: RequestsGateway, program: Program) -> None:
    for _ in range(3):
        gateway.ask("drop it")
    assert by(program, "pia", "review", "ls").stdout.count("held 3 like it") == 3
