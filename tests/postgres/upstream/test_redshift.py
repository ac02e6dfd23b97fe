"""Redshift, as its own drivers show how it speaks (docs/redshift.md), played by a script."""

import hashlib
import struct

import pytest

from gateway.adapters.postgres.upstream.refusal import ServerRefused
from gateway.wire.postgres.fields import Fields
from gateway.wire.postgres.messages import (
    AuthenticationMD5Password,
    AuthenticationOther,
    ParameterStatus,
    make_authentication,
    make_parameter_status,
)
from tests.postgres.upstream.dialling import ALICE, PASSWORD, dial, leave, target
from tests.postgres.upstream.scripted import KEY, OK, READY, Caller, error, scripted

SECRET = "canary-redshift-8Kz"
SAYS = {
    "server_version": "8.0.2",
    "server_encoding": "UNICODE",
    "client_encoding": "UTF8",
    "DateStyle": "ISO, MDY",
    "integer_datetimes": "on",
    "is_superuser": "off",
    "session_authorization": "alice",
    "datashare_enabled": "on",
    "external_database": "off",
    "server_protocol_version": "0",
}
WELCOME = OK + b"".join(make_parameter_status(ParameterStatus(*item)) for item in SAYS.items()) + KEY + READY
CHALLENGE = struct.pack("!ii", 0, 8) + b"the salt" + struct.pack("!i", 9) + b"the nonce"


def is_answered(body: bytes) -> bool:
    size, rest = struct.unpack("!i", body[:4])[0], body[4:]
    digest, rest = rest[:size], rest[size:]
    nonce = rest[4:]
    assert struct.unpack("!i", rest[:4])[0] == len(nonce) >= 13
    inner = hashlib.sha256(SECRET.encode() + b"the salt").digest()
    return digest == hashlib.sha256(inner + b"the nonce" + nonce).digest()


async def redshift(caller: Caller) -> dict[str, str]:
    """A cluster that hashes passwords with SHA-256. It returns the settings that it was asked for."""
    startup = await caller.startup()
    if startup.minor:
        caller.say(error("0A000", "unsupported frontend protocol 3.2: server supports 1.0 to 3.0"))
        return {}
    caller.say(make_authentication(AuthenticationOther(13, CHALLENGE)))
    data = await caller.reader.readexactly(5)
    assert data[:1] == b"d"
    body = await caller.reader.readexactly(int.from_bytes(data[1:], "big") - 4)
    caller.say(WELCOME if is_answered(body) else error("28000", "password authentication failed"))
    await caller.rest()
    return dict(startup.parameters)


async def test_lets_in_by_its_digest() -> None:
    async with scripted(redshift) as served:
        place = target(("127.0.0.1", served.port), password=PASSWORD, database="dev")
        server = await dial(place, "alice", password=SECRET)
        assert server.version == "8.0.2"
        assert server.parameters == SAYS
        assert (server.pid, len(server.secret)) == (4711, 4)
        await leave(server)
        with pytest.raises(ServerRefused):
            await dial(place, "alice", password="another")


async def test_what_its_drivers_ask_for_is_left_out_where_it_changes_how_they_talk() -> None:
    asked = {
        "client_encoding": "UTF8",
        "driver_version": "Redshift JDBC Driver 2.1.0.33",
        "client_protocol_version": "3",
        "_pq_.compression": "lz4",
        "plugin_name": "BrowserAzureOAuth2CredentialsProvider",
        "idp_type": "AzureAD",
        "application_name": "[main]dbt",
    }
    async with scripted(redshift) as served:
        place = target(("127.0.0.1", served.port), password=PASSWORD, database="dev")
        await leave(await dial(place, "alice", password=SECRET, parameters=asked))
        assert await served.result() == {
            "user": "alice",
            "database": "dev",
            "application_name": f"[main]dbt ({ALICE})",
            "client_encoding": "UTF8",
            "driver_version": "Redshift JDBC Driver 2.1.0.33",
        }


async def test_a_newer_protocol_is_not_insisted_on() -> None:
    async with scripted(redshift) as served:
        place = target(("127.0.0.1", served.port), password=PASSWORD)
        server = await dial(place, "alice", password=SECRET, protocol=(3, 2))
        assert server.protocol == (3, 0)
        assert len(served.calls) == 2
        await leave(server)


async def test_an_older_cluster_asks_for_md5() -> None:
    async def script(caller: Caller) -> bytes:
        await caller.startup()
        caller.say(make_authentication(AuthenticationMD5Password(b"salt")))
        answer = Fields((await caller.message()).body).string()
        inner = hashlib.md5(f"{SECRET}alice".encode()).hexdigest().encode()
        assert answer == "md5" + hashlib.md5(inner + b"salt").hexdigest()
        caller.say(WELCOME)
        return await caller.rest()

    async with scripted(script) as served:
        place = target(("127.0.0.1", served.port), password=PASSWORD)
        await leave(await dial(place, "alice", password=SECRET))
        await served.result()
