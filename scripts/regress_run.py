"""One of OpenSSH's regression scripts in one mode, in a process of its own that leaves no other behind.

The scripts start servers, agents and clients that leave their process group. They all become children of this
process when their parents end (it is their subreaper), and are ended before it ends: also where the script has failed
or hangs, and where this process is told to end or the one that started it is gone.

Called by `interop_ssh.py`; prints the result as JSON.
"""

import asyncio
import contextlib
import ctypes
import json
import os
import signal
import sys
import time
from dataclasses import asdict
from pathlib import Path

from scripts.openssh_regress import Prepared, Result, account, prepare, run
from scripts.regress_gateway import RULES, RegressGateway

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
GRACE = 3.0
"""Seconds in which what is left may clear up after itself."""


def main(place: str, script: str, mode: str, first_port: str, patience: str) -> int:
    """0: `Result` is on standard output."""
    adopt()
    prepared = Prepared(Path(place), script, account(), int(first_port), mode in RULES)
    try:
        result = asyncio.run(attempt(prepared, mode, float(patience)))
    except asyncio.CancelledError:
        return 128 + signal.SIGTERM
    finally:
        end_all_children()
    print(json.dumps(asdict(result)))
    return 0


def adopt() -> None:
    """Orphans below this process become its children. It is told to end when its own parent is gone."""
    process_control = ctypes.CDLL(None, use_errno=True).prctl
    for option, value in ((PR_SET_CHILD_SUBREAPER, 1), (PR_SET_PDEATHSIG, int(signal.SIGTERM))):
        if process_control(option, ctypes.c_ulong(value), *[ctypes.c_ulong(0)] * 3):
            raise OSError(ctypes.get_errno(), "prctl")


async def attempt(prepared: Prepared, mode: str, patience: float) -> Result:
    """The script from its preparation to its end, with a gateway where the mode has one."""
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    await asyncio.to_thread(prepare, prepared)
    if not prepared.through:
        return await run(prepared, patience)
    gateway = RegressGateway(prepared, RULES[mode])
    try:
        await gateway.start()
        result = await run(prepared, patience)
        if result.word == "passed" and not gateway.has_recorded:
            return Result("failed", "the script has not used the gateway")
        return result.with_more(gateway.last_words) if result.word in ("failed", "hung") else result
    except (RuntimeError, TimeoutError) as problem:
        return Result("failed", f"{problem}\n{gateway.last_words}")
    finally:
        await gateway.stop()


def end_all_children() -> None:
    """Asked first, then without asking. Returns when there is none."""
    deadline = time.monotonic() + GRACE
    _signal_all(signal.SIGTERM)
    while _reap():
        if time.monotonic() < deadline:
            time.sleep(0.02)
        else:
            _signal_all(signal.SIGKILL)
            time.sleep(0.02)


def _signal_all(number: signal.Signals) -> None:
    for pid in descendants(os.getpid()):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


def _reap() -> bool:
    """Takes leave of whoever has ended. Whether there are others."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return False
    return True


def descendants(pid: int) -> list[int]:
    """The children of a process, and theirs."""
    found: list[int] = []
    for listed in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            for child in map(int, listed.read_text().split()):
                found += [child, *descendants(child)]
    return found


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
