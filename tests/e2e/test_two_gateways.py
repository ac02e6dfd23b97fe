"""Two served gateways on one ledger in PostgreSQL: what is done at one is seen at the other at once; and one whose
clock is wrong says so and approves nothing."""

import asyncio
import signal
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.contracts.postgres_server import MISSING, binaries
from tests.e2e.crowd import HELD
from tests.e2e.crowd_town import Town, a_town
from tests.e2e.served import PATIENCE, Served

pytestmark = [pytest.mark.interop, pytest.mark.needs("sshd", "postgres")]

TEXT = "INSERT INTO done_one VALUES ('op-1')"
SHOWN = {"sha256": sha256(TEXT.encode()).hexdigest(), "version": 1}


@pytest.fixture
async def town(tmp_path: Path) -> AsyncIterator[Town]:
    programs = binaries()
    if programs is None:
        pytest.skip(MISSING)
    async with a_town(tmp_path, programs) as made:
        yield made


@pytest.fixture
async def http() -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(timeout=PATIENCE) as client:
        yield client


async def held(town: Town) -> tuple["asyncio.Task[Any]", str]:
    """Alice's statement waits at east: it, and the id of its request."""
    connection = await town.connect("alice")
    told: asyncio.Queue[str] = asyncio.Queue()
    connection.add_notice_handler(lambda notice: told.put_nowait(notice.message_primary or ""))

    async def run() -> None:
        try:
            await connection.execute(TEXT.encode())
        finally:
            await connection.close()

    running = asyncio.create_task(run())
    found = HELD.search(await asyncio.wait_for(told.get(), PATIENCE))
    assert found
    return running, found[1]


async def post(
    town: Town, at: Served, http: httpx2.AsyncClient, id: str, act: str, **more: str
) -> httpx2.Response:
    url = f"http://127.0.0.1:{at.ports['api']}/v1/requests/{id}/{act}"
    return await http.post(url, json=SHOWN | more, headers=town.headers("bob"))


async def ready(at: Served, http: httpx2.AsyncClient) -> tuple[int, dict[str, str]]:
    answer = await http.get(f"http://127.0.0.1:{at.ports['admin']}/readyz")
    return answer.status_code, answer.json()["checks"]


async def test_hints_of_one_reach_the_other_also_after_its_database_was_away(
    town: Town, http: httpx2.AsyncClient
) -> None:
    """Who looks only every few seconds would see it, too: so the feed is asked, which looks at nothing by itself."""
    await town.open()
    assert town.west is not None
    for _ in range(2):
        await asyncio.gather(*(each.says("ready") for each in town.gateways))
        url = f"http://127.0.0.1:{town.west.ports['api']}/v1/feed"
        async with http.stream("GET", url, headers=town.headers("bob")) as feed:
            lines = feed.aiter_lines()
            running, id = await held(town)
            async with asyncio.timeout(PATIENCE):
                async for line in lines:
                    if id in line:
                        break
        assert (await post(town, town.west, http, id, "approve")).status_code == 200
        await running
        await asyncio.to_thread(town.server.stop, signal.SIGINT)
        await asyncio.to_thread(town.server.start)
        for each in town.gateways:
            await each.says("hints of other gateways arrive again")
            await _until_it_writes(each, http)
            each.log.append("ready")
    assert sorted(town.executed()) == ["op-1", "op-1"]


async def _until_it_writes(at: Served, http: httpx2.AsyncClient) -> None:
    async with asyncio.timeout(PATIENCE):
        while (await ready(at, http))[0] != 200:
            await asyncio.sleep(0.1)


async def test_a_gateway_whose_clock_is_not_the_ledgers(town: Town, http: httpx2.AsyncClient) -> None:
    """West's database has a clock of its own: it is found in a schema that nobody else looks into."""
    with town.server.connect(town.ledger.rpartition("/")[2]) as connection:
        connection.execute("CREATE SCHEMA slow")
        connection.execute(
            "CREATE FUNCTION slow.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS"
            " $$ SELECT pg_catalog.clock_timestamp() - interval '10 min' $$"
        )
    assert town.west is not None
    text = town.west.config.read_text()
    options = f"{town.ledger}?options=-csearch_path%3Dslow,pg_catalog,public"
    town.west.config.write_text(text.replace(f'url = "{town.ledger}"', f'url = "{options}"'))
    await town.open()
    problem = "the gateway's clock is 10 min ahead of the ledger's"
    assert await ready(town.west, http) == (503, {"clock": problem})
    assert (await ready(town.east, http))[0] == 200
    await town.west.says("nothing is held, approved or let through by an approval: " + problem)
    running, id = await held(town)
    refused = await post(town, town.west, http, id, "approve")
    assert refused.status_code == 503
    assert refused.json()["detail"] == f"nothing can be approved here for now: {problem}"
    assert town.executed() == []
    assert (await post(town, town.east, http, id, "approve")).status_code == 200
    await running
    assert town.executed() == ["op-1"]
