"""A whole demo in a process of its own, and terminals to use it from: what a newcomer has in front of them."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

BIN = Path(sys.executable).parent
ROOT = Path(__file__).parents[2]
PATIENCE = 20.0


@dataclass
class Demo:
    """A running `hoop-gateway demo --no-tui`."""

    process: "subprocess.Popen[str]"
    directory: Path
    lines: dict[str, list[str]]
    """The commands it printed, by their name."""
    api: str
    token_file: Path
    home: Path

    def environment(self, **more: str) -> dict[str, str]:
        return {**os.environ, "HOME": str(self.home), "TERM": "xterm-256color", "LC_ALL": "C.UTF-8", **more}

    def run(self, name: str, *more: str, **kwargs: Any) -> "subprocess.CompletedProcess[bytes]":
        """Run one of the printed commands, as printed."""
        return subprocess.run(
            [*self.lines[name], *more],
            capture_output=True,
            timeout=60,
            env=self.environment(),
            check=False,
            **kwargs,
        )

    def hoop_tui(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        command = [str(BIN / "hoop-tui"), *arguments]
        environment = self.environment(HOOP_GATEWAY=self.api, HOOP_TOKEN=self.token_file.read_text().strip())
        return subprocess.run(
            command, capture_output=True, text=True, timeout=60, env=environment, check=False
        )

    def sessions(self) -> list[dict[str, Any]]:
        """Alice's; the demo's own colleague comes and goes meanwhile."""
        listed = self.hoop_tui("sessions", "ls", "--user", "alice@example.com", "-o", "json")
        assert listed.returncode == 0, listed.stderr
        found: list[dict[str, Any]] = json.loads(listed.stdout)
        return found

    def session(self, id: str) -> dict[str, Any]:
        (found,) = (each for each in self.sessions() if each["id"] == id)
        return found

    def stop(self) -> int:
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(PATIENCE)


@pytest.fixture(scope="module")
def newcomer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    home = tmp_path_factory.mktemp("home")
    process = subprocess.Popen(
        [str(BIN / "hoop-gateway"), "demo", "--no-tui", "--ssh-port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "HOME": str(home)},
        start_new_session=True,
    )
    assert process.stdout is not None
    told = ""
    while "Ctrl-C" not in told:
        line = process.stdout.readline()
        assert line, process.stderr.read() if process.stderr else ""
        told += line
    lines: dict[str, list[str]] = {}
    for found in re.finditer(r"^  (?:a )?(\w+(?: in)?) +(sh .*|ssh -F .*)$", told, re.M):
        lines.setdefault(found[1], shlex.split(found[2]))  # those about the database come second
    api = re.search(r"http://\S+", told)
    token = re.search(r"token: (\S+)", told)
    assert api
    assert token
    yield Demo(process, Path(token[1]).parent, lines, api[0], Path(token[1]), home)
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        process.wait(PATIENCE)
    process.stdout.close()
    if process.stderr:
        process.stderr.close()


@pytest.fixture(scope="module")
def demo(newcomer: Demo) -> Demo:
    """The same, once the first line that it printed was pasted: Alice has signed in in her browser."""
    browser = newcomer.home / "browser"
    browse = f"exec {shlex.quote(sys.executable)} -m tests.sign_in.browse alice@example.com"
    browser.write_text(f'#!/bin/sh\ncd {shlex.quote(str(ROOT))} && {browse} "$1"\n')
    browser.chmod(0o755)
    done = subprocess.run(
        newcomer.lines["sign in"],
        capture_output=True,
        text=True,
        timeout=60,
        env=newcomer.environment(BROWSER=str(browser), DISPLAY=":0"),
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "signed in as alice@example.com" in done.stderr
    return newcomer


class Terminal:
    """A real terminal: a tmux server of its own, 100x30."""

    def __init__(self, directory: Path, command: list[str], environment: dict[str, str]) -> None:
        self._tmux = ["tmux", "-S", str(directory / "tmux"), "-f", "/dev/null"]
        self._environment = environment
        self._call("new-session", "-d", "-x", "100", "-y", "30", shlex.join(command))

    def _call(self, *arguments: str) -> str:
        done = subprocess.run(
            [*self._tmux, *arguments],
            capture_output=True,
            text=True,
            env=self._environment,
            timeout=20,
            check=False,
        )
        return done.stdout

    def type(self, *keys: str) -> None:
        """Keys by tmux's names; text as it is."""
        for key in keys:
            self._call("send-keys", key)

    def screen(self) -> str:
        return self._call("capture-pane", "-p").rstrip()

    def see(self, pattern: str, seconds: float = PATIENCE) -> str:
        """The screen, once the pattern is on it."""
        deadline = time.monotonic() + seconds
        while not re.search(pattern, screen := self.screen()):
            assert time.monotonic() < deadline, f"never saw {pattern!r} on:\n{screen}"
            time.sleep(0.05)
        return screen

    def close(self) -> None:
        self._call("kill-server")


@pytest.fixture
def terminal(demo: Demo, tmp_path: Path) -> Iterator[Any]:
    opened: list[Terminal] = []

    def open_terminal(*command: str, **more: str) -> Terminal:
        place = tmp_path / str(len(opened))
        place.mkdir()
        opened.append(Terminal(place, list(command), demo.environment(**more)))
        return opened[-1]

    yield open_terminal
    for each in opened:
        each.close()
