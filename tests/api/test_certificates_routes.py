"""SSH certificates and machines through the API: which there are, and ending a certificate."""

import asyncio
from datetime import timedelta

import httpx2
import pytest

from gateway.api.schema import CertificateSummary
from gateway.core.ports import Hint
from tests.api.house import NOON
from tests.api.role_cases import PUBLIC_KEY
from tests.api.town import HALF_A_DAY, ROBOT, Town


@pytest.fixture
async def otto(visitor: httpx2.AsyncClient, town: Town) -> httpx2.AsyncClient:
    """An operator."""
    visitor.headers |= await town.headers("otto")
    return visitor


async def listed(http: httpx2.AsyncClient, **asked: str) -> list[CertificateSummary]:
    response = await http.get("/v1/certificates", params=asked)
    assert response.status_code == 200, response.text
    return [CertificateSummary.model_validate(row) for row in response.json()["certificates"]]


async def revoked(town: Town) -> list[tuple[str, str, str]]:
    entries = await town.house.ledger.entries(limit=1000)
    return [
        (entry.actor, entry.body["serial"], entry.body["person"])
        for entry in entries
        if entry.name == "certificate.revoked"
    ]


async def test_one_that_was_asked_for_is_listed_and_ended(otto: httpx2.AsyncClient, town: Town) -> None:
    token, id = await town.token("olga")
    asked = await otto.post(
        "/v1/ssh/certificate",
        json={"public_key": PUBLIC_KEY, "bind_address": True},
        headers={"Authorization": f"Bearer {token}"},
    )
    serial = asked.json()["serial"]
    (row,) = await listed(otto, person="olga")
    assert NOON - timedelta(minutes=5) <= row.issued_at <= NOON
    assert row.model_copy(update={"issued_at": NOON}) == CertificateSummary(
        serial=serial,
        person="olga",
        fingerprint="SHA256:UCUiLr7Pjs9wFFJMDByLgc3NrtdU344OgUM45wZPcIQ",
        issued_at=NOON,
        expires_at=NOON + HALF_A_DAY,
        address="192.0.2.9/32",
        token=id,
    )
    answers = await asyncio.gather(*(otto.delete(f"/v1/certificates/{serial}") for _ in range(3)))
    assert [answer.status_code for answer in answers] == [204] * 3
    assert await revoked(town) == [("otto", serial, "olga")]
    assert await listed(otto) == []
    assert [row.revoked for row in await listed(otto, state="all")] == [True]


async def test_the_list_is_of_what_is_good_now(otto: httpx2.AsyncClient, town: Town) -> None:
    old = await town.certify("olga")
    town.house.clock.move(HALF_A_DAY + timedelta(seconds=1))
    otto.headers |= await town.headers("otto")
    new = await town.certify("petra")
    assert [row.serial for row in await listed(otto)] == [str(new.serial)]
    assert [row.serial for row in await listed(otto, state="all")] == [str(new.serial), str(old.serial)]
    assert [row.serial for row in await listed(otto, state="all", person="Olga")] == [str(old.serial)]
    assert len(await listed(otto, state="all", limit="1")) == 1


@pytest.mark.parametrize("serial", ["404", "0", "18446744073709551615", "-1", "1.0", "0x1", "x", "1" * 21])
async def test_serials_that_are_nobodys(otto: httpx2.AsyncClient, serial: str) -> None:
    response = await otto.delete(f"/v1/certificates/{serial}")
    assert response.status_code in (404, 422), response.text


async def test_what_is_a_machines_is_its_owners(visitor: httpx2.AsyncClient, town: Town) -> None:
    row = await town.certify(ROBOT)
    path = f"/v1/certificates/{row.serial}"
    assert (await visitor.delete(path, headers=await town.headers("petra"))).status_code == 404
    assert (await visitor.delete(path, headers=await town.headers("owen"))).status_code == 204
    assert await revoked(town) == [("owen", str(row.serial), ROBOT)]


async def test_an_auditor_changes_nothing(visitor: httpx2.AsyncClient, town: Town) -> None:
    row = await town.certify("olga")
    refused = await visitor.delete(f"/v1/certificates/{row.serial}", headers=await town.headers("alba"))
    assert refused.status_code == 403
    assert refused.json()["detail"] == f"you may see {row.serial}, and not revoke it: that takes an operator"
    assert await revoked(town) == []


async def test_others_hear_of_it(otto: httpx2.AsyncClient, town: Town) -> None:
    row = await town.certify("olga")
    async with town.house.bus.subscribe("people") as hints:
        await otto.delete(f"/v1/certificates/{row.serial}")
        async with asyncio.timeout(10):
            assert await anext(hints) == Hint("people", "olga")


async def test_sessions_end_with_the_certificate_that_opened_them(
    otto: httpx2.AsyncClient, town: Town
) -> None:
    rows = [await town.certify("olga") for _ in range(2)]
    first, second = [await town.enter("olga", f"ssh-certificate {row.serial}") for row in rows]
    assert (await otto.delete(f"/v1/certificates/{rows[0].serial}")).status_code == 204
    async with asyncio.timeout(2):
        await first.ended.wait()
    assert not second.ended.is_set()
    for gate in (first, second):
        await gate.close("ended", {"reason": "ended"})


async def test_machines_are_listed_with_their_owners_and_what_is_wrong(
    otto: httpx2.AsyncClient, town: Town
) -> None:
    await town.token(ROBOT, "secret", lasts=timedelta(days=1000))
    await town.token(ROBOT, "machine")
    used = town.house.clock.at
    await town.lock_out("eva")
    machines = {each["name"]: each for each in (await otto.get("/v1/machines")).json()["machines"]}
    assert list(machines) == sorted(machines)
    robot = machines["robot"]
    assert (robot["owner"], robot["targets"], robot["groups"], robot["ttl"]) == (
        "owen",
        ["appdb", "web-1"],
        ["sec"],
        900,
    )
    assert robot["warnings"] == []
    assert robot["used_at"] == used.isoformat().replace("+00:00", "Z")
    assert machines["evas-robot"]["warnings"] == [
        "it has not signed in for 90 days",
        "its owner is gone, so it can not sign in",
        "it has no secret and no issuer, so it can not sign in",
    ]
    town.house.clock.move(timedelta(days=200))
    late = await otto.get("/v1/machines", headers=await town.headers("otto"))
    (robot,) = (each for each in late.json()["machines"] if each["name"] == "robot")
    assert robot["warnings"] == [
        "it has not signed in for 90 days",
        "its secret is older than 180 days",
    ]
