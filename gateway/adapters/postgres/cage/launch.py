"""What runs first in the new process: `main`.

It reads what to become and what that needs, shuts the cage around itself, hands back the listener for its sockets and
becomes it. Whatever fails, it says so over the socket and ends: nothing runs that is not in the cage. It imports the
standard library and its two neighbours only, because every session waits for it.
"""

import array
import ctypes
import fcntl
import json
import os
import pwd
import resource
import socket
import termios
from collections.abc import Mapping
from typing import Any

from gateway.adapters.postgres.cage import landlock, seccomp

READY = b"ready"
NOBODY = "nobody"
_PR_SET_PDEATHSIG = 1
_PR_CAP_AMBIENT, _CLEAR_ALL = 47, 4
_SIGKILL = 9
_LIMITS = {
    resource.RLIMIT_CORE: 0,
    resource.RLIMIT_FSIZE: 0,
    resource.RLIMIT_NOFILE: 64,
    resource.RLIMIT_AS: 512 << 20,
}
"""A result that psql keeps in memory ends with psql's own words where it is larger than that."""
NICE = 5
OOM_FIRST = "1000"


def main(ordered: int, answers: int) -> None:
    """Takes the numbers of a file with the order, and of a socket. Returns only where it fails. The socket is closed
    as the program begins: nothing comes after READY then."""
    os.set_inheritable(answers, False)
    with socket.socket(fileno=answers) as control:
        try:
            with os.fdopen(ordered, "rb") as file:
                order = json.load(file)
            listener = shut_cage(order)
            rights = array.array("i", [listener])
            control.sendmsg([READY], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])
            os.close(listener)
            os.execve(order["program"], order["arguments"], order["environment"])  # noqa: S606 - that is the point
        except (OSError, KeyError, ValueError) as problem:
            control.send(_in_words(problem).encode())


def shut_cage(order: Mapping[str, Any]) -> int:
    """Become a process that can do no harm. Returns the listener. Raises `OSError`."""
    here = seccomp.machine()
    if here is None:
        raise OSError(0, "no system call numbers are known for this processor")
    if not landlock.abi():
        raise OSError(0, "the kernel has no landlock")
    if os.isatty(0):
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    be_the_first_to_go()
    os.nice(NICE)
    for kind, most in _LIMITS.items():
        resource.setrlimit(kind, (most, most))
    os.umask(0o777)
    os.chdir("/")
    if os.geteuid() == 0:
        become_nobody()
    libc = ctypes.CDLL(None)
    libc.prctl(_PR_CAP_AMBIENT, _CLEAR_ALL, 0, 0, 0)
    libc.prctl(_PR_SET_PDEATHSIG, _SIGKILL, 0, 0, 0)
    landlock.restrict(order["reads"], order["runs"], order["writes"])
    return seccomp.shut_in(here)


def _in_words(problem: Exception) -> str:
    return (problem.strerror or "" if isinstance(problem, OSError) else str(problem)).lower() or "unknown"


def be_the_first_to_go() -> None:
    """Where memory runs out, this goes before the gateway."""
    try:
        with open("/proc/self/oom_score_adj", "w") as score:  # noqa: PTH123 - every import costs the person time
            score.write(OOM_FIRST)
    except OSError:
        pass  # there is no such thing here


def become_nobody() -> None:
    """For a process that root has started."""
    nobody = pwd.getpwnam(NOBODY)
    os.setgroups([])
    os.setresgid(nobody.pw_gid, nobody.pw_gid, nobody.pw_gid)
    os.setresuid(nobody.pw_uid, nobody.pw_uid, nobody.pw_uid)
