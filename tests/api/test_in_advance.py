"""The route by which people ask before there is a session: what it takes, what it says, and what it refuses."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx2
import pytest

from gateway.api.schema import RequestCard
from gateway.core.verdict import Deny, Hold
from tests.api.asking import DBA, Colleague, card_of, refused
from tests.api.house import NOON, House

COME = Hold(
    "ask-to-come", "PROD needs a DBA", DBA, timeout=timedelta(minutes=10), scopes=("once", "target 1h")
)
ASKED = {"target": "appdb", "lasts": "30m", "reason": "fix invoice 88", "ticket": "OPS-4412"}


class Asking:
    """Somebody who asks."""

    def __init__(self, http: httpx2.AsyncClient, name: str = "pam") -> None:
        self._http = http
        self._headers = {"Authorization": f"Bearer token-of-{name}"}

    async def ask(self, key: str = "", **more: Any) -> httpx2.Response:
        headers = self._headers | ({"Idempotency-Key": key} if key else {})
        return await self._http.post("/v1/requests", json={**ASKED, **more}, headers=headers)

    async def card(self, **more: Any) -> RequestCard:
        return card_of(await self.ask(**more))


@pytest.fixture
def pam(http: httpx2.AsyncClient, house: House) -> Asking:
    house.groups |= {"pia": {"dba"}}
    house.coming = COME
    return Asking(http)


async def test_the_card_of_what_was_asked_in_advance(pam: Asking, http: httpx2.AsyncClient) -> None:
    card = await pam.card()
    assert (card.about, card.state, card.mode, card.until) == ("access", "held", "fail", None)
    assert card.statement.text == "access to appdb (PROD) for 30m"
    assert (card.where.target, card.where.kind, card.where.session) == ("appdb", "postgres", "")
    assert (card.why.reason, card.why.ticket, card.rule.scopes) == (
        "fix invoice 88",
        "OPS-4412",
        ["target 30m"],
    )
    assert "key" not in card.facts
    pia = Colleague(http, "pia")
    (row,) = (await pia.get()).json()["requests"]
    assert (row["about"], row["what"], row["may_decide"]) == ("access", card.statement.text, "")
    done = card_of(await pia.approve(card.id))
    assert (done.state, done.scope, done.until) == ("approved", "target 30m", NOON + timedelta(minutes=30))
    again = card_of(await pia.approve(card.id))
    assert again.state == "approved", "the same word again is the same word"


async def test_asked_twice_it_is_one_request(pam: Asking, http: httpx2.AsyncClient) -> None:
    first = await pam.card(key="k1")
    assert (await pam.card(key="k1")).id == (await pam.card()).id == first.id
    await Colleague(http, "pia").approve(first.id)
    assert (await pam.card(key="k1")).state == "approved"
    assert (await pam.card(key="k2")).id != first.id
    assert refused(await pam.ask("k1", lasts="31m"), 422).startswith("this Idempotency-Key")


async def test_what_is_refused(pam: Asking, house: House, http: httpx2.AsyncClient) -> None:
    assert refused(await pam.ask(target="db-9"), 404) == 'there is no target "db-9" for you'
    assert refused(await pam.ask(lasts="2h"), 422) == "ask-to-come lets people grant 1h on appdb at most"
    for wrong in ({"lasts": "soon"}, {"reason": "two\nlines"}, {"target": ""}, {"ticket": "x" * 129}):
        assert (await pam.ask(**wrong)).status_code == 422
    assert (
        refused(await Asking(http, "ugo").ask(), 403)
        == "it takes the role person, which you do not have here"
    )
    house.coming = Deny("freeze", "nobody comes in")
    assert refused(await pam.ask(), 403) == "blocked by freeze - nobody comes in"
    assert await house.ledger.approvals() == []


async def test_too_many(pam: Asking) -> None:
    answers = (await pam.ask(lasts=f"{n}s") for n in range(1, 102))
    refusal = await anext(answer async for answer in answers if answer.status_code != 200)
    assert "ask again" in refused(refusal, 429)


async def test_a_text_is_the_whole_statement(pam: Asking, house: House) -> None:
    house.coming = replace(COME, author="other", scopes=("once",))
    card = await pam.card(text="DELETE FROM t\n", lasts="")
    assert (card.about, card.statement.text, card.rule.scopes) == ("text", "DELETE FROM t\n", ["once"])
    assert card.facts["author"] == "another has to run it"
