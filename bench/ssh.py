"""SSH through the gateway next to the same thing direct and through `ssh -J`: speed, cost, delay, memory.

Stock clients, a private sshd, and a gateway of its own process that records everything. Usage:
scripts/bench ssh [--json] [--quick] [--rounds N] [--megabytes N] [--cycles N]
"""

import argparse
import asyncio
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.stand.bulk import ROUTES, Bulk, BulkBench
from bench.stand.crowd import Growth, growth, idle_session_kb, idlers, stalled_client_mb
from bench.stand.ground import DIRECT, GATEWAY, JUMP, MASKED, ground
from bench.stand.latency import Waits, echo, set_up
from bench.stand.process import load

TARGETS = {
    "sftp_download_ratio": ">= 0.75",
    "sftp_upload_ratio": ">= 0.75",
    "exec_recorded_ratio": ">= 0.60",
    "jump_ratio": "to be beaten",
    "cpu_s_per_gb": "< 2.5",
    "echo_added_ms_p50": "< 0.5",
    "setup_added_ms": "< 40",
    "idle_session_kb": "< 300",
    "stalled_client_mb": "< 16",
}


async def run(given: argparse.Namespace) -> dict[str, float]:
    """Set everything up, measure, print the tables, return the figures."""
    loads = [load()]
    async with ground() as here:
        bulk = await BulkBench(here, given.megabytes).measure(given.rounds, 0 if given.quick else 1)
        loads.append(load())
        waits = await set_up(here, given.set_ups)
        async with idlers(here, given.others):
            echoes = await echo(here, given.keys)
        loads.append(load())
    async with ground() as here:
        stalled = await stalled_client_mb(here)
    async with ground() as here:
        idle = await idle_session_kb(here, given.idle)
        grown = await growth(here, given.cycles) if given.cycles else None
        loads.append(load())
    figures = {
        "sftp_download_ratio": bulk.ratio("sftp download", GATEWAY),
        "sftp_upload_ratio": bulk.ratio("sftp upload", GATEWAY),
        "exec_recorded_ratio": bulk.ratio("exec", GATEWAY),
        "jump_ratio": bulk.ratio("exec", JUMP),
        "cpu_s_per_gb": bulk.cpu_s_per_gb["exec"],
        "echo_added_ms_p50": echoes.added(GATEWAY),
        "setup_added_ms": waits.added(GATEWAY),
        "idle_session_kb": idle,
        "stalled_client_mb": stalled,
    }
    _print_bulk(bulk)
    _print_waits({"echo of a key": echoes, "set-up": waits}, given.others)
    if grown is not None:
        _print_growth(grown)
    _print_figures(figures)
    print(f"load of the machine, before and between: {', '.join(f'{each:.1f}' for each in loads)}")
    return {name: round(value, 3) for name, value in figures.items()}


def _print_bulk(bulk: Bulk) -> None:
    routes = (DIRECT, GATEWAY, MASKED, JUMP)
    print(f"{bulk.megabytes} MB{'':12}" + "".join(f"{route:>22}" for route in routes) + "     gateway CPU")
    for what in ROUTES:
        line = f"{what:18}"
        for route in routes:
            known = route in bulk.seconds[what]
            cell = f"{bulk.rate(what, route):.0f} MB/s ({bulk.ratio(what, route):.2f})" if known else ""
            line += f"{cell:>22}"
        print(f"{line}{bulk.cpu_s_per_gb[what]:10.2f} s/GB")
    print(f"with masks, the gateway takes {bulk.cpu_s_per_gb['exec, masked']:.2f} s/GB of CPU")
    print(f"recordings of output take {bulk.on_disk:.2f} of its size")


def _print_waits(waits: dict[str, Waits], others: int) -> None:
    print()
    for what, each in waits.items():
        cells = [f"{route} {ms:.2f} ms (p99 {each.p99[route]:.2f})" for route, ms in each.by_route.items()]
        print(f"{what:18}" + "   ".join(cells))
    print(f"{'':18}while keys were typed, {others} other sessions were open")


def _print_growth(grown: Growth) -> None:
    print(
        f"\nafter {grown.cycles} more visits: {grown.memory_kb:+} kB, "
        f"{grown.descriptors:+} descriptors, {grown.threads:+} threads"
    )


def _print_figures(figures: dict[str, float]) -> None:
    print()
    for name, value in figures.items():
        print(f"{name:22}{value:10.3f}   {TARGETS[name]}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="SSH through the gateway, next to direct and to ssh -J.")
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    parser.add_argument("--quick", action="store_true", help="only show that everything runs")
    parser.add_argument("--rounds", type=int, help="interleaved rounds of bulk transfers")
    parser.add_argument("--megabytes", type=int, help="size of a transfer")
    parser.add_argument("--set-ups", type=int, help="sessions set up on each route")
    parser.add_argument("--keys", type=int, help="keys typed on each route")
    parser.add_argument("--others", type=int, help="other sessions while keys are typed")
    parser.add_argument("--idle", type=int, help="idle sessions whose memory is measured")
    parser.add_argument("--cycles", type=int, help="people who come and go; 0 leaves that out")
    given = parser.parse_args()
    full = {
        "rounds": 5,
        "megabytes": 400,
        "set_ups": 20,
        "keys": 400,
        "others": 200,
        "idle": 500,
        "cycles": 0,
    }
    quick = {"rounds": 1, "megabytes": 4, "set_ups": 1, "keys": 20, "others": 2, "idle": 10, "cycles": 0}
    for name, value in (quick if given.quick else full).items():
        if getattr(given, name) is None:
            setattr(given, name, value)
    return given


def main() -> None:
    """Parse the command line and run."""
    given = _arguments()
    figures = asyncio.run(run(given))
    if given.json:
        print(json.dumps({"name": "ssh", "figures": figures}))


if __name__ == "__main__":
    main()
