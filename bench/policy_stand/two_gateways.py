"""How long somebody waits at one gateway for an approval that was given at another: two served gateways on one ledger
in PostgreSQL, a client of the database behind the first, and the API of the second.

From the moment that the yes is sent until the person's client is told. Without PostgreSQL on the machine there is no
figure.
"""

import argparse
import asyncio
import time
from hashlib import sha256
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory

import httpx2

from tests.contracts.postgres_server import MISSING, binaries
from tests.e2e.crowd import HELD
from tests.e2e.crowd_town import Town, a_town

RELEASES, WARM_UPS = 20, 5
"""One person asks, of whom a gateway takes thirty requests a minute."""
APPROVED = "hoop: approved "


def two_gateways(given: argparse.Namespace) -> dict[str, float]:
    """Milliseconds."""
    programs = binaries()
    if programs is None:
        print(f"\nno figure of two gateways: {MISSING}")
        return {}
    with TemporaryDirectory(prefix="hoop-bench-") as directory:
        Path(directory).chmod(0o711)  # PostgreSQL does not run as root
        took = asyncio.run(_measure(Path(directory), programs, 3 if given.quick else RELEASES))
    slow = quantiles(took, n=20)[18]
    print(f"\nreleased at one gateway, approved at another: {median(took):.1f} ms, p95 {slow:.1f} ms")
    return {"release_two_gateways_ms_p50": median(took)}


async def _measure(directory: Path, programs: Path, releases: int) -> list[float]:
    async with a_town(directory, programs) as town:
        await town.open()
        async with httpx2.AsyncClient(timeout=30) as http:
            took = [await _release(town, http, n) for n in range(WARM_UPS + releases)]
        for gateway in town.gateways:
            await gateway.stop()
    return took[WARM_UPS:]


async def _release(town: Town, http: httpx2.AsyncClient, n: int) -> float:
    """A session of its own, so that nothing of an earlier one is on its way any more."""
    assert town.west is not None
    held: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    told: list[float] = []

    def hear(words: str) -> None:
        if found := HELD.search(words):
            held.set_result(found[1])
        elif words.startswith(APPROVED):
            told.append(time.perf_counter())

    text = f"INSERT INTO done_one VALUES ('op-{n:05}')"
    connection = await town.connect("alice")
    try:
        connection.add_notice_handler(lambda notice: hear(notice.message_primary or ""))
        running = asyncio.create_task(connection.execute(text.encode()))
        url = f"http://127.0.0.1:{town.west.ports['api']}/v1/requests/{await held}/approve"
        shown = {"sha256": sha256(text.encode()).hexdigest(), "version": 1}
        began = time.perf_counter()
        answer = await http.post(url, json=shown, headers=town.headers("bob"))
        assert answer.status_code == 200, answer.text
        await running
    finally:
        await connection.close()
    return (told[0] - began) * 1000
