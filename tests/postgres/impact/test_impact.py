"""What somebody is told who asks what a held statement would do: looked into, and tried."""

import asyncio

import pytest

from gateway.core.operation import Operation
from gateway.core.people import Session
from gateway.core.verdict import Allow, Hold, Verdict
from gateway.session.impacts import MOST_A_MINUTE
from gateway.session.objections import Objection
from tests.postgres.house import BOB
from tests.postgres.impact.asking import MASKS, RULES, Asking, said, table

pytestmark = [pytest.mark.interop, pytest.mark.needs("postgres")]

FIRST_TWO = "update app.people set region = 'xx' where id < 3"
SLOW = "delete from app.orders where id < 5 and (select count(*) from generate_series(1, 30000000)) > 0"


async def test_a_look_tells_plan_sizes_and_what_depends(shop: Asking) -> None:
    found = await shop.impact("delete from app.people where id < 4", dry_run=False)
    assert table(found, "tables") == [("app.people", "table", "32 KiB", "40", "yes")]
    assert table(found, "what depends") == [
        ("foreign key", "app.orders", "ON DELETE CASCADE"),
        ("view", "app.europeans", ""),
    ]
    assert "no index is used: it goes through all of app.people" in said(found)
    assert "+ app.orders changes along with it (ON DELETE CASCADE)" in said(found)
    assert "the requester's own open transaction has changed is not seen here" in said(found)
    assert found.texts[0].text.startswith("Delete on people")
    assert (found.rows, found.no_dry_run) == (found.rows, "")
    assert not any("tried" in line.text for line in found.lines)


async def test_a_dry_run_counts_and_leaves_nothing_behind(shop: Asking) -> None:
    before = shop.run("select * from app.people order by id")
    found = await shop.impact("delete from app.people where id < 4")
    assert found.rows == 3
    assert "+ tried and rolled back: 3 rows deleted" in said(found)
    assert "+ along with it, app.orders: 15 rows deleted, 0 rows updated" in said(found)
    assert [row[0] for row in table(found, "before")] == ["1", "2", "3"]
    assert shop.run("select * from app.people order by id") == before
    assert shop.run("select count(*) from app.orders") == [(200,)]
    assert await shop.elsewhere() == 0
    noted = [entry.body for entry in await shop.house.entries("request.impact")]
    assert [each["result"] for each in noted] == ["begun", "done"]
    assert noted[1]["rows"] == 3
    assert "person 1" not in str(noted)


async def test_values_are_those_of_the_request_and_rows_are_shown_before_and_after(shop: Asking) -> None:
    found = await shop.impact("update app.people set name = %s where id in (%s, 8)", "O'Hara", 7)
    assert found.rows == 2
    assert [row[1] for row in table(found, "before")] == ["person 7", "person 8"]
    assert [row[1] for row in table(found, "after")] == ["O'Hara", "O'Hara"]


async def test_at_most_five_rows_are_shown_and_none_of_very_many(shop: Asking) -> None:
    assert len(table(await shop.impact("delete from app.plain where id < 900"), "before")) == 5
    many = await shop.impact("delete from app.plain where id < 4000")
    assert (many.rows, table(many, "before")) == (3999, [])


async def test_rows_whose_key_changes_are_not_paired_with_others(shop: Asking) -> None:
    found = await shop.impact("update app.plain set id = 3 - id, note = 'swapped' where id in (1, 2)")
    assert "duplicate key" in said(found) or table(found, "before") == []
    found = await shop.impact("update app.plain set id = -id where id in (1, 2)")
    assert (found.rows, table(found, "before")) == (2, [])
    assert {row[0] for row in table(found, "after")} == {"-1", "-2"}


async def test_what_would_fail_is_said_to_fail(shop: Asking) -> None:
    found = await shop.impact("insert into app.plain values (1, 'x')")
    assert "tried: it fails: duplicate key value violates" in said(found)
    assert shop.run("select note from app.plain where id = 1") == [("note 1",)]


async def test_what_is_put_off_to_the_end_is_checked_all_the_same(shop: Asking) -> None:
    shop.run("CREATE TABLE app.late (id int REFERENCES app.plain DEFERRABLE INITIALLY DEFERRED)")
    found = await shop.impact("insert into app.late values (-4)")
    assert "tried: it fails: insert or update on table" in said(found)


@pytest.mark.parametrize("statement", [FIRST_TWO, "delete from app.people where id < 3"])
async def test_masked_values_reach_nobody(shop: Asking, statement: str) -> None:
    shop.rules(RULES + MASKS)
    found = await shop.impact(statement)
    assert [row[2] for row in table(found, "before")] == ["[masked:card]"] * 2
    assert "secret" not in said(found)
    assert found.rows == 2


async def test_what_is_masked_for_whoever_asks_is_masked_too(shop: Asking) -> None:
    shop.rules(RULES + MASKS.replace('match = { target = "appdb" }', 'match = { user = "bob@example.com" }'))
    found = await shop.impact(FIRST_TWO)
    assert [row[2] for row in table(found, "after")] == ["[masked:card]"] * 2
    assert "secret" not in said(found)


async def test_an_error_tells_no_masked_value(shop: Asking) -> None:
    shop.run("CREATE UNIQUE INDEX one_card ON app.people (card)")
    shop.rules(RULES + MASKS)
    found = await shop.impact("insert into app.people (id, card) values (77, '4111-secret-7')")
    assert "it fails" in said(found)
    assert "already exists" not in said(found)


async def test_a_row_that_somebody_has_locked_is_not_waited_for(shop: Asking) -> None:
    with shop.server.connect(shop.database) as other, other.transaction():
        other.execute("update app.people set name = '' where id = 1")
        found = await shop.impact(FIRST_TWO)
    assert "holds a lock that it needs: it waits 200 ms at most" in found.refused
    assert found.took_ms < 2500
    assert shop.run("select region from app.people where id = 1") == [("us",)]


async def test_a_table_that_somebody_has_locked_is_not_waited_for(shop: Asking) -> None:
    with shop.server.connect(shop.database) as other, other.transaction():
        other.execute("lock table app.people in share mode")
        found = await shop.impact(FIRST_TWO)
    assert "holds a lock that it needs" in found.refused


async def test_what_takes_long_is_given_up(shop: Asking) -> None:
    shop.house.offer(shop.server, shop.database, dry_run_ms=150)
    found = await shop.impact(SLOW)
    assert found.refused == "it was not tried: it takes longer than 150 ms"
    assert await shop.elsewhere() == 0
    assert shop.run("select count(*) from app.orders") == [(200,)]


async def test_nothing_goes_on_for_somebody_who_has_gone(shop: Asking) -> None:
    shop.house.offer(shop.server, shop.database, dry_run_ms=15_000)
    approval = await shop.held(SLOW)
    asking = asyncio.create_task(shop.impacts.ask(approval, BOB, dry_run=True))
    busy = "select 1 from pg_stat_activity where state = 'active' and query like 'delete from%'"
    async with asyncio.timeout(10):
        while not shop.run(busy):
            await asyncio.sleep(0.02)
    asking.cancel()
    await asyncio.wait([asking])
    assert await shop.elsewhere() == 0
    assert (await shop.house.entries("request.impact"))[-1].body["result"] == "failed"


async def test_rules_say_what_may_be_found_out(shop: Asking) -> None:
    shop.rules(RULES.replace('impact = "dry-run"\n', ""))
    approval = await shop.held(FIRST_TWO)
    looked = await shop.impacts.ask(approval, BOB, dry_run=False)
    assert looked.no_dry_run == 'its rules do not say impact = "dry-run"'
    tried = await shop.impacts.ask(approval, BOB, dry_run=True)
    assert tried.refused == 'its rules let nobody try it: none says impact = "dry-run"'
    shop.rules(RULES.replace('"dry-run"', '"off"'))
    assert (await shop.fresh().ask(approval, BOB, dry_run=False)).refused == "its rules let nobody find out"
    shop.rules(RULES.replace('do = "hold"', 'do = "block"').split("mode")[0])
    assert "blocked by now" in (await shop.fresh().ask(approval, BOB, dry_run=True)).refused


async def test_names_mean_what_they_meant_in_the_session(shop: Asking) -> None:
    shop.run("CREATE TABLE public.plain (id int)")
    shop.house.offer(shop.server, shop.database, options=("search_path",))
    found = await shop.impact("delete from plain where id < 10", options="-c search_path=app")
    assert found.rows == 9
    assert table(found, "tables")[0][0] == "app.plain"


@pytest.mark.parametrize(
    "before",
    [
        "set search_path to app",
        "create temp table plain (id int)",
        "begin; create table app.later (id int)",
        "select set_config('search_path', 'app', false)",
    ],
)
async def test_a_session_that_may_mean_something_else_is_not_guessed_at(shop: Asking, before: str) -> None:
    found = await shop.impact("delete from app.plain where id < 10", before=before)
    assert found.refused == "its session may mean something else by its names than it did at first"


async def test_the_time_zone_of_the_session_counts(shop: Asking) -> None:
    shop.run("update app.people set seen = '2026-01-01 00:00+00'")
    statement = "delete from app.people where seen < '2026-01-01 01:00'"
    assert (await shop.impact(statement, before="set timezone to 'UTC'")).rows == 40
    shop.impacts = shop.fresh()
    other = statement + " and true"
    assert (await shop.impact(other, before="set timezone to 'Etc/GMT-10'")).rows == 0


async def test_a_statement_that_goes_by_a_name_is_not_guessed_at(shop: Asking) -> None:
    shop.house.shelf = None
    shop.house.decide = hold_what_goes_by_a_name
    prepare = "prepare gone(int) as delete from app.plain where id < $1"
    found = await shop.impact("execute gone(5)", before=prepare)
    assert "by a name" in found.refused


def hold_what_goes_by_a_name(operation: Operation, session: Session) -> Verdict:
    if operation.text.startswith("execute"):
        return Hold("named", "", frozenset({"sre"}), mode="fail", impact="dry-run")
    return Allow("everything")


async def test_one_question_at_a_time_and_not_too_many(shop: Asking) -> None:
    shop.house.offer(shop.server, shop.database, dry_run_ms=15_000)
    approval = await shop.held(SLOW)
    asking = asyncio.create_task(shop.impacts.ask(approval, BOB, dry_run=True))
    await asyncio.sleep(0.1)
    with pytest.raises(Objection, match="right now"):
        await shop.impacts.ask(approval, BOB, dry_run=False)
    asking.cancel()
    await asyncio.wait([asking])
    for at in range(MOST_A_MINUTE):
        shop.impacts._kept.clear()
        if at < MOST_A_MINUTE - 1:
            await shop.impacts.ask(approval, BOB, dry_run=False)
    with pytest.raises(Objection, match="within a minute"):
        await shop.impacts.ask(approval, BOB, dry_run=False)


async def test_asked_again_at_once_nothing_is_asked_of_the_target_again(shop: Asking) -> None:
    approval = await shop.held(FIRST_TWO)
    first = await shop.impacts.ask(approval, BOB, dry_run=True)
    assert await shop.impacts.ask(approval, BOB, dry_run=True) is first
    assert len(await shop.house.entries("request.impact")) == 2


async def test_who_may_not_come_in_any_more_is_not_asked_about(shop: Asking) -> None:
    approval = await shop.held(FIRST_TWO)
    shop.people.pop(approval.requester)
    found = await shop.impacts.ask(approval, BOB, dry_run=True)
    assert found.refused == "who asks for it may not come in any more"
