"""How quick the app is: from its start to a screen, from a key to the screen, from a hold to whoever decides.

The installed program on a real terminal in front of a real API. Usage: scripts/bench tui [--json] [--quick]
[--rows N] [--rounds N] [--people N].
"""

import argparse
import asyncio
import json
import sys
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.consoles import KEYS, PEOPLE, measure
from bench.policy_stand.approvals import fill
from bench.stand.process import load
from bench.tui_stand.terminal import Screen
from tests.tui.requests_gateway import RequestsGateway

TARGETS = {
    "start_ms": "< 800",
    "key_ms_p95_10k": "< 30",
    "hold_to_screen_ms": "< 200",
    "console_mb": "< 40",
    "console_key_ms_p50": "< 150",
    "console_key_ms_p95": "",
    "console_open_ms_p50": "",
}
_AT_ONCE = 500
WHO = "token-of-pia"
"""An approver at the gateway of the tests; the group is the one that is asked."""


def run(given: argparse.Namespace) -> dict[str, float]:
    """Measure, print, return the figures."""
    with TemporaryDirectory(prefix="hoop-bench-") as directory:
        gateway = RequestsGateway(Path(directory))
        gateway.house.groups["pia"] = {"dba"}
        try:
            figures = {"start_ms": _start(gateway, given.rounds)}
            figures |= {"hold_to_screen_ms": _hold_to_screen(gateway, given.rounds)}
            for filled in range(0, given.rows, _AT_ONCE):
                gateway.run(fill(gateway.house.ledger, min(_AT_ONCE, given.rows - filled)))
            figures |= {"key_ms_p95_10k": _key_to_screen(gateway, given.keys)}
        finally:
            gateway.close()
    consoles = asyncio.run(measure(given.people, 2 if given.quick else KEYS))
    figures |= {name: value for name, value in consoles.items() if name in TARGETS}
    print()
    for name, value in figures.items():
        print(f"{name:22}{value:10.1f}   {TARGETS.get(name, '')}")
    print(f"load of the machine: {load():.1f}")
    return {name: round(value, 2) for name, value in figures.items()}


def _start(gateway: RequestsGateway, rounds: int) -> float:
    """From the command until the list of sessions is drawn; the first start, which fills caches, does not count."""
    times = []
    for _ in range(rounds + 1):
        with Screen(gateway.url, WHO) as screen:
            times.append(screen.until("Sessions:") * 1000)
            screen.until("* live")
    return median(times[1:])


def _hold_to_screen(gateway: RequestsGateway, rounds: int) -> float:
    """From somebody's statement coming to be held until its row is on the screen of whoever decides."""
    times = []
    with Screen(gateway.url, WHO) as screen:
        screen.until("* live")
        screen.press("\x1bOQ")
        for number in range(rounds):
            screen.until("Nothing waits for you")
            screen.rest(1.5)
            began = screen.now()
            gateway.ask(f"drop table t{number:03}")
            times.append((screen.until(f"table t{number:03}") - began) * 1000)
            gateway.run(gateway.asking.gone())
    return median(times)


def _key_to_screen(gateway: RequestsGateway, keys: int) -> float:
    """From a key that moves the cursor until another row has it, with so many requests waiting at the gateway."""
    times = []
    with Screen(gateway.url, WHO) as screen:
        screen.until("* live")
        screen.press("\x1bOQ")
        screen.until("denies itself in")
        screen.rest(2.0)
        for number in range(keys):
            began = screen.now()
            screen.press("j" if number % 40 < 20 else "k")
            times.append((screen.until_row_changes() - began) * 1000)
            screen.rest(0.05)
    return quantiles(times, n=20)[-1]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="How quick the app is.")
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    parser.add_argument("--quick", action="store_true", help="only show that everything runs")
    parser.add_argument("--rows", type=int, help="requests that wait while keys are pressed")
    parser.add_argument("--keys", type=int, help="keys pressed")
    parser.add_argument("--rounds", type=int, help="starts, and holds")
    parser.add_argument("--people", type=int, help="consoles over ssh at once")
    given = parser.parse_args()
    full = {"rows": 10_000, "keys": 200, "rounds": 9, "people": PEOPLE}
    quick = {"rows": 100, "keys": 4, "rounds": 1, "people": 2}
    for name, value in (quick if given.quick else full).items():
        if getattr(given, name) is None:
            setattr(given, name, value)
    return given


def main() -> None:
    """Parse the command line and run."""
    given = _arguments()
    figures = run(given)
    if given.json:
        print(json.dumps({"name": "tui", "figures": figures}))


if __name__ == "__main__":
    main()
