"""`hoop-tui login` on a real terminal: the picture is there where it is whole and can be read."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import termios

import pytest

from hoop_tui.login.qr import inverted, qr_lines
from tests.tui.conftest import BIN, Program
from tests.tui.sign_in_double import SignInDouble


def on_a_terminal(program: Program, cols: int, rows: int, **environ: str) -> str:
    """What `login` says on a terminal of this size."""
    terminal, end = pty.openpty()
    fcntl.ioctl(end, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))
    process = subprocess.Popen(
        [str(BIN / "hoop-tui"), "login", "--device", "--no-ssh"],
        env=program.environ | {"TERM": "xterm-256color"} | environ,
        stdin=end,
        stdout=subprocess.DEVNULL,
        stderr=end,
        cwd=program.home,
    )
    os.close(end)
    said = b""
    try:
        while piece := os.read(terminal, 65536):
            said += piece
    except OSError:
        pass  # the other end is closed: Linux says so with an error
    os.close(terminal)
    assert process.wait(30) == 0
    return said.decode()


@pytest.mark.parametrize(
    ("cols", "rows", "environ", "picture", "colours"),
    [
        (100, 40, {}, True, True),
        (100, 40, {"NO_COLOR": "1"}, True, False),
        (33, 40, {}, False, False),
        (100, 20, {}, False, False),
        (100, 40, {"TERM": "dumb"}, False, False),
        (100, 40, {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONIOENCODING": "latin-1"}, False, False),
    ],
)
def test_the_picture_on_a_terminal(
    program: Program,
    sign_in_double: SignInDouble,
    cols: int,
    rows: int,
    environ: dict[str, str],
    picture: bool,
    colours: bool,
) -> None:
    sign_in_double.confirmed.set()
    said = on_a_terminal(program, cols, rows, **environ)
    assert "signed in as alice@example.com" in said
    assert ("▀" in said) is picture
    assert ("\x1b[30;107m" in said) is colours
    if picture:
        shown = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in said.split("\r\n")]
        wanted = qr_lines(f"{sign_in_double.url}/d/WDJB-MJHT")
        assert set(wanted if colours else inverted(wanted)) <= set(shown)
    assert not re.search(r"\x1b(?!\[30;107m|\[0m)", said)
