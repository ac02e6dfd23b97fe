"""`init`: by options and by questions; what it writes is a configuration that can be used."""

import os
import pty
import select
import shlex
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from gateway.app.config_file import load_config
from gateway.app.config_values import Address

Run = Callable[..., Any]


@pytest.fixture
def public_key(tmp_path: Path) -> Path:
    """Somebody's public key file."""
    path = tmp_path / "alice.pub"
    path.write_bytes(asyncssh.generate_private_key("ssh-ed25519", comment="alice").export_public_key())
    return path


def options(public_key: Path, **changed: str) -> list[str]:
    given = {
        "directory": "gw",
        "name": "gw-1",
        "person": "alice@example.com",
        "person-key": str(public_key),
        "target": "web-1",
        "to": "127.0.0.1:22",
        "user": "deploy",
        **changed,
    }
    return [
        "init",
        "--yes",
        *(part for name, value in given.items() if value for part in (f"--{name}", value)),
    ]


def test_what_is_written_can_be_used(run: Run, public_key: Path, tmp_path: Path) -> None:
    ended = run(*options(public_key))
    assert ended.code == 0, ended.err
    file, key = tmp_path / "gw" / "hoop.toml", tmp_path / "gw" / "web-1_ed25519"
    assert "hoop.toml: good - 1 person, 1 target, 2 rules\n" in ended.err
    assert [path.stat().st_mode & 0o777 for path in (file, key)] == [0o600, 0o600]
    loaded = load_config(file)
    settings = loaded.settings
    assert settings.gateway.data_dir == tmp_path / "gw" / "data"
    assert settings.listen.api == Address("127.0.0.1", 8022)
    assert settings.person[0].keys[0].comment == "alice"
    assert settings.target[0].to == Address("127.0.0.1", 22)
    assert {rule.id: rule.do for rule in loaded.policy.rules} == {"staff": "allow", "no-power-off": "block"}
    assert settings.target[0].key is not None
    assert settings.target[0].key.as_mapping() == {"file": str(key)}
    public = asyncssh.read_private_key(key).export_public_key().decode().strip()
    lines = ended.out.splitlines()
    assert public in lines
    assert any(line.endswith(f"target trust web-1 --config {file}") for line in lines)
    program, *arguments = shlex.split(lines[-1].removeprefix("ExecStart="))
    assert lines[-1].startswith("ExecStart=")
    assert Path(program).name == "hoop-gateway"
    assert arguments == ["serve", "--config", str(file)]
    assert run("config", "check", "-c", file).code == 0


def test_a_key_that_is_there_already(run: Run, public_key: Path, tmp_path: Path) -> None:
    key = tmp_path / "deploy_key"
    asyncssh.generate_private_key("ssh-ed25519").write_private_key(key)
    key.chmod(0o600)
    ended = run(
        *options(public_key, key=str(key), target="web-*", to="{name}.internal:22", ssh="127.0.0.1:22")
    )
    assert ended.code == 0, ended.err
    settings = load_config(tmp_path / "gw" / "hoop.toml").settings
    assert settings.target[0].key is not None
    assert settings.target[0].key.value == str(key)
    assert settings.listen.ssh == Address("127.0.0.1", 22)
    assert "target trust" not in ended.out
    assert sorted(path.name for path in (tmp_path / "gw").iterdir()) == ["hoop.toml"]


def test_nothing_is_overwritten(run: Run, public_key: Path, tmp_path: Path) -> None:
    (tmp_path / "gw").mkdir()
    file = tmp_path / "gw" / "hoop.toml"
    file.write_text("mine")
    assert run(*options(public_key)) == (
        2,
        "",
        "hoop-gateway: gw/hoop.toml exists already; nothing was written\n",
    )
    assert file.read_text() == "mine"
    file.unlink()
    assert run(*options(public_key)).code == 0
    key = (tmp_path / "gw" / "web-1_ed25519").read_bytes()
    file.unlink()
    assert run(*options(public_key)).code == 0
    assert (tmp_path / "gw" / "web-1_ed25519").read_bytes() == key


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"person": ""}, "--person is missing"),
        ({"to": "web-1"}, '--to: must be a host and a port, as in "127.0.0.1:2222" or "[::1]:2222"'),
        ({"target": "web 1"}, "--target: may have up to 128 letters, digits and . _ -"),
        ({"name": 'x"\nversion = 2'}, "--name: may have up to 64 letters, digits and . _ @ -"),
        ({"person-key": "none.pub"}, "--person-key: there is no such file"),
        ({"person-key": "hoop.toml"}, '--person-key: must be a public key, as in "ssh-ed25519 AAAA..."'),
        ({"key": "none"}, '--key: there is no file none; "new" makes a key'),
        ({"api": "8022"}, '--api: must be a host and a port, as in "127.0.0.1:2222" or "[::1]:2222"'),
    ],
)
def test_wrong_answers(
    run: Run, public_key: Path, config: Path, tmp_path: Path, changed: dict[str, str], told: str
) -> None:
    assert run(*options(public_key, **changed)) == (2, "", f"hoop-gateway: {told}\n")
    assert not (tmp_path / "gw").exists()


def test_nobody_to_ask(run: Run, tmp_path: Path) -> None:
    ended = run("init", "--directory", "gw")
    assert ended.code == 2
    assert ended.err.splitlines()[-1] == (
        "hoop-gateway: there is nobody to ask; give every answer as an option, and --yes"
    )
    assert "hoop-gateway: --target is missing" in ended.err.splitlines()


def test_an_api_beyond_loopback_is_written_but_told(run: Run, public_key: Path, tmp_path: Path) -> None:
    ended = run(*options(public_key, api="0.0.0.0:8022"))
    assert ended.code == 2
    assert "so it needs a [tls] table" in ended.err
    assert (tmp_path / "gw" / "hoop.toml").exists()


class Terminal:
    """A person at a terminal, who answers when asked."""

    def __init__(self, *arguments: str, cwd: Path) -> None:
        self._ours, theirs = pty.openpty()
        self.seen = ""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "gateway.cli.main", *arguments],
            stdin=theirs,
            stdout=subprocess.DEVNULL,
            stderr=theirs,
            cwd=cwd,
            env={**os.environ, "HOME": str(cwd)},
        )
        os.close(theirs)

    def answer(self, question: str, answer: str) -> None:
        """Wait until asked this, then answer."""
        deadline = time.monotonic() + 60
        while question not in self.seen:
            assert time.monotonic() < deadline, self.seen
            if select.select([self._ours], [], [], 1)[0]:
                self.seen += os.read(self._ours, 4096).decode()
        self.seen = self.seen.split(question, 1)[1]
        os.write(self._ours, answer.encode())

    def leave(self) -> int:
        """Read to the end and return the exit code."""
        while True:
            try:
                piece = os.read(self._ours, 4096)
            except OSError:
                break
            if not piece:
                break
            self.seen += piece.decode()
        os.close(self._ours)
        return self._process.wait()


def test_questions_at_a_terminal(public_key: Path, tmp_path: Path) -> None:
    terminal = Terminal("init", "--directory", "gw", "--user", "deploy", cwd=tmp_path)
    terminal.answer("Name of this gateway [gateway]: ", "\n")
    terminal.answer("Where to store [data]: ", "\n")
    terminal.answer("Who may sign in (alice@example.com): ", "not a name\n")
    terminal.answer("  may have up to 128 letters", "")
    terminal.answer("Who may sign in (alice@example.com): ", "alice\n")
    terminal.answer("File with their public key: ", f"{public_key}\n")
    terminal.answer("Name of the first target: ", "web-1\n")
    terminal.answer("Its address (web-1.internal:22): ", "127.0.0.1:22\n")
    terminal.answer("Private key for it, or new to make one [new]: ", "\n")
    assert terminal.leave() == 0
    assert load_config(tmp_path / "gw" / "hoop.toml").settings.person[0].name == "alice"


def test_leaving_in_the_middle(tmp_path: Path) -> None:
    terminal = Terminal("init", "--directory", "gw", cwd=tmp_path)
    terminal.answer("Name of this gateway", "\x04")
    assert terminal.leave() == 130
    assert terminal.seen.endswith("hoop-gateway: interrupted\r\n")
    assert not (tmp_path / "gw").exists()
