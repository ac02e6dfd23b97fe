"""OAUTHBEARER at the door, byte for byte as libpq 18 speaks it, with the gateway's own OAuth pages behind it."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest

from gateway.adapters.postgres.greeting.greet import Arrived
from gateway.api.app import build_api
from gateway.core.people import Peer
from gateway.wire.postgres.sign_in import (
    SASLInitialResponse,
    make_sasl_initial_response,
    make_sasl_response,
)
from gateway.wire.postgres.startup import make_ssl_request
from tests.postgres.greeting.hall import PERSON, PUBLIC, Hall, Raw, startup

SASL = ("R", b"\0\0\0\x0aOAUTHBEARER\0\0")


@asynccontextmanager
async def asked(hall: Hall, *more: tuple[str, str], user: str = "oauth") -> AsyncIterator[Raw]:
    """A client that is asked for OAuth."""
    client = await Raw.connect(hall.port)
    client.say(make_ssl_request())
    assert await client.exactly(1) == b"S"
    await client.start_tls()
    client.say(startup(*more, user=user))
    assert await client.message() == SASL
    yield client
    await client.close()


def shown(token: str) -> bytes:
    auth = f"Bearer {token}" if token else ""
    first = f"n,,\x01auth={auth}\x01\x01".encode()
    return make_sasl_initial_response(SASLInitialResponse("OAUTHBEARER", first))


async def discovery(client: Raw) -> dict[str, Any]:
    client.say(shown(""))
    tag, body = await client.message()
    assert (tag, body[:4]) == ("R", b"\0\0\0\x0b")
    client.say(make_sasl_response(b"\x01"))
    found = json.loads(body[4:])
    assert isinstance(found, dict)
    return found


@asynccontextmanager
async def pages(hall: Hall, address: str = "127.0.0.1") -> AsyncIterator[httpx2.AsyncClient]:
    transport = httpx2.ASGITransport(app=build_api(hall.town.services()), client=(address, 40000))
    async with httpx2.AsyncClient(transport=transport, base_url=PUBLIC) as http:
        yield http


async def test_where_a_sign_in_begins(hall: Hall) -> None:
    async with asked(hall) as client:
        assert await discovery(client) == {
            "status": "invalid_token",
            "openid-configuration": f"{PUBLIC}/.well-known/openid-configuration",
            "scope": "database:appdb",
        }
        error = await client.error()
        assert (error["S"], error["C"], error["M"]) == ("FATAL", "28000", "hoop: sign-in needed for appdb")
    assert not await hall.events("identity.refused"), "it comes again with a token"


async def test_the_whole_way(hall: Hall) -> None:
    """As libpq does it: ask, be told, get a code, poll, come again."""
    async with asked(hall) as client, pages(hall) as http:
        told = await discovery(client)
        await client.error()
        metadata = (await http.get(told["openid-configuration"])).json()
        assert metadata["issuer"] == PUBLIC
        assert "urn:ietf:params:oauth:grant-type:device_code" in metadata["grant_types_supported"]
        form = {"scope": told["scope"], "client_id": "hoop"}
        code = (await http.post(metadata["device_authorization_endpoint"], data=form)).json()
        poll = {
            "client_id": "hoop",
            "device_code": code["device_code"],
            "grant_type": "urn:ietf:params:oauth:grant-type:device_code",
        }
        pending = await http.post(metadata["token_endpoint"], data=poll)
        assert (pending.status_code, pending.json()["error"]) == (400, "authorization_pending")
        ring = hall.town.hall.doorbell.look(code["user_code"], Peer("203.0.113.66"))
        assert ring is not None
        assert ring.what == "psql to appdb"
        await hall.town.hall.doorbell.answer(ring, hall.person(), Peer("203.0.113.66"))
        hall.town.house.clock.us += 6_000_000
        given = (await http.post(metadata["token_endpoint"], data=poll)).json()
        assert (given["token_type"], given["scope"]) == ("Bearer", "database:appdb")
    async with asked(hall) as client:
        client.say(shown(given["access_token"]))
        assert await client.message() == ("R", b"\0\0\0\0")
    arrived = await hall.outcome(1)
    assert isinstance(arrived, Arrived)
    assert arrived.principal.name == PERSON
    assert arrived.principal.targets == {"appdb"}
    assert arrived.login == "", "oauth is no account"
    accepted = [event["browser"] for event in await hall.events("identity.accepted")]
    assert accepted == ["203.0.113.66", ""]


async def test_asked_for_by_a_setting(hall: Hall) -> None:
    async with asked(hall, ("options", "-c hoop.sign_in=oauth"), user="app_rw") as client:
        client.say(shown(await hall.token()))
        assert await client.message() == ("R", b"\0\0\0\0")
    arrived = await hall.outcome()
    assert isinstance(arrived, Arrived)
    assert (arrived.login, arrived.parameters) == ("app_rw", {})


async def test_a_token_that_is_not_good(hall: Hall) -> None:
    async with asked(hall) as client:
        client.say(shown("hoop_t-AAAAAA_nothing"))
        tag, body = await client.message()
        assert (tag, body[:4]) == ("R", b"\0\0\0\x0b")
        assert json.loads(body[4:])["status"] == "invalid_token"
        client.say(make_sasl_response(b"\x01"))
        error = await client.error()
        assert (error["C"], error["D"]) == ("28000", "the password was not a valid hoop-tui token")
    assert len(await hall.events("identity.refused")) == 1


@pytest.mark.parametrize(
    "answer",
    [
        make_sasl_initial_response(SASLInitialResponse("SCRAM-SHA-256", b"n,,n=,r=x")),
        make_sasl_initial_response(SASLInitialResponse("OAUTHBEARER", b"n,,\x01auth=Bearer x\x01")),
        make_sasl_initial_response(SASLInitialResponse("OAUTHBEARER", b"\xff")),
        make_sasl_initial_response(SASLInitialResponse("OAUTHBEARER", None)),
        b"p\0\0\0\x05x",
    ],
)
async def test_what_is_no_oauth(hall: Hall, answer: bytes) -> None:
    async with asked(hall) as client:
        client.say(answer)
        assert (await client.error())["C"] == "08P01"


async def test_not_ended_as_it_should_be(hall: Hall) -> None:
    async with asked(hall) as client:
        client.say(shown(""))
        await client.message()
        client.say(make_sasl_response(b"\x01\x01"))
        assert (await client.error())["C"] == "08P01"


async def test_whoever_does_not_want_it_hangs_up(hall: Hall) -> None:
    async with asked(hall) as client:
        client.say(b"X\0\0\0\4")
        assert await client.end() == b""
    assert await asyncio.wait_for(hall.outcome(), 20) is None
