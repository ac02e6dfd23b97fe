"""The commands of whoever is signed in: whoami, tokens, certificates, ssh, logout, and `token`, which is quick."""

import json
import os
import resource
import stat
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hoop_tui.cli.login_words import until
from hoop_tui.cli.spans import seconds_of
from hoop_tui.sign_in import Token, keep_sign_in
from tests.tui.conftest import BIN, Program
from tests.tui.sign_in_double import SignInDouble, always, problem

NEEDED = "hoop-tui: sign-in needed - run: hoop-tui login\n"


@pytest.fixture
def signed_in(program: Program, sign_in_double: SignInDouble) -> Program:
    keep(program, sign_in_double, timedelta(hours=11))
    return program


def keep(program: Program, double: SignInDouble, left: timedelta) -> None:
    ends = datetime.now(UTC) + left
    keep_sign_in(
        program.config / "sign-in.json",
        double.url,
        Token(double.new_token().token),
        expires_at=ends,
        since=ends - timedelta(hours=12),
        renewable=True,
    )


def test_whoami(signed_in: Program) -> None:
    done = signed_in("whoami")
    assert (done.returncode, done.stderr) == (0, "")
    facts = dict(line.split("  ", 1) for line in done.stdout.splitlines())
    assert {name: value.strip() for name, value in facts.items()} == {
        "person": "alice@example.com",
        "roles": "person, auditor",
        "groups": "sec",
        "signed in by": "browser",
        "until": "2030-01-02 03:04:05Z",
        "gateway": "gw-eu-1",
    }
    shown = json.loads(signed_in("whoami", "-o", "json").stdout)
    assert (shown["person"], shown["roles"]) == ("alice@example.com", ["person", "auditor"])


def test_tokens_and_certificates(signed_in: Program, sign_in_double: SignInDouble) -> None:
    listed = signed_in("tokens", "ls").stdout
    assert listed.splitlines()[1].split()[:3] == ["t-1", "login", "alice@example.com"]
    assert "t-2" not in listed
    everything = signed_in("tokens", "ls", "--all", "--person", "alice@example.com").stdout
    assert "old <U+001B>[2J" in everything
    assert "\x1b" not in everything
    assert "revoked" in everything
    assert [row["id"] for row in json.loads(signed_in("tokens", "ls", "-o", "json").stdout)] == ["t-1"]
    assert signed_in("tokens", "revoke", "t-1").returncode == 0
    gone = signed_in("tokens", "revoke", "../me")
    assert (gone.returncode, gone.stdout) == (7, "")
    assert "DELETE /v1/tokens/t-1" in sign_in_double.paths()
    assert "DELETE /v1/me" not in sign_in_double.paths()
    assert signed_in("certificates", "ls").stdout.splitlines()[1].split()[:2] == ["17", "alice@example.com"]
    assert signed_in("certificates", "revoke", "17").returncode == 0
    assert signed_in("certificates", "revoke", "18").returncode == 7
    assert signed_in("certificates", "revoke", "17/../..").returncode == 2


def test_a_database_token_is_all_there_is(signed_in: Program, sign_in_double: SignInDouble) -> None:
    done = signed_in.run("token", "appdb")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == done.stdout.strip() + "\n"
    assert sign_in_double.good[done.stdout.strip()] == "database"
    spans = {"90s": 90, "1h30m": 5400}
    for span, seconds in spans.items():
        assert signed_in("token", "appdb", "--for", span).returncode == 0
        assert json.loads(sign_in_double.seen[-1][2])["ttl"] == seconds
    assert signed_in("token", "appdb", "--gateway", sign_in_double.url).returncode == 0
    other = signed_in("token", "otherdb")
    assert (other.returncode, other.stdout, other.stderr) == (7, "", "hoop-tui: there is no target otherdb\n")
    assert signed_in("token", "appdb", "--for", "soon").returncode == 2
    assert signed_in("token").returncode == 2
    sign_in_double.good.clear()
    refused = signed_in("token", "appdb")
    assert (refused.returncode, refused.stdout, refused.stderr) == (3, "", NEEDED)


def test_a_token_starts_fast(signed_in: Program, tmp_path: Path) -> None:
    """CPU time, so that a busy machine does not matter; compiled modules, as any second start has them."""
    environ = signed_in.environ | {"PYTHONPYCACHEPREFIX": str(tmp_path / "compiled")}

    def cost(*command: str) -> float:
        best = 99.0
        for _ in range(4):
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            subprocess.run(command, env=environ, capture_output=True, timeout=60, check=True)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            best = min(best, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        return best

    bare = cost(sys.executable, "-c", "pass")
    assert cost(str(BIN / "hoop-tui"), "token", "appdb") - bare < 0.25


def test_a_token_imports_nothing_heavy(signed_in: Program) -> None:
    code = (
        "import sys; sys.argv = ['hoop-tui', 'token', 'appdb']\n"
        "from hoop_tui.cli.main import main\n"
        "try: main()\n"
        "except SystemExit as end: assert end.code == 0, end.code\n"
        "heavy = {'textual', 'httpx2', 'pydantic', 'asyncio', 'cyclopts', 'asyncssh', 'cryptography'}\n"
        "print('HEAVY', sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=signed_in.environ, capture_output=True, text=True, timeout=60
    )
    assert done.stdout.endswith("HEAVY []\n"), done.stdout + done.stderr


def test_any_command_renews_in_the_last_hour(program: Program, sign_in_double: SignInDouble) -> None:
    keep(program, sign_in_double, timedelta(minutes=30))
    assert program("whoami").returncode == 0
    assert sign_in_double.paths() == ["POST /v1/login/refresh", "GET /v1/me"]
    assert program("token", "appdb").returncode == 0
    assert sign_in_double.paths()[2:] == ["POST /v1/tokens"]


@pytest.mark.parametrize("words", [("whoami",), ("token", "appdb"), ("sessions", "ls"), ("ssh", "web-1")])
def test_expired(program: Program, sign_in_double: SignInDouble, words: tuple[str, ...]) -> None:
    keep(program, sign_in_double, timedelta(seconds=-1))
    done = program(*words)
    assert (done.returncode, done.stdout, done.stderr) == (3, "", NEEDED)
    assert sign_in_double.seen == []


def test_nobody_is_signed_in(program: Program) -> None:
    done = program("whoami")
    assert (done.returncode, done.stdout) == (3, "")
    assert "run: hoop-tui login" in done.stderr
    assert "run: hoop-tui login --gateway URL" in program("whoami", HOOP_GATEWAY="").stderr
    assert program("logout", HOOP_GATEWAY="").stderr == "you are not signed in\n"


def fake_ssh(program: Program) -> Path:
    """In place of the stock ssh: says how it was called."""
    directory = program.home / "bin"
    directory.mkdir()
    ssh = directory / "ssh"
    ssh.write_text(
        f"#!{sys.executable}\nimport os, sys, json\n"
        "print(json.dumps([sys.argv[1:], sorted(name for name in os.environ if 'HOOP_TOKEN' in name)]))\n"
        "sys.exit(42)\n"
    )
    ssh.chmod(0o755)
    program.environ["PATH"] = f"{directory}:{program.environ['PATH']}"
    return ssh


def test_ssh_with_an_agent(signed_in: Program, sign_in_double: SignInDouble, agent_socket: str) -> None:
    fake_ssh(signed_in)
    for words in (
        ("web-1",),
        ("postgres%web-1", "uptime", "-p"),
        ("web-1", "--", "-L", "1:x:2", "--gateway"),
    ):
        done = signed_in.run("ssh", *words, SSH_AUTH_SOCK=agent_socket)
        assert done.returncode == 42, done.stderr
        given = [word for word in words[1:] if word != "--"]
        assert json.loads(done.stdout) == [["-p", "2222", f"{words[0]}@127.0.0.1", *given], []]
    assert sign_in_double.paths() == ["POST /v1/ssh/certificate"]
    assert not (signed_in.home / ".ssh").exists()
    subprocess.run(
        ["ssh-add", "-qD"], env={**os.environ, "SSH_AUTH_SOCK": agent_socket}, check=True, capture_output=True
    )
    assert signed_in.run("ssh", "web-1", SSH_AUTH_SOCK=agent_socket).returncode == 42
    assert sign_in_double.paths() == ["POST /v1/ssh/certificate"] * 2


def test_ssh_with_files(signed_in: Program, sign_in_double: SignInDouble) -> None:
    fake_ssh(signed_in)
    sign_in_double.certificate_life = timedelta(seconds=30)
    sign_in_double.ssh_port = 22
    for count in (1, 2):
        done = signed_in.run("ssh", "web-1", "uptime")
        assert done.returncode == 42
        (words, _) = json.loads(done.stdout)
        assert words[-4:] == ["-p", "22", "web-1@127.0.0.1", "uptime"]
        assert f"IdentityFile={signed_in.config}/ssh/" in " ".join(words)
        assert len(sign_in_double.seen) == count  # too short a life counts as none
    sign_in_double.certificate_life = timedelta(hours=1)
    assert signed_in.run("ssh", "web-1").returncode == 42
    (signed_in.config / "sign-in.json").write_text(
        (signed_in.config / "sign-in.json").read_text().replace(f"{datetime.now(UTC):%Y}-", "2001-")
    )
    assert (
        signed_in.run("ssh", "web-1").returncode == 42
    )  # the certificate lasts, whatever became of the token
    assert len(sign_in_double.seen) == 3


@pytest.fixture
def no_program(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing may become of a command, it can be run in this process, which is quicker."""

    def becomes(*words: object) -> None:
        pytest.fail(f"it became another program: {words[:2]}")

    for name in ("execv", "execve", "execvp", "execvpe"):
        monkeypatch.setattr(os, name, becomes)


@pytest.mark.usefixtures("no_program")
@pytest.mark.parametrize("target", ["-oProxyCommand=x", "web 1", "web-1@other", "", "web\n1", "a" * 300])
def test_targets_that_are_none(signed_in: Program, sign_in_double: SignInDouble, target: str) -> None:
    assert signed_in("ssh", "--", target).returncode == 2
    assert sign_in_double.seen == []


@pytest.mark.usefixtures("no_program")
@pytest.mark.parametrize(
    ("host", "port"), [("-oProxyCommand=x", 22), ("a b", 22), ("h;x", 22), ("h", 0), ("h", 99999), ("", 22)]
)
def test_places_that_are_none(signed_in: Program, sign_in_double: SignInDouble, host: str, port: int) -> None:
    sign_in_double.ssh_host, sign_in_double.ssh_port = host, port
    done = signed_in("ssh", "web-1")
    assert (done.returncode, done.stderr) == (1, "hoop-tui: The gateway did not say where ssh goes.\n")


def test_logout_where_the_gateway_can_not_be_told(signed_in: Program, sign_in_double: SignInDouble) -> None:
    sign_in_double.override["/v1/logout"] = always(lambda: problem(503, "the store can not be reached"))
    done = signed_in("logout")
    assert done.returncode == 1
    assert "signed out here, but the gateway could not be told: the store can not be reached" in done.stderr
    assert not (signed_in.config / "sign-in.json").exists()
    assert signed_in("logout").stderr == "you are not signed in\n"


def test_logout_with_a_token_that_is_none_any_more(signed_in: Program, sign_in_double: SignInDouble) -> None:
    sign_in_double.good.clear()
    done = signed_in("logout")
    assert (done.returncode, done.stderr) == (0, f"signed out of {sign_in_double.url}\n")


def test_a_damaged_sign_in_file(signed_in: Program) -> None:
    file = signed_in.config / "sign-in.json"
    file.write_text("{")
    for words in (("whoami",), ("logout",), ("login",), ("token", "x")):
        done = signed_in(*words)
        assert done.returncode == 2
        assert "is not a sign-in file; remove it" in done.stderr
    file.chmod(file.stat().st_mode | stat.S_IROTH)
    assert "chmod 600" in signed_in("whoami").stderr


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("1h", 3600), ("1d2h3m4s", 93784), ("30m", 1800)])
def test_spans(text: str, seconds: int) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "0s", "1", "h", "1h1h", "-1h", "1 h", "1H", "99999h", "\u0661h"])
def test_spans_that_are_none(text: str) -> None:
    with pytest.raises(ValueError, match="looks like 30m"):
        seconds_of(text)


def test_until() -> None:
    now = datetime(2026, 11, 20, 12, 0).astimezone()
    assert until(now.replace(hour=23, minute=10), now) == "23:10"
    assert until(now.replace(hour=2) + timedelta(days=1), now) == "Sat 02:00"
    assert until(now + timedelta(days=30), now) == "2026-12-20 12:00"
