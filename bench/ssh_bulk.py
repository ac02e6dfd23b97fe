"""How fast SSH is through the gateway, next to the same thing direct: downloads, uploads, echo of a key.

Stock `ssh` clients and a private sshd on loopback; the gateway records and masks as in production. Rounds are
interleaved and medians compared, because both cores are shared. Usage: bench/ssh_bulk.py [--json] [--megabytes N]
"""

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.ssh.client import StockSsh
from tests.ssh.house import House
from tests.ssh.sshd import Sshd

KEYS = 200
CIPHER = "aes128-gcm@openssh.com"
DETECTORS = ("card", "email", "jwt", "cloud-key", "private-key", "password")

Route = list[str]


async def download(route: Route, megabytes: int) -> float:
    """Seconds for that much from the target."""
    return await _timed([*route, f"head -c {megabytes}M {_text(megabytes)}"], None)


async def upload(route: Route, megabytes: int) -> float:
    """Seconds for that much to the target."""
    return await _timed([*route, "cat > /dev/null"], _text(megabytes))


async def echo(route: Route, megabytes: int) -> float:
    """Median seconds from a key to its echo, over one session."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*route, "cat", stdin=pipe, stdout=pipe, stderr=-3)
    assert process.stdin is not None
    assert process.stdout is not None
    times = []
    for _ in range(KEYS):
        started = time.perf_counter()
        process.stdin.write(b"x")
        await process.stdout.readexactly(1)
        times.append(time.perf_counter() - started)
    process.stdin.close()
    await process.wait()
    return statistics.median(times[10:])


async def _timed(command: list[str], source: Path | None) -> float:
    started = time.perf_counter()
    with (source or Path("/dev/null")).open("rb") as given:
        process = await asyncio.create_subprocess_exec(*command, stdin=given, stdout=-3, stderr=-3)
        if await process.wait() != 0:
            raise SystemExit(f"failed: {command[-1]}")
    return time.perf_counter() - started


def _text(megabytes: int) -> Path:
    """Log-like text, made once."""
    path = Path(tempfile.gettempdir()) / f"hoop-bench-{megabytes}M"
    if not path.exists():
        line = b"2026-11-21T04:11:54Z web-1 app[4711]: GET /v1/orders/81273 200 12ms user=agnes ref=ab34ff\n"
        path.write_bytes((line * (megabytes * 12000))[: megabytes << 20])
    return path


async def compare(routes: dict[str, Route], rounds: int, megabytes: int) -> dict[str, dict[str, float]]:
    """Medians by what is measured and by route. The first round only warms up."""
    figures: dict[str, dict[str, float]] = {}
    measures: dict[str, Callable[[Route, int], Awaitable[float]]] = {
        "download": download,
        "upload": upload,
        "echo": echo,
    }
    for name, measure in measures.items():
        seen: dict[str, list[float]] = {route: [] for route in routes}
        for turn in range(rounds + 1):
            for route, command in routes.items():
                taken = await measure(command, megabytes)
                if turn:
                    seen[route].append(taken)
        figures[name] = {route: statistics.median(times) for route, times in seen.items()}
    return figures


async def run(rounds: int, megabytes: int) -> dict[str, float]:
    """Set everything up, measure, print the table, return the figures."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        sshd = Sshd(directory / "sshd")
        await sshd.start()
        house = await House.open(directory / "gateway")
        house.offer("web-1", sshd.port, sshd.user, sshd.login_key, host_keys=[sshd.host_key_line])
        client = StockSsh(directory / "client", house)
        identity = directory / "identity"
        identity.touch(0o600)
        identity.write_bytes(sshd.login_key.export_private_key())
        with (directory / "client" / "known_hosts").open("a") as known:
            known.write(f"[127.0.0.1]:{sshd.port} {sshd.host_key_line}\n")
        gateway = client.command("-c", CIPHER, "web-1@gw")
        direct = ["-c", CIPHER, "-i", str(identity), "-p", str(sshd.port), f"{sshd.user}@gw"]
        plain = await compare({"direct": client.command(*direct), "gateway": gateway}, rounds, megabytes)
        house.mask(*DETECTORS)
        masked = await compare({"gateway": gateway}, rounds, megabytes)
        await house.close()
        await sshd.stop()
    _text(megabytes).unlink()
    figures = {
        "download_ratio": plain["download"]["direct"] / plain["download"]["gateway"],
        "upload_ratio": plain["upload"]["direct"] / plain["upload"]["gateway"],
        "masked_download_ratio": plain["download"]["direct"] / masked["download"]["gateway"],
        "echo_added_ms": 1000 * (plain["echo"]["gateway"] - plain["echo"]["direct"]),
    }
    _print_table(plain, masked, megabytes)
    return {name: round(value, 3) for name, value in figures.items()}


def _print_table(
    plain: dict[str, dict[str, float]], masked: dict[str, dict[str, float]], megabytes: int
) -> None:
    print(f"{'':12}{'direct':>14}{'gateway':>14}{'masking':>14}")
    for name in ("download", "upload"):
        rates = [megabytes / plain[name][route] for route in ("direct", "gateway")]
        rates.append(megabytes / masked[name]["gateway"])
        print(f"{name:12}" + "".join(f"{rate:9.0f} MB/s" for rate in rates))
    times = [plain["echo"]["direct"], plain["echo"]["gateway"], masked["echo"]["gateway"]]
    print(f"{'echo':12}" + "".join(f"{1000 * each:11.2f} ms" for each in times))


def main() -> None:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(description="SSH through the gateway, next to direct.")
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--megabytes", type=int, default=200)
    given = parser.parse_args()
    figures = asyncio.run(run(given.rounds, given.megabytes))
    print("  ".join(f"{name} {value}" for name, value in figures.items()))
    if given.json:
        print(json.dumps({"name": "ssh_bulk", "figures": figures}))


if __name__ == "__main__":
    main()
