"""What a fork becomes: `become` makes a console of it, for one person, and never returns.

It keeps its terminal and its line to the API, and nothing else: no other descriptor, no environment, no way for
others to look into it. What it may open on the machine was given up before by what it was forked from.
"""

import ctypes
import importlib
import json
import os
import random
import resource
import signal
import sys
import termios
from fcntl import F_DUPFD, fcntl, ioctl
from typing import NoReturn

from hoop_tui.console.report import report
from hoop_tui.mistakes import where_it_was

TERMINAL, API = 0, 3
FAILED = 70
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS = 1, 4, 38
_MEMORY = 2 << 30
_NEEDED = (
    "hoop_tui.console.app",
    "textual.drivers.linux_driver",
    "textual.css.parse",
    "textual.widgets._data_table",
    "textual.widgets._footer",
    "textual.widgets._input",
    "textual.widgets._tree",
)


def load() -> None:
    """Everything that a console needs, so that all share it; not another event loop that happens to be there."""
    sys.modules["trio"] = None  # type: ignore[assignment]  # how an import is refused
    from hoop_tui.going import LATER

    for name in (*_NEEDED, *LATER):
        importlib.import_module(name)


def be_closed() -> None:
    """From here on no other process of the account can look into this one or what is forked from it, and none of them
    gains privileges."""
    if sys.platform == "linux":
        prctl = ctypes.CDLL(None).prctl
        prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def become(order: bytes, terminal: int, api: int) -> NoReturn:
    """One console, as the gateway has ordered it."""
    code = FAILED
    try:
        _take(terminal, api)
        told = {name: str(text) for name, text in json.loads(order).items()}
        _be_alone(told)
        code = _run(told)
    except BaseException as problem:  # noqa: BLE001 - of a fork nothing may return
        report(API, where_it_was(problem))
    finally:
        os._exit(code)


def _take(terminal: int, api: int) -> None:
    """Make the terminal ours, and close all else."""
    signal.set_wakeup_fd(-1)
    os.setsid()
    ioctl(terminal, termios.TIOCSCTTY, 0)
    terminal, api = (fcntl(each, F_DUPFD, API + 1) for each in (terminal, api))
    for number in (TERMINAL, 1, 2):
        os.dup2(terminal, number)
    os.dup2(api, API, inheritable=False)
    os.closerange(API + 1, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
    for name, number, mode in (("stdin", TERMINAL, "r"), ("stdout", 1, "w"), ("stderr", 2, "w")):
        file = open(number, mode, closefd=False)  # noqa: SIM115 - it stays open
        setattr(sys, name, file)
        setattr(sys, f"__{name}__", file)


def _be_alone(told: dict[str, str]) -> None:
    for number in (signal.SIGINT, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU, signal.SIGQUIT):
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    random.seed()
    os.environ.clear()
    os.environ.update(
        HOME="/nonexistent",
        LANG="C.UTF-8",
        TERM=told["term"],
        COLORTERM=told["colours"],
    )


def _run(told: dict[str, str]) -> int:
    from hoop_tui.console.app import ConsoleApp

    app = ConsoleApp(API, told)
    app.run()
    return app.return_value if app.return_value is not None else app.return_code or 0
