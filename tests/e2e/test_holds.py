"""A served gateway, stock psql and ssh before it, and a colleague with `hoop-tui`: what is held waits in the live
session until somebody else decides, and then runs once, or never; another text that somebody proposes runs in its
place once both sides want it."""

import asyncio
import json
import signal

import pytest

from tests.e2e.holding import Town, ended
from tests.e2e.holding import gateway as gateway
from tests.e2e.holding import postgres as postgres
from tests.e2e.holding import town as town
from tests.e2e.served import BIN, PATIENCE

pytestmark = [
    pytest.mark.interop,
    pytest.mark.needs("ssh", "sshd", "postgres", "psql"),
    pytest.mark.asyncio(loop_scope="module"),
]


async def test_a_delete_runs_once_somebody_else_has_approved_it(town: Town) -> None:
    psql = await town.psql("delete from payments where id > 7", "select count(*) from payments")
    await town.held()
    (row,) = json.loads((await town.hoop_tui("bob", "review", "ls", "-o", "json")).out)
    assert (row["person"], row["target"], row["what"]) == (
        "alice@example.com",
        "appdb",
        "delete from payments where id > 7",
    )
    shown = (await town.hoop_tui("bob", "review", "show", row["id"])).out
    assert "deletes" in shown
    assert "1  delete from payments where id > 7" in shown
    assert "production (env=prod)" in shown
    assert town.rows() == 10
    own = await town.approve(row["id"], "alice")
    assert (own.status, own.out) == (4, "")
    assert "you are the requester" in own.err
    stranger = await town.hoop_tui("carol", "review", "show", row["id"])
    assert (stranger.status, stranger.out) == (7, "")
    assert town.rows() == 10
    done = await town.approve(row["id"], "bob", "--reason", "ok per OPS-4412")
    assert (done.status, done.out) == (0, f"{row['id']}  approved\n"), done.err
    answer = await ended(psql)
    assert (answer.status, answer.out) == (0, "DELETE 3\n7\n"), answer.err
    assert f"NOTICE:  hoop: held {row['id']} - DELETE needs a DBA (expires in 10 min)" in answer.err
    assert "DETAIL:  rule deletes; asked: dba" in answer.err
    assert f"NOTICE:  hoop: approved {row['id']} by bob@example.com after" in answer.err
    assert ': "ok per OPS-4412" - running' in answer.err
    again = await town.hoop_tui("bob", "review", "deny", row["id"], "--reason", "too late")
    assert again.status == 8
    assert town.rows() == 7


async def test_a_denied_one_never_runs_and_its_person_reads_why(town: Town) -> None:
    psql = await town.psql("delete from payments", "select count(*) from payments")
    row = await town.held()
    shown = (await town.hoop_tui("bob", "review", "show", row["id"])).out
    assert "+ no WHERE: it is about all rows" in shown
    done = await town.hoop_tui("bob", "review", "deny", row["id"], "--reason", "use the archive job instead")
    assert (done.status, done.out) == (0, f"{row['id']}  denied\n")
    answer = await ended(psql)
    assert f'hoop: denied {row["id"]} by bob@example.com: "use the archive job instead"' in answer.err
    assert answer.out == "10\n"
    assert town.rows() == 10


async def test_in_an_emergency_it_runs_and_a_review_is_open(town: Town) -> None:
    psql = await town.psql("delete from payments where id > 7", "select count(*) from payments")
    row = await town.held()
    why = ("--reason", "db is down, paging nobody")
    other = await town.hoop_tui("bob", "request", "break-glass", row["id"], *why)
    assert (other.status, other.out) == (4, ""), other.err
    done = await town.hoop_tui("alice", "request", "break-glass", row["id"], *why)
    assert (done.status, done.out) == (0, f"{row['id']}  let through by you (break-glass)\n"), done.err
    answer = await ended(psql)
    assert (answer.status, answer.out) == (0, "DELETE 3\n7\n"), answer.err
    assert f"NOTICE:  hoop: in an emergency: hoop-tui request break-glass {row['id']}" in answer.err
    assert f"NOTICE:  hoop: {row['id']} let through by you (break-glass) - a review is open" in answer.err
    opened = json.loads((await town.hoop_tui("bob", "review", "ls", "--open-reviews", "-o", "json")).out)
    assert [(each["id"], each["review"]) for each in opened] == [(row["id"], "open")]
    verdict = ("--verdict", "ok", "--reason", "it was down")
    own = await town.hoop_tui("alice", "review", "sign", row["id"], *verdict)
    assert (own.status, own.out) == (4, "")
    signed = await town.hoop_tui("bob", "review", "sign", row["id"], *verdict)
    assert (signed.status, signed.out) == (0, f"{row['id']}  signed: ok\n"), signed.err


async def test_ctrl_c_takes_it_back(town: Town) -> None:
    psql = await town.psql("delete from payments")
    row = await town.held()
    psql.send_signal(signal.SIGINT)
    answer = await ended(psql)
    assert answer.status != 0
    waited = await town.hoop_tui("bob", "request", "wait", row["id"], "--timeout", "20s")
    assert (waited.status, waited.out) == (8, f"{row['id']}  withdrawn\n")
    late = await town.approve(row["id"])
    assert late.status == 8
    assert "withdrawn" in late.err
    assert town.rows() == 10


async def test_nobody_decides_in_time(town: Town) -> None:
    psql = await town.psql("truncate payments")
    row = await town.held()
    waiting = await town.start("alice", BIN / "hoop-tui", "request", "wait", row["id"])
    answer = await ended(psql)
    assert f"hoop: expired {row['id']} - nobody decided within 10 s, nothing was run" in answer.err
    waited = await ended(waiting)
    assert (waited.status, waited.out) == (6, f"{row['id']}  expired\n")
    late = await town.approve(row["id"])
    assert late.status == 6
    assert town.rows() == 10


async def test_a_command_over_ssh_is_held_and_approved(town: Town) -> None:
    ssh = await town.start("alice", *town.served.ssh("web-1@127.0.0.1", "echo restart nginx"))
    row = await town.held()
    assert row["what"] == "echo restart nginx"
    not_an_approver = await town.approve(row["id"], "carol")
    assert (not_an_approver.status, not_an_approver.out) == (4, "")
    assert "it takes the role approver" in not_an_approver.err
    done = await town.approve(row["id"])
    assert done.status == 0, done.err
    answer = await ended(ssh)
    assert (answer.status, answer.out) == (0, "restart nginx\n"), answer.err
    assert f"hoop: held {row['id']} (rule restarts, ask sre, 10 min) - Ctrl-C withdraws" in answer.err
    assert f"hoop: approved {row['id']} by bob@example.com" in answer.err


async def test_somebody_watches(town: Town) -> None:
    watching = await town.start("bob", BIN / "hoop-tui", "review", "watch", "-o", "jsonl")
    assert watching.stdout is not None
    psql = await town.psql("delete from payments where id = 1")
    async with asyncio.timeout(PATIENCE):
        held = json.loads(await watching.stdout.readline())
        assert (held["event"], held["what"]) == ("held", "delete from payments where id = 1")
        assert (await town.approve(held["id"])).status == 0
        approved = json.loads(await watching.stdout.readline())
    assert (approved["event"], approved["id"], approved["by"]) == ("approved", held["id"], "bob@example.com")
    assert (await ended(psql)).out == "DELETE 1\n"
    watching.send_signal(signal.SIGINT)
    assert (await ended(watching)).status == 130


ALL = "delete from payments"
SOME = "delete from payments where id > 7"


async def accepted(town: Town, id: str, who: str = "alice") -> tuple[int, str]:
    done = await town.accept(id, who)
    return done.status, done.out + done.err


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
    over = json.loads((await town.hoop_tui("alice", "request", "show", row["id"], "-o", "json")).out)
    assert over["state"] == "withdrawn"
    assert over["amendment"]["accepted"]
    other = await town.card(over["replaced_by"])
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
    first = (await town.card(row["id"]))["amendment"]["statement"]["sha256"]
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
    async with asyncio.timeout(PATIENCE):
        while (await town.card(row["id"]))["state"] != "withdrawn":
            await asyncio.sleep(0.05)
    assert status in (0, 8), said
    assert town.rows() == 10
