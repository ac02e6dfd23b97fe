"""`hoop-tui people`, as a program, against a real API."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from gateway.api import control
from gateway.api.app import build_api
from gateway.app.web import WebDoor, listen
from tests.api.town import Town


class Done(NamedTuple):
    """What a program left behind."""

    code: int
    out: str
    err: str


Run = Callable[..., Awaitable[Done]]


@pytest.fixture
async def run(town: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Run]:
    """The command, by this person."""
    monkeypatch.setattr(control, "CLOSED_WITHIN", 0.01)
    api = build_api(town.services())
    door = WebDoor(api, listen("127.0.0.1", 0, "tests"))
    port = await door.start()

    async def run_it(person: str, *words: str) -> Done:
        token, _ = await town.token(person)
        environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "HOOP_GATEWAY": f"http://127.0.0.1:{port}",
            "HOOP_TOKEN": token,
            "LC_ALL": "C.UTF-8",
        }
        program = str(Path(sys.executable).parent / "hoop-tui")
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            program, "people", *words, env=environ, stdin=asyncio.subprocess.DEVNULL, stdout=pipe, stderr=pipe
        )
        out, err = await asyncio.wait_for(process.communicate(), 60)
        assert process.returncode is not None
        return Done(process.returncode, out.decode(), err.decode())

    yield run_it
    api.state.services.stopping.set()
    await door.stop()


async def test_who_there_is(run: Run, town: Town) -> None:
    await town.vouched("greta\x1b[2J@example.com", "77", frozenset({"sec"}))
    await town.lock_out("olga", "left\x1b]52;c;eA==\x07")
    listed = await run("alba", "ls")
    assert (listed.code, listed.err) == (0, "")
    assert listed.out.splitlines()[0].split() == ["NAME", "FROM", "ROLES", "GROUPS", "LIVE", "STATE"]
    assert "\x1b" not in listed.out
    olga = next(line for line in listed.out.splitlines() if line.startswith("olga"))
    assert olga.split()[:3] == ["olga", "configuration", "person"]
    assert "LOCKED by eve" in olga
    locked = await run("alba", "ls", "--locked", "-o", "json")
    assert [person["name"] for person in json.loads(locked.out)] == ["olga"]
    own = await run("petra", "ls", "-o", "jsonl")
    assert [json.loads(line)["name"] for line in own.out.splitlines()] == ["petra"]
    shown = await run("alba", "show", "OLGA")
    facts = dict(line.split("  ", 1) for line in shown.out.splitlines())
    assert facts["reason"].strip() == "left<U+001B>]52;c;eA==<U+0007>"
    assert (await run("alba", "show", "nobody")).code == 7


async def test_locking_and_unlocking(run: Run, town: Town) -> None:
    gate = await town.enter("olga")
    locked = await run("otto", "lock", "olga", "--reason", "a lost laptop")
    assert locked == Done(0, f"{gate.session.id}\n", "")
    await gate.close("ended", {"reason": "ended"})
    again = await run("otto", "lock", "olga", "--reason", "a lost laptop", "-o", "json")
    assert again == Done(8, "", "hoop-tui: olga is locked already by otto since 2026-11-20 12:00 UTC\n")
    refused = await run("otto", "unlock", "olga")
    assert refused == Done(4, "", "hoop-tui: you may see olga, and not unlock them: that takes an admin\n")
    assert await run("adam", "unlock", "olga") == Done(0, "", "")
    assert (await run("adam", "unlock", "olga")).code == 8


async def test_what_makes_no_sense(run: Run, town: Town) -> None:
    sentence = "hoop-tui: Say why with --reason, in one line of up to 300 characters.\n"
    for reason in ("", "  ", "two\nlines", "x" * 301):
        assert await run("otto", "lock", "olga", "--reason", reason) == Done(2, "", sentence)
    assert (await run("otto", "lock", "olga")).code == 2
    assert (
        await run("otto", "lock", "otto", "--reason", "x")
    ).err == "hoop-tui: nobody can lock themselves\n"
    assert (await run("petra", "lock", "olga", "--reason", "x")).code == 7
    assert (await run("otto", "show", "../tokens")).code == 7
    assert await town.house.ledger.locks() == []
