"""What a single key and a new session wait for: the echo of typed keys with other sessions open, and set-up."""

import asyncio
import os
import select
import statistics
import subprocess
import time
from dataclasses import dataclass

from bench.stand.ground import DIRECT, GATEWAY, JUMP, Ground, note, run
from bench.stand.process import settle

PATIENCE = 30.0
KEYS_AT_ONCE = 20
"""Keys typed on one route before the next has its turn."""
_READY = b"ready-steady"
_CAT = b"stty -ixon; echo ready-''steady; exec cat > /dev/null\n"


@dataclass(frozen=True, slots=True)
class Waits:
    """Medians in milliseconds, by route."""

    by_route: dict[str, float]
    p99: dict[str, float]

    def added(self, route: str) -> float:
        """What a route adds to the direct one."""
        return self.by_route[route] - self.by_route[DIRECT]


def _summary(seen: dict[str, list[float]]) -> Waits:
    medians = {route: 1000 * statistics.median(times) for route, times in seen.items()}
    tails = {route: 1000 * sorted(times)[int(len(times) * 0.99)] for route, times in seen.items()}
    return Waits(medians, tails)


async def set_up(ground: Ground, rounds: int) -> Waits:
    """How long `ssh HOST true` takes."""
    seen: dict[str, list[float]] = {route: [] for route in (DIRECT, GATEWAY, JUMP)}
    note("set-up of sessions")
    for turn in range(rounds + 1):  # the first only warms up
        for route, times in seen.items():
            started = time.perf_counter()
            if await run(ground.command("ssh", route, "true")) != 0:
                raise SystemExit(f"ssh {route} true failed")
            if turn:
                times.append(time.perf_counter() - started)
    return _summary(seen)


async def echo(ground: Ground, keys: int) -> Waits:
    """How long a key typed in a shell on a terminal waits for its echo. Routes take turns every few keys."""
    note("echo of keys")
    settle(ground.gateway_pid)
    return await asyncio.to_thread(_echo, ground, keys)


def _echo(ground: Ground, keys: int) -> Waits:
    terminals = {route: _Terminal(ground.command("ssh", "-tt", route)) for route in (DIRECT, GATEWAY, JUMP)}
    seen: dict[str, list[float]] = {route: [] for route in terminals}
    try:
        for terminal in terminals.values():
            terminal.begin()
        for turn in range(keys // KEYS_AT_ONCE + 1):
            for route, terminal in terminals.items():
                times = [terminal.key() for _ in range(KEYS_AT_ONCE)]
                if turn:
                    seen[route] += times
                terminal.line()
    finally:
        for terminal in terminals.values():
            terminal.close()
    return _summary(seen)


class _Terminal:
    """`ssh -tt` whose other end is a terminal that echoes."""

    def __init__(self, command: list[str]) -> None:
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, bufsize=0)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._keyboard = self._process.stdin.fileno()
        self._screen = self._process.stdout.fileno()
        self._left = b""

    def begin(self) -> None:
        """Start what only echoes, in the person's shell. A shell that is not ready yet may drop what is typed."""
        for _ in range(10):
            os.write(self._keyboard, _CAT)
            if self._until(_READY, patience=3.0, or_give_up=False):
                self._until(b"\n")
                return
        raise SystemExit("the shell on the target does not answer")

    def key(self) -> float:
        """Type a key; returns the seconds until its echo is there."""
        started = time.perf_counter()
        os.write(self._keyboard, b"k")
        self._until(b"k")
        taken = time.perf_counter() - started
        time.sleep(0.002)
        return taken

    def line(self) -> None:
        """Press Enter."""
        os.write(self._keyboard, b"\n")
        self._until(b"\n")

    def _until(self, wanted: bytes, patience: float = PATIENCE, *, or_give_up: bool = True) -> bool:
        seen = self._left
        while wanted not in seen:
            if not select.select([self._screen], [], [], patience)[0]:
                if or_give_up:
                    raise SystemExit(f"no {wanted!r} came, only {seen!r}")
                return False
            more = os.read(self._screen, 65536)
            if not more:
                raise SystemExit(f"a terminal ended with {seen!r}")
            seen += more
        self._left = seen.partition(wanted)[2]
        return True

    def close(self) -> None:
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()
        self._process.terminate()
        self._process.wait()
