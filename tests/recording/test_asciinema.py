"""asciinema 2 prints and plays what we export, byte for byte."""

import fcntl
import os
import pty
import subprocess
import termios
from pathlib import Path

import pytest

from gateway.core.frame import Frame, FrameKind
from gateway.recording.exports import export
from gateway.recording.writer import RecordingWriter

pytestmark = [pytest.mark.interop, pytest.mark.needs("asciinema")]

SHOWN = [
    b"\x1b[?1049h\x1b[2J\x1b[1;1Hvim \x1b[31mred\x1b[0m\r\n",
    "größer € ".encode(),
    "🙂".encode()[:2],
    "🙂".encode()[2:] + b"\r\n\x00\x07\x7f\t",
    b'quotes " and \\ and \x1b]0;title\x07',
    "\u2028 \u0085 \u202e line ends that are none\r".encode(),
    b"x" * 300_000,
    b"\x1b[?1049l",
]


@pytest.fixture
def cast_file(tmp_path: Path) -> Path:
    """A cast with every kind of event in it."""
    writer = RecordingWriter({"cols": 80, "rows": 24, "term": "xterm", "person": "ana", "target": "web-1"})
    parts = [writer.head()]
    for number, data in enumerate(SHOWN):
        kind = FrameKind.ERROR if number == 4 else FrameKind.OUTPUT
        writer.add(Frame(number * 1000, kind, data))
        writer.add(Frame(number * 1000, FrameKind.MARK, b'{"kind": "command", "text": "ls"}'))
        writer.add(Frame(number * 1000, FrameKind.RESIZE, b'{"cols": 90, "rows": 30}'))
        writer.add(Frame(number * 1000, FrameKind.INPUT, b"typed"))
        parts.append(writer.seal())
    writer.add(Frame(9000, FrameKind.EXIT, b'{"status": 0}'))
    parts.append(writer.seal())
    path = tmp_path / "session.cast"
    path.write_bytes(b"".join(export("cast2", parts)))
    return path


@pytest.mark.parametrize("command", ["cat", "play"])
def test_asciinema_shows_the_exact_bytes(command: str, cast_file: Path) -> None:
    """It insists on a controlling terminal, so it gets one of its own; what it prints goes to a pipe."""
    master, slave = pty.openpty()

    def own_terminal() -> None:
        os.setsid()
        fcntl.ioctl(slave, termios.TIOCSCTTY, 0)

    try:
        done = subprocess.run(
            ["asciinema", command, str(cast_file)],
            stdin=slave,
            capture_output=True,
            preexec_fn=own_terminal,
            pass_fds=[slave],
            env={
                "PATH": os.environ["PATH"],
                "LANG": "C.UTF-8",
                "HOME": str(cast_file.parent),
                "TERM": "xterm",
            },
            timeout=30,
            check=False,
        )
    finally:
        os.close(slave)
        os.close(master)
    assert done.stderr == b""
    assert done.returncode == 0
    assert done.stdout == b"".join(SHOWN)
