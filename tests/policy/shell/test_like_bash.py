"""Odd lines, given to bash itself: every command that it tries to run is one that was seen, or the line is in doubt.

bash finds no program there, may write no file and name no directory; what it does not find it tells us.
"""

import os
import random
import shutil
import subprocess
from pathlib import Path

import pytest

from gateway.policy.command_line import read

pytestmark = pytest.mark.needs("bash")

PIECES = [
    "ca",
    "cb",
    "cb",
    ";",
    "&&",
    "||",
    "|",
    "(",
    ")",
    "{",
    "}",
    "'",
    '"',
    "\\",
    "$",
    "$(",
    "`",
    "#",
    "x=",
    "if_",
    "then_",
    "fi",
    "while_",
    "do_",
    "done",
    "for_i_in_",
    "case_x_in_",
    "x)",
    ";;",
    "esac",
    "!",
    "[_",
    "]",
    "[[_",
    "]]",
    "((",
    "))",
    "<<E^",
    "E^",
    "<<<",
    "$'",
    "\\x63a",
    "{a,b}",
    "${x:-",
    "$x",
    "-f",
    "*",
    "~",
    "function_",
    "f()_",
    "time_",
    "==",
    "=~",
    "@(",
    "<(",
    "$((",
    "coproc_",
    "in_",
    "ca_",
    "cb^",
    ";_cc_",
    "|_cb",
    "^echo_ca^",
    "2",
    "0",
    "_",
    "_",
    "_",
    "^",
    "\\^",
]
"""`_` is a space, `^` the end of a line."""
TELL = """RANDOM=7
command_not_found_handle() {{ local IFS=$'\\x1f'; printf '\\x1e%s' "$*" >&{}; return $((RANDOM % 2)); }}
"""
LINES = 600


def tried(line: str, place: Path) -> list[str]:
    """The commands, words joined by one space."""
    ours, theirs = os.pipe()
    bash = ["bash", "--norc", "--noprofile", "-r", "-c", TELL.format(theirs) + line]
    try:
        subprocess.run(
            [str(shutil.which("timeout")), "-s", "KILL", "5", str(shutil.which("bash")), *bash[1:]],
            cwd=place,
            env={"PATH": "/nonexistent"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(theirs,),
            check=False,
        )
    finally:
        os.close(theirs)
    with os.fdopen(ours, "rb") as told:
        found = told.read(1 << 16).decode("utf-8", "replace").split("\x1e")[1:]
    return [" ".join(words.split("\x1f")) for words in found]


def test_what_bash_runs_was_seen(tmp_path: Path) -> None:
    pick = random.Random(17)
    ran = 0
    for _ in range(LINES):
        line = "".join(pick.choices(PIECES, k=pick.randint(2, 9))).replace("_", " ").replace("^", "\n")
        seen = read(line)
        if not seen.certain:
            continue
        for command in tried(line, tmp_path):
            ran += 1
            assert seen.may_be([command.replace("*", "?")]), f"{line!r} runs {command!r}"
    assert ran > 20, "bash told nothing"


@pytest.mark.parametrize(
    "line", ["ca $'\\x63b'", 'ca "c b" c\\\nd', "ca {a,b}c; cb", "ca <<E | cb\nx\nE\ncc"]
)
def test_words_are_those_of_bash(line: str, tmp_path: Path) -> None:
    seen = [" ".join(command.argv) for command in read(line).facts.commands]
    assert sorted(seen) == sorted(tried(line, tmp_path))
