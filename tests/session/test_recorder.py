"""The recorder's upkeep: what is written is synced soon, also when nothing follows, and viewers are told."""

import asyncio

import pytest

from gateway.app.clock import SystemClock
from gateway.bus.inprocess import InProcessBus
from gateway.core.errors import Fault
from gateway.core.frame import FrameKind
from gateway.recording.writer import RecordingWriter
from gateway.session.recorder import Recorder


class Disk:
    """Counts what it is asked to do."""

    def __init__(self) -> None:
        self.data = b""
        self.synced = asyncio.Event()
        self.closed = 0
        self.broken = False

    async def append(self, data: bytes) -> None:
        await asyncio.sleep(0)
        self.data += data

    async def sync(self) -> None:
        self.synced.set()
        if self.broken:
            raise Fault("the disk is gone")

    async def close(self) -> None:
        self.closed += 1


def recorder(disk: Disk, bus: InProcessBus) -> Recorder:
    return Recorder("s-00000000", RecordingWriter({"session": "s-00000000"}), disk, bus, SystemClock())


async def test_the_last_bytes_before_a_pause_are_synced() -> None:
    disk = Disk()
    made = recorder(disk, InProcessBus())
    await made.start()
    await made.write([(FrameKind.OUTPUT, b"the last words")])
    await asyncio.wait_for(disk.synced.wait(), 5)
    await made.close([])
    assert disk.closed == 1


async def test_a_failed_sync_ends_it_for_good() -> None:
    disk = Disk()
    disk.broken = True
    made = recorder(disk, InProcessBus())
    await made.start()
    await made.write([(FrameKind.OUTPUT, b"x")])
    await asyncio.wait_for(disk.synced.wait(), 5)
    disk.broken = False
    with pytest.raises(Fault, match="can not be recorded any more"):
        await made.write([(FrameKind.OUTPUT, b"y")])
    with pytest.raises(Fault):
        await made.close([])
    assert disk.closed == 1


async def test_viewers_are_told_that_there_is_more() -> None:
    bus = InProcessBus()
    made = recorder(Disk(), bus)
    async with bus.subscribe("recording") as hints:
        await made.start()
        await made.write([(FrameKind.OUTPUT, b"x")])
        assert (await asyncio.wait_for(anext(hints), 5)).key == "s-00000000"
    await made.close([])


async def test_writers_that_come_together_share_one_chunk() -> None:
    disk = Disk()
    made = recorder(disk, InProcessBus())
    await made.start()
    before = len(disk.data)
    await asyncio.gather(*(made.write([(FrameKind.OUTPUT, b"%03d" % n)]) for n in range(100)))
    assert len(disk.data) - before < 100 * 40
    await made.close([])
