"""Runs OpenSSH's regression scripts directly and through a gateway, and says where the results differ.

Called by scripts/interop-ssh. Each script in each mode is a process of its own, `regress_run.py`; the script's copy
is prepared by `openssh_regress.py`, and the gateway is in `regress_gateway.py`. This file chooses, times and prints.
"""

import argparse
import asyncio
import contextlib
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from scripts.openssh_regress import LEFT_OUT, PORTS, REGRESS, SCRIPTS, Result
from scripts.regress_gateway import RULES

ROOT = Path(__file__).resolve().parent.parent

DIRECT = "direct"
MODES = (DIRECT, *RULES)
TITLES = {DIRECT: "direct", "gateway": "gateway", "rules": "gateway with rules"}

LONGEST = ("multiplex", "exit-status", "scp", "forwarding", "dynamic-forward", "putty-transfer", "scp3")
"""They begin first, so that nothing is waited for in the end."""

NEEDED = {
    str(REGRESS / "test-exec.sh"): "openssh-tests",
    "/usr/sbin/sshd": "openssh-server",
    "ssh": "openssh-client",
    "plink": "putty-tools",
}

Results = Mapping[tuple[str, str], Result]


@dataclass(frozen=True, slots=True)
class Wish:
    """What the command line asks for."""

    scripts: tuple[str, ...]
    modes: tuple[str, ...]
    jobs: int
    patience: float
    keep: Path | None


def main() -> int:
    """0: what passes directly passes through the gateway. 1: not so. 2: it could not be tried."""
    wish = read_wish()
    if missing := install_missing():
        print(f"interop-ssh: {', '.join(missing)} missing - install as root: apt-get install", *missing)
        return 2
    try:
        if wish.keep is not None:
            wish.keep.mkdir(parents=True, exist_ok=True)
            return asyncio.run(compare(wish, wish.keep.resolve()))
        # A short name: sockets in it must not be longer than 108 bytes.
        with tempfile.TemporaryDirectory(prefix="hoop-interop-", ignore_cleanup_errors=True) as directory:
            return asyncio.run(compare(wish, Path(directory)))
    except (KeyboardInterrupt, asyncio.CancelledError):
        print("interop-ssh: broken off", file=sys.stderr)
        return 130


def read_wish() -> Wish:
    """Scripts and modes by name; all of them without any."""
    parser = argparse.ArgumentParser(prog="scripts/interop-ssh", description=__doc__)
    parser.add_argument("scripts", nargs="*", metavar="SCRIPT", help=f"of {', '.join(SCRIPTS)}")
    parser.add_argument("--mode", action="append", choices=MODES, help="again for another; without: all")
    parser.add_argument("--jobs", type=int, default=3, help="how many at a time")
    parser.add_argument("--patience", type=float, default=300.0, help="seconds for one script")
    parser.add_argument("--keep", type=Path, help="work in this directory, and leave logs there")
    given = parser.parse_args()
    if unknown := set(given.scripts) - set(SCRIPTS):
        parser.error(f"there is no script {', '.join(sorted(unknown))}")
    wanted = tuple(name for name in SCRIPTS if name in given.scripts) or SCRIPTS
    modes = tuple(mode for mode in MODES if mode in (given.mode or MODES))
    return Wish(wanted, modes, max(given.jobs, 1), given.patience, given.keep)


def install_missing() -> list[str]:
    """Packages that are not there and could not be installed."""
    if missing_packages() and os.getuid() == 0:
        subprocess.run([ROOT / "scripts" / "install-programs"], check=False, stdout=subprocess.DEVNULL)
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    return missing_packages()


def missing_packages() -> list[str]:
    """In the order of NEEDED."""
    there = {probe: Path(probe).exists() if "/" in probe else bool(shutil.which(probe)) for probe in NEEDED}
    return [package for probe, package in NEEDED.items() if not there[probe]]


async def compare(wish: Wish, directory: Path) -> int:
    """Run everything, print the table, judge it."""
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    scripts = sorted(wish.scripts, key=lambda name: (name not in LONGEST, name))
    waiting = [(name, mode) for mode in wish.modes for name in scripts]
    results: dict[tuple[str, str], Result] = {}
    taken: set[int] = set()

    async def work() -> None:
        while waiting:
            name, mode = waiting.pop(0)
            results[name, mode] = await timed(name, mode, wish, directory, taken)

    async with asyncio.TaskGroup() as group:
        for _ in range(wish.jobs):
            group.create_task(work())
    print("\n".join(told(wish, results)))
    return verdict(wish, results)


async def timed(name: str, mode: str, wish: Wish, directory: Path, taken: set[int]) -> Result:
    """One script in one mode, in a directory and with ports of its own; says what came of it."""
    started = time.monotonic()
    place = directory / f"{name}.{mode}"
    place.mkdir()
    first = free_ports(taken)
    try:
        result = await attempt(place, name, mode, first, wish.patience)
    finally:
        taken.discard(first)
        if wish.keep is None:
            await asyncio.to_thread(shutil.rmtree, place, ignore_errors=True)
    took = time.monotonic() - started
    print(f"{name:20} {mode:8} {result.word:8} {took:6.1f} s", file=sys.stderr, flush=True)
    return result


async def attempt(place: Path, name: str, mode: str, first: int, patience: float) -> Result:
    """The process that does it ends with all that it has started, also when this is cancelled."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "scripts.regress_run", str(place), name, mode, str(first), str(patience)),
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    talk = asyncio.ensure_future(process.communicate())
    try:
        said, errors = await asyncio.shield(talk)
    except asyncio.CancelledError:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await talk
        raise
    if process.returncode:
        return Result("failed", errors.decode(errors="replace").rstrip())
    return Result(**json.loads(said))


def free_ports(taken: set[int]) -> int:
    """The first of as many as a run may use. Below the ports that systems give to connections: it takes a while until
    ours are used."""
    while True:
        first = random.randrange(20_000, 32_000, PORTS)
        if first not in taken and all(_is_free(first + step) for step in range(PORTS)):
            taken.add(first)
            return first


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def differing(wish: Wish, results: Results) -> list[str]:
    """Scripts that pass directly, or were not tried directly, and do not pass everywhere else."""
    return [
        name
        for name in wish.scripts
        if results.get((name, DIRECT), Result("passed")).word == "passed"
        and any(results[name, mode].word != "passed" for mode in wish.modes)
    ]


def nothing_compared(wish: Wish, results: Results) -> bool:
    """Nothing passes directly: the trouble is not the gateway's."""
    return DIRECT in wish.modes and all(results[name, DIRECT].word != "passed" for name in wish.scripts)


def verdict(wish: Wish, results: Results) -> int:
    """The exit status."""
    if nothing_compared(wish, results):
        return 2
    return 1 if differing(wish, results) else 0


def told(wish: Wish, results: Results) -> list[str]:
    """The table, what was left out of it, what failed and with which words, and the verdict."""
    partly = {part.script for part in LEFT_OUT}
    lines = [f"{'script':20}" + "  ".join(f"{TITLES[mode]:9}" for mode in wish.modes)]
    for name in wish.scripts:
        words = [
            results[name, mode].word + ("*" if name in partly and mode != DIRECT else "")
            for mode in wish.modes
        ]
        lines.append(f"{name:20}" + "  ".join(f"{word:9}" for word in words))
    parts = [part for part in LEFT_OUT if part.script in wish.scripts and wish.modes != (DIRECT,)]
    if parts:
        lines += ["", "* not applicable through the gateway, and left out there:"]
        lines += [f"  {part.script:18}{part.part}: {part.why}" for part in parts]
    for (name, mode), result in results.items():
        if result.word != "passed":
            lines += ["", f"--- {name}, {TITLES[mode]}: {result.word}", result.words]
    lines.append("")
    for mode in wish.modes:
        passed = sum(results[name, mode].word == "passed" for name in wish.scripts)
        lines.append(f"{TITLES[mode]}: {passed} of {len(wish.scripts)} passed")
    if nothing_compared(wish, results):
        lines.append("nothing passes directly, so nothing was compared")
    elif different := differing(wish, results):
        lines.append(f"does not pass everywhere: {', '.join(different)}")
    elif len(wish.modes) > 1 and DIRECT in wish.modes:
        lines.append("everything that passes directly passes through the gateway")
    return [line.rstrip() for line in lines]


if __name__ == "__main__":
    sys.exit(main())
