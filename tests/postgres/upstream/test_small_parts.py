"""What needs no server: what one is told of the person, what is read of a target, and credentials that are none."""

import logging
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.adapters.postgres.upstream.credential import fetch_credential
from gateway.adapters.postgres.upstream.parameters import application_name, called, startup_parameters
from gateway.adapters.postgres.upstream.route import Attrs, Place, Route, Tls
from gateway.core.errors import Unreachable
from gateway.core.people import Target
from gateway.secrets.references import ReferenceSecrets
from tests.postgres.authority import Authority


@pytest.mark.parametrize(
    ("program", "who", "name"),
    [
        ("psql", "alice@example.com", "psql (alice@example.com)"),
        ("", "alice@example.com", "alice@example.com"),
        ("psql", "", "psql"),
        ("x" * 100, "alice@example.com", "x" * 43 + " (alice@example.com)"),
        ("psql", "a" * 100, "psql"[:1] + " (" + "a" * 59 + ")"),
        ("", "a" * 100, "a" * 63),
        ("p\tq\u00e9\n", "al\x1bice\u202e", "p?q?? (al?ice?)"),
    ],
)
def test_application_name(program: str, who: str, name: str) -> None:
    assert application_name(program, who) == name


@settings(max_examples=200)
@given(st.text(max_size=90), st.text(max_size=90))
def test_any_application_name(program: str, who: str) -> None:
    name = application_name(program, who)
    assert len(name) <= 63
    assert all(" " <= c <= "~" for c in name)


@pytest.mark.parametrize(
    ("asked", "itself"),
    [
        ({"application_name": "psql"}, "psql"),
        ({"Application_Name": "gr\u00fcn"}, "gr?n"),
        ({"application_name": "x" * 100}, "x" * 63),
        ({}, ""),
    ],
)
def test_what_the_server_reports_is_told_as_the_client_s_own(asked: dict[str, str], itself: str) -> None:
    """A pooler that compares it with its own finds no difference, and sets nothing."""
    names = called(asked, "alice")
    assert names.reported("application_name", names.there) == itself
    assert names.reported("application_name", "another") == "another"
    assert names.reported("TimeZone", names.there) == names.there


def test_what_a_server_is_told() -> None:
    asked = {
        "DateStyle": "ISO",
        "Application_Name": "psql",
        "USER": "root",
        "_pq_.x": "1",
        "options": "-c a=b",
    }
    assert startup_parameters("app", "", "alice", asked) == [
        ("user", "app"),
        ("application_name", "psql (alice)"),
        ("DateStyle", "ISO"),
        ("options", "-c a=b"),
    ]


def place_of(**options: Any) -> Route:
    return Route.of(Target("appdb", "postgres", "db-1.example.com", 5433, options=options))


def test_a_target_that_says_little() -> None:
    found = place_of()
    assert found.places == (Place("db-1.example.com", 5433),)
    assert (found.tls, found.attrs) == (Tls.VERIFY_FULL, Attrs.ANY)
    assert (found.database, found.ca_file, found.server_name) == ("", "", "")


def test_places() -> None:
    route = place_of(hosts=(("a", 1), ("::1", 2), ("/run/pg/", 3)), tls="require", ca_file="/ca.pem")
    assert [str(place) for place in route.places] == ["a:1", "[::1]:2", "/run/pg/.s.PGSQL.3"]
    assert route.tls is Tls.VERIFY_CA  # as libpq has it
    assert route.name_at(route.places[0]) == "a"
    assert place_of(server_name="b").name_at(Place("a", 1)) == "b"


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"password": {"env": "MISSING"}}, "the environment variable MISSING is not set"),
        ({"password": {"env": "EMPTY_LINE"}}, "its password is empty"),
        ({"password": {"env": "RUBBISH", "file": "x"}}, "must be one of"),
        ({"key": {"env": "RUBBISH"}}, "is not a private key"),
        ({"key": {"env": "LOCKED"}, "certificate": "CERTIFICATE"}, "is not a private key"),
        ({"key": {"env": "KEY"}}, "needs both a certificate and its key"),
        ({"certificate": "CERTIFICATE"}, "needs both a certificate and its key"),
        ({"key": {"env": "KEY"}, "certificate": "/nowhere/at-all.pem"}, "its certificate can not be read"),
    ],
)
async def test_credentials_that_can_not_be_used(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, options: dict[str, Any], why: str
) -> None:
    from cryptography.hazmat.primitives.serialization import (
        BestAvailableEncryption,
        Encoding,
        PrivateFormat,
        load_pem_private_key,
    )

    certificate, key = Authority(tmp_path).client("app")
    locked = load_pem_private_key(key.read_bytes(), None).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"locked")
    )
    environ = {
        "KEY": key.read_text(),
        "LOCKED": locked.decode(),
        "RUBBISH": "canary-rubbish",
        "EMPTY_LINE": "\n",
    }
    if options.get("certificate") == "CERTIFICATE":
        options = {**options, "certificate": str(certificate)}
    appdb = Target("appdb", "postgres", "127.0.0.1", 5432, options=options)
    with caplog.at_level(logging.ERROR), pytest.raises(Unreachable, match="credential is unusable"):
        await fetch_credential(appdb, ReferenceSecrets(environ))
    assert why in caplog.text
    assert "canary" not in caplog.text


async def test_the_end_of_a_line_is_no_part_of_a_password() -> None:
    appdb = Target("appdb", "postgres", "127.0.0.1", 5432, options={"password": {"env": "P"}})
    for written in ("secret", "secret\n", "secret\r\n"):
        credential = await fetch_credential(appdb, ReferenceSecrets({"P": written}))
        assert credential.password is not None
        assert credential.password.expose() == b"secret"
        assert "secret" not in repr(credential)
