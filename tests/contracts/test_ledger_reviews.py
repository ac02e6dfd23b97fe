"""The Ledger's contract: broken glass and its review, what is revoked, pages of lists, what is counted of many."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from gateway.core.approval import Approval
from gateway.core.approval_events import ApprovalRevoked, GlassBroken, GrantOpened, ReviewSigned
from gateway.core.events import Event
from gateway.core.ports import Grant, Ledger
from gateway.core.request_lists import DECIDED, Past, Place, Wanted
from gateway.core.reviews import OpenReviews, Review, Revocation, Signature
from gateway.core.verdict import Glass
from tests.contracts.conftest import NOON, Open, Watch, a_request, held

ID = "7QF-2KM"
GLASS = Glass(frozenset({"oncall"}), timedelta(hours=2))
REVIEW = Review("alice", "db is down", NOON, NOON + GLASS.review, "alice@example.com")
BROKEN: list[Event] = [
    GlassBroken(
        request=ID,
        reason="db is down",
        sha256="1" * 64,
        version=1,
        rule="r",
        due_at=REVIEW.due_at.isoformat(),
    )
]


async def ask(ledger: Ledger, id: str = ID, requester: str = "alice", **more: object) -> Approval:
    request = replace(a_request(), id=id, requester=requester, break_glass=GLASS, **more)  # type: ignore[arg-type]  # fields of it
    await ledger.open_approval(request, held(request))
    return request


async def now(ledger: Ledger, id: str = ID) -> Approval:
    found = await ledger.approval(id)
    assert found is not None
    return found


async def names(ledger: Ledger) -> list[str]:
    return [entry.name for entry in await ledger.entries(limit=1000)]


async def test_a_broken_glass_comes_back(ledger: Ledger) -> None:
    request = await ask(ledger)
    assert await now(ledger) == request
    assert await ledger.break_glass(ID, REVIEW, 1, BROKEN)
    assert await now(ledger) == replace(request, state="approved", review=REVIEW)
    assert not await ledger.break_glass(ID, REVIEW, 1, BROKEN)
    assert not await ledger.settle_approval(ID, "carol", False, "no")
    assert (await names(ledger)).count("approval.glass_broken") == 1


@pytest.mark.parametrize("why", ["another's", "no glass", "version", "late", "denied", "unknown"])
async def test_what_is_not_broken(ledger: Ledger, why: str) -> None:
    request = await ask(ledger)
    if why == "no glass":
        request = replace(request, id="7QF-3KM", break_glass=None)
        await ledger.open_approval(request, held(request))
    if why == "denied":
        await ledger.settle_approval(ID, "carol", False, "no")
    late = replace(REVIEW, opened_at=request.expires_at)
    review = {"another's": replace(REVIEW, by="carol"), "late": late}.get(why, REVIEW)
    before = await names(ledger)
    id = "0" if why == "unknown" else request.id
    assert not await ledger.break_glass(id, review, 2 if why == "version" else 1, BROKEN)
    assert await names(ledger) == before


async def test_of_many_at_once_one_breaks_or_decides(open_ledger: Open) -> None:
    ledger = await open_ledger()
    await ask(ledger)
    done = await asyncio.gather(
        *(ledger.break_glass(ID, REVIEW, 1, BROKEN) for _ in range(50)),
        *(ledger.settle_approval(ID, f"p{n}", n % 2 == 0) for n in range(50)),
    )
    assert sum(done) == 1
    settled = await now(ledger)
    assert (settled.review is not None) != bool(settled.decisions)


async def test_a_review_is_signed_once(ledger: Ledger) -> None:
    await ask(ledger)
    signature = Signature("carol", "not-ok", "why?", NOON, "carol@example.com")
    said: list[Event] = [ReviewSigned(request=ID, verdict="not-ok", reason="why?")]
    assert not await ledger.sign_review(ID, signature, said)
    await ledger.break_glass(ID, REVIEW, 1, BROKEN)
    assert await ledger.open_reviews(NOON) == OpenReviews(1, 0)
    assert await ledger.open_reviews(REVIEW.due_at) == OpenReviews(1, 1)
    assert [each.id for each in await ledger.listed(Wanted(review_open=True))] == [ID]
    done = await asyncio.gather(*(ledger.sign_review(ID, signature, said) for _ in range(20)))
    assert sum(done) == 1
    review = (await now(ledger)).review
    assert review == replace(
        REVIEW,
        verdict="not-ok",
        signed_by="carol",
        signed_name="carol@example.com",
        signed_reason="why?",
        signed_at=NOON,
    )
    assert await ledger.open_reviews(NOON) == OpenReviews()
    assert await ledger.listed(Wanted(review_open=True)) == []
    assert (await names(ledger)).count("review.signed") == 1


async def test_what_is_revoked_covers_nothing(ledger: Ledger) -> None:
    revocation = Revocation("carol", "enough", NOON, "carol@example.com")
    event = ApprovalRevoked(request=ID, reason="enough")
    await ask(ledger)
    assert not await ledger.revoke_approval(ID, revocation, event)
    await ledger.settle_approval(ID, "carol", True)
    grant = Grant(ID, "alice", "web-1", "r", "target", "", NOON, NOON + timedelta(hours=1), None)
    opened = GrantOpened(request=ID, scope="target 1h", expires_at="")
    assert await ledger.open_grant(grant, opened)
    assert await ledger.revoke_approval(ID, revocation, event)
    assert not await ledger.revoke_approval(ID, revocation, event)
    assert await ledger.grants("alice", "web-1") == []
    assert (await now(ledger)).revoked == revocation
    assert (await names(ledger))[-2:] == ["approval.revoked", "grant.ended"]
    for id, mode, state in (("7QF-3KM", "wait", "approved"), ("7QF-4KM", "fail", "denied")):
        await ask(ledger, id, mode=mode)
        await ledger.settle_approval(id, "carol", True)
        assert await ledger.revoke_approval(id, revocation, replace(event, request=id))
        assert (await now(ledger, id)).state == state
        assert not await ledger.open_grant(replace(grant, id=id), replace(opened, request=id))


async def test_pages_go_on_where_they_ended(ledger: Ledger, watch: Watch) -> None:
    """Also where several have the same moment, and where the one at the end of a page is gone."""
    ids = []
    for n in range(12):
        at = NOON + timedelta(microseconds=n // 3)
        states = {"opened_at": at, "expires_at": at + timedelta(hours=1)}
        requester = "alice" if n % 2 else "erin"
        ids.append((await ask(ledger, f"{n:03d}-AAAA", requester, **states)).id)
    for n in (3, 4):
        await ledger.settle_approval(ids[n], "carol", n == 3)
    for wanted, size in (
        *((Wanted(limit=5), 12), (Wanted(by_end=True, limit=5), 12), (Wanted(DECIDED, limit=1), 2)),
        (Wanted(requester="alice", asked=a_request().approvers, or_theirs=True, limit=2), 11),
        (Wanted(requester="alice", asked=a_request().approvers, limit=2), 5),
    ):
        whole = [each.id for each in await ledger.listed(replace(wanted, limit=100))]
        assert len(whole) == len(set(whole)) == size
        found: list[str] = []
        after = None
        while page := await ledger.listed(replace(wanted, after=after)):
            found += [each.id for each in page]
            last = page[-1]
            after = Place(last.expires_at if wanted.by_end else last.opened_at, last.id)
        assert found == whole


async def test_how_many_are_alike(ledger: Ledger) -> None:
    for n in range(6):
        await ask(ledger, f"{n:03d}-AAAA", "alice" if n < 4 else "erin", shape="s" if n else "t")
    await ledger.close_approval("001-AAAA", "withdrawn")
    assert await ledger.alike({"alice", "erin"}) == {("alice", "s"): 2, ("alice", "t"): 1, ("erin", "s"): 2}
    assert await ledger.alike({"nobody"}) == await ledger.alike(set()) == {}


async def test_what_became_of_earlier_ones(ledger: Ledger) -> None:
    for n in range(8):
        at = NOON + timedelta(seconds=n)
        await ask(
            ledger, f"{n:03d}-AAAA", "alice" if n % 2 else "erin", shape="s" if n < 6 else "t", opened_at=at
        )
    for n in range(6):
        await ledger.settle_approval(f"{n:03d}-AAAA", f"p{n}", n > 1, name=f"p{n}@example.com")
    await ledger.break_glass("007-AAAA", REVIEW, 1, [])
    decided = (await now(ledger, "005-AAAA")).decisions[0].at
    assert await ledger.past(but="x", shape="s") == Past(4, 2, "p5@example.com", decided, "005-AAAA")
    of_alice = await ledger.past(but="005-AAAA", requester="alice")
    assert of_alice == Past(2, 1, "alice@example.com", NOON, "007-AAAA")
    assert await ledger.past(but="x", shape="none") == Past()
    assert await ledger.past(but="006-AAAA", shape="t") == Past(1, 0, "alice@example.com", NOON, "007-AAAA")
