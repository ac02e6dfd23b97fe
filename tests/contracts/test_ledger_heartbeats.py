"""The Ledger's contract: who is alive, who is lost, and who may end whose sessions."""

import asyncio
from datetime import timedelta

from sqlalchemy import text

from gateway.core.events import SessionEnded
from gateway.core.ports import LEASE, SessionRow
from gateway.store.database import database
from gateway.store.ledger import SqlLedger
from gateway.store.migrating import upgrade
from gateway.store.schema import HEAD_REVISION
from tests.contracts.conftest import NOON, Open, Watch, a_request, held, opened

MOMENT = timedelta(seconds=1)


async def row(ledger: SqlLedger, id: str) -> SessionRow:
    found = await ledger.session(id)
    assert found is not None
    return found


async def outcomes(ledger: SqlLedger) -> dict[str, str]:
    return {row.id: row.outcome for row in await ledger.sessions()}


async def test_a_beat_is_seen_by_everybody(open_ledger: Open, watch: Watch) -> None:
    east, west = await open_ledger("east"), await open_ledger("west")
    for id in ("s-1", "s-2", "s-3"):
        await east.append(opened(id))
    begun = await row(west, "s-1")
    assert begun.gateway == "east"
    assert begun.seen_at == begun.started_at
    watch.time += LEASE
    assert await east.keep_alive(["s-1", "s-3"]) == set()
    seen = [(await row(west, id)).seen_at for id in ("s-1", "s-2", "s-3")]
    assert seen[0] == seen[2]
    assert seen[0] is not None
    assert seen[1] is not None
    assert seen[0] - seen[1] >= LEASE


async def test_nothing_to_keep_alive(ledger: SqlLedger) -> None:
    assert await ledger.keep_alive([]) == set()
    assert await ledger.keep_alive(["s-unknown"]) == set()
    assert await ledger.entries() == []


async def test_a_beat_tells_what_is_over_and_changes_nothing_of_it(ledger: SqlLedger, watch: Watch) -> None:
    for id in ("s-1", "s-2"):
        await ledger.append(opened(id))
    await ledger.append(SessionEnded(session="s-2", outcome="crash"))
    before = await row(ledger, "s-2")
    watch.time += MOMENT
    assert await ledger.keep_alive({"s-1", "s-2"}) == {"s-2"}
    assert await row(ledger, "s-2") == before


async def test_more_sessions_than_a_statement_takes(ledger: SqlLedger) -> None:
    await asyncio.gather(*(ledger.append(opened(f"s-{number}")) for number in range(50)))
    await ledger.append(SessionEnded(session="s-49", outcome="exit 0"))
    ids = [f"s-{number}" for number in range(12_000)]
    assert await ledger.keep_alive(ids) == {"s-49"}


async def test_only_what_nobody_has_seen_for_a_lease_is_lost(open_ledger: Open, watch: Watch) -> None:
    """Two processes of one name on one database: neither ends what the other keeps alive."""
    first, second = await open_ledger("gw", home="here"), await open_ledger("gw", home="there")
    for id in ("s-quiet", "s-alive"):
        await first.append(opened(id))
    assert await second.end_lost_sessions("crash", LEASE) == []
    watch.time += LEASE - MOMENT
    await first.keep_alive(["s-alive"])
    assert await second.end_open_sessions("crash", LEASE) == []
    watch.time += 2 * MOMENT
    assert await second.end_lost_sessions("crash", LEASE, {"s-quiet"}) == []
    assert await second.end_lost_sessions("crash", LEASE) == ["s-quiet"]
    assert await first.keep_alive(["s-quiet", "s-alive"]) == {"s-quiet"}
    assert await second.end_open_sessions("crash", LEASE) == []
    assert await outcomes(first) == {"s-quiet": "crash", "s-alive": ""}


async def test_what_was_open_in_ones_own_home_is_over_at_the_next_start(open_ledger: Open) -> None:
    for home, id in (("here", "s-mine"), ("there", "s-theirs")):
        await (await open_ledger("gw", home=home)).append(opened(id))
    restarted = await open_ledger("gw", home="here")
    assert await restarted.end_lost_sessions("crash", LEASE) == []
    assert await restarted.end_open_sessions("crash", LEASE) == ["s-mine"]
    assert await outcomes(restarted) == {"s-mine": "crash", "s-theirs": ""}


async def test_a_gateway_of_another_name_is_never_touched(open_ledger: Open, watch: Watch) -> None:
    await (await open_ledger("west", home="one")).append(opened("s-west"))
    east = await open_ledger("east", home="one")
    watch.time += 10 * LEASE
    assert await east.end_open_sessions("crash", LEASE) == []
    assert await east.end_lost_sessions("crash", LEASE) == []
    assert await outcomes(east) == {"s-west": ""}


async def test_what_is_held_in_a_lost_session_expires(open_ledger: Open, watch: Watch) -> None:
    ledger = await open_ledger("gw")
    for id, request in (("s-1", "AAA-AAAA"), ("s-2", "BBB-BBBB")):
        await ledger.append(opened(id))
        approval = a_request(request, session=id)
        await ledger.open_approval(approval, held(approval))
    watch.time += 2 * LEASE
    await ledger.keep_alive(["s-2"])
    assert await ledger.end_lost_sessions("crash", LEASE) == ["s-1"]
    states = {approval.id: approval.state for approval in await ledger.approvals()}
    assert states == {"AAA-AAAA": "expired", "BBB-BBBB": "held"}


async def test_sessions_of_an_older_schema_are_dated_by_their_beginning(empty_url: str) -> None:
    older = database(empty_url, None, 10)
    async with older.writing.begin() as connection:
        await connection.run_sync(lambda c: upgrade(c, "0001"))
        columns = "id, opened, gateway, person, target, kind, login, address, client, labels, recording"
        more = "imported_from, started_at, outcome, commands, blocked, held, bytes_shown"
        values = "'s-old', 1, 'gw', 'a', 't', 'ssh', '', '', '', '{}', '', '', :at, '', 0, 0, 0, 0"
        at = NOON.replace(tzinfo=None).isoformat(" ")
        if connection.dialect.name == "postgresql":
            values = values.replace(":at", "CAST(:at AS timestamp) AT TIME ZONE 'UTC'")
        await connection.execute(
            text(f"INSERT INTO sessions ({columns}, {more}) VALUES ({values})"), {"at": at}
        )
    await older.close()
    ledger = await SqlLedger.open(empty_url, gateway="gw", home="new", now=lambda: NOON + LEASE, patience=10)
    assert HEAD_REVISION > "0001"
    assert (await row(ledger, "s-old")).seen_at == NOON
    assert await ledger.end_open_sessions("crash", LEASE / 2) == ["s-old"]
    await ledger.close()
