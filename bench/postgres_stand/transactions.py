"""Small statements over each way: pgbench's reading transaction with eight clients, and the wait of a single one."""

import os
import re
import statistics
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass

from bench.postgres_stand.ground import DATABASE, PLAIN, Ground
from bench.postgres_stand.line import Line, executed, prepared
from tests.postgres.interop.raw import query
from tests.postgres.interop.ways import DIRECT, GATEWAY, PGBOUNCER

CLIENTS = 8
MODES = ("prepared", "simple")
WAYS = (DIRECT, GATEWAY, PGBOUNCER, f"{DIRECT} {PLAIN}", f"{PGBOUNCER} {PLAIN}")
AT_ONCE = 50

_ONE_ROW = "SELECT abalance FROM pgbench_accounts WHERE aid = "


@dataclass(frozen=True, slots=True)
class Rates:
    """Median transactions a second, by mode and way."""

    by_mode: dict[str, dict[str, float]]

    def ratio(self, mode: str, way: str, base: str = DIRECT) -> float:
        return self.by_mode[mode][way] / self.by_mode[mode][base]


@dataclass(frozen=True, slots=True)
class Waits:
    """Milliseconds of one row by mode and way: median and 99th percentile."""

    by_mode: dict[str, dict[str, float]]
    p99: dict[str, dict[str, float]]

    def added(self, mode: str, way: str) -> float:
        return self.by_mode[mode][way] - self.by_mode[mode][DIRECT]


def prepare(ground: Ground) -> None:
    """Make what pgbench reads."""
    _pgbench(ground, f"{DIRECT} {PLAIN}", "-q", "-i", "-s", str(ground.scale))


def rates(ground: Ground, rounds: int, seconds: int) -> Rates:
    """Interleaved; what is measured first is measured again last."""
    seen: dict[str, dict[str, list[float]]] = {mode: {way: [] for way in WAYS} for mode in MODES}
    for turn in range(rounds):
        print(f"pgbench, round {turn + 1} of {rounds}", file=sys.stderr, flush=True)
        for mode in MODES:
            for way in WAYS:
                said = _pgbench(ground, way, "-n", "-S", "-M", mode, "-c", str(CLIENTS), "-T", str(seconds))
                found = re.search(r"^tps = ([\d.]+)", said, re.MULTILINE)
                if found is None or "failed transactions: 0 " not in said:
                    raise SystemExit(f"pgbench over {way}: {said}")
                seen[mode][way].append(float(found[1]))
    medians = {
        mode: {way: statistics.median(each) for way, each in ways.items()} for mode, ways in seen.items()
    }
    return Rates(medians)


def waits(ground: Ground, queries: int) -> Waits:
    """One client, one row, another one each time; ways take turns every few queries."""
    print("one row at a time", file=sys.stderr, flush=True)
    asks: dict[str, Callable[[int], bytes]] = {
        "simple": lambda number: query(f"{_ONE_ROW}{number}"),
        "prepared": lambda number: executed("one", str(number)),
    }
    seen: dict[str, dict[str, list[float]]] = {mode: {way: [] for way in WAYS} for mode in asks}
    lines: dict[str, Line] = {}
    try:
        for way in WAYS:
            lines[way] = Line(ground.ways[way], DATABASE).__enter__()
            lines[way].count(prepared("one", f"{_ONE_ROW}$1::int"))
        for start in range(0, queries + AT_ONCE, AT_ONCE):
            for mode, ask in asks.items():
                for way, line in lines.items():
                    times = [line.seconds(ask(1 + number)) for number in range(start, start + AT_ONCE)]
                    if start:
                        seen[mode][way] += times
    finally:
        for line in lines.values():
            line.__exit__(None, None, None)
    return Waits(
        {mode: {way: statistics.median(t) * 1000 for way, t in ways.items()} for mode, ways in seen.items()},
        {
            mode: {way: sorted(t)[len(t) * 99 // 100] * 1000 for way, t in ways.items()}
            for mode, ways in seen.items()
        },
    )


def _pgbench(ground: Ground, way: str, *arguments: str) -> str:
    ran = subprocess.run(
        ["pgbench", *arguments],
        env={**os.environ, **ground.ways[way].environment(DATABASE)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if ran.returncode:
        raise SystemExit(f"pgbench over {way}: {ran.stderr[-2000:]}")
    return ran.stdout
