"""OAuth with the libpq of PostgreSQL 18 itself, which asks, is told where, and comes again with a token."""

import asyncio
import json
import sys
from pathlib import Path

import psycopg
import pytest

from gateway.api.app import build_api
from gateway.app.web import WebDoor, listen
from gateway.core.people import Peer
from tests.postgres.greeting.hall import PUBLIC, Hall

PROGRAM = Path(__file__).parent / "libpq_oauth.py"

pytestmark = [
    pytest.mark.interop,
    pytest.mark.skipif(psycopg.pq.version() < 180000, reason="needs: the libpq of PostgreSQL 18"),
]


async def test_the_whole_way(hall: Hall) -> None:
    web = WebDoor(build_api(hall.town.services()), listen("127.0.0.1", 0, "tests"))
    pages = f"http://127.0.0.1:{await web.start()}"
    asked = (
        f"host=127.0.0.1 port={hall.port} dbname=appdb user=oauth sslmode=verify-full sslrootcert={hall.ca} "
        f"oauth_issuer={PUBLIC} oauth_client_id=hoop require_auth=oauth"
    )
    program = await asyncio.create_subprocess_exec(
        sys.executable,
        PROGRAM,
        pages,
        asked,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert program.stdin is not None
    assert program.stdout is not None
    assert program.stderr is not None
    try:
        line = await asyncio.wait_for(program.stdout.readline(), 30)
        assert line, (await program.stderr.read()).decode()
        assert json.loads(line) == [f"{PUBLIC}/.well-known/openid-configuration", "database:appdb"]
        code = (await asyncio.wait_for(program.stdout.readline(), 30)).decode().strip()
        ring = hall.town.hall.doorbell.look(code, Peer("127.0.0.1"))
        assert ring is not None
        assert ring.what == "psql to appdb"
        await hall.town.hall.doorbell.answer(ring, hall.person(), Peer("127.0.0.1"))
        program.stdin.write(b"\n")
        out, errors = await asyncio.wait_for(program.communicate(), 30)
        assert (program.returncode, out, errors) == (0, b"IDLE\n", b"")
    finally:
        if program.returncode is None:
            program.kill()
            await program.wait()
        await web.stop()
    accepted = [event["method"] for event in await hall.events("identity.accepted")]
    assert len(accepted) == 2
