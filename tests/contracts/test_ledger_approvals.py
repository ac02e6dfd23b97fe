"""The Ledger's contract: approvals and tokens. One decision function, and nobody gets past it."""

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from gateway.core.errors import Fault
from gateway.core.events import TokenCreated, TokenRevoked
from gateway.core.ports import Decision, Ledger, TokenRow
from gateway.store.ledger import SqlLedger
from tests.contracts.conftest import NOON, Open, Watch, a_request, admitted, held, opened

ID = "7QF-2KM"


async def ask(ledger: Ledger, count: int = 1, id: str = ID) -> None:
    """A held operation waits."""
    await ledger.open_approval(a_request(id, count), held(a_request(id, count)))


async def state(ledger: Ledger, id: str = ID) -> str:
    approval = await ledger.approval(id)
    assert approval is not None
    return approval.state


async def given(ledger: Ledger) -> list[tuple[str, bool]]:
    """Who decided what, according to the entries."""
    return [
        (entry.actor, entry.body["granted"])
        for entry in await ledger.entries(limit=1000)
        if entry.name == "approval.given"
    ]


async def test_an_approval_comes_back_as_it_was(ledger: Ledger) -> None:
    await ask(ledger)
    assert await ledger.approval(ID) == a_request()
    assert await ledger.approval("nobody") is None
    (entry,) = await ledger.entries()
    assert (entry.name, entry.body["request"]) == ("operation.held", ID)


async def test_an_approval_and_its_event_are_kept_together_or_not_at_all(ledger: Ledger) -> None:
    await ledger.append(opened("s-1"))
    await ask(ledger)
    again = replace(a_request(), text="something else")
    with pytest.raises(Fault, match="already holds"):
        await ledger.open_approval(again, held(again))
    duplicate = replace(opened("s-1"), person="mallory")
    with pytest.raises(Fault, match="already holds"):
        await ledger.open_approval(a_request("BBB-BBBB"), duplicate)
    assert await ledger.approval("BBB-BBBB") is None
    assert len(await ledger.entries()) == 2
    assert await ledger.approval(ID) == a_request()


async def test_nothing_is_half_written_when_an_approval_fails(open_ledger: Open) -> None:
    ledger = await open_ledger()
    request = a_request()
    await ledger.open_approval(request, held(request))
    outcomes = await asyncio.gather(
        ledger.open_approval(request, held(request)),
        ledger.append(admitted("s-1")),
        ledger.settle_approval(request.id, "carol", True),
        return_exceptions=True,
    )
    assert isinstance(outcomes[0], Fault)
    assert outcomes[2] is True
    names = [entry.name for entry in await ledger.entries()]
    assert sorted(names) == ["approval.given", "operation.admitted", "operation.held"]


async def test_one_grant_settles(ledger: Ledger) -> None:
    await ask(ledger)
    assert await ledger.settle_approval(ID, "carol", True, "looks right")
    approval = await ledger.approval(ID)
    assert approval is not None
    assert approval.state == "approved"
    (word,) = approval.decisions
    assert word == Decision("carol", True, "looks right", word.at)
    assert word.at.tzinfo is UTC
    entry = (await ledger.entries())[-1]
    assert (entry.name, entry.actor, entry.session) == ("approval.given", "carol", "s-2B8CK4TQ")
    said = {"request": ID, "granted": True, "reason": "looks right", "sha256": "1" * 64}
    assert entry.body == {**said, "scope": "once", "version": 1}
    assert not await ledger.settle_approval(ID, "dave", False)
    assert not await ledger.close_approval(ID, "withdrawn")
    assert await state(ledger) == "approved"
    assert await given(ledger) == [("carol", True)]


async def test_two_people_have_to_grant_when_two_are_asked(ledger: Ledger) -> None:
    await ask(ledger, count=2)
    assert await ledger.settle_approval(ID, "carol", True)
    assert await state(ledger) == "held"
    assert not await ledger.settle_approval(ID, "carol", True)
    assert not await ledger.settle_approval(ID, "carol", False)
    assert await state(ledger) == "held"
    assert await ledger.settle_approval(ID, "dave", True)
    assert await state(ledger) == "approved"
    assert await given(ledger) == [("carol", True), ("dave", True)]


async def test_one_denial_settles_at_once(ledger: Ledger) -> None:
    await ask(ledger, count=3)
    assert await ledger.settle_approval(ID, "carol", True)
    assert await ledger.settle_approval(ID, "dave", False, "not today")
    assert await state(ledger) == "denied"
    assert not await ledger.settle_approval(ID, "erin", True)
    assert await given(ledger) == [("carol", True), ("dave", False)]


@pytest.mark.parametrize("granted", [True, False])
async def test_the_requester_never_decides(ledger: Ledger, granted: bool) -> None:
    await ask(ledger)
    assert not await ledger.settle_approval(ID, "alice", granted)
    assert await ledger.approval(ID) == a_request()
    assert await given(ledger) == []


async def test_nothing_counts_from_the_moment_it_expires(ledger: Ledger, watch: Watch) -> None:
    await ask(ledger, count=2)
    watch.time = NOON + timedelta(minutes=10) - timedelta(milliseconds=5)
    assert await ledger.settle_approval(ID, "carol", True)
    watch.time = NOON + timedelta(minutes=10) - timedelta(milliseconds=1)
    assert not await ledger.settle_approval(ID, "dave", True)
    assert await state(ledger) == "held"
    assert await ledger.close_approval(ID, "expired")
    assert await state(ledger) == "expired"


@pytest.mark.parametrize("last", ["expired", "withdrawn"])
async def test_closing_happens_once_and_nothing_counts_after_it(ledger: Ledger, last: str) -> None:
    await ask(ledger)
    assert await ledger.close_approval(ID, last)
    assert not await ledger.close_approval(ID, "withdrawn")
    assert not await ledger.settle_approval(ID, "carol", True)
    assert await state(ledger) == last
    assert await given(ledger) == []


async def test_what_is_not_there_can_not_be_settled(ledger: Ledger) -> None:
    assert not await ledger.settle_approval(ID, "carol", True)
    assert not await ledger.close_approval(ID, "expired")
    with pytest.raises(ValueError, match="not closed as 'approved'"):
        await ledger.close_approval(ID, "approved")
    assert await ledger.entries() == []


async def test_of_200_people_at_once_exactly_one_settles(open_ledger: Open) -> None:
    gateways = [await open_ledger("a"), await open_ledger("b")]
    await ask(gateways[0])
    outcomes = await asyncio.gather(
        *(gateways[n % 2].settle_approval(ID, f"person {n}", n % 3 > 0) for n in range(200))
    )
    assert Counter(outcomes) == {True: 1, False: 199}
    winner = outcomes.index(True)
    approval = await gateways[1].approval(ID)
    assert approval is not None
    assert [(word.by, word.granted) for word in approval.decisions] == [(f"person {winner}", winner % 3 > 0)]
    assert approval.state == ("approved" if winner % 3 else "denied")
    assert await given(gateways[0]) == [(f"person {winner}", winner % 3 > 0)]


async def test_one_person_200_times_at_once_counts_once(open_ledger: Open) -> None:
    gateways = [await open_ledger("a"), await open_ledger("b")]
    await ask(gateways[0], count=2)
    outcomes = await asyncio.gather(*(gateways[n % 2].settle_approval(ID, "carol", True) for n in range(200)))
    assert Counter(outcomes) == {True: 1, False: 199}
    assert await state(gateways[0]) == "held"
    assert await given(gateways[0]) == [("carol", True)]


async def test_settling_races_with_closing(open_ledger: Open) -> None:
    gateways = [await open_ledger("a"), await open_ledger("b")]
    for n in range(8):
        id = f"AAA-AAA{n}"
        await ask(gateways[0], id=id)
        settled, closed = await asyncio.gather(
            gateways[0].settle_approval(id, "carol", True), gateways[1].close_approval(id, "withdrawn")
        )
        assert settled is not closed
        assert await state(gateways[0], id) == ("approved" if settled else "withdrawn")


async def test_approvals_by_state_newest_first(ledger: Ledger) -> None:
    for n in range(4):
        request = replace(a_request(f"AAA-AAA{n}"), opened_at=NOON + timedelta(seconds=n))
        await ledger.open_approval(request, held(request))
    assert await ledger.settle_approval("AAA-AAA1", "carol", False)
    assert await ledger.settle_approval("AAA-AAA2", "carol", True)
    assert [approval.id[-1] for approval in await ledger.approvals()] == ["3", "2", "1", "0"]
    assert [approval.id[-1] for approval in await ledger.approvals(state="held")] == ["3", "0"]
    (denied,) = await ledger.approvals(state="denied")
    assert [word.by for word in denied.decisions] == ["carol"]
    assert await ledger.approvals(state="expired") == []


async def test_times_of_any_zone_are_the_same_moment_in_utc(ledger: Ledger) -> None:
    far_east = timezone(timedelta(hours=12, minutes=45))
    request = replace(a_request(), opened_at=NOON.astimezone(far_east))
    await ledger.open_approval(request, held(request))
    kept = await ledger.approval(ID)
    assert kept is not None
    assert kept.opened_at == NOON
    assert kept.opened_at.utcoffset() == timedelta(0)
    naive = replace(a_request("BBB-BBBB"), opened_at=datetime(2026, 6, 1, 12))  # noqa: DTZ001 - that is the point
    with pytest.raises(Fault):
        await ledger.open_approval(naive, held(naive))
    assert await ledger.approval("BBB-BBBB") is None


def a_token(id: str = "t-7QF2KM", expires_at: datetime | None = None) -> TokenRow:
    return TokenRow(id, "a" * 64, "bob@example.com", frozenset({"auditor", "admin"}), NOON, expires_at)


def created(token: TokenRow) -> TokenCreated:
    return TokenCreated(actor="root", token=token.id, person=token.person, roles=sorted(token.roles))


async def test_tokens_are_kept_listed_and_revoked_once(ledger: Ledger) -> None:
    first, second = a_token(), a_token("t-AAAAAA", NOON + timedelta(days=1))
    second = replace(second, created_at=NOON + timedelta(hours=1))
    for token in (first, second):
        await ledger.add_token(token, created(token))
    assert await ledger.token(first.id) == first
    assert await ledger.tokens() == [second, first]
    assert await ledger.token("t-NOBODY") is None
    revoked = TokenRevoked(actor="root", token=first.id)
    assert (
        await asyncio.gather(*(ledger.revoke_token(first.id, revoked) for _ in range(5)))
        == [True] + [False] * 4
    )
    assert await ledger.token(first.id) == replace(first, revoked=True)
    assert await ledger.token(second.id) == second
    assert not await ledger.revoke_token("t-NOBODY", revoked)
    assert [entry.name for entry in await ledger.entries()] == [
        "token.created",
        "token.created",
        "token.revoked",
    ]


async def test_a_token_id_is_not_used_twice(ledger: Ledger) -> None:
    await ledger.add_token(a_token(), created(a_token()))
    with pytest.raises(Fault, match="already holds"):
        await ledger.add_token(replace(a_token(), digest="b" * 64), created(a_token()))
    assert await ledger.token("t-7QF2KM") == a_token()
    assert len(await ledger.entries()) == 1


@pytest.mark.parametrize("digest", ["", "hoop_t-7QF2KM_secret", "A" * 64, "a" * 63, "a" * 64 + "\n"])
async def test_only_a_digest_is_kept_of_a_token(ledger: SqlLedger, digest: str) -> None:
    with pytest.raises(ValueError, match="digest"):
        await ledger.add_token(replace(a_token(), digest=digest), created(a_token()))
    assert await ledger.tokens() == []
