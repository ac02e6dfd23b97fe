"""Bulk transfers over each route: commands with much output or input, sftp both ways, and the gateway's own cost.

Rounds are interleaved and medians compared, because clients, servers and gateway share the processors.
"""

import random
import statistics
import time
from dataclasses import dataclass, field
from pathlib import Path

from bench.stand.ground import DIRECT, GATEWAY, JUMP, MASKED, Ground, note, run
from bench.stand.process import settle

_PATTERN = 16 << 20

ROUTES = {
    "exec": (DIRECT, GATEWAY, JUMP, MASKED),
    "exec upload": (DIRECT, GATEWAY, JUMP),
    "sftp download": (DIRECT, GATEWAY, JUMP),
    "sftp upload": (DIRECT, GATEWAY, JUMP),
}


def log_like(path: Path, megabytes: int) -> None:
    """Text as programs write it. zstd packs it to a third and looks back too little to see that it comes again."""
    dice = random.Random(7)
    lines: list[bytes] = []
    size = 0
    while size < min(_PATTERN, megabytes << 20):
        line = (
            f"2026-11-{dice.randrange(1, 29):02}T{dice.randrange(24):02}:{dice.randrange(60):02}:"
            f"{dice.randrange(60):02}.{dice.randrange(1000):03}Z web-1 app[{dice.randrange(1000, 9999)}]: "
            f"{dice.choice(('GET', 'POST', 'PUT'))} /v1/{dice.choice(('orders', 'users', 'carts'))}/"
            f"{dice.randrange(10**6)} {dice.choice((200, 200, 200, 404, 500))} {dice.randrange(900)}ms "
            f"user={dice.choice(('agnes', 'bob', 'carol', 'dave'))} ref={dice.randrange(2**32):08x}\n"
        ).encode()
        lines.append(line)
        size += len(line)
    text = b"".join(lines)[:_PATTERN]
    with path.open("wb") as file:
        for written in range(0, megabytes << 20, len(text)):
            file.write(text[: (megabytes << 20) - written])


@dataclass
class Bulk:
    """Medians, in seconds, by what is done and by route."""

    megabytes: int
    seconds: dict[str, dict[str, float]] = field(default_factory=dict)
    cpu_s_per_gb: dict[str, float] = field(default_factory=dict)
    """Of the gateway, by what is done."""
    on_disk: float = 0.0
    """What the recording of output took, in parts of the output."""

    def ratio(self, what: str, route: str) -> float:
        """Throughput of a route relative to direct."""
        return self.seconds[what][DIRECT] / self.seconds[what][route]

    def rate(self, what: str, route: str) -> float:
        """Megabytes a second."""
        return (self.megabytes << 20) / 1e6 / self.seconds[what][route]


class BulkBench:
    """Carries one file many times."""

    def __init__(self, ground: Ground, megabytes: int) -> None:
        self._ground = ground
        self._megabytes = megabytes
        self._source = ground.files / "source"
        self._sink = ground.files / "sink"
        log_like(self._source, megabytes)

    async def measure(self, rounds: int, warm_ups: int = 1) -> Bulk:
        """All of it. The first rounds only warm up."""
        result = Bulk(self._megabytes)
        seen: dict[str, dict[str, list[float]]] = {what: {r: [] for r in ROUTES[what]} for what in ROUTES}
        costs: dict[str, list[float]] = {}
        for turn in range(1 - warm_ups, rounds + 1):
            note(f"bulk, round {turn} of {rounds}")
            for what, routes in ROUTES.items():
                for route in routes:
                    taken, cost = await self._once(what, route)
                    if turn > 0:
                        seen[what][route].append(taken)
                        if route in (GATEWAY, MASKED):
                            name = what if route == GATEWAY else f"{what}, masked"
                            costs.setdefault(name, []).append(cost)
            result.on_disk = self._forget_recordings() / (self._megabytes << 20) / 2
        for what, times in seen.items():
            result.seconds[what] = {route: statistics.median(each) for route, each in times.items()}
        result.cpu_s_per_gb = {what: statistics.median(each) for what, each in costs.items()}
        return result

    async def _once(self, what: str, route: str) -> tuple[float, float]:
        """Seconds, and the gateway's processor seconds for a gigabyte."""
        is_ours = route in (GATEWAY, MASKED)
        before = settle(self._ground.gateway_pid) if is_ours else 0.0
        started = time.perf_counter()
        status = await self._carry(what, route)
        taken = time.perf_counter() - started
        if status != 0:
            raise SystemExit(f"{what} over {route} failed with {status}")
        spent = settle(self._ground.gateway_pid) - before if is_ours else 0.0
        return taken, spent / ((self._megabytes << 20) / 1e9)

    async def _carry(self, what: str, route: str) -> int:
        command = self._ground.command
        match what:
            case "exec":
                return await run(command("ssh", route, f"cat {self._source}"))
            case "exec upload":
                return await run(command("ssh", route, "cat > /dev/null"), self._source)
            case "sftp download":
                order = f"get {self._source} {self._sink}\n"
            case _:
                order = f"put {self._source} {self._sink}\n"
        self._sink.unlink(missing_ok=True)
        return await run(command("sftp", "-b", "-", route), typed=order.encode())

    def _forget_recordings(self) -> int:
        """Delete the recordings of a round; returns how large they were: those of two outputs, and small ones."""
        size = 0
        for recording in (self._ground.served.directory / "data").rglob("*.hrec"):
            size += recording.stat().st_size
            recording.unlink()
        return size
