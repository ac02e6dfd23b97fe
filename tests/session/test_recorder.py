"""The recorder's upkeep: what is written is synced soon, also when nothing follows, and viewers are told."""

import asyncio
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from gateway.app.clock import SystemClock
from gateway.blobs.local import LocalBlobs
from gateway.bus.inprocess import InProcessBus
from gateway.core.errors import Fault
from gateway.core.frame import Frame, FrameKind
from gateway.recording.reader import RecordingReader
from gateway.recording.verify import verify
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

    def append_at_once(self, data: bytes) -> bool:
        return False

    async def append_made(self, make: Callable[[], Sequence[bytes]]) -> None:
        await self.append(b"".join(await asyncio.to_thread(make)))

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


class HeldClock(SystemClock):
    """Runs only when told to, and while something is compressed."""

    us = 0

    def monotonic_us(self) -> int:
        return self.us


class TellingWriter(RecordingWriter):
    """Notes what it was asked to do, and where; takes a while when it compresses."""

    def __init__(self, clock: HeldClock) -> None:
        super().__init__({"session": "s-00000000"})
        self.clock = clock
        self.threads: list[int] = []
        self.packed: list[bool] = []
        self.may_pack = threading.Event()
        self.may_pack.set()
        self.is_packing = threading.Event()

    def seal_in_pieces(self) -> list[bytes]:
        self.is_packing.set()
        self.may_pack.wait(10)
        self.threads.append(threading.get_ident())
        self.packed.append(self.compress)
        if self.compress:
            self.clock.us += 5_000
        return super().seal_in_pieces()


async def recorder_with(directory: Path, writer: RecordingWriter, clock: SystemClock) -> Recorder:
    blob = await LocalBlobs(directory).create("s.hrec")
    made = Recorder("s-00000000", writer, blob, InProcessBus(), clock)
    await made.start()
    return made


def is_whole(directory: Path) -> bool:
    return verify([(directory / "s.hrec").read_bytes()]).ok


def frames_in(directory: Path) -> list[Frame]:
    reader = RecordingReader()
    reader.receive((directory / "s.hrec").read_bytes())
    frames: list[Frame] = []
    while (more := reader.next_frames()) is not None:
        frames += more
    return frames


END = [(FrameKind.EXIT, b'{"status": 0}')]
LARGE = b"log line\n" * 20_000


async def test_keys_are_packed_here_and_large_pieces_elsewhere(tmp_path: Path) -> None:
    clock = HeldClock()
    writer = TellingWriter(clock)
    made = await recorder_with(tmp_path, writer, clock)
    await made.write([(FrameKind.OUTPUT, b"k")])
    await made.write([(FrameKind.OUTPUT, LARGE)])
    assert writer.threads[0] == threading.get_ident() != writer.threads[1]
    await made.close(END)
    assert is_whole(tmp_path)


async def test_nothing_is_shown_before_it_is_in_the_file(tmp_path: Path) -> None:
    """Not even when it is packed elsewhere; and what comes meanwhile keeps its place behind it."""
    clock = HeldClock()
    writer = TellingWriter(clock)
    made = await recorder_with(tmp_path, writer, clock)
    writer.may_pack.clear()
    writer.is_packing.clear()
    large = asyncio.create_task(made.write([(FrameKind.OUTPUT, LARGE)]))
    assert await asyncio.to_thread(writer.is_packing.wait, 10)
    small = asyncio.create_task(made.write([(FrameKind.ERROR, b"after")]))
    await asyncio.sleep(0)
    assert not large.done()
    assert not small.done()
    assert frames_in(tmp_path) == []
    writer.may_pack.set()
    await asyncio.gather(large, small)
    assert [(frame.kind, frame.data) for frame in frames_in(tmp_path)] == [
        (FrameKind.OUTPUT, LARGE),
        (FrameKind.ERROR, b"after"),
    ]
    await made.close(END)
    assert is_whole(tmp_path)


async def test_whoever_gives_up_waiting_leaves_no_hole(tmp_path: Path) -> None:
    clock = HeldClock()
    writer = TellingWriter(clock)
    made = await recorder_with(tmp_path, writer, clock)
    writer.may_pack.clear()
    writer.is_packing.clear()
    writing = asyncio.create_task(made.write([(FrameKind.OUTPUT, LARGE)]))
    waiting = asyncio.create_task(made.write([(FrameKind.OUTPUT, b"in line")]))
    assert await asyncio.to_thread(writer.is_packing.wait, 10)
    for task in (writing, waiting):
        task.cancel()
    writer.may_pack.set()
    assert all(isinstance(each, asyncio.CancelledError) for each in await gathered(writing, waiting))
    await made.write([(FrameKind.OUTPUT, b"later")])
    await made.close(END)
    assert is_whole(tmp_path)
    shown = b"".join(frame.data for frame in frames_in(tmp_path) if frame.kind is FrameKind.OUTPUT)
    assert shown == LARGE + b"in line" + b"later"


async def gathered(*tasks: "asyncio.Task[None]") -> list[BaseException | None]:
    return list(await asyncio.gather(*tasks, return_exceptions=True))


async def test_compressing_has_its_share_of_the_time(tmp_path: Path) -> None:
    """A flood is kept as it is once the share is spent; what comes later is compressed again."""
    clock = HeldClock()
    writer = TellingWriter(clock)
    made = await recorder_with(tmp_path, writer, clock)
    for _ in range(20):
        await made.write([(FrameKind.OUTPUT, LARGE)])
    assert writer.packed == [True] * 11 + [False] * 9
    size = (tmp_path / "s.hrec").stat().st_size
    assert 9 * len(LARGE) < size < 10 * len(LARGE)
    clock.us += 32 * 5_000
    await made.write([(FrameKind.OUTPUT, LARGE)])
    await made.write([(FrameKind.OUTPUT, LARGE)])
    assert writer.packed[20:] == [True, False]
    clock.us += 3600 * 1_000_000
    for _ in range(20):
        await made.write([(FrameKind.OUTPUT, LARGE)])
    assert writer.packed[22:] == [True] * 11 + [False] * 9
    await made.close(END)
    assert is_whole(tmp_path)


async def test_packing_that_fails_ends_it_for_good(tmp_path: Path) -> None:
    """Also where whoever brought it has gone: no later frame may stand in for a lost one."""
    clock = HeldClock()
    writer = TellingWriter(clock)
    made = await recorder_with(tmp_path, writer, clock)
    writer.may_pack.clear()
    writer.is_packing.clear()
    too_large = b"x" * (9 << 20)
    writing = asyncio.create_task(made.write([(FrameKind.OUTPUT, LARGE), (FrameKind.MARK, too_large)]))
    writer.may_pack.set()
    await asyncio.sleep(0)
    writing.cancel()
    assert isinstance((await gathered(writing))[0], Fault | asyncio.CancelledError)
    with pytest.raises(Fault, match="can not be recorded any more"):
        await made.write([(FrameKind.OUTPUT, b"later")])
    with pytest.raises(Fault):
        await made.close(END)
    assert not is_whole(tmp_path)


async def test_many_writers_of_all_sizes(tmp_path: Path) -> None:
    made = await recorder_with(tmp_path, RecordingWriter({}), SystemClock())
    pieces = [bytes([65 + n % 26]) * (1 if n % 3 else 40_000 + n) for n in range(60)]
    await asyncio.gather(*(made.write([(FrameKind.OUTPUT, piece)]) for piece in pieces))
    await made.close(END)
    assert is_whole(tmp_path)
    assert [frame.data for frame in frames_in(tmp_path)[:-1]] == pieces
