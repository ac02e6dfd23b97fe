"""Signing in to the gateway itself, its pages and an identity provider; then stock ssh asks nothing."""

import asyncio
import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hoop_tui.app import HoopApp
from hoop_tui.replay.ghostty import GhosttyEmulator
from hoop_tui.screens.sessions import SessionsScreen
from hoop_tui.sign_in import SignIn
from tests.tui import person_in_browser
from tests.tui.conftest import BIN, Program, opened, words

pytestmark = [pytest.mark.interop, pytest.mark.needs("ssh", "ssh-agent")]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a whole gateway, with a provider and a target that has a shell."""
    directory = tmp_path_factory.mktemp("demo")
    process = subprocess.Popen(
        [str(BIN / "hoop-gateway"), "demo", "--no-tui", "--ssh-port", "0", "--keep", str(directory / "kept")],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    url = ""
    for line in process.stdout:
        if found := re.search(r"The API: (http://127\.0\.0\.1:\d+)", line):
            url = found[1]
            break
    assert url
    yield url
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)


@pytest.fixture
def alice(demo: str, tmp_path: Path, agent_socket: str) -> Program:
    program = Program(tmp_path / "home", demo)
    program.environ["SSH_AUTH_SOCK"] = agent_socket
    return program


def with_a_browser(program: Program) -> "subprocess.CompletedProcess[str]":
    browser = program.home / "browser"
    browser.write_text(
        f'#!/bin/sh\nexec {sys.executable} {person_in_browser.__file__} "$1" alice >{program.home}/seen 2>&1\n'
    )
    browser.chmod(0o755)
    return program.run("login", DISPLAY=":99", BROWSER=f"{browser} %s")


def ssh(program: Program, *command: str) -> "subprocess.CompletedProcess[str]":
    unasked = ("-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null")
    return program.run("ssh", "web-1", "-F", "/dev/null", *unasked, *command)


def test_with_the_browser_of_this_computer(alice: Program) -> None:
    done = with_a_browser(alice)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr + (alice.home / "seen").read_text()
    assert "signed in as alice@example.com until " in done.stderr
    assert "ssh: certificate in your agent until " in done.stderr
    assert json.loads(alice.run("whoami", "-o", "json").stdout)["person"] == "alice@example.com"
    assert ssh(alice, "echo", "in").stdout == "in\n"
    assert len(json.loads(alice.run("certificates", "ls", "-o", "json").stdout)) >= 1


def test_with_a_code_and_then_out_again(alice: Program, demo: str) -> None:
    with alice.start("login", "--device") as process:
        assert process.stderr is not None
        page = process.stderr.readline().removeprefix("Open ").strip()
        assert page.startswith(f"{demo}/d/")
        assert person_in_browser.sign_in(page, "alice")
        assert process.wait(60) == 0
        assert "signed in as alice@example.com until " in process.stderr.read()
    file = alice.config / "sign-in.json"
    facts = json.loads(file.read_text())
    # The last hour has come: the token is made new, and the certificate goes on.
    now = datetime.now(UTC)
    facts["since"] = (now - timedelta(hours=11)).isoformat()
    facts["expires_at"] = (now + timedelta(minutes=30)).isoformat()
    file.write_text(json.dumps(facts))
    assert alice.run("whoami").returncode == 0
    renewed = json.loads(file.read_text())
    assert renewed["expires_at"] > facts["expires_at"]
    assert renewed["token"] != facts["token"]
    assert alice.run("whoami", HOOP_TOKEN=facts["token"]).returncode == 3
    assert ssh(alice, "echo", "still").stdout == "still\n"
    assert alice.run("logout").returncode == 0
    assert alice.run("whoami", HOOP_TOKEN=renewed["token"]).returncode == 3
    refused = ssh(alice, "echo", "out")
    assert (refused.returncode, refused.stdout) == (3, "")


async def test_inside_the_app(demo: str, tmp_path: Path) -> None:
    app = HoopApp(sign_in=SignIn(demo), emulators=GhosttyEmulator)
    app.sign_in_path = tmp_path / "hoop" / "sign-in.json"
    async with opened(app=app) as scenery:
        await scenery.until(lambda: f"{demo}/d/" in words(app))
        page = re.search(rf"{demo}/d/[0-9A-Z-]+", words(app))
        assert page
        assert await asyncio.to_thread(person_in_browser.sign_in, page[0], "carol")
        await scenery.until(lambda: isinstance(app.screen, SessionsScreen) and bool(app.screen.sessions))
        assert app.me is not None
        assert (app.me.person, "auditor" in app.me.roles) == ("carol@example.com", True)
    assert json.loads(app.sign_in_path.read_text())["gateway"] == demo
