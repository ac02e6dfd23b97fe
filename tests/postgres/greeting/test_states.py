"""What may come before somebody is known, and what may not: raw bytes at the door."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random

import pytest

from gateway.adapters.postgres.greeting.greet import Arrived
from gateway.wire.postgres.sign_in import make_password, parse_negotiate_version
from gateway.wire.postgres.startup import (
    CancelRequest,
    make_cancel_request,
    make_gss_request,
    make_ssl_request,
    make_startup,
)
from tests.postgres.greeting.hall import PERSON, Hall, Raw, anybody, startup

REQUESTS = {"SSLRequest": make_ssl_request(), "GSSENCRequest": make_gss_request()}


@asynccontextmanager
async def raw(hall: Hall) -> AsyncIterator[Raw]:
    client = await Raw.connect(hall.port)
    yield client
    await client.close()


@asynccontextmanager
async def encrypted(hall: Hall) -> AsyncIterator[Raw]:
    async with raw(hall) as client:
        client.say(make_ssl_request())
        assert await client.exactly(1) == b"S"
        await client.start_tls()
        yield client


async def test_the_usual_way(hall: Hall) -> None:
    async with encrypted(hall) as client:
        client.say(startup(("application_name", "a test")))
        assert await client.message() == ("R", b"\0\0\0\3")
        client.say(make_password(await hall.token()))
        assert await client.message() == ("R", b"\0\0\0\0")
        arrived = await hall.outcome()
        assert isinstance(arrived, Arrived)
        assert (arrived.principal.name, arrived.protocol, arrived.rest) == (PERSON, (3, 0), b"")
        assert (arrived.peer.address, arrived.peer.client) == ("127.0.0.1", "a test")
        assert arrived.parameters == {"application_name": "a test"}


async def test_a_byte_at_a_time(hall: Hall) -> None:
    async with raw(hall) as client:
        for byte in make_gss_request():
            client.say(bytes([byte]))
            await client.writer.drain()
        assert await client.exactly(1) == b"N"
        for byte in make_ssl_request():
            client.say(bytes([byte]))
            await client.writer.drain()
        assert await client.exactly(1) == b"S"
        await client.start_tls()
        for byte in startup():
            client.say(bytes([byte]))
            await client.writer.drain()
        assert await client.message() == ("R", b"\0\0\0\3")
        for byte in make_password(await hall.token()):
            client.say(bytes([byte]))
            await client.writer.drain()
        assert await client.message() == ("R", b"\0\0\0\0")


async def test_what_comes_behind_the_password_is_kept(hall: Hall) -> None:
    query = b"Q\0\0\0\x0dselect 1\0"
    async with encrypted(hall) as client:
        client.say(startup())
        await client.message()
        client.say(make_password(await hall.token()) + query)
        assert await client.message() == ("R", b"\0\0\0\0")
        assert [(await client.message())[0] for _ in range(5)] == ["Z", "T", "D", "C", "Z"]


@pytest.mark.parametrize("request_", REQUESTS.values(), ids=REQUESTS)
@pytest.mark.parametrize("behind", [b"\0", startup(), make_cancel_request(1, b"abcd")])
async def test_nothing_may_come_behind_a_request_for_encryption(
    hall: Hall, request_: bytes, behind: bytes
) -> None:
    async with raw(hall) as client:
        client.say(request_ + behind)
        assert await client.end() == b""
    assert await hall.outcome() is None


async def test_bytes_in_the_clear_before_the_handshake_are_no_part_of_the_session(hall: Hall) -> None:
    """They come once the request is answered, and before TLS begins."""
    async with raw(hall) as client:
        client.say(make_ssl_request())
        assert await client.exactly(1) == b"S"
        client.say(startup(user="mallory"))
        assert (await client.end())[:1] in (b"", b"\x15"), "at most an alert of TLS"
    assert await hall.outcome() is None


@pytest.mark.parametrize(
    "said", [("SSLRequest", "SSLRequest"), ("GSSENCRequest", "GSSENCRequest")], ids=lambda said: said[0]
)
async def test_asked_twice(hall: Hall, said: tuple[str, str]) -> None:
    hall.as_visitor()
    async with raw(hall) as client:
        client.say(REQUESTS[said[0]])
        assert await client.exactly(1) == b"N"
        client.say(REQUESTS[said[1]])
        assert (await client.error())["C"] == "08P01"


@pytest.mark.parametrize("request_", REQUESTS.values(), ids=REQUESTS)
async def test_asked_inside_of_tls(hall: Hall, request_: bytes) -> None:
    async with encrypted(hall) as client:
        client.say(request_)
        error = await client.error()
        assert (error["C"], error["M"]) == (
            "08P01",
            "hoop: encryption was asked for where it can not begin",
        )


async def test_gss_after_a_refused_tls_and_the_other_way_round(hall: Hall) -> None:
    hall.as_visitor()
    for first, second in (REQUESTS, reversed(REQUESTS)):
        async with raw(hall) as client:
            for name in (first, second):
                client.say(REQUESTS[name])
                assert await client.exactly(1) == b"N"
            client.say(startup())
            assert await client.message() == ("R", b"\0\0\0\0")


async def test_no_password_is_asked_for_in_the_clear(hall: Hall) -> None:
    for before in (b"", make_gss_request()):
        async with raw(hall) as client:
            client.say(before)
            if before:
                assert await client.exactly(1) == b"N"
            client.say(startup())
            error = await client.error()
            assert (error["S"], error["C"]) == ("FATAL", "08P01")
            assert error["M"] == "hoop: TLS is required - add sslmode=require"


async def test_tls_from_the_first_byte(hall: Hall) -> None:
    client = await Raw.connect(hall.port, anybody("postgresql"))
    client.say(startup())
    assert await client.message() == ("R", b"\0\0\0\3")
    client.say(make_password(await hall.token()))
    assert await client.message() == ("R", b"\0\0\0\0")
    await client.close()


async def test_a_handshake_in_crumbs(hall: Hall) -> None:
    """As a client sends it whose packets are tiny."""
    async with raw(hall) as client:
        context = anybody("postgresql")
        into, out = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = context.wrap_bio(into, out)
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                for byte in out.read():
                    client.say(bytes([byte]))
                    await client.writer.drain()
                    await asyncio.sleep(0)
                into.write(await asyncio.wait_for(client.reader.read(1 << 16), 20))
        assert tls.selected_alpn_protocol() == "postgresql"


@pytest.mark.parametrize("alpn", ["", "http/1.1"])
async def test_tls_from_the_first_byte_needs_the_protocols_name(hall: Hall, alpn: str) -> None:
    client = await Raw.connect(hall.port, anybody(alpn))
    client.say(startup())
    assert (await client.message())[0] == "E"
    assert await hall.outcome() is None
    await client.close()


async def test_tls_from_the_first_byte_where_there_is_none(hall: Hall) -> None:
    hall.as_visitor()
    async with raw(hall) as client:
        client.say(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(600))
        assert await client.end() == b""


@pytest.mark.parametrize("secret", [b"abcd", bytes(range(256))], ids=len)
async def test_cancellations_are_handed_on_without_an_answer(hall: Hall, secret: bytes) -> None:
    packet = make_cancel_request(4711, secret)
    async with raw(hall) as client:
        client.say(packet)
        assert await client.end() == b""
    async with encrypted(hall) as client:
        client.say(packet)
        assert await client.end() == b""
    for at in range(2):
        assert await hall.outcome(at) == CancelRequest(4711, secret)


@pytest.mark.parametrize(
    "garbage",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"\0\0\0\0",
        b"\xff\xff\xff\xff",
        b"\x7f\xff\xff\xff\0\3\0\0",
        b"\0\0\x27\x19\0\3\0\0",
        b"\0\0\0\x10\4\xd2\x16\x2e\0\0\0\1",
        b"\x16\x03\x01\x00\x05hello",
        b"\x80\x2e\x01\x00\x02",
    ],
)
async def test_garbage(hall: Hall, garbage: bytes) -> None:
    async with raw(hall) as client:
        client.say(garbage)
        client.writer.write_eof()
        assert (await client.end())[:1] in (b"", b"\x15")
    assert await hall.outcome() is None


@pytest.mark.parametrize(
    "bad",
    [
        startup()[:-1] + b"x",
        startup(("User", "root")),
        startup(("options", ""), ("options", "-c role=postgres")),
        make_startup([("user", "a"), ("database", "b"), ("replication", "off"), ("Replication", "on")]),
    ],
)
async def test_bad_startup_packets(hall: Hall, bad: bytes) -> None:
    async with encrypted(hall) as client:
        client.say(bad)
        assert (await client.error())["C"] == "08P01"


async def test_protocol_2(hall: Hall) -> None:
    async with encrypted(hall) as client:
        client.say((296).to_bytes(4, "big") + b"\0\2\0\0" + bytes(288))
        assert await client.end() == (
            b"EFATAL:  hoop: protocol 2.0 is too old: use a client of PostgreSQL 7.4 or later\n\0"
        )


@pytest.mark.parametrize("major", [0, 1, 4, 1234])
async def test_protocols_that_nobody_speaks(hall: Hall, major: int) -> None:
    async with encrypted(hall) as client:
        client.say((8).to_bytes(4, "big") + major.to_bytes(2, "big") + b"\0\1")
        error = await client.error()
        assert (error["C"], error["M"]) == (
            "0A000",
            f"hoop: protocol {major}.1 is not spoken here: it is 3.0 to 3.2",
        )


@pytest.mark.parametrize(
    ("minor", "options", "spoken", "negotiated"),
    [
        (0, [], (3, 0), None),
        (2, [], (3, 2), None),
        (9999, [], (3, 2), ((3, 2), ())),
        (0, [("_pq_.compression", "zstd")], (3, 0), ((3, 0), ("_pq_.compression",))),
    ],
)
async def test_versions_are_negotiated(
    hall: Hall,
    minor: int,
    options: list[tuple[str, str]],
    spoken: tuple[int, int],
    negotiated: tuple[tuple[int, int], tuple[str, ...]] | None,
) -> None:
    async with encrypted(hall) as client:
        client.say(make_startup([("user", "me"), ("database", "appdb"), *options], (3, minor)))
        if negotiated is not None:
            tag, body = await client.message()
            found = parse_negotiate_version(body)
            assert (tag, found.version, found.unknown) == ("v", *negotiated)
        assert await client.message() == ("R", b"\0\0\0\3")
        client.say(make_password(await hall.token()))
        await client.message()
        arrived = await hall.outcome()
        assert isinstance(arrived, Arrived)
        assert arrived.protocol == spoken
        assert not any(name.startswith("_pq_") for name in arrived.parameters)


@pytest.mark.parametrize(
    "instead", [b"Q\0\0\0\x0dselect 1\0", b"p\0\0\0\4", b"p\x7f\xff\xff\xff", b"d\0\0\0\4"]
)
async def test_something_else_than_a_password(hall: Hall, instead: bytes) -> None:
    async with encrypted(hall) as client:
        client.say(startup())
        await client.message()
        client.say(instead)
        assert (await client.error())["C"] == "08P01"
    assert not await hall.events("identity.refused")


async def test_a_visitor_is_asked_nothing(hall: Hall) -> None:
    hall.as_visitor("appdb", "app_rw")
    async with raw(hall) as client:
        client.say(startup(user="anything", database="app"))
        assert await client.message() == ("R", b"\0\0\0\0")
    arrived = await hall.outcome()
    assert isinstance(arrived, Arrived)
    assert (arrived.principal.name, arrived.target, arrived.login) == (PERSON, "appdb", "app_rw")


async def test_a_visitor_gets_no_other_database(hall: Hall) -> None:
    hall.as_visitor()
    async with raw(hall) as client:
        client.say(startup(database="other"))
        error = await client.error()
        assert (error["C"], error["M"]) == ("3D000", 'hoop: appdb is one database, and not "other"')


async def test_two_targets(hall: Hall) -> None:
    async with encrypted(hall) as client:
        client.say(startup(("TARGET", "appdb"), ("options", "-c hoop.target=strict")))
        assert (await client.error())["M"] == "hoop: two targets are named, and they are not the same"
    async with encrypted(hall) as client:
        client.say(startup(("TARGET", "appdb"), ("options", "-c hoop.target=appdb"), database="alice"))
        await client.message()
        client.say(make_password(await hall.token()))
        assert await client.message() == ("R", b"\0\0\0\0")
    arrived = await hall.outcome(1)
    assert isinstance(arrived, Arrived)
    assert (arrived.target, arrived.parameters) == ("appdb", {})


PIECES = (
    make_ssl_request(),
    make_gss_request(),
    make_cancel_request(1, b"abcd"),
    startup(),
    startup(("options", "-c role=x"), user="oauth"),
    make_password("wrong"),
    b"p\0\0\0\x12OAUTHBEARER\0\0",
    b"X\0\0\0\4",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
)


async def test_whatever_comes_in_whatever_order(hall: Hall) -> None:
    """Inside TLS and outside; the hall itself says whether anything crashed."""
    random = Random(20261121)
    for turn in range(120):
        chosen = [random.choice(PIECES) for _ in range(random.randint(1, 4))]
        data = bytearray(b"".join(chosen))
        for _ in range(random.choice((0, 0, 1, 3))):
            data[random.randrange(len(data))] = random.randrange(256)
        async with encrypted(hall) if turn % 2 else raw(hall) as client:
            client.say(bytes(data))
            if client.writer.can_write_eof():
                client.writer.write_eof()
                await client.end()
    async with encrypted(hall) as client:
        client.say(startup() + make_password(await hall.token()))
        assert await client.message() == ("R", b"\0\0\0\3")
