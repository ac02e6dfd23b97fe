"""Sessions whose gateway dies, is cut off from its ledger, or is told to stop: what everybody else sees, and when."""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.contracts.conftest import postgres  # noqa: F401 - a fixture
from tests.contracts.postgres_server import PostgresServer
from tests.e2e.served import Served, run
from tests.ssh.sshd import Sshd
from tests.ssh.terminal import Terminal

pytestmark = [pytest.mark.interop, pytest.mark.needs("ssh", "sshd")]

PATIENCE = 40.0
LEASE = 2


@pytest.fixture
async def sshd(tmp_path: Path) -> AsyncIterator[Sshd]:
    server = Sshd(tmp_path / "sshd")
    await server.start()
    yield server
    await server.stop()


Serve = Callable[..., Served]


@pytest.fixture
async def serve(tmp_path: Path, sshd: Sshd) -> AsyncIterator[Serve]:
    """Writes the configuration of a gateway with a short lease, in a directory of its own."""
    made: list[Served] = []

    def make(name: str, directory: str = "", store: str = "") -> Served:
        place = tmp_path / (directory or name)
        place.mkdir(exist_ok=True)
        served = Served(place, sshd, forked=True)
        served.write(store=store)
        text = served.config.read_text().replace('name = "gw-test"', f'name = "{name}"\nlease = "{LEASE}s"')
        served.config.write_text(text.replace('"auditor"', '"operator"'))
        made.append(served)
        return served

    yield make
    for served in made:
        if served.process is not None:
            await served.stop(signal.SIGKILL)


@asynccontextmanager
async def api(served: Served) -> AsyncIterator[httpx2.AsyncClient]:
    token = (await served.tokens("alice"))["alice"]
    headers = {"Authorization": f"Bearer {token}"}
    url = f"http://127.0.0.1:{served.ports['api']}"
    async with httpx2.AsyncClient(base_url=url, headers=headers, timeout=20) as http:
        yield http


async def the_session(http: httpx2.AsyncClient) -> dict[str, Any]:
    (row,) = (await http.get("/v1/sessions")).json()["sessions"]
    return dict(row)


async def until_state(http: httpx2.AsyncClient, state: str) -> dict[str, Any]:
    async with asyncio.timeout(PATIENCE):
        while (row := await the_session(http))["state"] != state:
            await asyncio.sleep(0.05)
    return row


async def a_shell(served: Served) -> Terminal:
    desk = Terminal()
    await desk.start(served.ssh("-tt", "web-1@127.0.0.1", "PS1='ready> ' sh"))
    await desk.until(b"ready> ")
    return desk


async def test_killed_and_started_again(serve: Serve, sshd: Sshd) -> None:
    """Its target is cut off at once; at the next start, before any lease is over, the session is LOST. While it is
    there, nobody else starts in its directory, who would call its sessions lost."""
    served = serve("gw-1")
    await served.start()
    desk = await a_shell(served)
    second = await served.gateway("serve", "--config", str(served.config))
    assert second.status == 2
    assert "another gateway is using the data directory" in second.err
    desk.type(b"echo last-words-$((6*7))\r")
    await desk.until(b"last-words-42\r\n")
    await served.stop(signal.SIGKILL)
    async with asyncio.timeout(PATIENCE):
        while sshd.children():
            await asyncio.sleep(0.02)
    assert await desk.ended() == 255
    await served.start()
    async with api(served) as http:
        row = await the_session(http)
        assert (row["state"], row["outcome"]) == ("LOST", "crash")
        info = (await http.get(f"/v1/sessions/{row['id']}/recording")).json()
        assert info["state"] == "cut"
        text = (await http.get(f"/v1/sessions/{row['id']}/export", params={"as": "txt"})).text
        assert "last-words-42" in text
        refused = await http.post(f"/v1/sessions/{row['id']}/end")
        assert (refused.status_code, refused.json()["detail"]) == (409, f"{row['id']} has ended already")
    await desk.close()


async def test_another_gateway_sees_what_was_lost(
    serve: Serve,
    postgres: PostgresServer,  # noqa: F811
) -> None:
    url = f'url = "{postgres.new_schema()}"'
    east, west = serve("east", store=url), serve("west", store=url)
    await east.start()
    await west.start()
    desk = await a_shell(east)
    async with api(west) as http:
        row = await the_session(http)
        assert (row["state"], row["gateway"]) == ("LIVE", "east")
        refused = await http.post(f"/v1/sessions/{row['id']}/pause")
        assert refused.status_code == 403, "one's own"
        refused = await http.post(f"/v1/sessions/{row['id']}/end")
        assert refused.status_code == 409
        assert refused.json()["detail"] == (
            f"{row['id']} is not live here: it runs on east, so ask that gateway"
        )
        answer = (await http.post("/v1/people/alice@example.com/end")).json()
        assert answer == {"ended": [], "elsewhere": [row["id"]]}
        for _ in range(3):
            await asyncio.sleep(LEASE * 0.4)
            assert (await the_session(http))["state"] == "LIVE", "it is said to be alive again and again"
        await east.stop(signal.SIGKILL)
        assert (await until_state(http, "LOST"))["outcome"] == "", "nobody but its own gateway ends it"
        await east.start()
        row = await the_session(http)
        assert (row["state"], row["outcome"]) == ("LOST", "crash")
    await desk.close()


@pytest.mark.slow
async def test_two_processes_of_one_name(serve: Serve, postgres: PostgresServer) -> None:  # noqa: F811
    """A mistake that must not cost anybody's session; what one leaves behind, the other puts in order in time."""
    url = f'url = "{postgres.new_schema()}"'
    first, second = serve("gw", "first", store=url), serve("gw", "second", store=url)
    await first.start()
    desk = await a_shell(first)
    await second.start()
    desk.type(b"echo still-$((6*7))\r")
    await desk.until(b"still-42")
    async with api(second) as http:
        assert (await the_session(http))["state"] == "LIVE"
        await first.stop(signal.SIGKILL)
        async with asyncio.timeout(PATIENCE):
            while (await the_session(http))["outcome"] != "crash":
                await asyncio.sleep(0.05)
    await desk.close()


async def test_cut_off_from_the_ledger(serve: Serve, postgres: PostgresServer) -> None:  # noqa: F811
    """Others will call the session lost, so it does not go on; the gateway itself goes on, and recovers."""
    served = serve("gw-1", store=f'url = "{postgres.new_schema()}"')
    await served.start()
    desk = await a_shell(served)
    postgres.stop()
    try:
        assert await desk.ended() == 125
        assert b"hoop: ended - the audit log can not be reached any more, so nothing passes\r\n" in desk.seen
    finally:
        postgres.start()
    await desk.close()
    async with api(served) as http:
        await until_state(http, "LOST")
        async with asyncio.timeout(PATIENCE):
            while (await the_session(http))["outcome"] != "crash":
                await asyncio.sleep(0.05)
        (path,) = served.directory.glob("data/recordings/**/*.hrec")
        assert (await served.gateway("recording", "verify", str(path))).status == 0
    assert (await run(*served.ssh("web-1@127.0.0.1", "echo again"))).out == "again\n"


async def test_stopped_in_order(serve: Serve) -> None:
    """SIGTERM: whoever is inside is told, even one that does not read is ended, and every recording is sealed."""
    served = serve("gw-1")
    await served.start()
    desk = await a_shell(served)
    running = await asyncio.create_subprocess_exec(
        *served.ssh("web-1@127.0.0.1", "echo up; sleep 600"), stdout=-1, stderr=-1
    )
    unread = await asyncio.create_subprocess_exec(*served.ssh("web-1@127.0.0.1", "yes"), stdout=-1, stderr=-1)
    assert running.stdout is not None
    assert await running.stdout.readline() == b"up\n"
    assert served.process is not None
    served.process.send_signal(signal.SIGTERM)
    words = b"hoop: ended - the gateway is shutting down"
    assert await desk.ended() == 130
    assert words in desk.seen
    _, err = await asyncio.wait_for(running.communicate(), PATIENCE)
    assert running.returncode == 130
    assert words in err
    assert await served.stop() == 0
    await asyncio.wait_for(unread.communicate(), PATIENCE)
    assert unread.returncode != 0
    recordings = list(served.directory.glob("data/recordings/**/*.hrec"))
    assert len(recordings) == 3
    for path in recordings:
        verified = await served.gateway("recording", "verify", str(path))
        assert verified.status == 0, verified.err
    await served.start()
    async with api(served) as http:
        rows = (await http.get("/v1/sessions")).json()["sessions"]
        assert [(row["state"], row["outcome"]) for row in rows] == [("KILLED", "ended")] * 3
    await desk.close()
