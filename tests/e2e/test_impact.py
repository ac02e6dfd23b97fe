"""What a held statement would do, asked at another gateway than the one where it waits, by the API and by command."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.contracts.postgres_server import MISSING, binaries
from tests.e2e.conftest import BIN
from tests.e2e.crowd_town import Town, a_town
from tests.e2e.served import PATIENCE
from tests.e2e.test_two_gateways import held

pytestmark = [pytest.mark.interop, pytest.mark.needs("sshd", "postgres")]


@pytest.fixture
async def town(tmp_path: Path) -> AsyncIterator[Town]:
    programs = binaries()
    if programs is None:
        pytest.skip(MISSING)
    async with a_town(tmp_path, programs) as made:
        yield made


async def command(town: Town, name: str, home: Path, *words: str) -> tuple[int, str, str]:
    """`hoop-tui review impact ...` at the gateway where nobody waits."""
    assert town.west is not None
    process = await asyncio.create_subprocess_exec(
        *(str(BIN / "hoop-tui"), "review", "impact", *words),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={
            "HOME": str(home),
            "PATH": "/usr/bin:/bin",
            "HOOP_GATEWAY": f"http://127.0.0.1:{town.west.ports['api']}",
            "HOOP_TOKEN": town.tokens[name],
        },
    )
    async with asyncio.timeout(PATIENCE):
        out, err = await process.communicate()
    return process.returncode or 0, out.decode(), err.decode()


async def test_any_gateway_tells_and_tries_and_nothing_of_it_stays(town: Town, tmp_path: Path) -> None:
    await town.open()
    running, id = await held(town)
    code, out, err = await command(town, "bob", tmp_path, id)
    assert (code, err) == (0, "")
    assert out.startswith(f"{id}  looked into, not run: about 1 row, as is guessed")
    assert "public.done_one" in out
    code, out, err = await command(town, "bob", tmp_path, id, "--dry-run", "-o", "json")
    assert (code, err) == (0, "")
    found: dict[str, Any] = json.loads(out)
    assert (found["rows"], found["dry_run"], found["refused"]) == (1, True, "")
    assert found["tables"][0] == {"title": "after", "columns": ["op"], "rows": [["op-1"]]}
    assert town.executed() == []
    assert town.west is not None
    url = f"http://127.0.0.1:{town.west.ports['api']}/v1/requests/{id}"
    async with httpx2.AsyncClient(timeout=PATIENCE) as http:
        card = (await http.get(url, headers=town.headers("bob"))).json()
        assert {"began", "values"} & set(card["facts"]) == set()
    assert (await command(town, "alice", tmp_path, id))[0] == 4
    assert (await command(town, "dan", tmp_path, id, "--dry-run"))[0] == 4
    running.cancel()
    await asyncio.wait([running])
