"""A newcomer at a terminal: from `hoop-gateway demo` to a first decision, doing what the screen says and
nothing else."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import BIN, Terminal

pytestmark = [pytest.mark.interop, pytest.mark.needs("postgres", "tmux")]
PATIENCE = 120.0
HELD_SECONDS = 30.0
"""Once the demo says that it is ready: then there has to be something to decide."""
DECIDED_SECONDS = 60.0
"""From the same moment on: the first decision."""


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    environ = {**os.environ, "HOME": str(tmp_path), "TERM": "xterm-256color", "LC_ALL": "C.UTF-8"}
    opened = Terminal(tmp_path, [str(BIN / "hoop-gateway"), "demo", "--ssh-port", "0"], environ)
    yield opened
    opened.close()


def test_what_the_strip_says_leads_to_a_decision(terminal: Terminal) -> None:
    terminal.see(r"The app opens when you press Enter, as Bob", PATIENCE)
    ready = time.monotonic()
    terminal.type("Enter")
    terminal.see(r"1 of 5: Dave waits for your word: press F2", HELD_SECONDS)
    terminal.type("F2")
    terminal.see(r"2 of 5: read the card, then press a", PATIENCE)
    terminal.see(r"1  DELETE FROM orders WHERE id = 5002", PATIENCE)
    time.sleep(1)  # what changed just now takes no decision
    terminal.type("a")
    terminal.see(r"3 of 5: tab until > is at Approve, then enter", PATIENCE)
    terminal.type("Tab", "Tab")
    terminal.see(r"> \[ Approve \]", PATIENCE)
    terminal.type("Enter")
    terminal.see(r"4 of 5: he has your answer", ready + DECIDED_SECONDS - time.monotonic())
    terminal.type("F3")
    terminal.see(r"4 of 5: see it run: g, then enter", PATIENCE)
    terminal.type("g", "Enter")
    terminal.see(r"5 of 5: all that he runs is in here", PATIENCE)
    terminal.see(r"APPROVED by deletes-are-looked-at", PATIENCE)
    terminal.see(r"result  DELETE 1 ", PATIENCE)
    terminal.type("F2")
    shown = terminal.see(r"! HIGH .*UPDATE customers", PATIENCE)
    assert "of 5:" not in shown
    terminal.type("q")
