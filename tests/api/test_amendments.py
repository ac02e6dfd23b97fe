"""The routes about another text: what they take and say, and that asked twice they do it once."""

from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from gateway.api.schema import RequestCard
from gateway.core.verdict import Allow
from tests.api.asking import DROP, Asked, Askers, Colleague, askers, card_of, holding, refused
from tests.api.house import House

OTHER = "drop table payments_older"


@pytest.fixture
async def asking(house: House) -> AsyncIterator[Askers]:
    house.groups |= {"pia": {"dba"}, "carl": {"dba"}, "nina": {"dba"}}
    house.coming = holding()
    async with askers(house) as asking:
        yield asking


@pytest.fixture
def people(http: httpx2.AsyncClient) -> dict[str, Colleague]:
    return {name: Colleague(http, name) for name in ("ugo", "pam", "nina", "pia", "carl", "alba")}


async def propose(who: Colleague, id: str, text: str = OTHER, key: str = "", **more: Any) -> httpx2.Response:
    shown = (await who.card(id)).statement
    said = {"sha256": shown.sha256, "version": shown.version, "text": text, "reason": "the old ones"}
    return await who.post(id, "amend", said | more, key)


def taken(card: RequestCard) -> dict[str, Any]:
    assert card.amendment is not None
    return {"sha256": card.amendment.statement.sha256, "version": card.amendment.statement.version}


async def test_the_card_has_both_texts(asking: Askers, people: dict[str, Colleague]) -> None:
    asked: Asked = await asking.ask(person="pam")
    card = card_of(await propose(people["pia"], asked.id))
    assert (card.state, card.statement.text, card.statement.version) == ("held", DROP, 2)
    said = card.amendment
    assert said is not None
    assert (said.by, said.reason, said.accepted, said.statement.text) == ("pia", "the old ones", False, OTHER)
    hidden = card_of(await propose(people["carl"], asked.id, "drop \u202e table a"))
    assert hidden.amendment is not None
    assert (hidden.amendment.by, hidden.amendment.statement.hidden_count) == ("carl", 1)


async def test_whose_word_counts(asking: Askers, people: dict[str, Colleague]) -> None:
    asked = await asking.ask(person="pam")
    assert "takes the role approver" in refused(await propose(people["nina"], asked.id), 403)
    assert "you are the requester" in refused(await propose(people["pam"], asked.id), 403)
    assert "look again" in refused(await propose(people["pia"], asked.id, version=9), 409)
    assert refused(await propose(people["pia"], asked.id, DROP), 422)
    card = card_of(await propose(people["pia"], asked.id))
    for who in ("pia", "nina", "alba"):
        assert "is not yours" in refused(await people[who].post(asked.id, "accept", taken(card)), 403)
    wrong = taken(card) | {"sha256": "0" * 64}
    assert "not what you were shown" in refused(await people["pam"].post(asked.id, "accept", wrong), 409)


async def test_asked_twice_it_is_done_once(asking: Askers, people: dict[str, Colleague]) -> None:
    asked = await asking.ask(person="pam")
    card = card_of(await propose(people["pia"], asked.id, key="k1", version=1))
    again = card_of(await propose(people["pia"], asked.id, key="k1", version=1))
    assert again.statement.version == card.statement.version == 2
    first = card_of(await people["pam"].post(asked.id, "accept", taken(card)))
    second = card_of(await people["pam"].post(asked.id, "accept", taken(card)))
    assert first.id == second.id != asked.id
    assert (first.state, first.replaces, first.statement.text) == ("approved", asked.id, OTHER)
    over = await people["pia"].card(asked.id)
    assert (over.state, over.replaced_by) == ("withdrawn", first.id)


async def test_what_no_rule_holds(asking: Askers, people: dict[str, Colleague]) -> None:
    asked = await asking.ask(person="pam")
    card = card_of(await propose(people["pia"], asked.id, "select 1"))
    asking.house.coming = Allow("everything")
    done = card_of(await people["pam"].post(asked.id, "accept", taken(card)))
    assert (done.id, done.state, done.replaced_by) == (asked.id, "withdrawn", "")
    assert done.amendment is not None
    assert done.amendment.accepted
