"""`hoop-tui login` as a program, against the contract over HTTP, a real ssh-agent and the stock ssh-keygen."""

import json
import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.tui.conftest import Program
from tests.tui.sign_in_double import PERSON, SECRET, SignInDouble, always, problem

pytestmark = pytest.mark.needs("ssh-agent", "ssh-keygen")
CANARY = re.compile(r"canary")


def in_agent(socket: str) -> list[str]:
    listed = subprocess.run(
        ["ssh-add", "-L"], env={**os.environ, "SSH_AUTH_SOCK": socket}, capture_output=True, text=True
    )
    return listed.stdout.splitlines() if listed.returncode == 0 else []


def described(line: str) -> str:
    done = subprocess.run(
        ["ssh-keygen", "-L", "-f", "-"], input=line, capture_output=True, text=True, check=True
    )
    return done.stdout


def kept(program: Program) -> dict[str, object]:
    return dict(json.loads((program.config / "sign-in.json").read_text()))


def quick_login(program: Program, *words: str, **environ: str) -> "subprocess.CompletedProcess[str]":
    """As a machine: there is nobody to wait for, and the rest is the same."""
    return program("login", "--machine", "deploy-bot", *words, HOOP_CLIENT_SECRET=SECRET, **environ)


def visit(url: str) -> str:
    with urllib.request.urlopen(url, timeout=30) as page:
        return str(page.read().decode())


def url_in(process: "subprocess.Popen[str]") -> str:
    assert process.stderr is not None
    for line in process.stderr:
        if line.strip().startswith("http"):
            return line.strip()
    raise AssertionError("no address was printed")


def test_with_a_code(program: Program, sign_in_double: SignInDouble, agent_socket: str) -> None:
    sign_in_double.confirmed.set()
    sign_in_double.note = "left out: auditor"
    done = program("login", SSH_AUTH_SOCK=agent_socket)
    assert (done.returncode, done.stdout) == (0, "")
    lines = done.stderr.splitlines()
    assert lines[0] == f"Open {sign_in_double.url}/d/WDJB-MJHT"
    assert re.fullmatch(r"Check that the page shows: hoop-tui login( on [\w.-]+)?", lines[1])
    assert lines[2] == "If it asks for the code: WDJB-MJHT (good for 5 min, Ctrl-C withdraws it)"
    assert re.fullmatch(r"signed in as alice@example\.com until (\w+ )?\d\d:\d\d \(roles: person\)", lines[3])
    assert lines[4] == "left out: auditor"
    assert re.fullmatch(
        r"ssh: certificate in your agent until (\w+ )?\d\d:\d\d - try: ssh -p 2222 TARGET@127\.0\.0\.1",
        lines[5],
    )
    assert lines[6] == "ssh: ~/.ssh/known_hosts now knows [127.0.0.1]:2222 by the gateway's authority"
    assert len(lines) == 7
    assert "█" not in done.stderr
    assert not CANARY.search(done.stderr)
    file = program.config / "sign-in.json"
    assert file.stat().st_mode & 0o777 == 0o600
    assert kept(program)["gateway"] == sign_in_double.url
    assert kept(program)["token"] in sign_in_double.good
    (line,) = in_agent(agent_socket)
    assert line.endswith(f" hoop {sign_in_double.url}")
    shown = described(line)
    assert "ssh-ed25519-cert-v01@openssh.com user certificate" in shown
    assert f'Key ID: "{PERSON}"' in shown
    assert not list(program.config.glob("ssh/*/id_*"))


def test_the_agent_forgets_when_the_certificate_ends(
    program: Program, sign_in_double: SignInDouble, agent_socket: str
) -> None:
    sign_in_double.certificate_life = timedelta(seconds=3)
    assert quick_login(program, SSH_AUTH_SOCK=agent_socket).returncode == 0
    deadline = datetime.now(UTC) + timedelta(seconds=20)
    while in_agent(agent_socket):
        assert datetime.now(UTC) < deadline


def test_the_one_before_leaves_the_agent_and_others_stay(
    program: Program, sign_in_double: SignInDouble, agent_socket: str, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    subprocess.run(["ssh-keygen", "-qt", "ed25519", "-N", "", "-C", "mine", "-f", str(other)], check=True)
    subprocess.run(
        ["ssh-add", "-q", str(other)], env={**os.environ, "SSH_AUTH_SOCK": agent_socket}, check=True
    )
    serials = []
    for _ in range(2):
        assert quick_login(program, SSH_AUTH_SOCK=agent_socket).returncode == 0
        lines = in_agent(agent_socket)
        assert sorted(line.split(" ", 2)[2] for line in lines) == [f"hoop {sign_in_double.url}", "mine"]
        serials += re.findall(r"Serial: (\d+)", described(next(line for line in lines if "hoop" in line)))
    assert serials == ["1", "2"]
    done = program("logout", SSH_AUTH_SOCK=agent_socket)
    assert (done.returncode, done.stderr) == (0, f"signed out of {sign_in_double.url}\n")
    assert [line.split(" ", 2)[2] for line in in_agent(agent_socket)] == ["mine"]
    assert not (program.config / "sign-in.json").exists()
    assert "POST /v1/logout" in sign_in_double.paths()


def test_without_an_agent(program: Program, sign_in_double: SignInDouble, tmp_path: Path) -> None:
    done = quick_login(program, SSH_AUTH_SOCK=str(tmp_path / "nowhere"))
    assert done.returncode == 0
    port = urlsplit(sign_in_double.url).port
    directory = program.config / "ssh" / f"127.0.0.1_{port}"
    assert f"ssh: certificate in ~/.config/hoop/ssh/127.0.0.1_{port} until " in done.stderr
    include = "Include ~/.config/hoop/ssh_config"
    assert f"ssh: for stock ssh put this line first in ~/.ssh/config: {include}\n" in done.stderr
    assert (directory / "id_ed25519").stat().st_mode & 0o777 == 0o600
    assert directory.stat().st_mode & 0o777 == 0o700
    assert "user certificate" in described((directory / "id_ed25519-cert.pub").read_text())
    derived = subprocess.run(
        ["ssh-keygen", "-y", "-f", str(directory / "id_ed25519")], capture_output=True, text=True, check=True
    ).stdout
    fingerprint = subprocess.run(
        ["ssh-keygen", "-l", "-f", "-"], input=derived, capture_output=True, text=True, check=True
    ).stdout.split()[1]
    assert f"Public key: ED25519-CERT {fingerprint}" in described(
        (directory / "id_ed25519-cert.pub").read_text()
    )
    (program.home / ".ssh" / "config").write_text(f"{include}\nHost *\n    User x\n")
    assert "put this line" not in quick_login(program).stderr
    assert stock_ssh_understands(program, "127.0.0.1") == {
        "hostname": "127.0.0.1",
        "port": "2222",
        "identityfile": str(directory / "id_ed25519"),
        "certificatefile": str(directory / "id_ed25519-cert.pub"),
        "identitiesonly": "yes",
        "userknownhostsfile": str(directory / "known_hosts"),
    }
    assert program("logout").returncode == 0
    assert not (directory / "id_ed25519").exists()
    assert not (program.config / "ssh_config").exists()


def stock_ssh_understands(program: Program, host: str) -> dict[str, str]:
    done = subprocess.run(
        ["ssh", "-F", str(program.config / "ssh_config"), "-G", host],
        capture_output=True,
        text=True,
        check=True,
    )
    wanted = {
        "hostname", "port", "identityfile", "certificatefile", "identitiesonly", "userknownhostsfile",
    }  # fmt: skip
    facts = dict(line.split(" ", 1) for line in done.stdout.splitlines())
    facts["userknownhostsfile"] = facts["userknownhostsfile"].partition("/.ssh/known_hosts ")[2]
    return {name: value for name, value in facts.items() if name in wanted}


def test_an_agent_that_refuses(program: Program, sign_in_double: SignInDouble, agent_socket: str) -> None:
    environ = {**os.environ, "SSH_AUTH_SOCK": agent_socket, "SSH_ASKPASS_REQUIRE": "never", "DISPLAY": ""}
    # A locked agent lists nothing and takes nothing.
    subprocess.run(
        [sys.executable, "-c", LOCK, agent_socket], env=environ, check=True, stdin=subprocess.DEVNULL
    )
    done = quick_login(program, SSH_AUTH_SOCK=agent_socket)
    assert done.returncode == 0
    assert "ssh: certificate in ~/.config/hoop/ssh/" in done.stderr


LOCK = """
import socket, struct, sys
line = socket.socket(socket.AF_UNIX); line.connect(sys.argv[1])
body = bytes([22]) + struct.pack(">I", 2) + b"pw"
line.sendall(struct.pack(">I", len(body)) + body)
assert line.recv(5)[4] == 6
"""


def test_in_the_browser(program: Program, sign_in_double: SignInDouble, tmp_path: Path) -> None:
    page = tmp_path / "page"
    fetch = tmp_path / "browser"
    fetch.write_text(
        f"#!{sys.executable}\nimport sys, urllib.request, pathlib\nprint('chatter')\n"
        f"data = urllib.request.urlopen(sys.argv[1], timeout=30).read()\n"
        f"pathlib.Path({str(page)!r}).write_bytes(data)\n"
    )
    fetch.chmod(0o755)
    done = program.run("login", "--no-ssh", DISPLAY=":99", BROWSER=f"{fetch} %s")
    assert (done.returncode, done.stdout) == (0, "")
    lines = done.stderr.splitlines()
    assert lines[0].startswith("Your browser opens.")
    assert lines[1].startswith(f"  {sign_in_double.url}/login?")
    assert lines[2].startswith("signed in as alice@example.com until ")
    assert len(lines) == 3
    query = parse_qs(urlsplit(lines[1].strip()).query)
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/done", query["redirect_uri"][0])
    assert len(query["state"][0]) >= 40
    assert "POST /v1/ssh/certificate" not in sign_in_double.paths()


def test_the_page_says_what_came_of_it(program: Program, sign_in_double: SignInDouble) -> None:
    with program.start("login", "--no-browser", "--no-ssh") as process:
        assert "You are signed in - you can close this tab" in visit(url_in(process))
        assert process.wait(30) == 0
    sign_in_double.override["/v1/login/token"] = always(lambda: problem(503, "the store can not be reached"))
    with program.start("login", "--no-browser", "--no-ssh") as process:
        url = url_in(process)
        with pytest.raises(urllib.error.HTTPError) as refused:
            visit(url)
        assert "You are not signed in" in refused.value.read().decode()
        assert process.wait(30) == 1
        assert process.stderr is not None
        assert "the store can not be reached" in process.stderr.read()


def test_ctrl_c_withdraws(program: Program, sign_in_double: SignInDouble) -> None:
    with program.start("login") as process:
        assert sign_in_double.polled.wait(30)
        process.send_signal(signal.SIGINT)
        try:
            assert process.wait(30) == 130
        finally:
            process.kill()
        assert process.stderr is not None
        assert process.stderr.read().endswith("withdrawn: nobody can sign in with it any more\n")
    assert not (program.config / "sign-in.json").exists()


def test_slow_down_and_a_no(program: Program, sign_in_double: SignInDouble) -> None:
    sign_in_double.device_said = ["authorization_pending", "access_denied"]
    done = program("login", "--device")
    assert (done.returncode, done.stderr.splitlines()[-1]) == (4, "hoop-tui: said so")
    assert sign_in_double.polls == 2
    sign_in_double.device_said = ["expired_token"]
    assert program("login", "--device").returncode == 3


def test_nobody_confirms(program: Program, sign_in_double: SignInDouble) -> None:
    sign_in_double.device_expires_in = 2
    done = program("login")
    assert done.returncode == 3
    assert done.stderr.splitlines()[-1] == "hoop-tui: expired: nobody confirmed the code in time"
    assert sign_in_double.polls <= 3


def test_wrong_usage(program: Program) -> None:
    assert program("login", "--print").returncode == 2
    assert "Name the gateway" in program("login", HOOP_GATEWAY="").stderr
    plain = program("login", "--gateway", "http://hoop.example.com")
    assert (plain.returncode, plain.stderr.count("\n")) == (2, 1)
    assert "needs https" in plain.stderr
    assert program("login", "--gateway", "http://127.0.0.1:1").returncode == 9


def test_a_gateway_that_has_no_such_sign_in(program: Program, sign_in_double: SignInDouble) -> None:
    sign_in_double.override["/v1/login/device"] = always(lambda: problem(404, "there is nothing here"))
    done = program("login")
    assert done.returncode == 7
    assert "hoop-gateway token create" in done.stderr


def test_a_gateway_that_signs_no_certificates(program: Program, sign_in_double: SignInDouble) -> None:
    sign_in_double.override["/v1/ssh/certificate"] = always(lambda: problem(404, "there is nothing here"))
    done = quick_login(program)
    assert done.returncode == 0
    assert "ssh" not in done.stderr
    sign_in_double.override["/v1/ssh/certificate"] = always(lambda: problem(503, "the key can not be read"))
    done = quick_login(program)
    assert done.returncode == 1
    assert "hoop-tui: ssh: no certificate: the key can not be read\n" in done.stderr
    assert (program.config / "sign-in.json").exists()


def test_a_home_that_can_not_be_written(program: Program, sign_in_double: SignInDouble) -> None:
    # /proc takes no files, whoever asks.
    done = program("login", HOME="/proc/self", XDG_CONFIG_HOME="/proc/self")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "hoop-tui: The sign-in can not be kept: /proc/self/hoop can not be written.\n"
    assert sign_in_double.seen == []


def test_known_hosts_that_can_not_be_written(program: Program, agent_socket: str) -> None:
    (program.home / ".ssh").write_text("a file, where a directory should be")
    done = quick_login(program, SSH_AUTH_SOCK=agent_socket)
    assert done.returncode == 0
    assert done.stderr.endswith("can not be written: ssh will ask about the gateway's key.\n")
    assert len(in_agent(agent_socket)) == 1


def test_names_of_others_are_left_out(
    program: Program, sign_in_double: SignInDouble, agent_socket: str
) -> None:
    sign_in_double.hosts = ["github.com", "127.0.0.1", "*"]
    done = quick_login(program, SSH_AUTH_SOCK=agent_socket)
    assert "ssh: not trusted for github.com, *: no names of 127.0.0.1\n" in done.stderr
    (line,) = (program.home / ".ssh" / "known_hosts").read_text().splitlines()
    assert line.startswith("@cert-authority [127.0.0.1]:2222 ssh-ed25519 ")
    sign_in_double.hosts = []
    (program.home / ".ssh" / "known_hosts").unlink()
    assert "known_hosts" not in quick_login(program, SSH_AUTH_SOCK=agent_socket).stderr
    assert not (program.home / ".ssh" / "known_hosts").exists()
    sign_in_double.hosts = ["127.0.0.1"]
    quick_login(program, "--no-known-hosts", SSH_AUTH_SOCK=agent_socket)
    assert not (program.home / ".ssh" / "known_hosts").exists()


def test_two_logins_at_once(program: Program, sign_in_double: SignInDouble, agent_socket: str) -> None:
    sign_in_double.confirmed.set()
    both = [program.start("login", "--device", SSH_AUTH_SOCK=agent_socket) for _ in range(2)]
    for process in both:
        _, talk = process.communicate(timeout=60)
        assert process.returncode == 0, talk
    assert len(in_agent(agent_socket)) == 1
    assert kept(program)["token"] in sign_in_double.good
    known = (program.home / ".ssh" / "known_hosts").read_text().splitlines()
    assert len(known) == 1
    assert not list(program.config.glob(".*.new"))


def test_an_old_terminal(program: Program, sign_in_double: SignInDouble) -> None:
    sign_in_double.confirmed.set()
    sign_in_double.note = "Größe \x1b]0;x\x07 → neu"
    done = program.run("login", "--no-ssh", LC_ALL="C", PYTHONUTF8="0", PYTHONIOENCODING="ascii")
    assert done.returncode == 0
    assert "\x1b" not in done.stderr
    assert "<U+001B>]0;x<U+0007>" in done.stderr
