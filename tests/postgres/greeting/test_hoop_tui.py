"""`hoop-tui psql` and `hoop-tui token`, from the API to the door."""

import asyncio
import json
import os
import stat
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.api.app import build_api
from gateway.app.web import WebDoor, listen
from gateway.core.events import TokenRevoked
from hoop_tui.login.database import Way, psql_environment
from hoop_tui.sign_in import Token
from tests.postgres.greeting.hall import PERSON, Hall, psql

HOOP_TUI = Path(sys.executable).parent / "hoop-tui"


@pytest.fixture
async def gateway(hall: Hall) -> AsyncIterator[str]:
    """The address of the API."""
    door = WebDoor(build_api(hall.town.services()), listen("127.0.0.1", 0, "tests"))
    yield f"http://127.0.0.1:{await door.start()}"
    await door.stop()


async def run(
    hall: Hall, gateway: str, token: str, *arguments: str, **more: str
) -> subprocess.CompletedProcess[str]:
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(hall.directory / "home"),
        "HOOP_GATEWAY": gateway,
        "HOOP_TOKEN": token,
        **more,
    }
    return await asyncio.to_thread(
        subprocess.run,
        [str(HOOP_TUI), *arguments],
        env=environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.interop
@pytest.mark.needs("psql")
async def test_psql(hall: Hall, gateway: str) -> None:
    login, id = await hall.town.token(PERSON)
    misleading = {
        "PGHOSTADDR": "192.0.2.1",
        "PGSERVICE": "elsewhere",
        "PGSSLCERT": "/etc/hostname",
        "PGSSLMODE": "disable",
        "PGPASSWORD": "theirs",
        "PGUSER": "app_rw",
    }
    done = await run(hall, gateway, login, "psql", "appdb", "-XAtc", "select 1", **misleading)
    assert (done.returncode, done.stderr) == (0, "")
    told = json.loads(done.stdout)
    assert (told["person"], told["target"], told["login"]) == (PERSON, "appdb", "app_rw")
    assert told["tls"] == "TLSv1.3"
    file = hall.directory / "home" / ".config" / "hoop" / "postgres" / "127.0.0.1" / "root.crt"
    assert file.read_text() == hall.town.hall.server_signer.trusted
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    (row,) = [row for row in await hall.town.house.ledger.tokens() if row.kind == "database"]
    assert (row.parent, row.target) == (id, "appdb")


@pytest.mark.interop
@pytest.mark.needs("psql")
async def test_a_token_printed_is_a_password_until_the_sign_in_ends(hall: Hall, gateway: str) -> None:
    login, id = await hall.town.token(PERSON)
    printed = await run(hall, gateway, login, "token", "appdb", "--for", "10m")
    password = printed.stdout.strip()
    asked = "dbname=appdb user=me sslmode=require"
    code, out, _ = await psql(hall, asked, environ={"PGPASSWORD": password})
    assert (code, json.loads(out)["person"]) == (0, PERSON)
    await hall.town.house.ledger.revoke_token(id, TokenRevoked(token=id))
    code, _, errors = await psql(hall, asked, environ={"PGPASSWORD": password})
    assert code == 2
    assert "DETAIL:  the password was not a valid hoop-tui token (revoked)\n" in errors


async def test_what_goes_wrong_in_words(hall: Hall, gateway: str) -> None:
    login, _ = await hall.town.token(PERSON)
    ssh = await run(hall, gateway, login, "psql", "web-1")
    assert (ssh.returncode, "web-1 is reached over ssh, which takes no password" in ssh.stderr) == (4, True)
    unknown = await run(hall, gateway, login, "psql", "nowhere")
    assert 'there is no target "nowhere" for you' in unknown.stderr
    bad = await run(hall, gateway, login, "psql", "host=evil")
    assert (bad.returncode, "A target is named like appdb" in bad.stderr) == (2, True)
    nobody = await run(hall, gateway, "hoop_t-000000_x", "psql", "appdb")
    assert (nobody.returncode, nobody.stderr) == (3, "hoop-tui: sign-in needed - run: hoop-tui login\n")
    no_psql = await run(hall, gateway, login, "psql", "appdb", PATH="/nonexistent")
    assert (no_psql.returncode, "There is no psql here" in no_psql.stderr) == (1, True)


def test_the_environment(tmp_path: Path) -> None:
    way = Way(Token("hoop_t-1_x"), "db.example.com", 5432, "-----BEGIN CERTIFICATE-----\n")
    theirs = {"PGSERVICE": "x", "PGOPTIONS": "-c work_mem=1MB", "LANG": "C"}
    found = psql_environment(way, "appdb", tmp_path, theirs)
    assert found["PGSSLROOTCERT"] == str(tmp_path / "postgres" / "db.example.com" / "root.crt")
    assert (found["PGHOST"], found["PGPORT"], found["PGDATABASE"]) == ("db.example.com", "5432", "appdb")
    assert (found["PGSSLMODE"], found["PGPASSWORD"]) == ("verify-full", "hoop_t-1_x")
    assert (found["PGOPTIONS"], found["LANG"]) == ("-c work_mem=1MB", "C")
    assert "PGSERVICE" not in found
    assert not Path(found["PGSSLCERT"]).exists()
    own = psql_environment(Way(way.password, "../../x", 1, ""), "appdb", tmp_path, {})
    assert own["PGSSLROOTCERT"] == "system" or Path(own["PGSSLROOTCERT"]).is_file()
    odd = psql_environment(Way(way.password, "../../x", 1, "pem"), "appdb", tmp_path, {})
    assert Path(odd["PGSSLROOTCERT"]).resolve().is_relative_to(tmp_path / "postgres")
