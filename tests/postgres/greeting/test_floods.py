"""Who keeps the door busy: wrong passwords by the hundred, connections without a word, handshakes without an end."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.adapters.postgres.greeting.door import Courtesy, PostgresDoor
from gateway.adapters.postgres.greeting.greet import Arrived
from gateway.wire.postgres.sign_in import make_password
from gateway.wire.postgres.startup import make_ssl_request
from gateway.wire.postgres.words import field, parse_fields
from tests.postgres.greeting.hall import Hall, Raw, a_hall, anybody, startup


async def fails(hall: Hall) -> dict[str, str]:
    """One wrong password: what is said to it."""
    client = await Raw.connect(hall.port, anybody("postgresql"))
    client.say(startup())
    tag, body = await client.message()
    if tag == "R":
        client.say(make_password("wrong"))
        tag, body = await client.message()
    assert tag == "E"
    await client.close()
    fields = parse_fields(body)
    return {letter: field(fields, letter) for letter in "CM"}


async def comes_in(hall: Hall, token: str) -> bool:
    client = await Raw.connect(hall.port, anybody("postgresql"))
    client.say(startup() + make_password(token))
    await client.message()
    good = await client.message() == ("R", b"\0\0\0\0")
    await client.close()
    return good


async def test_wrong_passwords_by_the_hundred(tmp_path: Path, prepared: Path) -> None:
    few = PostgresDoor(login_failures_per_address=5, login_failures_per_name=1000)
    async with a_hall(tmp_path, prepared, few) as hall:
        for _ in range(5):
            assert (await fails(hall))["C"] == "28P01"
        hall.door = replace(hall.door, courtesy=Courtesy(lambda: 0.0))
        banned = await fails(hall)
        assert banned["C"] == "28000"
        assert banned["M"].startswith("hoop: too many failed sign-ins from your address - try again in ")
        for _ in range(100):
            client = await Raw.connect(hall.port)
            client.say(make_ssl_request())
            assert (await client.error())["M"].startswith("hoop: too many failed sign-ins"), (
                "and no handshake"
            )
            await client.close()
        reasons = [event["reason"] for event in await hall.events("identity.refused")]
        assert len(reasons) == 6
        assert (
            sum("more are turned away, and not written down one by one" in reason for reason in reasons) == 1
        )


async def test_many_addresses_at_one_target_are_written_down_once(tmp_path: Path, prepared: Path) -> None:
    few = PostgresDoor(login_failures_per_address=1000, login_failures_per_name=5)
    async with a_hall(tmp_path, prepared, few) as hall:
        token = await hall.token()
        for _ in range(12):
            assert (await fails(hall))["C"] == "28P01"
        assert len(await hall.events("identity.refused")) == 6
        assert await comes_in(hall, token), "whoever has a good one is not hindered"


async def test_others_come_in_meanwhile(tmp_path: Path, prepared: Path) -> None:
    many = PostgresDoor(login_failures_per_address=10_000, login_failures_per_name=20)
    async with a_hall(tmp_path, prepared, many) as hall:
        token = await hall.token()

        async def hammer() -> None:
            for _ in range(15):
                await fails(hall)

        hammers = [asyncio.create_task(hammer()) for _ in range(8)]
        for _ in range(5):
            assert await comes_in(hall, token)
        await asyncio.gather(*hammers)


async def test_whoever_says_nothing_is_closed(tmp_path: Path, prepared: Path) -> None:
    async with a_hall(tmp_path, prepared, PostgresDoor(login_grace=0.5)) as hall:
        silent = await Raw.connect(hall.port)
        shaking = await Raw.connect(hall.port)
        shaking.say(make_ssl_request())
        assert await shaking.exactly(1) == b"S"
        asked = await Raw.connect(hall.port, anybody("postgresql"))
        asked.say(startup())
        assert await asked.message() == ("R", b"\0\0\0\3")
        for client in (silent, shaking, asked):
            assert (await client.end())[:1] in (b"", b"\x15")
            await client.close()
        assert [await hall.outcome(at) for at in range(3)] == [None] * 3


async def test_strangers_take_no_more_than_their_places(tmp_path: Path, prepared: Path) -> None:
    async with a_hall(tmp_path, prepared, PostgresDoor(max_unauthenticated=10)) as hall:
        inside = await Raw.connect(hall.port, anybody("postgresql"))
        inside.say(startup() + make_password(await hall.token()))
        await inside.message()
        assert await inside.message() == ("R", b"\0\0\0\0")
        strangers = [await Raw.connect(hall.port) for _ in range(12)]
        for client in strangers[5:]:
            assert await client.end() == b"", "one address has half of the places"
        inside.say(b"Q\0\0\0\x0dselect 1\0")
        assert (await inside.message())[0] == "Z"
        assert (await inside.message())[0] == "T"
        for client in [*strangers, inside]:
            await client.close()
        assert isinstance(await hall.outcome(), Arrived)


async def test_a_flood_of_bytes_is_not_kept(hall: Hall) -> None:
    """What is said before anybody is known is bounded, however much comes."""
    client = await Raw.connect(hall.port)
    client.say((9_000).to_bytes(4, "big") + b"\0\3\0\0" + b"x" * 4_000)
    client.say(b"y" * (4 << 20))
    assert await client.end() == b""
    assert await hall.outcome() is None
    await client.close()


async def test_nobody_comes_in_unless_it_is_written_down(hall: Hall) -> None:
    token = await hall.token()
    await hall.town.house.ledger.close()
    client = await Raw.connect(hall.port, anybody("postgresql"))
    client.say(startup() + make_password(token))
    await client.message()
    error = await client.error()
    assert (error["S"], error["C"]) == ("FATAL", "58000")
    await client.close()


def test_courtesy_is_once_a_second() -> None:
    now = 10.0
    courtesy = Courtesy(lambda: now)
    assert [courtesy.allows() for _ in range(3)] == [True, False, False]
    now = 11.0
    assert courtesy.allows()


async def test_nothing_secret_is_logged(hall: Hall, caplog: pytest.LogCaptureFixture) -> None:
    token = await hall.token()
    with caplog.at_level("DEBUG"):
        assert await comes_in(hall, token)
        assert not await comes_in(hall, token + "x")
        await fails(hall)
    assert token not in caplog.text
    assert "wrong" not in caplog.text
    assert "sign-in needed for appdb" in caplog.text
