"""Pending sign-ins: a code is good once, for its time, for one door; and nobody finds one by guessing."""

import asyncio
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway.core.errors import Fault, Refused
from gateway.core.events import Event
from gateway.core.people import Peer, Principal
from gateway.session.doorbell import MISSES, MISSES_WITHIN, OPEN_PER_ADDRESS, Doorbell, same_code

ALICE = Principal("https://id#alice", "alice@example.com")
DOOR = Peer("10.0.0.7", 1, "OpenSSH_9.2")
BROWSER = Peer("10.0.0.8", 2, "Firefox")
LIFETIME = timedelta(minutes=5)


class Clock:
    def __init__(self) -> None:
        self.at = datetime(2026, 11, 21, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at

    def monotonic_us(self) -> int:
        return int(self.at.timestamp() * 1e6)

    def pass_(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


class Book:
    def __init__(self) -> None:
        self.events: list[Event] = []
        self.full = False

    async def append(self, event: Event) -> int:
        if self.full:
            raise Fault("the disk is full")
        self.events.append(event)
        return len(self.events)


class Scene:
    def __init__(self) -> None:
        self.clock, self.book = Clock(), Book()
        self.bell = Doorbell(self.book, self.clock, LIFETIME)  # type: ignore[arg-type]  # it only appends


@pytest.fixture
def scene() -> Scene:
    return Scene()


async def test_an_answer_reaches_whoever_rang(scene: Scene) -> None:
    ring = await scene.bell.ring("ssh to web-1", DOOR)
    assert re.fullmatch(r"[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}", ring.code)
    waiting = asyncio.create_task(ring.answered(30))
    await asyncio.sleep(0)
    found = scene.bell.look(ring.code, BROWSER)
    assert found is ring
    await scene.bell.answer(ring, ALICE, BROWSER)
    assert await waiting == ALICE
    assert ring.browser == BROWSER
    assert await ring.answered(0) == ALICE, "it can be asked again by who rang"


async def test_the_code_is_in_the_ledger_as_a_hash_before_anybody_sees_it(scene: Scene) -> None:
    ring = await scene.bell.ring("ssh to web-1", DOOR)
    (asked,) = scene.book.events
    assert asked.name == "identity.asked"
    assert ring.code not in str(asked)
    assert ring.code.replace("-", "") not in str(asked)
    scene.book.full = True
    with pytest.raises(Fault):
        await scene.bell.ring("ssh to web-1", DOOR)
    assert len(scene.bell) == 1


@pytest.mark.parametrize("typed", ["{}", " {} ", "{}".lower(), "{}".replace("-", "")])
async def test_a_code_may_be_typed_as_people_type(scene: Scene, typed: str) -> None:
    ring = await scene.bell.ring("x", DOOR)
    text = typed.format(ring.code)
    assert scene.bell.look(text, BROWSER) is ring
    assert scene.bell.look(text.lower().replace("-", " "), BROWSER) is ring
    assert same_code(text.lower(), ring.code)
    assert not same_code("", ring.code)


async def test_it_is_good_once(scene: Scene) -> None:
    ring = await scene.bell.ring("x", DOOR)
    await scene.bell.answer(ring, ALICE, BROWSER)
    assert scene.bell.look(ring.code, BROWSER) is None
    with pytest.raises(Refused, match="was used"):
        await scene.bell.answer(ring, Principal("mallory", "mallory"), BROWSER)
    assert await ring.answered(0) == ALICE


async def test_it_expires(scene: Scene) -> None:
    ring = await scene.bell.ring("x", DOOR)
    scene.clock.pass_(LIFETIME.total_seconds() - 1)
    assert scene.bell.look(ring.code, BROWSER) is ring
    scene.clock.pass_(1)
    assert scene.bell.look(ring.code, BROWSER) is None
    with pytest.raises(Refused, match="expired"):
        await scene.bell.answer(ring, ALICE, BROWSER)
    with pytest.raises(Refused, match="expired"):
        await ring.answered(30)
    await scene.bell.ring("y", DOOR)
    assert len(scene.bell) == 1, "what has expired is forgotten"


async def test_no_is_no(scene: Scene) -> None:
    ring = await scene.bell.ring("x", DOOR)
    scene.bell.decline(ring)
    assert scene.bell.look(ring.code, BROWSER) is None
    with pytest.raises(Refused, match="stopped in the browser"):
        await ring.answered(30)
    with pytest.raises(Refused):
        await scene.bell.answer(ring, ALICE, BROWSER)


async def test_what_was_withdrawn_is_answered_by_nobody(scene: Scene) -> None:
    ring = await scene.bell.ring("x", DOOR)
    ring.withdraw()
    ring.withdraw()
    assert scene.bell.look(ring.code, BROWSER) is None
    with pytest.raises(Refused):
        await scene.bell.answer(ring, ALICE, BROWSER)
    assert len(scene.bell) == 0


async def test_nobody_yet(scene: Scene) -> None:
    ring = await scene.bell.ring("x", DOOR)
    assert await ring.answered(0.01) is None


async def test_guessing_is_over_after_a_few(scene: Scene) -> None:
    """40 bits, a few guesses in ten minutes: and from the neighbours' addresses, too."""
    ring = await scene.bell.ring("x", DOOR)
    for guess in range(MISSES):
        assert scene.bell.look(f"0000-{guess:04d}", BROWSER) is None
    for address in (BROWSER.address,):
        with pytest.raises(Refused, match="too many wrong codes"):
            scene.bell.look(ring.code, Peer(address))
    assert scene.bell.look(ring.code, DOOR) is ring, "others are not kept from theirs"
    scene.clock.pass_(MISSES_WITHIN)
    with pytest.raises(Refused, match="expired"):
        await ring.answered(0)


async def test_one_address_can_not_fill_it(scene: Scene) -> None:
    rings = [await scene.bell.ring("x", DOOR) for _ in range(OPEN_PER_ADDRESS)]
    with pytest.raises(Refused, match="too many sign-ins are open"):
        await scene.bell.ring("x", DOOR)
    await scene.bell.ring("x", BROWSER)
    rings[0].withdraw()
    await scene.bell.ring("x", DOOR)


async def test_what_it_says_is_made_harmless(scene: Scene, tmp_path: Path) -> None:
    await scene.bell.ring("ssh to \x1b[2J\u202e", Peer("10.0.0.7", 1, "\x1b]0;x\x07"))
    (asked,) = scene.book.events
    assert "\x1b" not in str(asked.body())
    assert "\u202e" not in str(asked.body())
