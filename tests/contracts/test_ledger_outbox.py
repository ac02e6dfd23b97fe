"""The queue of notices, on both databases: each is queued once, sent by one, and none is lost."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

from gateway.core.notices import NoticeFailed, NoticeSent, Posted
from gateway.store.ledger import SqlLedger
from tests.contracts.conftest import NOON, Watch, opened
from tests.notify.receivers import HOSTILE, notice

Open = Callable[..., Awaitable[SqlLedger]]


def posted(id: str, receiver: str = "oncall", entry: int = 1, request: str = "") -> Posted:
    return Posted(receiver, entry, notice(id=id, request=request or id))


def sent(id: str) -> NoticeSent:
    return NoticeSent(notice=id, event="approval.opened", receiver="oncall", kind="slack")


async def test_entries_become_notices_once_whoever_looks(open_ledger: Open) -> None:
    east, west = await open_ledger("east"), await open_ledger("west")
    assert await east.noticed() is None
    assert await east.post(None, 0, [])
    results = await asyncio.gather(*(each.post(0, 5, [posted("a")]) for each in (east, west)))
    assert sorted(results) == [False, True]
    assert await west.noticed() == 5
    assert await west.post(5, 6, [posted("a"), posted("b"), posted("b"), posted("a", "audit")])
    assert dict((await east.notices_waiting()).waiting) == {"oncall": 2, "audit": 1}


async def test_one_of_many_sends_it(open_ledger: Open) -> None:
    gateways = [await open_ledger(name) for name in ("east", "west")]
    await gateways[0].post(None, 1, [posted(str(number), entry=number) for number in range(20)])

    async def take(at: SqlLedger, name: str) -> list[str]:
        taken = []
        while (found := await at.claim("oncall", f"{name}:1", 60)) is not None:
            taken.append(found.notice.id)
        return taken

    found = await asyncio.gather(*(take(gateways[n % 2], str(n)) for n in range(6)))
    assert sorted(int(id) for each in found for id in each) == list(range(20))


async def test_what_somebody_began_is_somebody_elses_after_its_lease(open_ledger: Open, watch: Watch) -> None:
    east, west = await open_ledger("east"), await open_ledger("west")
    await east.post(None, 1, [posted("a")])
    first = await east.claim("oncall", "east:1", 30)
    assert first is not None
    assert first.attempts == 1
    assert await west.claim("oncall", "west:1", 30) is None
    watch.time += timedelta(seconds=31)
    second = await west.claim("oncall", "west:1", 30)
    assert second is not None
    assert (second.notice, second.attempts) == (first.notice, 2)
    assert not await east.finish(first, sent("a"))
    assert not await east.put_back(first, 5, "late")
    assert await west.finish(second, sent("a"))
    assert not await west.finish(second, sent("a"))
    assert [entry.name for entry in await west.entries()] == ["notice.sent"]
    assert not (await west.notices_waiting()).waiting


async def test_it_is_due_again_when_it_was_put_back(ledger: SqlLedger, watch: Watch) -> None:
    await ledger.post(None, 1, [posted("a"), posted("b", entry=2)])
    claimed = await ledger.claim("oncall", "x:1", 30)
    assert claimed is not None
    assert await ledger.put_back(claimed, 60, "it answered with status 500")
    other = await ledger.claim("oncall", "x:2", 30)
    assert other is not None
    assert other.notice.id == "b"
    assert await ledger.claim("oncall", "x:3", 30) is None
    watch.time += timedelta(seconds=61)
    again = await ledger.claim("oncall", "x:4", 30)
    assert again is not None
    assert again.notice.id in ("a", "b")


async def test_what_belongs_together_goes_in_its_order(ledger: SqlLedger) -> None:
    both = [posted("7-opened", entry=1, request="7"), posted("7-over", entry=2, request="7")]
    await ledger.post(None, 2, [*both, posted("8-opened", entry=3, request="8")])
    first = await ledger.claim("oncall", "x:1", 60)
    assert first is not None
    assert first.notice.id == "7-opened"
    other = await ledger.claim("oncall", "x:2", 60)
    assert other is not None
    assert other.notice.id == "8-opened"  # the decision waits for what it is about
    assert await ledger.claim("oncall", "x:3", 60) is None
    assert await ledger.finish(first, sent("7-opened"))
    last = await ledger.claim("oncall", "x:4", 60)
    assert last is not None
    assert last.notice.id == "7-over"


async def test_a_killed_installation_takes_up_what_it_had_begun(open_ledger: Open) -> None:
    ledger = await open_ledger("east")
    await ledger.post(None, 1, [posted("a"), posted("b")])
    for claim in ("home%1:1", "home:1"):
        assert await ledger.claim("oncall", claim, 600) is not None
    assert await ledger.claim("oncall", "next:1", 600) is None
    assert await ledger.release("home%1") == 1
    assert await ledger.release("hom") == 0
    assert await ledger.claim("oncall", "next:1", 600) is not None


async def test_what_was_given_up_is_counted_and_keeps_no_text(open_ledger: Open, url: str) -> None:
    ledger = await open_ledger("east")
    await ledger.post(None, 1, [posted("a")])
    claimed = await ledger.claim("oncall", "x:1", 60)
    assert claimed is not None
    failed = NoticeFailed(
        notice="a", event="approval.opened", receiver="oncall", kind="slack", why="it was not taken in time"
    )
    assert await ledger.finish(claimed, failed, "it was not taken in time")
    assert dict((await ledger.notices_waiting()).failed) == {"oncall": 1}
    await ledger.forget_notices(NOON - timedelta(days=1))
    assert dict((await ledger.notices_waiting()).failed) == {"oncall": 1}
    await ledger.forget_notices(NOON + timedelta(days=1))
    assert not (await ledger.notices_waiting()).failed


async def test_anything_in_a_notice_is_kept(ledger: SqlLedger) -> None:
    all = [
        Posted(
            "oncall",
            number,
            replace(notice(id=str(number), request=str(number)), statement=text, person=text),
        )
        for number, text in enumerate(HOSTILE)
    ]
    await ledger.post(None, 1, all)
    for each in all:
        claimed = await ledger.claim("oncall", "x:1", 60)
        assert claimed is not None
        assert claimed.notice == each.notice


async def test_entries_by_their_names(ledger: SqlLedger) -> None:
    for number in range(5):
        await ledger.append(opened(f"s-{number}"))
    assert await ledger.newest_entry() == 5
    found = await ledger.entries_named(["session.opened"], 1, 4, 2)
    assert [entry.seq for entry in found] == [2, 3]
    assert not await ledger.entries_named(["approval.given"], 0, 5, 10)
