"""The program itself under tmux, against the API over HTTP: keys in, words out, and nothing hostile on the wire."""

import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.tui.conftest import TOKEN, HttpDouble

BIN = Path(sys.executable).parent

pytestmark = [pytest.mark.interop, pytest.mark.needs("tmux")]


class Tmux:
    """A private tmux server with one window of 100x30; everything the program writes is kept as bytes."""

    def __init__(self, directory: Path) -> None:
        self._socket = directory / "tmux"
        self.raw = directory / "raw"

    def __call__(self, *arguments: str) -> str:
        command = ["tmux", "-S", str(self._socket), "-f", "/dev/null", *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=30, check=True).stdout

    def start(self, command: str) -> None:
        # `script`-like: the bytes are recorded before tmux has understood them.
        self("new-session", "-d", "-x", "100", "-y", "30", command)
        self("pipe-pane", "-o", f"cat >> {shlex.quote(str(self.raw))}")

    def screen(self) -> str:
        return self("capture-pane", "-p")

    def see(self, *words: str) -> str:
        deadline = time.monotonic() + 40
        while time.monotonic() < deadline:
            shown = self.screen()
            if all(word in shown for word in words):
                return shown
            time.sleep(0.05)
        raise AssertionError(f"{words} not in:\n{self.screen()}")

    def keys(self, *keys: str) -> None:
        self("send-keys", *keys)


@pytest.fixture
def tmux(tmp_path: Path) -> Iterator[Tmux]:
    terminal = Tmux(tmp_path)
    yield terminal
    subprocess.run(["tmux", "-S", str(tmp_path / "tmux"), "kill-server"], capture_output=True, timeout=30)


@pytest.fixture
def start(tmux: Tmux, http_double: HttpDouble, tmp_path: Path) -> Callable[..., None]:
    def start_it(*arguments: str, status: bool = False) -> None:
        environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "HOOP_GATEWAY": http_double.url,
            "HOOP_TOKEN": TOKEN,
            "LC_ALL": "C.UTF-8",
        }
        variables = " ".join(shlex.quote(f"{name}={value}") for name, value in environ.items())
        words = " ".join(shlex.quote(word) for word in (str(BIN / "hoop-tui"), *arguments))
        tail = "; echo status=$?; cat" if status else ""
        tmux.start(f"env -i TERM=$TERM {variables} {words}{tail}")

    return start_it


def test_list_replay_and_leave(tmux: Tmux, start: Callable[..., None]) -> None:
    start(status=True)
    tmux.see("gw-eu-1  * live", "77QA4TBN", "4 live")
    tmux.keys("/")
    tmux.keys("-l", "user:erin")
    tmux.keys("Enter")
    tmux.see("filter user:erin", "> ENDED")
    tmux.keys("Enter")
    tmux.see("s-2B8CK4TQ erin", "CHAPTERS", "whole")
    tmux.keys("g")
    tmux.keys("-l", "8:45")
    tmux.keys("Enter")
    tmux.see("denied T9Q-4WD by bob@example.com")
    tmux.keys("Escape")
    tmux.see("F3 Sessions 4")
    tmux.keys("q")
    tmux.see("status=0")
    assert TOKEN not in tmux.screen()


def test_play_opens_at_the_moment(tmux: Tmux, start: Callable[..., None]) -> None:
    start("play", "2b8ck4tq@8:45")
    tmux.see("s-2B8CK4TQ erin", "08:45", "denied T9Q-4WD")


def test_nothing_hostile_reaches_the_wire(
    tmux: Tmux, start: Callable[..., None], http_double: HttpDouble
) -> None:
    evil = "\x1b]52;c;T1dORUQ=\x07\x1b]0;OWNED\x07\u202e\x9b31m[@click=app.leave]x[/]"
    kept = http_double.gateway.kept["s-2B8CK4TQ"]
    kept.summary = kept.summary.model_copy(update={"person": evil, "target": evil})
    shown = "\x1b]52;c;T1dORUQ=\x07\x1b]0;OWNED\x07\x1b]8;;http://OWNED\x1b\\link\x1b]8;;\x1b\\ \x1b[6n\x1b[c done"
    kept.frames = [type(kept.frames[0])(0, kept.frames[2].kind, shown.encode()), *kept.frames]
    start()
    tmux.see("<U+001B>", "4 live")
    tmux.keys("j", "j", "j", "j")
    time.sleep(0.5)
    tmux.keys("Enter")
    tmux.see("CHAPTERS")
    tmux.keys("q")
    raw = tmux.raw.read_bytes()
    assert b"<U+001B>" in raw
    acts = (b"\x1b]52", b"\x1b]0;OWNED", b"\x1b]8;;http", b"\x1b[6n", b"\x1b[c")
    hides = ("\u202e".encode(), "\x9b".encode())
    assert [payload for payload in (*acts, *hides) if payload in raw] == []
