"""The conversation at the door that leads to a page: what is asked, how long it waits, and what breaks its rules.

tests/sign_in has the same with stock clients, real pages and a provider.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncssh
import pytest
from asyncssh.packet import String, UInt32

from gateway.adapters.ssh.door import by_code
from gateway.adapters.ssh.door.by_code import Codes
from gateway.adapters.ssh.door.settings import SshDoor
from gateway.app.clock import SystemClock
from gateway.core.people import Peer, Principal
from gateway.session.doorbell import Doorbell, Ring
from tests.ssh.house import ALICE, House
from tests.store.fresh import fresh_ledger

BROWSER = Peer("192.0.2.7", 1, "Firefox")
INFO_RESPONSE = 61


class KnownByCode:
    """Whoever answered is who they say."""

    def still(self, principal: Principal) -> Principal | None:
        return principal if principal.id == ALICE.id else None


@dataclass
class Asked(asyncssh.SSHClient):
    """A client that keeps what it is asked, and presses Enter when told to."""

    questions: list[tuple[str, str, list[str]]] = field(default_factory=list)
    banners: list[str] = field(default_factory=list)
    enter: asyncio.Event = field(default_factory=asyncio.Event)
    asked: asyncio.Event = field(default_factory=asyncio.Event)

    def auth_banner_received(self, msg: str, lang: str) -> None:
        self.banners.append(msg)

    def kbdint_auth_requested(self) -> str:
        return ""

    async def kbdint_challenge_received(
        self, name: str, instructions: str, lang: str, prompts: Any
    ) -> list[str]:
        self.questions.append((name, instructions, [prompt for prompt, _ in prompts]))
        self.asked.set()
        await self.enter.wait()
        return [""] * len(prompts)


@dataclass
class Scene:
    house: House
    bell: Doorbell
    client: Asked = field(default_factory=Asked)

    def connect(
        self, client: Asked | None = None, **more: Any
    ) -> "asyncio.Task[asyncssh.SSHClientConnection]":
        async def connect() -> asyncssh.SSHClientConnection:
            options: dict[str, Any] = {
                "known_hosts": None,
                "config": None,
                "client_keys": None,
                "agent_path": None,
            }
            options |= {"username": "web-1", "preferred_auth": "keyboard-interactive"} | more
            return await asyncssh.connect(
                "127.0.0.1", self.house.port, client_factory=lambda: client or self.client, **options
            )

        return asyncio.create_task(connect())

    async def ring(self) -> Ring:
        """The one that is pending, once somebody has rung."""
        async with asyncio.timeout(10):
            while not (rings := list(self.bell._rings.values())):
                await asyncio.sleep(0.01)
        return rings[-1]


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    ledger = await fresh_ledger(tmp_path / "hoop.db")
    door = SshDoor(tmp_path / "host_key", login_grace=1.5)
    house = House(tmp_path, ledger, door)
    house.known.still = KnownByCode().still  # type: ignore[method-assign]  # they have shown no key
    bell = Doorbell(ledger, SystemClock(), timedelta(seconds=60))
    house.codes = Codes(bell, lambda code: f"https://gw/d/{code}")
    await house.start()
    yield Scene(house, bell)
    await house.close()


async def test_what_is_asked(scene: Scene) -> None:
    connecting = scene.connect()
    ring = await scene.ring()
    await scene.client.asked.wait()
    ((name, instruction, prompts),) = scene.client.questions
    assert name == "hoop sign-in"
    assert instruction == "Check that the page shows: ssh to web-1 from 127.0.0.1"
    assert prompts == [f"Open https://gw/d/{ring.code}, then Enter: "]
    assert (ring.what, ring.peer.address) == ("ssh to web-1", "127.0.0.1")
    assert "asyncssh" in ring.peer.client.lower()
    assert "hoop: scripts:" in "".join(scene.client.banners)
    assert all(len(line) <= 79 for line in [instruction, *"".join(scene.client.banners).splitlines()])
    await scene.bell.answer(ring, ALICE, BROWSER)
    scene.client.enter.set()
    async with await connecting:
        (entry,) = await scene.house.entries("identity.accepted")
    assert (entry.body["person"], entry.body["browser"]) == (ALICE.name, BROWSER.address)
    assert len(scene.bell) == 0


async def test_people_take_longer_than_the_grace(scene: Scene) -> None:
    connecting = scene.connect()
    ring = await scene.ring()
    await asyncio.sleep(scene.house.door.login_grace + 0.5)
    scene.client.enter.set()
    await scene.bell.answer(ring, ALICE, BROWSER)
    async with await connecting:
        pass


async def test_a_crowd_with_codes_has_no_longer_than_others(scene: Scene) -> None:
    """While half of the places wait for people, the others become free after the grace."""
    first = scene.connect()
    await scene.client.asked.wait()
    others = [await scene.bell.ring("x", BROWSER) for _ in range(49)]
    late = Asked()
    with pytest.raises((asyncssh.Error, OSError)):
        await asyncio.wait_for(scene.connect(late), 10)
    assert late.asked.is_set()
    assert not first.done()
    others[0].withdraw()
    first.cancel()


async def test_not_confirmed_is_asked_again_and_then_over(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(by_code, "PATIENCE", 0.05)
    scene.client.enter.set()
    with pytest.raises(asyncssh.PermissionDenied):
        await scene.connect()
    code = scene.client.questions[0][2][0].split("/d/")[1][:9]
    assert [prompts for _, _, prompts in scene.client.questions[1:]] == [
        [f"hoop: not confirmed yet (2 tries left). Open https://gw/d/{code} then press Enter: "],
        [f"hoop: not confirmed yet (1 try left). Open https://gw/d/{code} then press Enter: "],
    ]
    (refused,) = await refusals(scene, 1)
    assert refused == "the code was not confirmed"
    assert len(scene.bell) == 0, "it can not be answered any more"


async def refusals(scene: Scene, count: int) -> list[str]:
    async with asyncio.timeout(10):
        while len(entries := await scene.house.entries("identity.refused")) < count:
            await asyncio.sleep(0.02)
    return [str(entry.body["reason"]) for entry in entries]


async def test_no_is_no_and_the_page_has_written_it_down(scene: Scene) -> None:
    connecting = scene.connect()
    scene.bell.decline(await scene.ring())
    scene.client.enter.set()
    with pytest.raises(asyncssh.PermissionDenied):
        await connecting
    await asyncio.sleep(0.1)
    assert await scene.house.entries("identity.refused") == []


async def test_whoever_may_not_come_in_any_more_does_not(scene: Scene) -> None:
    connecting = scene.connect()
    await scene.bell.answer(await scene.ring(), Principal("mallory", "mallory"), BROWSER)
    scene.client.enter.set()
    with pytest.raises(asyncssh.PermissionDenied):
        await connecting
    assert await scene.house.entries("identity.accepted") == []


async def test_who_hangs_up_leaves_no_code_behind(scene: Scene) -> None:
    connecting = scene.connect()
    await scene.ring()
    connecting.cancel()
    async with asyncio.timeout(10):
        while len(scene.bell):
            await asyncio.sleep(0.02)
    assert await refusals(scene, 1) == ["the sign-in by code was given up"]


async def test_nobody_is_asked_where_nobody_can_sign_in(scene: Scene) -> None:
    await scene.house.close()
    scene.house.ledger = await fresh_ledger(scene.house.directory / "hoop.db")
    scene.house.codes = Codes(scene.bell, lambda code: code, lambda: False)
    await scene.house.start()
    with pytest.raises(asyncssh.PermissionDenied):
        await scene.connect()
    assert scene.client.questions == []
    assert "scripts" not in "".join(scene.client.banners)


async def test_a_key_ends_what_a_code_began(scene: Scene) -> None:
    """Somebody with a key who was asked for a code first."""
    scene.client.enter.set()
    connecting = scene.connect(client_keys=[scene.house.person_key], preferred_auth="publickey")
    async with await connecting:
        assert len(scene.bell) == 0


@pytest.mark.parametrize("count", [0, 2, 100, 2**32 - 1])
async def test_answers_to_what_was_not_asked(scene: Scene, count: int) -> None:
    """Whatever a client sends for an answer, it is Enter or it breaks the protocol; nobody comes in by it."""

    class Rude(Asked):
        def connection_made(self, conn: asyncssh.SSHClientConnection) -> None:
            self.connection = conn

        async def kbdint_challenge_received(self, *asked: Any) -> Any:
            self.asked.set()
            texts = b"".join(String("x") for _ in range(min(count, 100)))
            for _ in range(200):
                self.connection.send_packet(INFO_RESPONSE, UInt32(count), texts)
            await asyncio.sleep(3600)

    rude = Rude()
    connecting = scene.connect(rude)
    await rude.asked.wait()
    await asyncio.sleep(0.3)
    assert await scene.house.entries("identity.accepted") == []
    connecting.cancel()
    connected = scene.connect()
    ring = await scene.ring()
    await scene.client.asked.wait()
    rings = [each for each in scene.bell._rings.values() if "asyncssh" in each.peer.client.lower()]
    for each in rings or [ring]:
        await scene.bell.answer(each, ALICE, BROWSER)
    scene.client.enter.set()
    async with await connected:
        pass
