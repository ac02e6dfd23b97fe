"""Dialling a target in a test: secrets from an environment of its own, and what a server says once it is reached."""

from collections.abc import Mapping
from typing import Any

from gateway.adapters.postgres.upstream.dial import Dialler
from gateway.adapters.postgres.upstream.server import Server
from gateway.core.people import Target
from gateway.core.secret import Secret
from gateway.secrets.references import ReferenceSecrets
from gateway.wire.postgres.fields import Fields
from gateway.wire.postgres.frames import HEAD_SIZE, BackendReader, Message
from gateway.wire.postgres.messages import field, make_query, parse_fields
from gateway.wire.postgres.tables import ByServer
from tests.postgres.servers import ROLES, DatabaseServer, password_of

ALICE = "alice@example.com"
PASSWORD = {"env": "PASSWORD"}


class WatchedSecrets(ReferenceSecrets):
    """Notes what was to be forgotten."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        super().__init__(environ)
        self.fetched: list[Mapping[str, Any]] = []
        self.forgotten: list[Mapping[str, Any]] = []

    async def fetch(self, reference: Mapping[str, Any]) -> Secret:
        self.fetched.append(reference)
        return await super().fetch(reference)

    def forget(self, reference: Mapping[str, Any]) -> None:
        self.forgotten.append(reference)
        super().forget(reference)


def secrets_with(password: str) -> WatchedSecrets:
    return WatchedSecrets({"PASSWORD": password})


def target(*hosts: tuple[str, int], **options: Any) -> Target:
    """A target at these places, without TLS unless said."""
    options = {"hosts": hosts, "database": "postgres", "tls": "disable", **options}
    return Target("appdb", "postgres", hosts[0][0], hosts[0][1], options=options)


async def dial(
    place: Target,
    login: str,
    *,
    password: str | None = None,
    parameters: Mapping[str, str] | None = None,
    protocol: tuple[int, int] = (3, 0),
    timeout: float = 10.0,
    secrets: ReferenceSecrets | None = None,
) -> Server:
    """With the password of the role, unless another is given."""
    password = password_of(login) if password is None and login in ROLES else password
    secrets = secrets or secrets_with(password or "")
    dialler = Dialler(secrets, connect_timeout=timeout)
    return await dialler.dial(place, login, ALICE, parameters or {}, protocol)


async def dial_role(server: DatabaseServer, role: str, **options: Any) -> Server:
    """By the role's password, over TCP and without TLS unless said."""
    host = options.pop("host", "127.0.0.1")
    given = {"password": PASSWORD, **options}
    return await dial(target((host, server.port), **given), role)


async def ask(server: Server, statement: str) -> list[tuple[str | None, ...]]:
    """The rows that it answers. `AssertionError` with its words where it refuses."""
    reader = BackendReader(whole=True)
    reader.receive(server.rest)
    server.rest = b""
    server.end.write(make_query(statement))
    rows: list[tuple[str | None, ...]] = []
    refusal = ""
    while True:
        item = reader.next()
        if item is None:
            data = await server.end.read()
            assert data, "the server went away"
            reader.receive(data)
        elif not isinstance(item, Message):
            data, count = item.data, item.count
            for _ in range(count):
                size = 1 + int.from_bytes(data[1:5], "big")
                values = Fields(data[:size], HEAD_SIZE).values()
                rows.append(tuple(None if value is None else str(value, "utf-8") for value in values))
                data = data[size:]
        elif item.tag == ByServer.ERROR:
            refusal = field(parse_fields(item.body), "M")
        elif item.tag == ByServer.READY:
            assert not refusal, refusal
            return rows


async def leave(server: Server) -> None:
    server.end.close()
    await server.end.closed.wait()
