"""Many rows over each way: one SELECT, one COPY, one SELECT with a column masked. Interleaved, and medians count."""

import statistics
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field

from bench.postgres_stand.ground import COMPILED, DATABASE, INTERPRETED, PLAIN, Ground
from bench.postgres_stand.line import Line
from bench.stand.process import settle
from tests.postgres.interop.raw import Raw, query
from tests.postgres.interop.ways import DIRECT, GATEWAY, PGBOUNCER

SELECT = "SELECT id, note FROM bulk"
COPY = "COPY bulk TO STDOUT"
OPEN = (f"{DIRECT} {PLAIN}", f"{PGBOUNCER} {PLAIN}")

KINDS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "select": (SELECT, (DIRECT, GATEWAY, PGBOUNCER, *OPEN)),
    "copy": (COPY, (DIRECT, GATEWAY, PGBOUNCER, *OPEN)),
    "masked": (SELECT, (DIRECT, INTERPRETED, COMPILED)),
}
"""What is asked for, and over which ways."""


@dataclass
class Bulk:
    """Median seconds by kind and way, and what the process in between took of the processor for a row."""

    rows: int
    seconds: dict[str, dict[str, float]] = field(default_factory=dict)
    cpu_ns_a_row: dict[str, dict[str, float]] = field(default_factory=dict)

    def ratio(self, kind: str, way: str, base: str = DIRECT) -> float:
        """Throughput relative to another way; not a number where there is no such way here."""
        times = self.seconds[kind]
        return times[base] / times[way] if way in times else float("nan")


def measure(ground: Ground, rounds: int) -> Bulk:
    """A first round warms up and is not counted."""
    for way in KINDS["masked"][1]:
        _check(ground, way)
    seen: dict[str, dict[str, list[float]]] = {kind: {} for kind in KINDS}
    spent: dict[str, dict[str, list[float]]] = {kind: {} for kind in KINDS}
    for turn in range(rounds + 1):
        print(f"bulk, round {turn} of {rounds}", file=sys.stderr, flush=True)
        for kind, (text, ways) in KINDS.items():
            for way in ways:
                if way not in ground.ways:
                    continue
                took, cpu = _once(ground, way, text)
                if turn:
                    seen[kind].setdefault(way, []).append(took)
                    spent[kind].setdefault(way, []).append(cpu / ground.rows * 1e9)
    return Bulk(
        ground.rows,
        {kind: {way: statistics.median(times) for way, times in ways.items()} for kind, ways in seen.items()},
        {
            kind: {way: statistics.median(times) for way, times in ways.items()}
            for kind, ways in spent.items()
        },
    )


def _check(ground: Ground, way: str) -> None:
    """What is to be masked is masked, and nothing else is."""
    with Raw(ground.ways[way].port) as raw:
        raw.sign_in(ground.ways[way], DATABASE)
        answer = raw.answer(query(f"{SELECT} WHERE id = 1"))
    shown = any(b"row 1" in body for tag, body in answer if tag == b"D")
    if shown == (way != DIRECT):
        raise SystemExit(f"{way}: the column is {'not ' if shown else ''}masked")


def _once(ground: Ground, way: str, text: str) -> tuple[float, float]:
    """Seconds, and those that the process in between was busy."""
    pid = ground.pids.get(way)
    before = settle(pid) if pid else 0.0
    with Line(ground.ways[way], DATABASE) as line:
        took = line.seconds(query(text))
    return took, settle(pid) - before if pid else 0.0
