"""What rules cost: how long a decision takes with many of them, without reading the statement itself.

Usage: scripts/bench policy [--json] [--quick] [--rules N] [--rounds N]. Each part of `PARTS` measures on its own
and gives figures; a new one is a function and a line there.
"""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.policy_stand.approvals import approvals
from bench.policy_stand.deciding import deciding
from bench.policy_stand.two_gateways import two_gateways
from bench.stand.process import load

PARTS: tuple[Callable[[argparse.Namespace], dict[str, float]], ...] = (deciding, approvals, two_gateways)
TARGETS = {
    "decide_ms_p50": "< 0.2",
    "release_ms_p50": "< 50",
    "release_two_gateways_ms_p50": "< 150",
    "list_10k_ms": "< 100",
    "settle_10k_ms": "< 100",
}


def run(given: argparse.Namespace) -> dict[str, float]:
    """Measure every part, print, return the figures."""
    figures: dict[str, float] = {}
    for part in PARTS:
        figures |= part(given)
    print()
    for name, value in figures.items():
        print(f"{name:30}{value:10.4f}   {TARGETS[name]}")
    print(f"load of the machine: {load():.1f}")
    return {name: round(value, 4) for name, value in figures.items()}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="What rules cost.")
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    parser.add_argument("--quick", action="store_true", help="only show that everything runs")
    parser.add_argument("--rules", type=int, default=200, help="rules in force")
    parser.add_argument("--rounds", type=int, help="decisions of each kind")
    given = parser.parse_args()
    given.rounds = given.rounds or (20 if given.quick else 2000)
    return given


def main() -> None:
    """Parse the command line and run."""
    given = _arguments()
    figures = run(given)
    if given.json:
        print(json.dumps({"name": "policy", "figures": figures}))


if __name__ == "__main__":
    main()
