"""The approver's terminal is a target: more than five hundred texts that mean no good, on every screen of the app in
a real terminal. What the terminal is sent are the sequences that the app writes anyway, and letters."""

import base64
import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import unicodedata
from pathlib import Path
from typing import Any

import pytest

from tests.tui.hostile_corpus import CORPUS
from tests.tui.hostile_scenes import MARK, SCENES

ROOT = Path(__file__).resolve().parents[2]
SIZE = (50, 100)
"""Lines and columns."""
_OURS = re.compile(
    "|".join(
        (
            r"\x1b\[(?:[0-9]{1,3}(?:;[0-9]{1,3})*)?m",
            r"\x1b\[[0-9]{1,3};[0-9]{1,3}H",
            r"\x1b\[\?(?:7|25|1000|1002|1003|1004|1006|1015|1016|1049|2004|2026|2031|2048)(?:[hl]|\$p)",
            r"\x1b\[[<>][0-9]{0,2}u",
            r"\x1b\[\?u",
            r"\x1b\[(?:K|J|s|u|2J|0J)",
            r"\x1bP=[12]s\x1b\\",
            r"\x1b\]2;(?:\([0-9]+\) )?hoop\x07",
            r"\x1b\]9;hoop: [0-9]+ new, [0-9]+ waiting for you\x07",
            r"\x1b\]777;notify;hoop;[0-9]+ new, [0-9]+ waiting for you\x07",
            r"\x1b\]22;[a-z-]+\x07",
            r"\x07",
        )
    )
)
_COPIES = re.compile(r"\x1b\]52;c;([A-Za-z0-9+/=]*)\x07")
_JOINERS = "\u200c\u200d"


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[str, dict[str, Any]]]:
    """What the terminal was sent in each scene, and what the app says of it."""
    directory = tmp_path_factory.mktemp("scenes")
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", *SIZE, 0, 0))
    # Steps wait for the screen to be drawn; frames between them show nothing more.
    usual = {"TERM": "xterm-256color", "COLORTERM": "truecolor", "TEXTUAL_FPS": "5"}
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.tui.hostile_scenes", str(directory)],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        cwd=ROOT,
        env={**os.environ, **usual, "HOME": str(directory)},
        start_new_session=True,
    )
    os.close(theirs)
    sent = bytearray()
    try:
        while piece := _read(ours):
            sent += piece
        assert process.wait(60) == 0, sent[-3000:].decode(errors="replace")
    finally:
        process.kill()
        process.wait()
        os.close(ours)
    report = json.loads((directory / "report.json").read_text())
    *parts, _ = re.split(rf"\r?\n{MARK}(\w+)\r?\n", sent.decode("utf-8"))
    return {name: (text, report[name]) for text, name in zip(parts[::2], parts[1::2], strict=True)}


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 1 << 16)
    except OSError:  # nobody is at the other end any more
        return b""


def test_there_are_hundreds_of_them() -> None:
    assert len(CORPUS) == len(set(CORPUS)) >= 500


@pytest.mark.parametrize("scene", SCENES)
def test_nothing_of_it_reaches_the_terminal(
    scene: str, played: dict[str, tuple[str, dict[str, Any]]]
) -> None:
    sent, _ = played[scene]
    for copied in _COPIES.findall(sent):
        assert_letters(base64.b64decode(copied).decode())
    rest = _OURS.sub("", _COPIES.sub("", sent))
    assert sent.count("\x1b[?1049h") == sent.count("\x1b[?1049l") == 1
    assert len(rest) > 10_000
    assert "<U+001B>" in rest or scene == "recordings"
    assert_letters(rest, recorded=scene == "recordings")


def assert_letters(text: str, *, recorded: bool = False) -> None:
    """What is drawn as something, and as wide as it seems. In recorded cells joiners are part of writing."""
    for letter in set(text) - {"\n", "\r"}:
        category = unicodedata.category(letter)
        where = repr(text[max(0, text.index(letter) - 30) :][:60])
        assert category not in ("Cc", "Cs", "Zl", "Zp"), where
        assert recorded or category[0] != "C", where
        assert category != "Cf" or letter in _JOINERS, where


@pytest.mark.parametrize("scene", SCENES)
def test_nothing_of_it_acts(scene: str, played: dict[str, tuple[str, dict[str, Any]]]) -> None:
    _, told = played[scene]
    assert told["status"] == 77, "the app left by itself"
    assert told["was_running"]
    assert told["said"] == []
    assert told["acts"] == []
    assert told["files"] == []
    assert told["clicks"] >= {"approvals": 500, "sessions": 150, "databases": 100}.get(scene, 0)
