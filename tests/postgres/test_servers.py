"""The server of these tests lets each role in by its own way only, so that no other test succeeds by mistake."""

from typing import Any

import psycopg
import pytest

from tests.postgres.servers import DatabaseServer, password_of

pytestmark = pytest.mark.needs("postgres")


def connect(server: DatabaseServer, role: str, **options: Any) -> psycopg.Connection[Any]:
    options = {"host": "127.0.0.1", "password": password_of(role), "sslmode": "disable", **options}
    return psycopg.connect(dbname="postgres", user=role, port=server.port, **options)


@pytest.mark.parametrize("role", ["by_trust", "by_scram", "by_md5", "by_password", "by_scram_clear"])
def test_lets_in_by_password(postgres: DatabaseServer, role: str) -> None:
    connect(postgres, role).close()
    if role != "by_trust":
        with pytest.raises(psycopg.OperationalError, match="authentication failed"):
            connect(postgres, role, password="something else")


@pytest.mark.parametrize("role", ["by_certificate", "by_both"])
def test_lets_in_by_certificate(postgres: DatabaseServer, role: str) -> None:
    certificate, key = postgres.certificate_for(role)
    shown = {"sslmode": "verify-full", "sslrootcert": str(postgres.ca_file)}
    with connect(postgres, role, **shown, sslcert=str(certificate), sslkey=str(key)) as connection:
        assert connection.execute(
            "SELECT client_dn FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
        ).fetchone() == (f"/CN={role}",)
    with pytest.raises(psycopg.OperationalError, match="valid client certificate"):
        connect(postgres, role, **shown)


def test_a_role_for_tls_only(postgres: DatabaseServer) -> None:
    connect(postgres, "by_scram_tls", sslmode="require").close()
    with pytest.raises(psycopg.OperationalError, match="no pg_hba"):
        connect(postgres, "by_scram_tls")


def test_unix_socket_and_ipv6(postgres: DatabaseServer, database: str) -> None:
    connect(postgres, "by_scram", host=str(postgres.socket_directory)).close()
    connect(
        postgres, "by_scram", host="::1", sslmode="verify-full", sslrootcert=str(postgres.ca_file)
    ).close()
    with psycopg.connect(host="::1", port=postgres.port, user="by_trust", dbname=database) as connection:
        connection.execute("CREATE TABLE mine (id int)")
