"""A served gateway that holds what scripts do: what Bob reads with `hoop-tui`, what his yes is about, and what was
asked for in advance."""

import json
import secrets
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.e2e.holding import Town, a_town, ended
from tests.e2e.served import BIN

pytestmark = [
    pytest.mark.interop,
    pytest.mark.needs("ssh", "sshd"),
    pytest.mark.asyncio(loop_scope="module"),
]

MORE = """
[[person]]
name = "bob@example.com"
groups = ["sre"]
roles = ["approver", "person"]

[[rule]]
id = "no-rm"
match = { command = "rm *" }
do = "hold"
message = "removing takes two"
ask = { group = "sre", ttl = "1m" }

[[rule]]
id = "later"
match = { command = "touch *" }
do = "hold"
mode = "fail"
ask = { group = "sre", ttl = "1m" }
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Town]:
    async with a_town(tmp_path_factory.mktemp("town"), ("alice", "bob"), MORE) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def town(gateway: Town) -> AsyncIterator[Town]:
    """Each test leaves nothing held."""
    yield gateway
    await gateway.settled()


@pytest.fixture
def home(gateway: Town) -> Path:
    """A directory of the test's own, on the target."""
    made = gateway.served.sshd.home / secrets.token_hex(4)
    made.mkdir()
    return made


async def impact(town: Town, id: str) -> dict[str, Any]:
    return await town.ask("bob", f"/v1/requests/{id}/impact", "POST")


async def test_what_a_script_does_is_held_shown_and_run(town: Town, home: Path) -> None:
    script, victim = home / "x.sh", home / "victim"
    victim.write_text("1234")
    script.write_bytes(f"#!/bin/sh\nrm {victim} # \x1b]52;c;eA==\x07\u202e\n".encode())
    asking = await town.start("alice", *town.served.ssh("web-1@127.0.0.1", f"sh {script}"))
    row = await town.held()
    assert row["what"] == f"sh {script}"
    shown = (await town.hoop_tui("bob", "review", "show", row["id"])).out
    assert f"FILE {script}:" in shown
    assert f"rm {victim} # <U+001B>]52;c;eA==<U+0007><U+202E>" in shown
    assert "\x1b" not in shown
    assert "3 hidden characters" in shown
    assert f"{script} runs something like that" in shown
    card = json.loads((await town.hoop_tui("bob", "review", "show", row["id"], "-o", "json")).out)
    (file,) = card["attachments"]
    assert file["contents"]["size"] == file["size"] == script.stat().st_size
    assert (await town.approve(row["id"])).status == 0
    answer = await ended(asking)
    assert answer.status == 0, answer.err
    assert not victim.exists()


async def test_changed_after_the_yes_would_have_been_seen(town: Town, home: Path) -> None:
    script, victim = home / "x.sh", home / "victim"
    victim.touch()
    script.write_text(f"rm {victim}-other\n")
    asking = await town.start("alice", *town.served.ssh("web-1@127.0.0.1", f"sh {script}"))
    row = await town.held()
    script.write_text(f"rm {victim}\n")
    assert (await town.approve(row["id"])).status == 0
    answer = await ended(asking)
    assert answer.status == 126
    assert (
        f'hoop: denied {row["id"]} by the gateway: "{script} has changed since it was approved"' in answer.err
    )
    assert victim.exists()


async def test_asked_for_in_advance_it_is_looked_into_as_well(town: Town, home: Path) -> None:
    script, made = home / "x.sh", home / "made"
    script.write_text(f"touch {made}\n")
    words = ("request", "create", "--target", "web-1", "--text", f"sh {script}", "--wait", "-o", "json")
    asking = await town.start("alice", BIN / "hoop-tui", *words)
    row = await town.held()
    card = json.loads((await town.hoop_tui("bob", "review", "show", row["id"], "-o", "json")).out)
    assert card["attachments"][0]["contents"]["text"] == f"touch {made}\n"
    assert (await town.approve(row["id"])).status == 0
    assert (await ended(asking)).status == 0
    script.write_text(f"touch {made}-other\n")
    command = town.served.ssh("web-1@127.0.0.1", f"sh {script}")
    answer = await ended(await town.start("alice", *command))
    assert answer.status == 126, "another script is another request"
    other = await town.held()
    script.write_text(f"touch {made}\n")
    answer = await ended(await town.start("alice", *command))
    assert answer.status == 0, answer.err
    assert made.exists()
    assert (await town.hoop_tui("alice", "request", "cancel", other["id"])).status == 0


async def accepted(town: Town, id: str, text: str) -> None:
    assert (await town.hoop_tui("bob", "review", "amend", id, "--text", text)).status == 0
    done = await town.accept(id)
    assert done.status == 0, done.err


async def test_another_text_that_runs_a_script_is_looked_into_as_well(town: Town, home: Path) -> None:
    """Who proposed it has seen its text alone: what is in the script is another question to them."""
    script, victim = home / "x.sh", home / "victim"
    victim.touch()
    script.write_text(f"rm {victim}\n")
    asking = await town.start("alice", *town.served.ssh("web-1@127.0.0.1", f"rm {home}/none"))
    await accepted(town, (await town.held())["id"], f"sh {script}")
    row = await town.held()
    assert row["what"] == f"sh {script}"
    card = json.loads((await town.hoop_tui("bob", "review", "show", row["id"], "-o", "json")).out)
    assert card["attachments"][0]["contents"]["text"] == f"rm {victim}\n"
    assert (await town.hoop_tui("bob", "review", "deny", row["id"], "--reason", "no")).status == 0
    assert (await ended(asking)).status == 126
    assert victim.exists()


async def test_another_text_is_no_way_to_carry_files(town: Town, home: Path) -> None:
    asking = await town.start("alice", *town.served.ssh("web-1@127.0.0.1", f"rm {home}/none"))
    await accepted(town, (await town.held())["id"], f"scp -t {home}/carried")
    answer = await ended(asking)
    assert (answer.status, answer.out) == (130, "")
    assert not (home / "carried").exists()


async def test_what_it_would_do_to_files(town: Town, home: Path) -> None:
    log = home / "log"
    log.mkdir()
    for name in ("a.log", "b.log", "c.txt"):
        (log / name).write_text("123")
    asking = await town.start("alice", *town.served.ssh("web-1@127.0.0.1", f"rm {log}/*.log"))
    row = await town.held()
    found = await impact(town, row["id"])
    assert [each[0] for each in found["tables"][0]["rows"]] == [f"{log}/a.log", f"{log}/b.log"]
    assert found["lines"][0] == {"sign": "-", "text": f"removes {log}/*.log: 2 entries, 6 bytes in files"}
    asking.terminate()
    await ended(asking)
    assert len(list(log.iterdir())) == 3
