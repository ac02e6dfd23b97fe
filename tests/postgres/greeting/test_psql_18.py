"""What only a psql of version 18 or later does: OAuth by its own plug-in, TLS from the first byte, protocol 3.2.

It is found as `psql`, or by PSQL_18, which may be a command with words before it; `sslrootcert` then has to be
readable there below the same name.
"""

import asyncio
import json
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from gateway.adapters.postgres.greeting.greet import Arrived
from gateway.api.app import build_api
from gateway.app.web import WebDoor, listen
from gateway.core.people import Peer
from tests.postgres.greeting.hall import PERSON, Hall


def found() -> list[str]:
    """The command; nothing where there is none of that version."""
    command = shlex.split(os.environ.get("PSQL_18", "")) or ["psql"]
    if shutil.which(command[0]) is None:
        return []
    said = subprocess.run([*command, "--version"], capture_output=True, text=True, check=False).stdout
    version = re.search(r"\(PostgreSQL\) (\d+)", said)
    return command if version and int(version[1]) >= 18 else []


COMMAND = found()

pytestmark = [
    pytest.mark.interop,
    pytest.mark.slow,
    pytest.mark.skipif(not COMMAND, reason="needs: psql of PostgreSQL 18, with libpq-oauth"),
]


async def run(hall: Hall, asked: str, **environ: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        *COMMAND,
        "-XAtw",
        f"host=127.0.0.1 port={hall.port} dbname=appdb {asked}",
        "-c",
        "select 1",
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", **environ},
    )
    out, _ = await asyncio.wait_for(process.communicate(), 60)
    return process.returncode or 0, out.decode()


@pytest.mark.parametrize(
    "more", ["sslnegotiation=direct", "max_protocol_version=3.2", "require_auth=password"]
)
async def test_with_a_password(hall: Hall, more: str) -> None:
    code, out = await run(hall, f"user=me sslmode=require {more}", PGPASSWORD=await hall.token())
    assert (code, json.loads(out)["person"]) == (0, PERSON)
    arrived = await hall.outcome()
    assert isinstance(arrived, Arrived)
    assert arrived.protocol == ((3, 2) if "3.2" in more else (3, 0))


@asynccontextmanager
async def pages(hall: Hall) -> AsyncIterator[str]:
    """In the clear, which psql takes where it is told to be unsafe."""
    door = listen("127.0.0.1", 0, "tests")
    url = f"http://127.0.0.1:{door.getsockname()[1]}"
    services = hall.town.services()
    assert services.sign_in is not None
    web = WebDoor(build_api(replace(services, sign_in=replace(services.sign_in, public_url=url))), door)
    await web.start()
    hall.door = replace(hall.door, public_url=url)
    yield url
    await web.stop()


async def confirm(hall: Hall) -> None:
    """Somebody at a browser says yes as soon as there is a code."""
    bell = hall.town.hall.doorbell
    while not bell._rings:
        await asyncio.sleep(0.05)
    (ring,) = bell._rings.values()
    assert ring.what == "psql to appdb"
    await bell.answer(ring, hall.person(), Peer("127.0.0.1"))


async def test_it_signs_in_by_itself(hall: Hall) -> None:
    async with pages(hall) as url:
        person = asyncio.create_task(confirm(hall))
        asked = f"user=oauth sslmode=require oauth_issuer={url} oauth_client_id=hoop"
        code, out = await run(hall, asked, PGOAUTHDEBUG="UNSAFE")
        await person
    assert code == 0, out
    assert re.search(rf"^Visit {url}/d and enter the code: [0-9A-Z]{{4}}-[0-9A-Z]{{4}}$", out, re.MULTILINE)
    assert json.loads(out.splitlines()[-1])["person"] == PERSON
