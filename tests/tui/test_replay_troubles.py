"""The replay screen when the line is slow or broken, and when the emulator fails: told, and never a crash."""

import asyncio
import os
import signal

from hoop_tui.client import FrameBatch
from hoop_tui.demo import FakeGateway, demo_gateway
from hoop_tui.errors import NotFound, Unreachable
from hoop_tui.replay.emulator import EmulatorFailed, Screen
from hoop_tui.replay.ghostty import GhosttyEmulator
from hoop_tui.replay.worker import WorkerEmulator
from hoop_tui.screens.replay import ReplayScreen
from tests.tui.conftest import OpenedApp, drawn, replay_of, state_of, words

ERIN = "s-2B8CK4TQ"


class SlowLine(FakeGateway):
    """Gives a few frames, then nothing until it is told to go on."""

    go_on: asyncio.Event

    async def frames(self, id: str, start: int = 0, wait: float = 0.0) -> FrameBatch:
        if start >= 40:
            await self.go_on.wait()
        batch = await super().frames(id, start, wait)
        frames = batch.frames[:40]
        return FrameBatch(frames, start + len(frames), batch.state)


async def test_keys_never_wait_for_the_network(open_app: OpenedApp) -> None:
    gateway = SlowLine(demo_gateway().kept)
    gateway.go_on = asyncio.Event()
    async with open_app(gateway) as scenery:
        await scenery.until(lambda: bool(gateway.asked))
        scenery.app.open_replay(ERIN, 0)
        await scenery.until(lambda: isinstance(scenery.app.screen, ReplayScreen) and replay_of(scenery).ready)
        await scenery.press("full_stop", "full_stop")
        await scenery.until(lambda: state_of(scenery).frame > 0)
        await scenery.press("greater_than_sign")
        await scenery.until(lambda: state_of(scenery).speed == 2.0)
        assert "fetching" in words(scenery.app)
        # A moment that is not here yet is gone to when it comes.
        await scenery.press("g", *"8:45", "enter")
        await scenery.pilot.pause(0.1)
        assert state_of(scenery).position_us < 500_000_000
        gateway.go_on.set()
        await scenery.settled_at(525_000_000)


class BrokenLine(FakeGateway):
    broken = False

    async def frames(self, id: str, start: int = 0, wait: float = 0.0) -> FrameBatch:
        if self.broken and start:
            raise Unreachable("The line to the gateway broke.")
        batch = await super().frames(id, start, wait)
        return FrameBatch(batch.frames[:40], start + len(batch.frames[:40]), batch.state)


async def test_a_line_that_breaks_is_told_and_mended(open_app: OpenedApp) -> None:
    gateway = BrokenLine(demo_gateway().kept)
    gateway.broken = True
    async with open_app(gateway, size=(100, 24)) as scenery:
        await scenery.until(lambda: bool(gateway.asked))
        scenery.app.open_replay(ERIN, None)
        await scenery.until(lambda: "The line to the gateway broke." in words(scenery.app))
        gateway.broken = False
        await scenery.until(lambda: "whole" in words(scenery.app))
        assert "The line to the gateway broke." not in words(scenery.app)


async def test_a_recording_that_vanishes_can_still_be_looked_at(open_app: OpenedApp) -> None:
    class Vanishing(BrokenLine):
        async def frames(self, id: str, start: int = 0, wait: float = 0.0) -> FrameBatch:
            if start:
                raise NotFound("This recording is gone.")
            return await super().frames(id, start, wait)

    async with open_app(Vanishing(demo_gateway().kept), size=(100, 24)) as scenery:
        await scenery.until(lambda: isinstance(scenery.app.screen.is_mounted, bool))
        scenery.app.open_replay(ERIN, None)
        await scenery.until(lambda: "This recording is gone." in words(scenery.app))
        await scenery.press("full_stop")
        await scenery.until(lambda: state_of(scenery).frame > 0)


class Fragile(GhosttyEmulator):
    """Fails at one word, always."""

    def feed(self, data: bytes) -> None:
        if b"17\r\n" in data:
            raise EmulatorFailed("it fell over")
        super().feed(data)


async def test_an_emulator_that_fails_is_shown_not_a_crash(open_app: OpenedApp) -> None:
    async with open_app(emulators=Fragile) as scenery:
        await scenery.replay(ERIN, 525_500_000)
        await scenery.settled_at(525_500_000)
        await scenery.until(lambda: "not in the picture" in words(scenery.app))
        assert "denied T9Q-4WD" in drawn(scenery).text


class Stubborn(GhosttyEmulator):
    """Starts, and never gives a picture."""

    def screen(self) -> Screen:
        raise EmulatorFailed("it has no picture")


async def test_an_emulator_without_any_picture_is_told(open_app: OpenedApp) -> None:
    async with open_app(emulators=Stubborn, size=(100, 24)) as scenery:
        await scenery.replay(ERIN, 5_000_000)
        await scenery.until(lambda: "the picture stops here: it has no picture" in words(scenery.app))


async def test_the_emulator_in_its_own_process(open_app: OpenedApp) -> None:
    """The one test here that goes through the real worker: same recording, same picture."""
    pictures = []
    for emulators in (GhosttyEmulator, WorkerEmulator):
        async with open_app(emulators=emulators) as scenery:
            await scenery.replay(ERIN, 20_000_000)
            await scenery.settled_at(20_000_000)
            await scenery.until(lambda s=scenery: "[error] 812#812" in drawn(s).text)  # type: ignore[misc]
            pictures.append(drawn(scenery))
    assert pictures[0].text == pictures[1].text
    assert pictures[0].rows == pictures[1].rows


async def test_a_worker_that_is_killed_comes_back(open_app: OpenedApp) -> None:
    workers: list[WorkerEmulator] = []

    def make() -> WorkerEmulator:
        workers.append(WorkerEmulator())
        return workers[-1]

    async with open_app(emulators=make, size=(100, 24)) as scenery:
        await scenery.replay(ERIN, 5_000_000)
        await scenery.settled_at(5_000_000)
        assert workers[-1].pid is not None
        os.kill(workers[-1].pid, signal.SIGKILL)
        await scenery.press("9")
        await scenery.until(lambda: replay_of(scenery).ready and state_of(scenery).position_us > 400_000_000)
        await scenery.press("g", *"8:45", "enter")
        await scenery.settled_at(525_000_000)
        await scenery.until(lambda: "denied T9Q-4WD" in drawn(scenery).text)
    assert [worker.pid for worker in workers] == [None] * len(workers)
