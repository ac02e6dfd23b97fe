"""The list of sessions and one session: states, filters, ids, counts."""

from datetime import timedelta

import httpx2

from gateway.api.schema import Me, SessionPage, SessionState, SessionSummary
from gateway.core.events import SessionEnded, SessionOpened
from tests.api.house import NOON, House


async def listed(http: httpx2.AsyncClient, **params: str | int) -> SessionPage:
    response = await http.get("/v1/sessions", params=params)
    assert response.status_code == 200, response.text
    return SessionPage.model_validate_json(response.content)


def ids(page: SessionPage) -> list[str]:
    return [session.id for session in page.sessions]


async def test_me(auditor: httpx2.AsyncClient) -> None:
    me = Me.model_validate_json((await auditor.get("/v1/me")).content)
    assert me == Me(
        person="alba",
        roles=["auditor"],
        gateway="gw-1",
        version="1.2.3",
        demo=True,
        hints=["ssh -p 2222 demo@127.0.0.1"],
    )


async def test_newest_first_and_counted(auditor: httpx2.AsyncClient, house: House) -> None:
    house.clock.move(-timedelta(days=1))
    await house.record("s-00000001", person="ugo")
    house.clock.move(timedelta(days=1))
    await house.record("s-00000002", person="nina")
    await house.begin("s-00000003", person="ugo", target="db-1")
    page = await listed(auditor)
    assert ids(page) == ["s-00000003", "s-00000002", "s-00000001"]
    assert (page.live, page.today) == (1, 2)
    assert [session.state for session in page.sessions] == ["LIVE", "ENDED", "ENDED"]
    assert page.sessions[0].started_at == NOON
    assert ids(await listed(auditor, limit=2)) == ["s-00000003", "s-00000002"]
    assert ids(await listed(auditor, person="ugo")) == ["s-00000003", "s-00000001"]
    assert ids(await listed(auditor, target="db-1")) == ["s-00000003"]
    assert ids(await listed(auditor, state="live")) == ["s-00000003"]
    assert ids(await listed(auditor, state="ended")) == ["s-00000002", "s-00000001"]
    assert ids(await listed(auditor, person="o'; drop table sessions")) == []


async def test_a_name_without_its_domain_is_enough(auditor: httpx2.AsyncClient, house: House) -> None:
    for number, person in enumerate(("ugo@a.example", "ugo", "ugo_x@a.example", "ugolin@a.example")):
        await house.record(f"s-0000000{number}", person=person)
    assert ids(await listed(auditor, person="ugo")) == ["s-00000001", "s-00000000"]
    assert ids(await listed(auditor, person="ugo", state="ended")) == ["s-00000001", "s-00000000"]
    assert ids(await listed(auditor, person="ugo@a.example")) == ["s-00000000"]
    assert ids(await listed(auditor, person="ug_")) == ids(await listed(auditor, person="%")) == []


async def test_others_see_their_own_only(http: httpx2.AsyncClient, house: House) -> None:
    await house.record("s-00000001", person="ugo")
    await house.record("s-00000002", person="nina")
    await house.record("s-00000004", person="ugo@elsewhere.example")
    await house.begin("s-00000003", person="nina")
    http.headers["Authorization"] = "Bearer token-of-ugo"
    page = await listed(http)
    assert ids(page) == ["s-00000001"]
    assert (page.live, page.today) == (0, 1)
    assert ids(await listed(http, person="ugo")) == ["s-00000001"]
    assert ids(await listed(http, person="nina")) == []
    assert ids(await listed(http, state="live")) == []


OUTCOMES = {
    "exit 0": "ENDED",
    "signal TERM": "ENDED",
    "blocked": "BLOCKED",
    "denied": "BLOCKED",
    "ended": "KILLED",
    "crash": "LOST",
    "disconnected": "ENDED",
}


async def test_states_of_what_is_over(auditor: httpx2.AsyncClient, house: House) -> None:
    for number, outcome in enumerate(OUTCOMES):
        making = await house.begin(f"s-0000000{number}")
        await making.end(outcome)
    page = await listed(auditor)
    assert {session.outcome: session.state for session in page.sessions} == {
        outcome: SessionState(state) for outcome, state in OUTCOMES.items()
    }


async def test_a_lost_session(auditor: httpx2.AsyncClient, house: House) -> None:
    """Not ended in the ledger, not open in this process: lost, unless it has just begun."""
    await house.begin("s-00000001")
    house.live.clear()
    assert (await listed(auditor)).sessions[0].state is SessionState.LIVE
    house.clock.move(timedelta(seconds=20))
    page = await listed(auditor)
    assert page.sessions[0].state is SessionState.LOST
    assert page.live == 0
    assert ids(await listed(auditor, state="live")) == []
    assert ids(await listed(auditor, state="ended")) == ["s-00000001"]
    house.live.add("s-00000001")
    assert (await listed(auditor)).sessions[0].state is SessionState.LIVE


async def test_every_field_of_a_session(auditor: httpx2.AsyncClient, house: House) -> None:
    await house.ledger.append(
        SessionOpened(
            session="s-00000001",
            actor="id-ugo",
            person="ugo",
            groups=["dev"],
            target="web-1",
            kind="ssh",
            login="root",
            address="192.0.2.7",
            client="OpenSSH",
            labels={"env": "prod"},
            imported_from="seed",
            recording="x",
        )
    )
    await house.ledger.append(
        SessionEnded(
            session="s-00000001", outcome="exit 3", bytes_shown=99, masked={"card": 2, "jwt": 1}, commands=4
        )
    )
    found = SessionSummary.model_validate_json((await auditor.get("/v1/sessions/s-00000001")).content)
    assert found.model_dump(exclude={"commands"}) == {
        "id": "s-00000001",
        "state": SessionState.ENDED,
        "person": "ugo",
        "target": "web-1",
        "kind": "ssh",
        "login": "root",
        "address": "192.0.2.7",
        "client": "OpenSSH",
        "labels": {"env": "prod"},
        "started_at": NOON,
        "ended_at": NOON,
        "outcome": "exit 3",
        "blocked": 0,
        "held": 0,
        "masked": 3,
        "bytes_shown": 99,
        "imported_from": "seed",
        "gateway": "",
        "paused_by": "",
    }


async def test_an_id_or_the_start_of_one(auditor: httpx2.AsyncClient, house: House) -> None:
    await house.record("s-2B8CK4TQ")
    await house.record("s-7QF2KM00")
    for text in ("s-2B8CK4TQ", "2b8ck4tq", "S-2B8C", "2b", "s-2b8c-k4tq"):
        response = await auditor.get(f"/v1/sessions/{text}")
        assert response.json()["id"] == "s-2B8CK4TQ", text


async def test_an_ambiguous_start(auditor: httpx2.AsyncClient, house: House) -> None:
    for number in range(7):
        await house.record(f"s-2B8C000{number}")
    response = await auditor.get("/v1/sessions/2b8c")
    assert response.status_code == 409
    assert "several sessions start like this: s-2B8C000" in response.json()["detail"]
    assert response.json()["detail"].endswith(", ...")


async def test_among_other_peoples_sessions(http: httpx2.AsyncClient, house: House) -> None:
    """What others have done makes one's own id neither ambiguous nor unknown."""
    await house.record("s-2B8C0000", person="ugo")
    for number in range(1, 13):
        await house.record(f"s-2B8C00{number:02d}", person="nina")
    http.headers["Authorization"] = "Bearer token-of-ugo"
    response = await http.get("/v1/sessions/2b8c")
    assert response.status_code == 200
    assert response.json()["id"] == "s-2B8C0000"


async def test_unknown_ids(auditor: httpx2.AsyncClient) -> None:
    for text in ("s-ZZZZZZZZ", "nothing!", "s-", "..", "%2e%2e", "2B8CK4TQ9", "ä", "%00"):
        response = await auditor.get(f"/v1/sessions/{text}/recording")
        assert response.status_code == 404, text
        assert response.headers["content-type"] == "application/problem+json"
