"""Makes the recordings of `replays/` anew: real sessions of a stock ssh client through a demo gateway.

Run it by hand when the recording format or the demo changes: `.venv/bin/python scripts/make_replays.py`.
"""

import asyncio
import fcntl
import os
import pty
import random
import re
import select
import shutil
import struct
import subprocess
import sys
import tempfile
import termios
import time
from dataclasses import dataclass
from pathlib import Path

from gateway.app.demo import opened

REPLAYS = Path(__file__).parents[1] / "replays"
PROMPT = r"web-1:\S* ?\$ $"


@dataclass(frozen=True)
class Step:
    """Wait until the screen ends with `seen`, then think, then type `keys`."""

    seen: str
    keys: str
    think: float = 0.6


SHELL_WITH_VIM = (
    Step(PROMPT, "uptime\r", 1.2),
    Step(PROMPT, "ll\r"),
    Step(PROMPT, "cat notes.txt\r", 1.0),
    Step(PROMPT, "grep -c ERROR log/app.log\r", 2.5),
    Step(PROMPT, "vim notes.txt\r", 1.0),
    Step(r"Runbook 12[\s\S]*", "G", 1.2),
    Step(r"[\s\S]*", "o4. Write down who did it, and when.\x1b", 0.8),
    Step(r"[\s\S]*", ":wq\r", 0.8),
    Step(PROMPT, "tail -n 2 notes.txt\r", 1.0),
    Step(PROMPT, "exit\r", 1.0),
)
MASKED = (
    Step(PROMPT, "cat customers.csv\r", 1.2),
    Step(PROMPT, "grep --color=always example.org customers.csv\r", 2.0),
    Step(PROMPT, "cat app.env\r", 1.5),
    Step(PROMPT, "exit\r", 1.5),
)
PASSWORD = (
    Step(PROMPT, "read -s -p 'PIN: ' pin; echo; echo ${#pin} keys\r", 1.0),
    Step(r"PIN: $", "271828\r", 1.0),
    Step(PROMPT, "sleep 6; echo done\r", 1.0),
    Step(PROMPT, "exit\r", 1.0),
)


def type_session(config: Path, steps: tuple[Step, ...], command: str = "") -> None:
    """One session as a person would have it, at a terminal of 80x24."""
    pid, master = pty.fork()
    if pid == 0:
        os.environ["TERM"] = "xterm-256color"
        os.execvp("ssh", ["ssh", "-F", str(config), "web-1", *([command] if command else [])])
    fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    screen = ""
    for step in steps:
        screen = _until(master, screen, step.seen)
        time.sleep(step.think)
        screen = ""
        for key in step.keys:
            os.write(master, key.encode())
            screen += _read(master, random.uniform(0.04, 0.16))
    while _read(master, 3.0):
        pass
    os.close(master)
    os.waitpid(pid, 0)


def _until(master: int, screen: str, pattern: str) -> str:
    deadline = time.monotonic() + 15
    while not re.search(pattern, _plain(screen)):
        if time.monotonic() > deadline:
            raise SystemExit(f"never saw {pattern!r} in {screen[-400:]!r}")
        screen += _read(master, 0.2)
    return screen


def _plain(screen: str) -> str:
    return re.sub(r"\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07]*\x07|[=>()][0-9A-B]?)", "", screen)


def _read(master: int, seconds: float) -> str:
    ready, _, _ = select.select([master], [], [], seconds)
    if not ready:
        return ""
    time.sleep(0.005)
    try:
        return os.read(master, 65536).decode(errors="replace")
    except OSError:
        return ""


async def main() -> None:
    """Make every recording and put it in place."""
    random.seed(12)
    with tempfile.TemporaryDirectory(prefix="hoop-replays-") as scratch:
        directory = Path(scratch) / "demo"
        async with opened(directory, 0, seeded=False) as demo:
            await demo.sign_in("alice")
            config = directory / "ssh_config"
            for name, steps, command in (
                ("shell-with-vim", SHELL_WITH_VIM, ""),
                ("masked-answers", MASKED, ""),
                ("hidden-password", PASSWORD, ""),
                ("blocked-restart", (), "sudo systemctl restart nginx"),
            ):
                known = {row.id for row in await demo.house.ledger.sessions()}
                await asyncio.to_thread(type_session, config, steps, command)
                (row,) = [row for row in await demo.house.ledger.sessions() if row.id not in known]
                while (row := await demo.house.ledger.session(row.id) or row).ended_at is None:
                    await asyncio.sleep(0.05)
                shutil.copyfile(directory / "data" / "recordings" / row.recording, REPLAYS / f"{name}.hrec")
                print(f"{name}: {row.id} {row.outcome}, {row.bytes_shown} bytes")


if __name__ == "__main__":
    if not shutil.which("ssh") or not shutil.which("vim"):
        sys.exit("needs ssh and vim")
    subprocess.run(["vim", "--version"], check=True, capture_output=True)
    asyncio.run(main())
