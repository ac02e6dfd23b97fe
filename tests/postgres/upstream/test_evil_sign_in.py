"""Servers that play tricks while signing in: the password is not got out of us, nor our processor."""

import base64
import struct
import time
from collections.abc import Callable
from typing import Any

import pytest

from gateway.adapters.postgres.upstream.credential import Credential
from gateway.adapters.postgres.upstream.incoming import Incoming
from gateway.adapters.postgres.upstream.lane import Address, Lane
from gateway.adapters.postgres.upstream.refusal import Missed
from gateway.adapters.postgres.upstream.route import is_near
from gateway.adapters.postgres.upstream.sign_in import Circumstances, SignIn
from gateway.core.secret import Secret
from gateway.wire.postgres.messages import (
    AuthenticationOther,
    AuthenticationSASL,
    AuthenticationSASLContinue,
    AuthenticationSASLFinal,
    make_authentication,
    parse_sasl_initial_response,
)
from gateway.wire.postgres.startup import make_startup
from tests.postgres.upstream.evil import CANARY, CLEARTEXT, FOREIGN, MD5, SCRAM, reach, says
from tests.postgres.upstream.scripted import (
    KEY,
    OK,
    READY,
    VERSION,
    WELCOME,
    Caller,
    Script,
    scripted,
)
from tests.wire.postgres.scram_server import ScramServer


def asks(*requests: bytes) -> Script:
    """A server that sends one request after another, as soon as something comes back."""

    async def script(caller: Caller) -> list[bytes]:
        await caller.startup()
        answers = []
        for request in requests:
            caller.say(request)
            answers.append((await caller.message()).body)
        answers.append(await caller.rest())
        return answers

    return script


DIGEST = struct.pack("!ii4si4s", 0, 4, b"salt", 4, b"once")


@pytest.mark.parametrize(
    "then",
    [
        MD5,
        CLEARTEXT,
        SCRAM,
        OK + OK,
        READY,
        make_authentication(AuthenticationSASLContinue(b"")),
        VERSION,
        KEY,
    ],
)
async def test_one_answer_and_no_more(then: bytes) -> None:
    async with scripted(asks(MD5, then)) as served:
        assert await reach(served) == FOREIGN
        with pytest.raises(ConnectionError):
            await served.result()


@pytest.mark.parametrize(
    "then",
    [
        OK,
        MD5,
        CLEARTEXT,
        SCRAM,
        make_authentication(AuthenticationSASLFinal(b"v=" + base64.b64encode(bytes(32)))),
        make_authentication(AuthenticationSASLContinue(b"r=x,s=AAAA,i=1")),
        make_authentication(AuthenticationSASLContinue(b"x" * 60_000)),
    ],
)
async def test_scram_is_not_left_half_way(then: bytes) -> None:
    async with scripted(asks(SCRAM, then)) as served:
        assert await reach(served) == FOREIGN
        with pytest.raises(ConnectionError):
            await served.result()


Twist = Callable[[ScramServer, bytes], bytes]


@pytest.mark.parametrize(
    "twist",
    [
        lambda server, nonce: server.challenge(nonce).replace(b"i=64", b"i=2147483648"),
        lambda server, nonce: server.challenge(nonce).replace(b"i=64", b"i=1000000000"),
        lambda server, nonce: server.challenge(nonce).replace(b"r=", b"r=z"),
        lambda server, nonce: server.challenge(nonce, more=b""),
        lambda server, nonce: server.challenge(nonce, more=b"x" * 60_000),
        lambda server, nonce: server.challenge(nonce) + b",m=extension",
        lambda server, nonce: b"e=other-error",
    ],
)
async def test_scram_with_a_twist(twist: Twist) -> None:
    server = ScramServer(CANARY.encode(), rounds=64)

    async def script(caller: Caller) -> bytes:
        await caller.startup()
        caller.say(SCRAM)
        first = parse_sasl_initial_response((await caller.message()).body)
        assert first.data is not None
        caller.say(make_authentication(AuthenticationSASLContinue(twist(server, first.data))))
        return await caller.rest()

    async with scripted(script) as served:
        began = time.monotonic()
        assert await reach(served) == FOREIGN
        assert time.monotonic() - began < 5
        assert await served.result() == b""


@pytest.mark.parametrize("last", [b"v=" + base64.b64encode(bytes(32)), b"", b"e=invalid-proof"])
async def test_a_server_that_can_not_prove_that_it_knows_the_password(last: bytes) -> None:
    server = ScramServer(CANARY.encode(), rounds=64)

    async def script(caller: Caller) -> None:
        await caller.startup()
        caller.say(SCRAM)
        first = parse_sasl_initial_response((await caller.message()).body)
        assert first.data is not None
        caller.say(make_authentication(AuthenticationSASLContinue(server.challenge(first.data))))
        server.verify((await caller.message()).body)
        caller.say(make_authentication(AuthenticationSASLFinal(last)) + WELCOME)
        await caller.rest()

    async with scripted(script) as served:
        assert await reach(served) == FOREIGN
        await served.result()


async def test_bound_to_an_encryption_that_there_is_not() -> None:
    both = make_authentication(AuthenticationSASL(("SCRAM-SHA-256-PLUS", "SCRAM-SHA-256")))
    async with scripted(says(both)) as served:
        assert await reach(served) == FOREIGN
        assert await served.result() == b""


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        (AuthenticationSASL(("OAUTHBEARER",)), "it lets in only by ways that the gateway does not know"),
        (AuthenticationSASL(()), "it lets in only by ways that the gateway does not know"),
        (AuthenticationOther(7, b""), "it asks for Kerberos, which the gateway does not speak"),
        (AuthenticationOther(9, b""), "it asks for Kerberos, which the gateway does not speak"),
        (
            AuthenticationOther(14, b""),
            "it asks for a token of an identity provider, which the gateway does not have",
        ),
        (AuthenticationOther(6, b""), FOREIGN),
        (AuthenticationOther(4_000_000_000, b"x" * 100), FOREIGN),
        (AuthenticationOther(13, DIGEST[:-1]), FOREIGN),
    ],
)
async def test_ways_in_that_there_are_not(request_: Any, reason: str) -> None:
    async with scripted(says(make_authentication(request_))) as served:
        assert await reach(served) == reason
        assert await served.result() == b""


async def test_the_password_itself_goes_only_where_nobody_listens() -> None:
    async with scripted(says(CLEARTEXT)) as served:
        end = await Lane(Address(2, ("127.0.0.1", served.port))).open()
        sign_in = SignIn(
            end,
            Incoming(end),
            Credential(Secret(CANARY)),
            Circumstances("alice", private=False, verified=False),
        )
        with pytest.raises(Missed, match="asks for the password in the clear"):
            await sign_in.enter(make_startup([("user", "alice")]), (3, 0))
        end.abort()
        assert await served.result() == b""
    assert [is_near(host) for host in ("127.0.0.1", "127.8.8.8", "::1")] == [True] * 3
    assert not any(
        is_near(host) for host in ("10.0.0.1", "fe80::1", "localhost.example.com", "0.0.0.0", "::")
    )
