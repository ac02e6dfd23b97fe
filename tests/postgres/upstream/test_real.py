"""A real server: every way of signing in, every mode of TLS, and what it is told about who comes."""

import asyncio
import socket
from pathlib import Path
from typing import Any

import pytest

from gateway.adapters.postgres.upstream.refusal import ServerRefused
from gateway.core.errors import Unreachable
from gateway.wire.postgres.messages import IDLE
from tests.postgres.servers import DatabaseServer, password_of
from tests.postgres.upstream.dialling import (
    ALICE,
    PASSWORD,
    ask,
    dial,
    dial_role,
    leave,
    secrets_with,
    target,
)

pytestmark = pytest.mark.needs("postgres")

WHO = "SELECT current_user::text, (SELECT ssl::text FROM pg_stat_ssl WHERE pid = pg_backend_pid())"


@pytest.mark.parametrize("role", ["by_trust", "by_scram", "by_md5", "by_password", "by_scram_clear"])
@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
async def test_over_tcp(postgres: DatabaseServer, role: str, host: str) -> None:
    server = await dial_role(postgres, role, host=host)
    assert await ask(server, WHO) == [(role, "false")]
    assert (server.status, server.protocol, server.rest) == (IDLE, (3, 0), b"")
    assert server.version.startswith("15.") or server.version > "1"
    assert server.parameters["client_encoding"] == "UTF8"
    assert len(server.secret) == 4
    assert [(str(server.pid),)] == await ask(server, "SELECT pg_backend_pid()")
    await leave(server)


@pytest.mark.parametrize("role", ["by_trust", "by_scram", "by_md5", "by_password"])
@pytest.mark.parametrize("tls", ["disable", "prefer", "verify-full"])
async def test_over_a_unix_socket(postgres: DatabaseServer, role: str, tls: str) -> None:
    server = await dial_role(postgres, role, host=str(postgres.socket_directory), tls=tls)
    assert await ask(server, WHO) == [(role, "false")]
    await leave(server)


@pytest.mark.parametrize("role", ["by_trust", "by_scram", "by_md5", "by_password", "by_scram_tls"])
@pytest.mark.parametrize("tls", ["prefer", "require", "verify-ca", "verify-full"])
async def test_over_tls(postgres: DatabaseServer, role: str, tls: str) -> None:
    server = await dial_role(postgres, role, tls=tls, ca_file=str(postgres.ca_file))
    assert await ask(server, WHO) == [(role, "true")]
    assert server.end.secured
    await leave(server)


async def test_by_client_certificate(postgres: DatabaseServer) -> None:
    certificate, key = postgres.certificate_for("by_certificate")
    shown = {"key": {"file": str(key)}, "certificate": str(certificate), "ca_file": str(postgres.ca_file)}
    place = target(("127.0.0.1", postgres.port), tls="verify-full", **shown)
    server = await dial(place, "by_certificate")
    assert await ask(server, WHO) == [("by_certificate", "true")]
    await leave(server)
    other = target(("127.0.0.1", postgres.port), tls="verify-full", password=PASSWORD, **shown)
    with pytest.raises(ServerRefused, match="does not let the gateway in"):
        await dial(other, "by_both")


async def test_by_certificate_and_password(postgres: DatabaseServer) -> None:
    certificate, key = postgres.certificate_for("by_both")
    both = {"key": {"file": str(key)}, "certificate": {"file": str(certificate)}, "password": PASSWORD}
    certificate.chmod(0o600)
    place = target(("127.0.0.1", postgres.port), tls="require", **both)
    server = await dial(place, "by_both")
    assert await ask(server, WHO) == [("by_both", "true")]
    await leave(server)


@pytest.mark.parametrize("role", ["by_certificate", "by_both"])
async def test_without_the_certificate(postgres: DatabaseServer, role: str) -> None:
    secrets = secrets_with(password_of(role))
    place = target(("127.0.0.1", postgres.port), tls="require", password=PASSWORD)
    with pytest.raises(ServerRefused, match="does not let the gateway in") as refusal:
        await dial(place, role, secrets=secrets)
    assert refusal.value.sqlstate == "28000"
    assert secrets.forgotten == [PASSWORD]


@pytest.mark.parametrize("role", ["by_scram", "by_md5", "by_password"])
async def test_a_wrong_password(
    postgres: DatabaseServer, role: str, caplog: pytest.LogCaptureFixture
) -> None:
    secrets = secrets_with("not the password")
    with pytest.raises(ServerRefused) as refusal:
        await dial(target(("127.0.0.1", postgres.port), password=PASSWORD), role, secrets=secrets)
    assert refusal.value.sqlstate == "28P01"
    assert refusal.value.sentence == (
        "appdb can not be reached - it does not let the gateway in, tell your platform team"
    )
    assert secrets.forgotten == [PASSWORD]
    assert "not the password" not in caplog.text + str(refusal.value) + refusal.value.message


async def test_no_password_where_one_is_asked(postgres: DatabaseServer) -> None:
    for role in ("by_scram", "by_md5", "by_password"):
        with pytest.raises(Unreachable, match="asks for a password and the gateway has none"):
            await dial(target(("127.0.0.1", postgres.port)), role)


async def test_tls_is_not_had_where_it_is_not_wanted(postgres: DatabaseServer) -> None:
    with pytest.raises(ServerRefused) as refusal:
        await dial_role(postgres, "by_scram_tls")
    assert refusal.value.sqlstate == "28000"
    with pytest.raises(ServerRefused) as refusal:
        await dial_role(postgres, "by_scram_clear", tls="require")
    assert refusal.value.sqlstate == "28000"


async def test_prefer_falls_back_as_libpq_does(postgres: DatabaseServer) -> None:
    server = await dial_role(postgres, "by_scram_clear", tls="prefer")
    assert await ask(server, WHO) == [("by_scram_clear", "false")]
    await leave(server)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"tls": "verify-full"}, "not from an authority that the gateway trusts"),
        ({"tls": "verify-ca"}, "not from an authority that the gateway trusts"),
        ({"tls": "verify-full", "server_name": "db-1.example.com", "ca_file": True}, "is for another name"),
        ({"tls": "verify-full", "server_name": "192.0.2.1", "ca_file": True}, "is for another name"),
        ({"tls": "require", "ca_file": "another"}, "not from an authority that the gateway trusts"),
        ({"tls": "verify-full", "ca_file": "missing"}, "the gateway's certificates for it are unusable"),
        ({"tls": "verify-full", "ca_file": "rubbish"}, "the gateway's certificates for it are unusable"),
        ({"tls": "perhaps"}, "the gateway's settings for it are unusable"),
        ({"session_attrs": "perhaps"}, "the gateway's settings for it are unusable"),
    ],
)
async def test_whom_the_gateway_does_not_believe(
    postgres: DatabaseServer, tmp_path: Path, options: dict[str, Any], reason: str
) -> None:
    from tests.postgres.authority import Authority

    (tmp_path / "rubbish").write_text("rubbish")
    Authority(tmp_path / "other").file.rename(tmp_path / "another")
    if ca_file := options.get("ca_file"):
        options = {**options, "ca_file": str(postgres.ca_file if ca_file is True else tmp_path / ca_file)}
    with pytest.raises(Unreachable, match=reason):
        await dial_role(postgres, "by_scram", **options)


@pytest.mark.parametrize(
    "options", [{"tls": "verify-ca", "server_name": "db-1.example.com"}, {"server_name": "localhost"}]
)
async def test_another_name_for_it(postgres: DatabaseServer, options: dict[str, Any]) -> None:
    options = {"tls": "verify-full", **options}
    server = await dial_role(postgres, "by_scram", ca_file=str(postgres.ca_file), **options)
    await leave(server)


async def test_the_server_knows_for_whom(postgres: DatabaseServer, database: str) -> None:
    place = target(("127.0.0.1", postgres.port), database=database, password=PASSWORD)
    asked = {
        "application_name": "psql",
        "options": "-c statement_timeout=7s",
        "DateStyle": "German",
        "_pq_.new": "1",
        "user": "hoop",
        "database": "postgres",
    }
    server = await dial(place, "by_scram", parameters=asked)
    named = "SELECT application_name, usename, datname FROM pg_stat_activity WHERE pid = pg_backend_pid()"
    assert await ask(server, named) == [(f"psql ({ALICE})", "by_scram", database)]
    assert await ask(server, "SHOW statement_timeout") == [("7s",)]
    assert server.parameters["DateStyle"] == "German, DMY"
    assert server.parameters["application_name"] == "psql"
    await leave(server)


async def test_what_the_server_refuses(postgres: DatabaseServer) -> None:
    at = ("127.0.0.1", postgres.port)
    with pytest.raises(ServerRefused) as refusal:
        await dial(target(at, database="nowhere", password=PASSWORD), "by_scram")
    assert (refusal.value.sqlstate, refusal.value.message) == ("3D000", 'database "nowhere" does not exist')
    with pytest.raises(ServerRefused) as refusal:
        await dial(target(at, password=PASSWORD), "by_scram", parameters={"statement_timeout": "soon"})
    assert refusal.value.sqlstate == "22023"
    assert refusal.value.message == 'invalid value for parameter "statement_timeout": "soon"'
    with pytest.raises(ServerRefused) as refusal:
        await dial(target(at, password=PASSWORD), "by_password", parameters={"no_such_thing": "x"})
    assert (refusal.value.sqlstate, refusal.value.message) == ("42704", "it refused with 42704")
    with pytest.raises(Unreachable, match="what your client asks for at its start"):
        await dial(target(at), "by_trust", parameters={"search_path": "x" * 20_000})


@pytest.mark.parametrize("tls", ["disable", "verify-full"])
async def test_cancel(postgres: DatabaseServer, tls: str) -> None:
    server = await dial_role(postgres, "by_scram", tls=tls, ca_file=str(postgres.ca_file))
    asking = asyncio.create_task(ask(server, "SELECT pg_sleep(60)"))
    other = await dial_role(postgres, "by_scram")
    asleep = f"SELECT count(*) FROM pg_stat_activity WHERE pid = {server.pid} AND wait_event = 'PgSleep'"
    while await ask(other, asleep) != [("1",)]:
        pass
    await server.cancel()
    with pytest.raises(AssertionError, match="canceling statement due to user request"):
        await asking
    assert await ask(server, "SELECT 1") == [("1",)]
    await leave(other)
    await leave(server)


async def test_cancel_where_the_server_is_gone() -> None:
    """Its port is closed meanwhile."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(Unreachable, match="refused the connection"):
        await dial(target(("127.0.0.1", port)), "by_trust")


async def test_the_newest_protocol_is_asked_for_only_where_the_client_can(postgres: DatabaseServer) -> None:
    server = await dial(target(("127.0.0.1", postgres.port)), "by_trust", protocol=(3, 2))
    assert server.protocol in ((3, 0), (3, 2))
    if server.version.startswith("15."):
        assert server.protocol == (3, 0)
    assert await ask(server, "SELECT 1") == [("1",)]
    await leave(server)


@pytest.mark.parametrize(
    ("attrs", "reached"),
    [
        ("any", True),
        ("read-write", True),
        ("primary", True),
        ("prefer-standby", True),
        ("read-only", False),
        ("standby", False),
    ],
)
async def test_a_primary(postgres: DatabaseServer, attrs: str, reached: bool) -> None:
    if reached:
        await leave(await dial_role(postgres, "by_scram", session_attrs=attrs))
        return
    with pytest.raises(Unreachable, match=rf"none of its servers is what is wanted \({attrs}\)"):
        await dial_role(postgres, "by_scram", session_attrs=attrs)


async def test_read_only_by_setting(postgres: DatabaseServer) -> None:
    place = target(("127.0.0.1", postgres.port), session_attrs="read-only")
    server = await dial(place, "by_trust", parameters={"default_transaction_read_only": "on"})
    await leave(server)


async def test_several_places(postgres: DatabaseServer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        closed = listener.getsockname()[1]
    places = [
        ("127.0.0.1", closed),
        ("no-such-host.invalid", 5432),
        ("/nowhere", 5432),
        ("::1", postgres.port),
    ]
    server = await dial(target(*places, password=PASSWORD), "by_scram")
    assert server.address.address == "::1"
    await leave(server)


async def test_nothing_of_the_key_stays_on_the_disk(
    postgres: DatabaseServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import tempfile

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    certificate, key = postgres.certificate_for("by_certificate")
    shown = {"key": {"file": str(key)}, "certificate": str(certificate)}
    server = await dial(target(("127.0.0.1", postgres.port), tls="require", **shown), "by_certificate")
    assert list(tmp_path.iterdir()) == []
    await leave(server)
