"""What a gateway holds while somebody treats it badly, and whether it serves everybody else meanwhile."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.postgres.interop.gateway_process import GatewayProcess
from tests.postgres.interop.raw import Raw, query

PATIENCE = 60.0
DATABASE = "drivers"
SOMEBODY_ELSE = "127.0.0.200"


@dataclass
class Bystander:
    """Somebody who was there before, and goes on working."""

    waits: list[float] = field(default_factory=list)
    problem: str = ""

    @property
    def longest(self) -> float:
        return max(self.waits, default=0.0)


@contextmanager
def bystander(gateway: GatewayProcess) -> Iterator[Bystander]:
    """They ask for a row every few milliseconds, and get it each time."""
    seen = Bystander()
    over = threading.Event()

    def work(raw: Raw) -> None:
        number = 0
        while not over.wait(0.005):
            number += 1
            started = time.monotonic()
            answer = raw.answer(query(f"SELECT {number} AS n"))
            seen.waits.append(time.monotonic() - started)
            if [tag for tag, _ in answer] != [b"T", b"D", b"C", b"Z"] or str(number).encode() not in answer[
                1
            ][1]:
                seen.problem = f"query {number}: {answer}"
                return

    with Raw(gateway.way.port, SOMEBODY_ELSE).sign_in(gateway.way, DATABASE) as raw:
        thread = threading.Thread(target=work, args=(raw,))
        thread.start()
        try:
            yield seen
        finally:
            over.set()
            thread.join(PATIENCE)
    assert not thread.is_alive(), "somebody else's query is never answered"
    assert not seen.problem, seen.problem
    assert seen.waits, "nobody has asked anything"


@contextmanager
def nothing_leaks(gateway: GatewayProcess, *, memory_mb: float = 24.0, slack: int = 4) -> Iterator[None]:
    """Afterwards it runs, serves others, and has given back its descriptors and nearly all memory."""
    assert is_served(gateway)
    settle(gateway)
    descriptors, memory = count_descriptors(gateway), resident_mb(gateway)
    yield
    assert gateway.is_running, gateway.log()[-3000:]
    assert is_served(gateway)
    wait_until(
        lambda: count_descriptors(gateway) <= descriptors + slack,
        lambda: f"{count_descriptors(gateway)} descriptors, {descriptors} before",
    )
    assert resident_mb(gateway) - memory < memory_mb
    assert "Traceback" not in gateway.log(), gateway.log()[-5000:]


def is_served(gateway: GatewayProcess, source: str = SOMEBODY_ELSE) -> bool:
    """Somebody from another address gets in and gets an answer."""
    with Raw(gateway.way.port, source).sign_in(gateway.way, DATABASE) as raw:
        return [tag for tag, _ in raw.answer(query("SELECT 1"))] == [b"T", b"D", b"C", b"Z"]


def wait_until(true: Callable[[], bool], told: Callable[[], str] = lambda: "it never came") -> None:
    """Poll what another process does."""
    give_up_at = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < give_up_at, told()
        time.sleep(0.05)


def settle(gateway: GatewayProcess) -> None:
    """Wait until its descriptors stay the same."""
    before = -1
    while (now := count_descriptors(gateway)) != before:
        before = now
        time.sleep(0.2)


def count_descriptors(gateway: GatewayProcess) -> int:
    return len(list(Path(f"/proc/{gateway.pid}/fd").iterdir()))


def resident_mb(gateway: GatewayProcess) -> float:
    """The process itself: its workers have limits of their own."""
    for line in Path(f"/proc/{gateway.pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0
