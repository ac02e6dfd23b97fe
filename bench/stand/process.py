"""What a process and its children have used, out of /proc: processor time, memory, descriptors, threads."""

import os
import time
from pathlib import Path

from tests.ssh.sshd import descendants

_TICK: int = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> float:
    """User and system time of a process and everything it has started so far."""
    total = 0
    for each in (pid, *descendants(pid)):
        fields = _text(each, "stat").rpartition(")")[2].split()
        total += sum(int(field) for field in fields[11:15])
    return total / _TICK


def memory_kb(pid: int) -> int:
    """What a process and its children hold of memory; what they share counts once."""
    found = 0
    for each in (pid, *descendants(pid)):
        for line in _text(each, "smaps_rollup").splitlines():
            if line.startswith("Pss:"):
                found += int(line.split()[1])
    return found


def descriptors(pid: int) -> int:
    """Open files and sockets."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def threads(pid: int) -> int:
    """Threads of the process itself."""
    return len(list(Path(f"/proc/{pid}/task").iterdir()))


def load() -> float:
    """How busy the machine was in the last minute, in processors."""
    return os.getloadavg()[0]


def settle(pid: int, patience: float = 60.0) -> float:
    """Wait until a process has nothing to do for a while; returns its processor time. It may poll a little."""
    deadline = time.monotonic() + patience
    used, quiet = cpu_seconds(pid), 0
    while quiet < 3 and time.monotonic() < deadline:
        time.sleep(0.1)
        before, used = used, cpu_seconds(pid)
        quiet = quiet + 1 if used - before <= 1.01 / _TICK else 0
    return used


def _text(pid: int, name: str) -> str:
    try:
        return Path(f"/proc/{pid}/{name}").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""
