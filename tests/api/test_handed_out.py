"""What the desk hands out never has more than what it was asked for with: roles, targets, time."""

from datetime import datetime, timedelta

import httpx2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from gateway.api.schema import SignedInToken
from gateway.core.errors import Refused
from gateway.core.people import Peer
from tests.api.house import NOON
from tests.api.role_cases import PUBLIC_KEY
from tests.api.town import HALF_A_DAY, ROBOT, SOMEWHERE, Town
from tests.identity.test_x509 import new_key, pem_of


async def signed_in(town: Town, person: str, how: str, browser: Peer | None = None) -> SignedInToken:
    who = town.hall.people.directory.find(person)
    assert who is not None
    return await town.hall.desk.issue(who, SOMEWHERE, how, browser)


async def asked(
    http: httpx2.AsyncClient, method: str, path: str, token: str, **body: object
) -> httpx2.Response:
    headers = {"Authorization": f"Bearer {token}"}
    return await http.request(method, f"/v1{path}", json=body or None, headers=headers)


async def test_by_code_only_some_roles_can_be_had(visitor: httpx2.AsyncClient, town: Town) -> None:
    """A code can be passed on to somebody else's browser."""
    given = await signed_in(town, "adam", "device", Peer("198.51.100.9"))
    assert given.roles == ["person"]
    assert given.note == ("without admin: that takes a browser on the same machine - run: hoop-tui login")
    token = given.token
    for _ in range(2):
        assert (await asked(visitor, "GET", "/me", token)).json()["roles"] == ["person"]
        locked = await asked(visitor, "POST", "/people/olga/lock", token, reason="x")
        assert locked.status_code == 404
        token = (await asked(visitor, "POST", "/login/refresh", token)).json()["token"]
    entries = await town.house.ledger.entries(limit=1000)
    (accepted,) = (entry.body for entry in entries if entry.name == "identity.accepted")
    assert (accepted["address"], accepted["browser"]) == (SOMEWHERE.address, "198.51.100.9")


async def test_by_a_browser_of_their_own_all_of_their_roles(visitor: httpx2.AsyncClient, town: Town) -> None:
    given = await signed_in(town, "adam", "code")
    assert (given.roles, given.note, given.expires_at) == (["admin", "person"], "", NOON + HALF_A_DAY)
    assert (await asked(visitor, "GET", "/people/olga", given.token)).status_code == 200


async def test_whoever_is_locked_meanwhile_gets_nothing(town: Town) -> None:
    who = town.hall.people.directory.find("olga")
    assert who is not None
    await town.lock_out("olga")
    with pytest.raises(Refused, match="locked since"):
        await town.hall.desk.issue(who, SOMEWHERE, "code")
    assert not [row for row in await town.house.ledger.tokens() if row.person == "olga"]


async def test_a_password_for_a_database_ends_with_what_it_was_asked_with(
    visitor: httpx2.AsyncClient, town: Town
) -> None:
    token, id = await town.token("petra", lasts=timedelta(minutes=10))
    given = await asked(visitor, "POST", "/tokens", token, target="appdb", ttl=86_400)
    assert given.status_code == 200, given.text
    assert datetime.fromisoformat(given.json()["expires_at"]) == NOON + timedelta(minutes=10)
    assert (await asked(visitor, "GET", "/me", given.json()["token"])).status_code == 401
    row = await town.house.ledger.token(given.json()["id"])
    assert row is not None
    assert (row.kind, row.target, row.parent) == ("database", "appdb", id)
    assert row.roles == {"person"}
    await town.revoke(id)
    row = await town.house.ledger.token(given.json()["id"])
    assert row is not None
    assert row.revoked


async def test_a_machine_gets_nothing_for_other_targets_or_longer_than_it_is_here(
    visitor: httpx2.AsyncClient, town: Town
) -> None:
    token, _ = await town.token(ROBOT, "machine", lasts=timedelta(minutes=15))
    refused = await asked(visitor, "POST", "/tokens", token, target="otherdb")
    assert refused.status_code == 403
    assert 'no target "otherdb" for you' in refused.json()["detail"]
    entries = await town.house.ledger.entries(limit=1000)
    assert [entry.body["login"] for entry in entries if entry.name == "identity.refused"] == [ROBOT]
    end = NOON + timedelta(minutes=15)
    password = await asked(visitor, "POST", "/tokens", token, target="appdb")
    certificate = await asked(visitor, "POST", "/ssh/certificate", token, public_key=PUBLIC_KEY)
    for given in (password, certificate):
        assert given.status_code == 200, given.text
        assert datetime.fromisoformat(given.json()["expires_at"]) == end


async def test_a_target_over_ssh_takes_no_password(visitor: httpx2.AsyncClient, town: Town) -> None:
    token, _ = await town.token("petra")
    refused = await asked(visitor, "POST", "/tokens", token, target="web-1")
    assert refused.status_code == 403
    assert refused.json()["detail"].endswith("web-1 is reached over ssh, which takes no password")


async def test_where_a_password_is_shown(visitor: httpx2.AsyncClient, town: Town) -> None:
    token, _ = await town.token("petra")
    place = (await asked(visitor, "POST", "/tokens", token, target="appdb")).json()["place"]
    assert place == {"host": "", "port": 0, "authorities": town.hall.server_signer.trusted}, (
        "nobody listens here"
    )


@pytest.mark.parametrize("form", ["public_key", "csr"])
async def test_a_certificate_for_databases(visitor: httpx2.AsyncClient, town: Town, form: str) -> None:
    key = new_key()
    csr = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, hashes.SHA256())
    sent = {"public_key": pem_of(key), "csr": csr.public_bytes(serialization.Encoding.PEM).decode()}[form]
    token, id = await town.token(ROBOT, "machine", lasts=timedelta(minutes=15))
    answer = await asked(visitor, "POST", "/databases/certificate", token, **{form: sent})
    assert answer.status_code == 200, answer.text
    given = answer.json()
    assert datetime.fromisoformat(given["expires_at"]) == NOON + timedelta(minutes=15)
    certificate = x509.load_pem_x509_certificate(given["certificate"].encode())
    assert certificate.public_key() == key.public_key()
    assert str(certificate.serial_number) == given["serial"]
    listed = await asked(visitor, "GET", "/certificates", (await town.token("adam"))[0])
    assert given["serial"] in [each["serial"] for each in listed.json()["certificates"]]
    await town.revoke(id)
    row = await town.house.ledger.certificate(int(given["serial"]))
    assert row is not None
    assert row.revoked, "it ends with what it was asked for with"


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ({}, 422),
        ({"public_key": "x", "csr": "y"}, 422),
        ({"public_key": "x"}, 403),
        ({"csr": "y"}, 403),
        ({"csr": "y" * 20_000}, 422),
    ],
)
async def test_no_certificate_without_a_key(
    visitor: httpx2.AsyncClient, town: Town, sent: dict[str, str], status: int
) -> None:
    token, _ = await town.token("petra")
    headers = {"Authorization": f"Bearer {token}"}
    answer = await visitor.post("/v1/databases/certificate", json=sent, headers=headers)
    assert answer.status_code == status, answer.text
