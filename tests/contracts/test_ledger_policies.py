"""The Ledger's contract: policies are numbered once for each text, and the past can be read in order."""

import asyncio
from datetime import timedelta

from gateway.core.events import GatewayStopped
from gateway.core.policy_revisions import PolicyRevision
from gateway.store.ledger import SqlLedger
from gateway.store.tables import METADATA
from tests.contracts.conftest import NOON, Open, Watch, admitted, opened

assert "policies" in METADATA.tables


async def keep(ledger: SqlLedger, text: str) -> int:
    sha256 = f"{text:0<64}"
    return await ledger.keep_policy(sha256[:12], sha256, (("a.toml", text), ("b.toml", "\ufffd\u202e\n")), 3)


async def test_each_text_has_its_number(ledger: SqlLedger, watch: Watch) -> None:
    assert [await keep(ledger, text) for text in ("aa", "bb", "aa", "cc")] == [1, 2, 1, 3]
    newest = await ledger.policies()
    assert [each.number for each in newest] == [3, 2, 1]
    assert all(each.documents == () for each in newest)
    found = await ledger.policy(1)
    assert isinstance(found, PolicyRevision)
    assert found.documents == (("a.toml", "aa"), ("b.toml", "\ufffd\u202e\n"))
    assert (found.revision, found.rules, found.gateway) == ("aa0000000000", 3, "")
    assert NOON <= found.since < newest[1].since < found.loaded_at < newest[0].since
    assert await ledger.policy(4) is None


async def test_each_time_is_an_entry(ledger: SqlLedger) -> None:
    for text in ("aa", "bb", "aa"):
        await keep(ledger, text)
    told = await ledger.entries()
    assert [entry.name for entry in told] == ["policy.loaded"] * 3
    assert [entry.body["number"] for entry in told] == [1, 2, 1]
    assert told[0].body["sha256"].startswith(told[0].body["revision"])


async def test_two_gateways_count_together(open_ledger: Open) -> None:
    one, other = await open_ledger("one"), await open_ledger("other")
    numbers = await asyncio.gather(*[keep(each, f"{n}") for n in range(1, 9) for each in (one, other)])
    assert sorted(numbers) == sorted([*range(1, 9)] * 2)
    assert sorted(each.number for each in await one.policies()) == list(range(1, 9))
    assert {each.gateway for each in await other.policies()} <= {"one", "other"}


async def test_the_past_is_read_from_a_moment_on(ledger: SqlLedger, watch: Watch) -> None:
    await ledger.append(opened("s1"))
    for hour in range(5):
        watch.time = NOON + timedelta(hours=hour)
        await ledger.append(GatewayStopped())
        await ledger.append(admitted("s1"))

    async def told(since: timedelta) -> list[int]:
        pages = ledger.history(["operation.admitted"], NOON + since)
        return [entry.seq async for page in pages for entry in page]

    assert await told(timedelta(days=-1)) == [3, 5, 7, 9, 11]
    assert await told(timedelta(hours=2)) == [7, 9, 11]
    assert await told(timedelta(hours=2, minutes=1)) == [9, 11]
    assert await told(timedelta(days=1)) == []
    assert list(await ledger.openings({"s1", "s2"})) == ["s1"]


async def test_nothing_has_no_past(ledger: SqlLedger) -> None:
    assert [page async for page in ledger.history(["operation.admitted"], NOON)] == []
    assert await ledger.openings([]) == {}
