"""PostgreSQL through the gateway next to the same thing direct and through pgbouncer: speed and delay.

A private server, a gateway of its own process that judges and records everything, stock pgbench. Usage:
scripts/bench postgres [--json] [--quick] [--rounds N] [--rows N] [--seconds N] [--queries N]
"""

import argparse
import json
import math
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.postgres_stand.bulk import KINDS, Bulk, measure
from bench.postgres_stand.ground import COMPILED, INTERPRETED, PLAIN, SCALE, ground
from bench.postgres_stand.transactions import WAYS, Rates, Waits, prepare, rates, waits
from bench.stand.process import load
from tests.postgres.interop.ways import DIRECT, GATEWAY, PGBOUNCER

TARGETS = {
    "pgbench_prepared_ratio": ">= 0.35",
    "pgbench_simple_ratio": ">= 0.25",
    "select_bulk_ratio": ">= 0.85",
    "copy_bulk_ratio": ">= 0.85",
    "masked_bulk_ratio_interpreted": ">= 0.30",
    "masked_bulk_ratio_compiled": ">= 0.85",
    "added_ms_p50": "< 0.4",
    "pgbouncer_prepared_ratio": "beside it",
    "pgbouncer_simple_ratio": "beside it",
    "pgbouncer_select_bulk_ratio": "beside it",
    "pgbouncer_copy_bulk_ratio": "beside it",
    "pgbouncer_added_ms_p50": "beside it",
}
"""Every ratio is to a direct connection with TLS, because the way through a gateway has it."""

OPEN_DIRECT = f"{DIRECT} {PLAIN}"


def run(given: argparse.Namespace) -> dict[str, float]:
    """Set everything up, measure, print the tables, return the figures."""
    loads = [load()]
    with ground(given.rows, scale=1 if given.quick else SCALE) as here:
        prepare(here)
        fast = rates(here, given.rounds, given.seconds)
        loads.append(load())
        waited = waits(here, given.queries)
        loads.append(load())
        bulk = measure(here, given.rounds)
        loads.append(load())
    figures = {
        "pgbench_prepared_ratio": fast.ratio("prepared", GATEWAY),
        "pgbench_simple_ratio": fast.ratio("simple", GATEWAY),
        "select_bulk_ratio": bulk.ratio("select", GATEWAY),
        "copy_bulk_ratio": bulk.ratio("copy", GATEWAY),
        "masked_bulk_ratio_interpreted": bulk.ratio("masked", INTERPRETED),
        "masked_bulk_ratio_compiled": bulk.ratio("masked", COMPILED),
        "added_ms_p50": waited.added("simple", GATEWAY),
        "pgbouncer_prepared_ratio": fast.ratio("prepared", PGBOUNCER),
        "pgbouncer_simple_ratio": fast.ratio("simple", PGBOUNCER),
        "pgbouncer_select_bulk_ratio": bulk.ratio("select", PGBOUNCER),
        "pgbouncer_copy_bulk_ratio": bulk.ratio("copy", PGBOUNCER),
        "pgbouncer_added_ms_p50": waited.added("simple", PGBOUNCER),
    }
    _print_rates(fast)
    _print_waits(waited)
    _print_bulk(bulk)
    print()
    for name, value in figures.items():
        print(f"{name:32}{value:10.3f}   {TARGETS[name]}")
    print(f"load of the machine, before and between: {', '.join(f'{each:.1f}' for each in loads)}")
    return {name: round(value, 3) for name, value in figures.items() if not math.isnan(value)}


def _print_rates(fast: Rates) -> None:
    print("pgbench -S, 8 clients: transactions a second, of direct with TLS, of direct without")
    for mode, ways in fast.by_mode.items():
        for way in WAYS:
            plain = fast.ratio(mode, way, OPEN_DIRECT)
            print(f"  {mode:10}{way:18}{ways[way]:10.0f}{fast.ratio(mode, way):8.2f}{plain:8.2f}")


def _print_waits(waited: Waits) -> None:
    print("one row, one client: median and 99th percentile in ms, added to direct with TLS")
    for mode, ways in waited.by_mode.items():
        for way in WAYS:
            cells = f"{ways[way]:10.3f}{waited.p99[mode][way]:8.3f}{waited.added(mode, way):+8.3f}"
            print(f"  {mode:10}{way:18}{cells}")


def _print_bulk(bulk: Bulk) -> None:
    print(
        f"{bulk.rows:,} rows of 100 bytes: rows a second, of direct with TLS, of direct without, ns of CPU in between"
    )
    for kind, (_, ways) in KINDS.items():
        base = OPEN_DIRECT if OPEN_DIRECT in bulk.seconds[kind] else DIRECT
        for way in ways:
            took = bulk.seconds[kind][way]
            cells = f"{bulk.rows / took:12,.0f}{bulk.ratio(kind, way):8.2f}{bulk.ratio(kind, way, base):8.2f}"
            print(f"  {kind:10}{way:18}{cells}{bulk.cpu_ns_a_row[kind][way]:10.0f}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="PostgreSQL through the gateway, next to direct and to pgbouncer."
    )
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    parser.add_argument("--quick", action="store_true", help="only show that everything runs")
    parser.add_argument("--rounds", type=int, help="interleaved rounds")
    parser.add_argument("--rows", type=int, help="rows of a large result")
    parser.add_argument("--seconds", type=int, help="of each pgbench run")
    parser.add_argument("--queries", type=int, help="single queries on each way")
    given = parser.parse_args()
    full = {"rounds": 3, "rows": 5_000_000, "seconds": 5, "queries": 2000}
    quick = {"rounds": 1, "rows": 5_000, "seconds": 1, "queries": 50}
    for name, value in (quick if given.quick else full).items():
        if getattr(given, name) is None:
            setattr(given, name, value)
    return given


def main() -> None:
    """Parse the command line and run."""
    given = _arguments()
    figures = run(given)
    if given.json:
        print(json.dumps({"name": "postgres", "figures": figures}))


if __name__ == "__main__":
    main()
