"""Runs OpenSSH's regression scripts directly and through a gateway, and says where the results differ.

Called by scripts/interop-ssh. A script's copy is prepared by `openssh_regress.py`; the gateway, its target and the
relay that clients reach it by are in `regress_gateway.py`. This file chooses, times and prints.
"""

import argparse
import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from scripts.openssh_regress import REGRESS, Prepared, Result, prepare, run
from scripts.regress_gateway import RULES, RegressGateway

SCRIPTS = (
    *("connect", "proxy-connect", "exit-status", "exit-status-signal", "stderr-data", "stderr-after-eof"),
    *(
        "broken-pipe",
        "yes-head",
        "transfer",
        "envpass",
        "connect-uri",
        "host-expand",
        "scp",
        "scp3",
        "scp-uri",
    ),
    *("sftp-uri", "forwarding", "dynamic-forward", "multiplex", "agent", "localcommand", "putty-transfer"),
)
"""What speaks of channels and streams, not of how an sshd is configured."""

DIRECT = "direct"
MODES = (DIRECT, *RULES)

NEEDED = {
    str(REGRESS / "test-exec.sh"): "openssh-tests",
    "/usr/sbin/sshd": "openssh-server",
    "ssh": "openssh-client",
    "plink": "putty-tools",
}


@dataclass(frozen=True, slots=True)
class Wish:
    """What the command line asks for."""

    scripts: tuple[str, ...]
    modes: tuple[str, ...]
    patience: float
    keep: Path | None


def main() -> int:
    """0: all sets of results are equal and nothing failed. 1: not so. 2: it could not be tried."""
    wish = read_wish()
    if missing := install_missing():
        print(f"interop-ssh: {', '.join(missing)} missing - install as root: apt-get install", *missing)
        return 2
    if wish.keep is not None:
        wish.keep.mkdir(parents=True, exist_ok=True)
        return asyncio.run(compare(wish, wish.keep.resolve()))
    # A short name: sockets in it must not be longer than 108 bytes.
    with tempfile.TemporaryDirectory(prefix="hoop-interop-") as directory:
        return asyncio.run(compare(wish, Path(directory)))


def read_wish() -> Wish:
    """Scripts and modes by name; all of them without any."""
    parser = argparse.ArgumentParser(prog="scripts/interop-ssh", description=__doc__)
    parser.add_argument("scripts", nargs="*", metavar="SCRIPT", help=f"of {', '.join(SCRIPTS)}")
    parser.add_argument("--mode", action="append", choices=MODES, help="again for another; without: all")
    parser.add_argument("--patience", type=float, default=300.0, help="seconds for one script")
    parser.add_argument("--keep", type=Path, help="work in this directory, and leave logs there")
    given = parser.parse_args()
    if unknown := set(given.scripts) - set(SCRIPTS):
        parser.error(f"there is no script {', '.join(sorted(unknown))}")
    wanted = tuple(name for name in SCRIPTS if name in given.scripts) or SCRIPTS
    return Wish(wanted, tuple(given.mode or MODES), given.patience, given.keep)


def install_missing() -> list[str]:
    """Packages that are not there and could not be installed."""
    missing = missing_packages()
    if missing and os.getuid() == 0 and shutil.which("apt-get"):
        print(f"Installing {' '.join(missing)} ...", file=sys.stderr)
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for command in (["update"], ["install", "-y", "--no-install-recommends", *missing]):
            subprocess.run(
                ["apt-get", "-qq", *command], check=False, stdout=subprocess.DEVNULL, env=environment
            )
        missing = missing_packages()
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    return missing


def missing_packages() -> list[str]:
    """In the order of NEEDED."""
    there = {probe: Path(probe).exists() if "/" in probe else bool(shutil.which(probe)) for probe in NEEDED}
    return [package for probe, package in NEEDED.items() if not there[probe]]


async def compare(wish: Wish, directory: Path) -> int:
    """Run everything, print the table, judge it."""
    results: dict[tuple[str, str], Result] = {}
    for name in wish.scripts:
        for mode in wish.modes:
            started = time.monotonic()
            place = directory / f"{name}.{mode}"
            results[name, mode] = await attempt(name, mode, place, wish.patience)
            took = time.monotonic() - started
            print(
                f"{name:20} {mode:8} {results[name, mode].word:8} {took:6.1f} s", file=sys.stderr, flush=True
            )
            if wish.keep is None:
                await asyncio.to_thread(shutil.rmtree, place, ignore_errors=True)
    return tell(wish, results)


async def attempt(name: str, mode: str, place: Path, patience: float) -> Result:
    """One script in one mode, in a directory of its own."""
    place.mkdir(parents=True)
    through = mode != DIRECT
    prepared: Prepared = await asyncio.to_thread(prepare, place, name, through)
    if not through:
        return await run(prepared, patience)
    gateway = RegressGateway(prepared, RULES[mode])
    try:
        await gateway.start()
        result = await run(prepared, patience)
        return result if result.word != "failed" else result.with_more(gateway.last_words)
    except (RuntimeError, TimeoutError) as problem:
        return Result("failed", f"{problem}\n{gateway.last_words}")
    finally:
        await gateway.stop()


def tell(wish: Wish, results: dict[tuple[str, str], Result]) -> int:
    """The table, what failed and with which words, and the verdict."""
    print(f"\n{'':20}", *(f"{mode:>9}" for mode in wish.modes))
    for name in wish.scripts:
        print(f"{name:20}", *(f"{results[name, mode].word:>9}" for mode in wish.modes))
    bad = {key: result for key, result in results.items() if result.word != "ok"}
    for (name, mode), result in bad.items():
        print(f"\n--- {name}, {mode}: {result.word}\n{result.words}")
    uneven = [name for name in wish.scripts if len({results[name, mode].word for mode in wish.modes}) > 1]
    total = len(wish.scripts)
    for mode in wish.modes:
        passed = sum(results[name, mode].word == "ok" for name in wish.scripts)
        print(f"\n{mode}: {passed} of {total}", end="")
    print()
    if len(wish.modes) > 1:
        print(f"differs: {', '.join(uneven)}" if uneven else "the same in every mode")
    return 1 if bad or uneven else 0


if __name__ == "__main__":
    sys.exit(main())
