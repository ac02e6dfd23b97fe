"""One straight line: stock ssh through the gateway, judged, masked, recorded, listed live and replayed."""

import json
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest

from tests.e2e.conftest import BIN, Demo, Terminal

Open = Callable[..., Terminal]

pytestmark = [pytest.mark.interop, pytest.mark.needs("ssh", "tmux", "vim")]


def test_a_blocked_command_never_reaches_the_target(demo: Demo) -> None:
    done = demo.run("blocked")
    assert done.returncode == 126
    assert done.stdout == b""
    assert done.stderr.splitlines()[-1] == (
        b"hoop: blocked by no-restarts - restarts go through the deploy pipeline"
    )
    row = demo.sessions()[0]
    assert (row["state"], row["blocked"], row["commands"]) == ("BLOCKED", 1, 0)


def test_answers_are_masked(demo: Demo) -> None:
    done = demo.run("masked")
    assert done.returncode == 0
    first = done.stdout.splitlines()[1]
    assert re.fullmatch(rb"1001,Ada Lovelace,\[email\*+\],\[card\*+\]", first)
    assert b"4111" not in done.stdout
    assert (demo.directory / "web-1" / "customers.csv").stat().st_size == len(done.stdout)


def test_a_second_terminal_decides_what_is_held(demo: Demo) -> None:
    def bob(*arguments: str) -> str:
        command = ["sh", str(demo.directory / "bob"), "review", *arguments]
        environment = demo.environment()
        done = subprocess.run(
            command, capture_output=True, timeout=60, env=environment, check=True, text=True
        )
        return done.stdout

    log = demo.directory / "web-1" / "log" / "app.log"
    for decision, status in (("deny", 126), ("approve", 0)):
        waiting = subprocess.Popen(
            demo.lines["held"], stderr=subprocess.PIPE, env=demo.environment(), text=True
        )
        assert waiting.stderr is not None
        try:
            said = next(line for line in waiting.stderr if line.startswith("hoop: held"))
            id = re.match(r"hoop: held (\S+) \(rule removals-are-looked-at, ask dba, sec, 10 min\)", said)[1]  # type: ignore[index]
            assert log.exists()
            shown = json.loads(bob("show", id, "-o", "json"))["statement"]
            assert shown["text"] == "rm log/app.log"
            approval = ["--yes", "--sha", shown["sha256"][:12]]
            bob(decision, id, "--reason", "an audit needs it", *(approval if decision == "approve" else []))
            assert waiting.wait(30) == status
            assert 'by bob@example.com: "an audit needs it"' in waiting.stderr.read()
        finally:
            waiting.kill()
            waiting.stderr.close()
    assert not log.exists()


def test_a_shell_with_vim_is_listed_live_and_replays_exactly(demo: Demo, terminal: Open) -> None:
    shell = terminal(*demo.lines["shell"])
    told = shell.see(r"hoop: you are alice@example.com on web-1 \(DEMO\) - recorded as s-\w{8}")
    (id,) = re.findall(r"recorded as (s-\w{8})", told)
    shell.see(r"web-1:~\$$")
    app = terminal(str(BIN / "hoop-tui"), "--gateway", demo.api, "--token-file", str(demo.token_file))
    app.see(r"LIVE +\w+ +alice")
    shell.type("vim notes.txt", "Enter")
    shell.see(r"Runbook 12")
    shell.type("G", "o", "5. Seen by the test", "Escape", ":wq", "Enter")
    shell.see(r"web-1:~\$$")
    shell.type("tail -n 1 notes.txt", "Enter")
    last = shell.see(r"\n5\. Seen by the test\s+deploy@web-1:~\$$")
    shell.type("exit 3", "Enter")
    deadline = time.monotonic() + 30
    while (row := demo.session(id))["state"] == "LIVE":
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert (row["state"], row["outcome"]) == ("ENDED", "exit 3")
    app.see(r"ENDED +\w+ +alice")
    app.type("/", "user:alice", "Enter")
    app.see(rf"filter user:alice[^>]*> ENDED +{id[2:]} +alice")

    app.type("Enter")
    app.see(r"alice@example.com")
    app.type("End")
    replayed = app.see(r"5\. Seen by the test")
    for line in (line for line in last.splitlines()[-4:] if line.strip()):
        assert line[:60].rstrip() in replayed
    app.type("q")


def test_the_feed_and_the_app_show_a_new_session_at_once(demo: Demo, terminal: Open) -> None:
    app = terminal(str(BIN / "hoop-tui"), "--gateway", demo.api, "--token-file", str(demo.token_file))
    app.see(r"live")
    known = {row["id"] for row in demo.sessions()}
    demo.run("masked")
    (new,) = {row["id"] for row in demo.sessions()} - known
    app.see(new.removeprefix("s-")[:4], seconds=3)


@pytest.mark.parametrize(
    "garbage", [b"GET / HTTP/1.1\r\n\r\n", b"\x00" * 4096, b"SSH-2.0-x\r\n" + b"\xff" * 5000]
)
def test_garbage_on_the_ssh_port_hurts_nobody(demo: Demo, garbage: bytes) -> None:
    port = int(re.search(r"Port (\d+)", (demo.directory / "ssh_config").read_text())[1])  # type: ignore[index]
    with socket.create_connection(("127.0.0.1", port), timeout=10) as peer:
        peer.sendall(garbage)
        peer.settimeout(1)  # the gateway may wait for more
        try:
            while peer.recv(4096):
                pass
        except (ConnectionError, TimeoutError):
            pass
    assert demo.run("masked").returncode == 0
    assert "Traceback" not in (demo.directory / "gateway.log").read_text()


def test_ctrl_c_leaves_nothing_behind(demo: Demo, terminal: Open) -> None:
    shell = terminal(*demo.lines["shell"])
    shell.see(r"web-1:~\$$")
    port = urlsplit(demo.api).port
    assert demo.stop() == 0
    assert not demo.directory.exists()
    assert demo.process.stderr is not None
    assert demo.process.stderr.read() == ""
    with pytest.raises(ConnectionError), socket.create_connection(("127.0.0.1", port), timeout=2):
        pass
    found = shutil.which("pgrep")
    if found:
        left = subprocess.run(
            [found, "-s", str(demo.process.pid)], capture_output=True, text=True, check=False
        )
        assert left.stdout == ""
