"""What a request would do: who is told, what is refused, and that nothing of it slows down anything else."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import httpx2
import pytest

from gateway.api.schema import RequestImpact
from gateway.core.errors import Unreachable
from gateway.core.impact import Impact, ImpactLine, ImpactQuestion, ImpactTable, ImpactText
from tests.api.asking import Askers, askers, refused
from tests.api.house import House

LINES = (ImpactLine("+", "much"), ImpactLine(" ", "so it is"))


@dataclass
class Finder:
    """Finds out what it is told to."""

    asked: list[tuple[ImpactQuestion, bool]] = field(default_factory=list)
    answer: asyncio.Event = field(default_factory=asyncio.Event)
    trouble: Exception | None = None
    reason: str | None = None

    def can(self, question: ImpactQuestion) -> str | None:
        return self.reason

    async def measure(self, question: ImpactQuestion, *, dry_run: bool) -> Impact:
        self.asked.append((question, dry_run))
        await self.answer.wait()
        if self.trouble is not None:
            raise self.trouble
        tables = (ImpactTable("tables", ("a", "b"), (("1", "2"),)),)
        return Impact(LINES, tables, (ImpactText("plan", "a\nb"),), took_ms=3, rows=7)


@pytest.fixture
def finder(house: House) -> Finder:
    finder = Finder()
    finder.answer.set()
    house.sources["postgres"] = finder
    return finder


@pytest.fixture
async def asking(house: House) -> AsyncIterator[Askers]:
    house.groups |= {"pia": {"dba"}, "carl": {"sre"}}
    async with askers(house) as asking:
        yield asking


async def ask(http: httpx2.AsyncClient, name: str, id: str, **body: object) -> httpx2.Response:
    headers = {"Authorization": f"Bearer token-of-{name}"}
    return await http.post(f"/v1/requests/{id}/impact", json=body, headers=headers)


async def told(http: httpx2.AsyncClient, name: str, id: str, **body: object) -> RequestImpact:
    response = await ask(http, name, id, **body)
    assert response.status_code == 200, response.text
    return RequestImpact.model_validate_json(response.content)


async def test_who_may_see_it_is_told_and_who_may_decide_may_try_it(
    finder: Finder, asking: Askers, http: httpx2.AsyncClient, house: House
) -> None:
    id = (await asking.ask()).id
    found = await told(http, "alba", id)
    assert [(line.sign, line.text) for line in found.lines] == [("+", "much"), (" ", "so it is")]
    assert (found.tables[0].rows, found.texts[0].text, found.rows) == ([["1", "2"]], "a\nb", 7)
    tried = await told(http, "pia", id, dry_run=True)
    assert tried.dry_run
    assert [dry_run for _, dry_run in finder.asked] == [False, True]
    noted = [entry for entry in await house.ledger.entries() if entry.name == "request.impact"]
    assert [(entry.actor, entry.body["dry_run"], entry.body["result"]) for entry in noted] == [
        *(("id-alba", False, "begun"), ("id-alba", False, "done")),
        *(("id-pia", True, "begun"), ("id-pia", True, "done")),
    ]
    assert (noted[-1].body["rows"], noted[-1].body["samples"]) == (7, 1)
    assert "much" not in str(noted)


@pytest.mark.parametrize(
    ("name", "dry_run", "status", "words"),
    [
        ("ugo", False, 403, "is told to those who decide: you asked for it"),
        ("ugo", True, 403, "is told to those who decide: you asked for it"),
        ("nina", False, 404, "there is no such request for you"),
        ("pam", True, 404, "there is no such request for you"),
        ("alba", True, 403, "it asks dba"),
        ("carl", True, 403, "it asks dba"),
        ("otto", True, 403, "it asks dba"),
    ],
)
async def test_who_is_not(
    finder: Finder,
    asking: Askers,
    http: httpx2.AsyncClient,
    name: str,
    dry_run: bool,
    status: int,
    words: str,
) -> None:
    id = (await asking.ask()).id
    assert words in refused(await ask(http, name, id, dry_run=dry_run), status)
    assert finder.asked == []


async def test_what_is_over_is_not_asked_about(
    finder: Finder, asking: Askers, http: httpx2.AsyncClient, house: House
) -> None:
    asked = await asking.ask()
    assert await house.ledger.close_approval(asked.id, "withdrawn")
    assert "it was withdrawn" in refused(await ask(http, "alba", asked.id), 410)
    assert finder.asked == []


async def test_the_card_waits_for_nothing_and_a_second_question_is_turned_away(
    finder: Finder, asking: Askers, http: httpx2.AsyncClient
) -> None:
    id = (await asking.ask()).id
    finder.answer.clear()
    asking_still = asyncio.create_task(ask(http, "pia", id))
    async with asyncio.timeout(5):
        while not finder.asked:
            await asyncio.sleep(0.01)
        card = await http.get(f"/v1/requests/{id}", headers={"Authorization": "Bearer token-of-pia"})
    assert card.status_code == 200
    assert "right now" in refused(await ask(http, "alba", id), 429)
    finder.answer.set()
    assert (await asking_still).status_code == 200


async def test_what_goes_wrong_is_said_and_written_down(
    finder: Finder, asking: Askers, http: httpx2.AsyncClient, house: House
) -> None:
    id = (await asking.ask()).id
    finder.trouble = Unreachable("appdb can not be reached")
    assert (await told(http, "pia", id)).refused == "appdb can not be reached"
    last = [entry for entry in await house.ledger.entries() if entry.name == "request.impact"][-1]
    assert (last.body["result"], last.body["reason"]) == ("failed", "appdb can not be reached")


async def test_where_nothing_can_be_found_out_the_target_is_not_asked(
    finder: Finder, asking: Askers, http: httpx2.AsyncClient
) -> None:
    id = (await asking.ask()).id
    finder.reason = "what it does is not certain"
    assert (await told(http, "pia", id)).refused == "what it does is not certain"
    assert finder.asked == []
