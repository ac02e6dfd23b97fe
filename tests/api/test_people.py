"""People through the API: who there is, and locking somebody out for good or until they are let in again."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import httpx2
import pytest

from gateway.api.schema import PersonLockedOut, PersonSummary
from gateway.app.watchman import REVOKED
from gateway.core.errors import Fault
from gateway.core.events import PersonLocked
from gateway.core.ports import Hint, LockRow
from gateway.session.gate import Gate
from tests.api.house import NOON
from tests.api.town import ISSUER, ROBOT, Town

PATIENCE = 10.0


@pytest.fixture
async def otto(visitor: httpx2.AsyncClient, town: Town) -> httpx2.AsyncClient:
    """An operator."""
    visitor.headers |= await town.headers("otto")
    return visitor


@pytest.fixture
async def adam(visitor: httpx2.AsyncClient, town: Town) -> httpx2.AsyncClient:
    """An admin."""
    visitor.headers |= await town.headers("adam")
    return visitor


def said(response: httpx2.Response, status: int) -> str:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    return str(response.json()["detail"])


def locked(response: httpx2.Response) -> PersonLockedOut:
    assert response.status_code == 200, response.text
    return PersonLockedOut.model_validate_json(response.content)


async def lock(http: httpx2.AsyncClient, name: str, reason: str = "a lost laptop") -> httpx2.Response:
    return await http.post(f"/v1/people/{name}/lock", json={"reason": reason})


def closing(gate: Gate) -> "asyncio.Task[None]":
    """What an adapter does once its gate has ended."""

    async def close() -> None:
        await gate.ended.wait()
        await gate.close("ended", {"reason": "ended"})

    return asyncio.create_task(close())


async def names(town: Town) -> list[str]:
    return [entry.name for entry in await town.house.ledger.entries(limit=1000)]


async def test_everybody_is_listed(otto: httpx2.AsyncClient, town: Town) -> None:
    greta = await town.vouched("Greta@example.com", "77", frozenset({"sec", "dev"}))
    gate = await town.enter("olga")
    page = (await otto.get("/v1/people")).json()["people"]
    assert [person["name"] for person in page] == [
        "adam",
        "alba",
        "eva",
        "Greta@example.com",
        "olga",
        "otto",
        "owen",
        "petra",
        "pia",
    ]
    rows = {person["name"]: PersonSummary.model_validate(person) for person in page}
    assert rows["Greta@example.com"] == PersonSummary(
        name="Greta@example.com",
        id=greta,
        issuer=ISSUER,
        groups=["dev", "sec"],
        roles=["auditor", "person"],
        checked_at=NOON,
    )
    assert rows["olga"] == PersonSummary(name="olga", id="olga", roles=["person"], sessions=1)
    assert (rows["alba"].checked_at, rows["alba"].issuer) == (NOON, "")
    await gate.close("exit 0", {"status": 0})


async def test_one_person_by_name_however_it_is_written(otto: httpx2.AsyncClient, town: Town) -> None:
    await town.vouched("Jörg@example.com")
    for name in ("Jörg@example.com", "jÖRG@EXAMPLE.com", "J%C3%B6rg@example.com"):
        assert (await otto.get(f"/v1/people/{name}")).json()["name"] == "Jörg@example.com"
    assert (await otto.get("/v1/people/OTTO")).json()["name"] == "otto"
    assert (await otto.get(f"/v1/people/{ROBOT}")).json()["name"] == ROBOT
    for name in ("nobody", "jorg@example.com", "%20otto", "otto%20", "..", "%00", "a" * 301):
        assert (await otto.get(f"/v1/people/{name}")).status_code in (404, 422), name


async def test_an_identity_that_is_somebodys_here_is_not_listed_twice(
    otto: httpx2.AsyncClient, town: Town
) -> None:
    people = (await otto.get("/v1/people")).json()["people"]
    assert [person["id"] for person in people].count("petra") == 1
    assert not [person for person in people if ISSUER in person["id"]]


async def test_a_name_that_the_configuration_gives_to_another(otto: httpx2.AsyncClient, town: Town) -> None:
    """Whoever had it before is still there, by their id, and is not who is locked by that name."""
    taken = await town.vouched("OLGA", "9")
    page = (await otto.get("/v1/people")).json()["people"]
    assert {"olga", taken} <= {person["name"] for person in page}
    assert locked(await lock(otto, "Olga")).person.id == "olga"
    by_id = quote(taken, safe="")
    assert (await otto.get(f"/v1/people/{by_id}")).json()["id"] == taken
    assert locked(await lock(otto, by_id)).person.id == taken
    unlocked = await otto.post(f"/v1/people/{by_id}/unlock", headers=await town.headers("adam"))
    assert unlocked.json()["id"] == taken
    assert [row.person for row in await town.house.ledger.locks()] == ["olga"]


async def test_a_lock_ends_everything(otto: httpx2.AsyncClient, town: Town) -> None:
    mine, theirs = await town.enter("olga"), await town.enter("petra")
    closed = closing(mine)
    token, parent = await town.token("olga")
    await town.token("olga", "database", parent=parent, target="web-1")
    await town.certify("olga", parent)
    answer = locked(await lock(otto, "olga", " a lost laptop "))
    assert answer == PersonLockedOut(
        person=PersonSummary(
            name="olga",
            id="olga",
            roles=["person"],
            locked_at=NOON,
            locked_by="otto",
            locked_reason="a lost laptop",
        ),
        ended=[mine.session.id],
        tokens=2,
        certificates=1,
    )
    assert await town.house.ledger.locks() == [LockRow("olga", NOON, "otto", "a lost laptop")]
    assert not [row for row in await town.house.ledger.tokens() if row.person == "olga" and not row.revoked]
    assert all(row.revoked for row in await town.house.ledger.certificates("olga"))
    assert (await otto.get("/v1/me", headers={"Authorization": f"Bearer {token}"})).status_code == 401
    assert not theirs.ended.is_set()
    async with asyncio.timeout(PATIENCE):
        await closed
    await theirs.close("exit 0", {"status": 0})


async def test_who_is_locked_is_not_told_why(otto: httpx2.AsyncClient, town: Town) -> None:
    gate = await town.enter("olga")
    closed = closing(gate)
    locked(await lock(otto, "olga", "we think that she sells secrets"))
    assert gate.ended_because in ("by otto - talk to them before you come back", REVOKED)
    assert "secrets" not in gate.ended_because
    await closed


async def test_the_lock_is_written_before_anything_ends(otto: httpx2.AsyncClient, town: Town) -> None:
    gate = await town.enter("olga")
    closed = closing(gate)
    locked(await lock(otto, "olga"))
    await closed
    entries = await town.house.ledger.entries(limit=1000)
    (lock_entry,) = (entry for entry in entries if entry.name == "person.locked")
    assert (lock_entry.actor, lock_entry.body) == ("otto", {"person": "olga", "reason": "a lost laptop"})
    assert all(entry.seq > lock_entry.seq for entry in entries if entry.name == "session.ended")


async def test_a_lock_that_can_not_be_written_ends_nothing(
    otto: httpx2.AsyncClient, town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = await town.enter("olga")

    async def broken(*_: Any) -> bool:
        raise Fault("the ledger's database does not answer")

    monkeypatch.setattr(type(town.house.ledger), "lock_person", broken)
    assert said(await lock(otto, "olga"), 503) == "the ledger's database does not answer"
    assert not gate.ended.is_set()
    assert await town.house.ledger.locks() == []
    await gate.close("exit 0", {"status": 0})


async def test_locking_twice_and_unlocking_twice(adam: httpx2.AsyncClient, town: Town) -> None:
    assert said(await adam.post("/v1/people/olga/unlock"), 409) == "olga is not locked"
    locked(await lock(adam, "olga"))
    assert said(await lock(adam, "olga"), 409) == "olga is locked already by adam since 2026-11-20 12:00 UTC"
    unlocked = await adam.post("/v1/people/olga/unlock")
    assert unlocked.status_code == 200
    assert PersonSummary.model_validate_json(unlocked.content).locked_at is None
    assert said(await adam.post("/v1/people/olga/unlock"), 409) == "olga is not locked"
    happened = [name for name in await names(town) if name.startswith("person.") and name != "person.kept"]
    assert happened == ["person.locked", "person.unlocked"]


async def test_of_many_who_lock_somebody_one_does(otto: httpx2.AsyncClient, town: Town) -> None:
    answers = await asyncio.gather(*(lock(otto, "olga") for _ in range(6)))
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409, 409, 409]
    assert (await names(town)).count("person.locked") == 1


async def test_whoever_was_locked_comes_back_with_nothing(adam: httpx2.AsyncClient, town: Town) -> None:
    token, _ = await town.token("olga")
    locked(await lock(adam, "olga"))
    await adam.post("/v1/people/olga/unlock")
    await town.hall.people.directory.refresh()
    assert (await adam.get("/v1/me", headers={"Authorization": f"Bearer {token}"})).status_code == 401
    assert (await adam.get("/v1/me", headers=await town.headers("olga"))).status_code == 200


@pytest.mark.parametrize(
    ("body", "where"),
    [
        (None, "body"),
        ({}, "reason"),
        ({"reason": ""}, "reason"),
        ({"reason": "   "}, "reason"),
        ({"reason": "two\nlines"}, "reason"),
        ({"reason": "\x1b[2J"}, "reason"),
        ({"reason": "x" * 301}, "reason"),
        ({"reason": None}, "reason"),
        ({"reason": ["x"]}, "reason"),
    ],
)
async def test_a_lock_needs_a_reason(
    otto: httpx2.AsyncClient, town: Town, body: dict[str, Any] | None, where: str
) -> None:
    assert said(await otto.post("/v1/people/olga/lock", json=body), 422).startswith(where)
    assert await town.house.ledger.locks() == []


async def test_what_those_who_may_not_are_told(visitor: httpx2.AsyncClient, town: Town) -> None:
    for name, path, sentence in (
        ("otto", "otto/lock", "nobody can lock themselves"),
        ("adam", "ADAM/lock", "nobody can lock themselves"),
        ("adam", "adam/unlock", "nobody can unlock themselves"),
        ("petra", "petra/lock", "nobody can lock themselves"),
        ("alba", "olga/lock", "you may see olga, and not lock them: that takes an operator"),
        ("otto", "olga/unlock", "you may see olga, and not unlock them: that takes an admin"),
    ):
        response = await visitor.post(
            f"/v1/people/{path}", json={"reason": "x"}, headers=await town.headers(name)
        )
        assert said(response, 403) == sentence
    assert await town.house.ledger.locks() == []


async def test_an_operator_locks_an_admin(otto: httpx2.AsyncClient, town: Town) -> None:
    """It is quick to stop somebody, whoever they are; an admin undoes it."""
    headers = await town.headers("adam")
    locked(await lock(otto, "adam"))
    assert (await otto.get("/v1/me", headers=headers)).status_code == 401
    assert (await otto.post("/v1/people/adam/unlock", headers=await town.headers("eva"))).status_code == 200


async def test_a_machine_is_locked_like_anybody(otto: httpx2.AsyncClient, town: Town) -> None:
    headers = await town.headers(ROBOT, "machine")
    assert locked(await lock(otto, ROBOT)).person.id == ROBOT
    assert (await otto.get("/v1/me", headers=headers)).status_code == 401
    machines = {machine["name"]: machine for machine in (await otto.get("/v1/machines")).json()["machines"]}
    assert "it is locked" in machines["robot"]["warnings"]


async def test_somebody_whom_the_configuration_has_forgotten(adam: httpx2.AsyncClient, town: Town) -> None:
    """Their lock stays, so it can be seen and lifted."""
    gone = LockRow("zoe", NOON, "otto", "left")
    await town.house.ledger.lock_person(gone, PersonLocked(person="zoe", reason="left"))
    shown = (await adam.get("/v1/people/Zoe")).json()
    assert (shown["id"], shown["locked_by"], shown["roles"]) == ("zoe", "otto", [])
    assert "zoe" in [person["name"] for person in (await adam.get("/v1/people")).json()["people"]]
    assert (await adam.post("/v1/people/zoe/unlock")).status_code == 200
    assert (await adam.get("/v1/people/zoe")).status_code == 404


async def test_others_hear_of_it(adam: httpx2.AsyncClient, town: Town) -> None:
    async with town.house.bus.subscribe("people") as hints:
        locked(await lock(adam, "olga"))
        await adam.post("/v1/people/olga/unlock")
        async with asyncio.timeout(PATIENCE):
            assert [await anext(hints), await anext(hints)] == [Hint("people", "olga")] * 2


async def test_a_session_from_before_a_rename_ends_with_the_lock(
    otto: httpx2.AsyncClient, town: Town
) -> None:
    id = await town.vouched("greta")
    gate = await town.enter(id)
    closed = closing(gate)
    await town.vouched("greta.b")
    assert locked(await lock(otto, "greta.b")).ended == [gate.session.id]
    await closed


@pytest.fixture(autouse=True)
async def nothing_is_left_open(town: Town) -> AsyncIterator[None]:
    yield
    assert not town.house.live.real.ids()
