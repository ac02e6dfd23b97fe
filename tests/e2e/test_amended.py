"""Another text for what is held, with stock clients: it runs in the place of the first once both sides want it."""

import json
from typing import Any

import pytest

from tests.e2e.test_holds import Town, ended
from tests.e2e.test_holds import gateway as gateway
from tests.e2e.test_holds import postgres as postgres
from tests.e2e.test_holds import town as town

pytestmark = [
    pytest.mark.interop,
    pytest.mark.needs("ssh", "sshd", "postgres", "psql"),
    pytest.mark.asyncio(loop_scope="module"),
]

ALL = "delete from payments"
SOME = "delete from payments where id > 7"


async def card(town: Town, id: str, who: str = "alice") -> dict[str, Any]:
    shown = await town.hoop_tui(who, "request", "show", id, "-o", "json")
    assert shown.status == 0, shown.err
    found = json.loads(shown.out)
    assert isinstance(found, dict)
    return found


async def accepted(town: Town, id: str, who: str = "alice") -> tuple[int, str]:
    sha = (await card(town, id))["amendment"]["statement"]["sha256"]
    done = await town.hoop_tui(who, "request", "accept", id, "--yes", "--sha", sha[:12])
    return done.status, done.out + done.err


async def entries(town: Town, name: str) -> list[dict[str, Any]]:
    found = await town.served.gateway("audit", "search", "--config", str(town.served.config), "--event", name)
    assert found.status == 0, found.err
    return [json.loads(line) for line in found.out.splitlines()]


async def test_the_other_text_runs_in_psql_once_its_person_has_accepted_it(town: Town) -> None:
    psql = await town.psql(ALL, "select count(*) from payments")
    row = await town.held()
    done = await town.hoop_tui(
        "bob", "review", "amend", row["id"], "--text", SOME, "--reason", "only the new ones"
    )
    assert (done.status, done.err) == (0, "")
    assert "proposed: it runs if alice@example.com accepts it" in done.out
    assert town.rows() == 10
    shown = (await town.hoop_tui("alice", "request", "show", row["id"])).out
    assert 'bob@example.com proposes another text: "only the new ones"' in shown
    assert f"- {ALL}\n+ {SOME}\n" in shown
    assert (await accepted(town, row["id"], "bob"))[0] == 4
    assert (await accepted(town, row["id"], "carol"))[0] == 7
    assert town.rows() == 10
    status, said = await accepted(town, row["id"])
    assert (status, "approved: it goes on where yours waits" in said) == (0, True), said
    answer = await ended(psql)
    assert (answer.status, answer.out) == (0, "DELETE 3\n7\n"), answer.err
    assert (
        f'NOTICE:  hoop: {row["id"]} - bob@example.com proposes another text ("only the new ones")'
        in answer.err
    )
    assert f"DETAIL:  {SOME}" in answer.err
    assert f"hoop-tui request accept {row['id']}" in answer.err
    assert f"NOTICE:  hoop: {row['id']} - running the text that you accepted instead" in answer.err
    assert town.rows() == 7
    over = await card(town, row["id"])
    assert over["state"] == "withdrawn"
    assert over["amendment"]["accepted"]
    other = await card(town, over["replaced_by"])
    assert (other["state"], other["replaces"], other["statement"]["text"]) == ("approved", row["id"], SOME)
    late = await town.approve(row["id"])
    assert late.status == 8, "what was replaced can not be approved any more"
    again = await ended(await town.psql("set hoop.hold = 'fail'", SOME))
    assert "held" in again.err, "it passes once"
    assert (await town.hoop_tui("alice", "request", "cancel", (await town.held())["id"])).status == 0


async def test_what_no_rule_holds_just_runs(town: Town) -> None:
    psql = await town.psql("delete from payments where id = 1")
    row = await town.held()
    proposed = await town.hoop_tui(
        "bob", "review", "amend", row["id"], "--text", "select count(*) from payments"
    )
    assert proposed.status == 0, proposed.err
    status, said = await accepted(town, row["id"])
    assert (status, "no rule holds it" in said) == (0, True), said
    answer = await ended(psql)
    assert (answer.status, answer.out) == (0, "10\n"), answer.err
    assert town.rows() == 10


async def test_what_is_accepted_is_exactly_what_was_shown(town: Town) -> None:
    psql = await town.psql(ALL)
    row = await town.held()
    assert (await town.hoop_tui("bob", "review", "amend", row["id"], "--text", SOME)).status == 0
    first = (await card(town, row["id"]))["amendment"]["statement"]["sha256"]
    other = "delete from payments where id > 1"
    assert (await town.hoop_tui("bob", "review", "amend", row["id"], "--text", other)).status == 0
    old = await town.hoop_tui("alice", "request", "accept", row["id"], "--yes", "--sha", first[:12])
    assert (old.status, "is not what you were shown" in old.err) == (8, True)
    for text, why in (
        (ALL, "this is what"),
        ("delete from payments; select 1", "one statement at a time"),
        ("delete frm payments", "this is no SQL"),
    ):
        refused = await town.hoop_tui("bob", "review", "amend", row["id"], "--text", text)
        assert refused.status == 2, refused
        assert why in refused.err
    own = await town.hoop_tui("alice", "review", "amend", row["id"], "--text", SOME)
    assert (own.status, "you are the requester" in own.err) == (4, True)
    assert (await town.hoop_tui("alice", "request", "cancel", row["id"])).status == 0
    assert (await accepted(town, row["id"]))[0] == 8
    answer = await ended(psql)
    assert "withdrawn, nothing was run" in answer.err
    assert town.rows() == 10


async def test_another_command_runs_in_ssh(town: Town) -> None:
    ssh = await town.start("alice", *town.served.ssh("web-1@127.0.0.1", "echo restart all"))
    row = await town.held()
    assert (
        await town.hoop_tui("bob", "review", "amend", row["id"], "--text", "echo restart one")
    ).status == 0
    status, said = await accepted(town, row["id"])
    assert (status, "approved" in said) == (0, True), said
    answer = await ended(ssh)
    assert (answer.status, answer.out) == (0, "restart one\n"), answer.err
    assert f"hoop: {row['id']} - bob@example.com proposes another text: hoop-tui request accept" in answer.err
    assert f"hoop: {row['id']} - running the text that you accepted instead" in answer.err


async def test_whoever_hangs_up_after_it_was_proposed_runs_nothing(town: Town) -> None:
    psql = await town.psql(ALL)
    row = await town.held()
    assert (await town.hoop_tui("bob", "review", "amend", row["id"], "--text", SOME)).status == 0
    psql.kill()
    await psql.wait()
    status, said = await accepted(town, row["id"])
    for _ in range(50):
        if (await card(town, row["id"]))["state"] == "withdrawn":
            break
    assert status in (0, 8), said
    assert town.rows() == 10
