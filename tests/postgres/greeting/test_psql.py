"""Stock psql and psycopg at the door: each way in, each way of TLS, and what people read when it does not work."""

import asyncio
import json
from datetime import timedelta

import psycopg
import pytest

from gateway.core.events import CertificateRevoked
from gateway.identity.authority import rotate
from tests.postgres.greeting.hall import PERSON, PUBLIC, Hall, psql

pytestmark = [pytest.mark.interop, pytest.mark.needs("psql")]

HINT = (
    "run: hoop-tui login   then: hoop-tui psql appdb   (psql 18 can sign in by itself: user=oauth "
    f"oauth_issuer={PUBLIC} oauth_client_id=hoop)"
)


async def test_with_a_token_as_password(hall: Hall) -> None:
    token = await hall.token()
    code, out, errors = await psql(
        hall, f"dbname=appdb user=me sslmode=verify-full sslrootcert={hall.ca}", environ={"PGPASSWORD": token}
    )
    assert (code, errors) == (0, "")
    told = json.loads(out)
    assert (told["person"], told["target"], told["login"]) == (PERSON, "appdb", "")
    assert told["tls"] == "TLSv1.3"
    assert told["parameters"]["application_name"] == "psql"
    (accepted,) = await hall.events("identity.accepted")
    assert accepted["method"].startswith("token t-")
    assert (accepted["address"], accepted["client"]) == ("127.0.0.1", "psql")


@pytest.mark.parametrize("mode", ["require", "verify-ca", "verify-full", "prefer", "allow"])
async def test_modes_of_tls(hall: Hall, mode: str) -> None:
    token = await hall.token()
    asked = f"dbname=appdb user=me sslmode={mode} sslrootcert={hall.ca if mode != 'require' else '/none'}"
    code, out, _ = await psql(hall, asked, environ={"PGPASSWORD": token})
    assert code == 0
    assert json.loads(out)["tls"] == "TLSv1.3"


async def test_the_name_is_checked_too(hall: Hall) -> None:
    asked = f"hostaddr=127.0.0.1 dbname=appdb user=me sslmode=verify-full sslrootcert={hall.ca}"
    code, _, errors = await psql(hall, f"{asked} host=db.example.com", environ={"PGPASSWORD": "x"})
    assert code == 2
    assert 'does not match host name "db.example.com"' in errors
    code, out, _ = await psql(hall, f"{asked} host=localhost", environ={"PGPASSWORD": await hall.token()})
    assert (code, json.loads(out)["person"]) == (0, PERSON)


async def test_without_tls(hall: Hall) -> None:
    code, _, errors = await psql(hall, "dbname=appdb user=me sslmode=disable", environ={"PGPASSWORD": "x"})
    assert code == 2
    assert errors.endswith("failed: FATAL:  hoop: TLS is required - add sslmode=require\n")


async def test_what_people_read_without_a_good_password(hall: Hall) -> None:
    tls = "dbname=appdb user=me sslmode=require"
    _, _, errors = await psql(hall, tls, environ={"PGPASSWORD": "secret"})
    assert errors.endswith(
        "failed: FATAL:  hoop: sign-in needed for appdb\n"
        f"DETAIL:  the password was not a valid hoop-tui token\nHINT:  {HINT}\n"
    )
    over = await hall.token(lasts=timedelta(hours=1))
    hall.town.house.clock.move(timedelta(hours=3, minutes=10))
    _, _, errors = await psql(hall, tls, environ={"PGPASSWORD": over})
    assert "DETAIL:  the password was not a valid hoop-tui token (expired 2 h ago)\n" in errors
    login = await hall.token("", "login")
    _, _, errors = await psql(hall, tls, environ={"PGPASSWORD": login})
    assert "DETAIL:  the password was a token, but not one for databases\n" in errors
    _, _, errors = await psql(hall, "dbname=otherdb user=me sslmode=require", environ={"PGPASSWORD": "x"})
    assert "hoop: sign-in needed for otherdb\n" in errors, "strangers do not learn what there is"
    refused = await hall.events("identity.refused")
    assert len(refused) == 4
    assert not any(canary in str(refused) for canary in ("'secret'", over, login))


async def test_a_password_opens_its_target_and_no_other(hall: Hall) -> None:
    token = await hall.token("appdb")
    for other in ("strict", "web-1"):
        _, _, errors = await psql(
            hall, f"dbname={other} user=me sslmode=require", environ={"PGPASSWORD": token}
        )
        assert f'FATAL:  hoop: there is no database "{other}" for you' in errors
    everything = await hall.token("")
    _, _, errors = await psql(
        hall, "dbname=web-1 user=me sslmode=require", environ={"PGPASSWORD": everything}
    )
    assert 'FATAL:  hoop: there is no database "web-1" for you' in errors
    assert len(await hall.events("identity.refused")) == 3


async def test_the_user_is_an_account_where_it_is_offered(hall: Hall) -> None:
    token = await hall.token("")
    for user, login in (("app_rw", "app_rw"), ("app", "app"), ("postgres", ""), ("me", "")):
        _, out, _ = await psql(
            hall, f"dbname=appdb user={user} sslmode=require", environ={"PGPASSWORD": token}
        )
        assert json.loads(out)["login"] == login


async def test_other_ways_to_name_the_target(hall: Hall) -> None:
    environ = {"PGPASSWORD": await hall.token("")}
    asked = "user=me sslmode=require options='-c hoop.target=appdb -c statement_timeout=5s'"
    for database in ("app", "appdb", "me"):
        _, out, errors = await psql(hall, f"dbname={database} {asked}", environ=environ)
        told = json.loads(out or errors)
        assert told["target"] == "appdb"
        assert told["parameters"]["statement_timeout"] == "5s"
        assert "hoop.target" not in told["parameters"]
    _, _, errors = await psql(hall, f"dbname=other {asked}", environ=environ)
    assert 'FATAL:  hoop: appdb is one database, and not "other"\n' in errors
    _, out, _ = await psql(hall, "user=appdb sslmode=require", environ=environ)
    assert json.loads(out)["target"] == "appdb", "the user stands for the database, as always"


async def test_with_a_client_certificate(hall: Hall) -> None:
    certificate, key, serial = await hall.certificate()
    asked = (
        f"dbname=appdb user=me sslmode=verify-full sslrootcert={hall.ca} sslcert={certificate} sslkey={key}"
    )
    code, out, errors = await psql(hall, asked)
    assert (code, errors) == (0, "")
    assert json.loads(out)["person"] == PERSON
    (accepted,) = await hall.events("identity.accepted")
    assert accepted["method"] == f"x509-certificate {serial}"
    await rotate(hall.town.hall.server_signer._authority.keys, hall.town.house.ledger)
    code, _, _ = await psql(hall, asked)
    assert code == 0, "an older authority counts until it is retired"
    await hall.town.house.ledger.revoke_certificate(
        serial, CertificateRevoked(serial=str(serial), person="x")
    )
    code, _, errors = await psql(hall, asked, environ={"PGPASSWORD": await hall.token()})
    assert code == 2
    assert "hoop: sign-in needed for appdb\nDETAIL:  the certificate is revoked\n" in errors


async def test_a_certificate_bound_to_another_address(hall: Hall) -> None:
    certificate, key, _ = await hall.certificate(bind=True)
    _, _, errors = await psql(hall, f"dbname=appdb sslmode=require sslcert={certificate} sslkey={key}")
    assert "DETAIL:  the certificate is for another address\n" in errors


async def test_whoever_is_locked_comes_in_by_neither(hall: Hall) -> None:
    token, (certificate, key, _) = await hall.token(), await hall.certificate()
    await hall.town.lock_out(PERSON)
    for more, environ in (("", {"PGPASSWORD": token}), (f"sslcert={certificate} sslkey={key}", {})):
        _, _, errors = await psql(hall, f"dbname=appdb sslmode=require {more}", environ=environ)
        assert "FATAL:  hoop: sign-in needed for appdb" in errors


async def test_psql_asks_for_the_password_only_where_it_has_none(hall: Hall) -> None:
    """It hangs up to ask, and comes again: that is no failure."""
    code, _, errors = await psql(hall, "dbname=appdb user=me sslmode=require")
    assert (code, "no password supplied" in errors) == (2, True)
    assert await hall.outcome() is None
    assert not await hall.events("identity.refused")


async def test_psycopg(hall: Hall) -> None:
    token = await hall.token()

    authorities = str(hall.ca)

    def connect() -> str:
        with psycopg.connect(
            host="127.0.0.1",
            port=hall.port,
            dbname="appdb",
            user="me",
            password=token,
            sslmode="verify-full",
            sslrootcert=authorities,
        ) as connection:
            return str(connection.info.transaction_status.name)

    assert await asyncio.to_thread(connect) == "IDLE"


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("-c role=postgres", "the setting role is not offered"),
        ("--session-authorization=postgres", "the setting session_authorization is not offered"),
        ("-cstandard_conforming_strings=off", "the setting standard_conforming_strings=off is not offered"),
        ("-c Session_Replication_Role=replica", "the setting session_replication_role is not offered"),
        ("-c client_encoding=SJIS", "the setting client_encoding=SJIS is not offered"),
        ("-c hoop.other=1", "the setting hoop.other is not offered"),
        ("-F", '"-F" is not offered in options'),
    ],
)
async def test_settings_that_nobody_starts_with(hall: Hall, option: str, words: str) -> None:
    _, _, errors = await psql(
        hall,
        f"dbname=appdb user=me sslmode=require options='{option}'",
        environ={"PGPASSWORD": await hall.token()},
    )
    assert f"FATAL:  hoop: {words}" in errors


async def test_settings_of_a_target_that_offers_only_some(hall: Hall) -> None:
    environ = {"PGPASSWORD": await hall.token("strict"), "PGTZ": "UTC"}
    tls = "dbname=strict user=me sslmode=require"
    _, out, _ = await psql(hall, f"{tls} options='-c statement_timeout=5s'", environ=environ)
    assert json.loads(out)["parameters"]["statement_timeout"] == "5s"
    _, _, errors = await psql(hall, f"{tls} options='-c work_mem=1GB'", environ=environ)
    assert "FATAL:  hoop: the setting work_mem is not offered on strict\n" in errors


async def test_replication_is_not_offered(hall: Hall) -> None:
    _, _, errors = await psql(hall, "dbname=appdb sslmode=require replication=database")
    assert "FATAL:  hoop: replication is not offered through the gateway\n" in errors
