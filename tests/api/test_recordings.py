"""Recordings through the API: what they are, their frames to the last one, their exports, and who looked."""

import asyncio
import json
import random
from datetime import timedelta

import httpx2
import pytest
from fastapi import FastAPI
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.api import recordings
from gateway.api.news import first_of
from gateway.api.playback import Playback
from gateway.api.schema import (
    FRAMES_MEDIA_TYPE,
    NEXT_HEADER,
    STATE_HEADER,
    RecordingInfo,
    RecordingState,
    unpack_frames,
)
from gateway.blobs.local import LocalBlobs
from gateway.core.events import RecordingViewed
from gateway.core.frame import Frame, FrameKind
from gateway.recording.exports import export
from gateway.recording.writer import RecordingWriter
from tests.api.house import NOON, House, Making

ID = "s-2B8CK4TQ"
PATH = f"/v1/sessions/{ID}"
OUT = FrameKind.OUTPUT


async def info(http: httpx2.AsyncClient) -> RecordingInfo:
    response = await http.get(f"{PATH}/recording")
    assert response.status_code == 200, response.text
    return RecordingInfo.model_validate_json(response.content)


async def frames(
    http: httpx2.AsyncClient, first: int = 0, wait: float = 0, limit_bytes: int = 1 << 20
) -> tuple[list[Frame], int, str]:
    params: dict[str, str] = {"from": str(first), "wait": str(wait), "limit_bytes": str(limit_bytes)}
    response = await http.get(f"{PATH}/frames", params=params)
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == FRAMES_MEDIA_TYPE
    found = [Frame(f.at_us, FrameKind(f.kind), f.data) for f in unpack_frames(response.content)]
    return found, int(response.headers[NEXT_HEADER]), response.headers[STATE_HEADER]


async def viewings(house: House) -> list[tuple[str, str]]:
    entries = await house.ledger.entries(session=ID)
    return [(entry.actor, entry.body["how"]) for entry in entries if entry.name == RecordingViewed.name]


async def test_info_of_a_whole_recording(auditor: httpx2.AsyncClient, house: House) -> None:
    await house.record(ID, shown=[b"one", b"two", b"three"])
    assert await info(auditor) == RecordingInfo(
        session=ID,
        person="ugo",
        target="web-1",
        login="root",
        command="uptime",
        started_at=NOON,
        cols=100,
        rows=30,
        state=RecordingState.WHOLE,
        duration_us=3000,
        frames=4,
    )
    assert await viewings(house) == []


async def test_all_frames_in_pieces(auditor: httpx2.AsyncClient, house: House) -> None:
    shown = [bytes([number]) * 40_000 for number in range(10)]
    await house.record(ID, shown=shown)
    got: list[Frame] = []
    piece, following, state = await frames(auditor, limit_bytes=1 << 16)
    while piece:
        assert len(piece) <= 2
        got += piece
        assert (following, state) == (len(got), "whole")
        piece, following, state = await frames(auditor, following, limit_bytes=1 << 16)
    assert got == [
        *(Frame(number * 1000, OUT, data) for number, data in enumerate(shown)),
        Frame(10_000, FrameKind.EXIT, b'{"status": 0}'),
    ]


async def test_a_frame_larger_than_the_limit_comes_alone(auditor: httpx2.AsyncClient, house: House) -> None:
    await house.record(ID, shown=[b"x" * 300_000, b"y" * 300_000])
    for number, letter in enumerate((b"x", b"y")):
        piece, following, _ = await frames(auditor, number, limit_bytes=1 << 16)
        assert [frame.data for frame in piece] == [letter * 300_000]
        assert following == number + 1


async def test_beyond_the_end(auditor: httpx2.AsyncClient, house: House) -> None:
    await house.record(ID)
    assert await frames(auditor, 99) == ([], 99, "whole")


async def test_a_live_session_is_followed_to_its_last_frame(
    auditor: httpx2.AsyncClient, house: House
) -> None:
    making = await house.begin(ID)
    assert await frames(auditor) == ([], 0, "live")
    assert (await info(auditor)).state is RecordingState.LIVE

    async def follow() -> tuple[list[Frame], str]:
        got: list[Frame] = []
        while True:
            piece, following, state = await frames(auditor, len(got), wait=20)
            got += piece
            assert following == len(got)
            if not piece and state != "live":
                return got, state

    following = asyncio.create_task(follow())
    written = []
    for number in range(30):
        frame = Frame(number, OUT, b"%d " % number * number)
        written.append(frame)
        await making.show(frame)
        await asyncio.sleep(0)
    await making.end()
    async with asyncio.timeout(10):
        got, state = await following
    assert got[:-1] == written
    assert got[-1].kind is FrameKind.EXIT
    assert state == "whole"


@pytest.fixture
def looked(monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """Set when a long poll has looked, found nothing, and begins to wait."""
    event = asyncio.Event()

    async def watched(*events: asyncio.Event, within: float) -> None:
        event.set()
        await first_of(*events, within=within)

    monkeypatch.setattr(recordings, "first_of", watched)
    return event


async def test_a_hint_ends_the_wait(
    auditor: httpx2.AsyncClient, house: House, looked: asyncio.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recordings, "LOOK_AGAIN", 60)
    making = await house.begin(ID)
    waiting = asyncio.create_task(frames(auditor, wait=20))
    await looked.wait()
    await making.show(Frame(5, OUT, b"now"))
    async with asyncio.timeout(10):
        assert await waiting == ([Frame(5, OUT, b"now")], 1, "live")


async def test_a_lost_hint_costs_two_seconds_at_most(
    auditor: httpx2.AsyncClient, house: House, looked: asyncio.Event
) -> None:
    making = await house.begin(ID)
    waiting = asyncio.create_task(frames(auditor, wait=20))
    await looked.wait()
    making.writer.add(Frame(5, OUT, b"quiet"))
    await making.blob.append(making.writer.seal())
    async with asyncio.timeout(10):
        assert await waiting == ([Frame(5, OUT, b"quiet")], 1, "live")


async def test_waiting_ends_when_time_is_up_or_the_gateway_stops(
    auditor: httpx2.AsyncClient, house: House, api: FastAPI, looked: asyncio.Event
) -> None:
    await house.begin(ID)
    assert await frames(auditor, wait=0.05) == ([], 0, "live")
    looked.clear()
    waiting = asyncio.create_task(frames(auditor, wait=20))
    await looked.wait()
    api.state.services.stopping.set()
    async with asyncio.timeout(5):
        assert await waiting == ([], 0, "live")


async def test_a_session_that_was_killed_hard(auditor: httpx2.AsyncClient, house: House) -> None:
    """No EXIT frame, no end in the ledger: cut, and what is there can be seen."""
    making = await house.begin(ID)
    await making.show(Frame(5, OUT, b"last words"))
    house.live.clear()
    house.clock.move(timedelta(minutes=1))
    assert await frames(auditor, wait=20) == ([Frame(5, OUT, b"last words")], 1, "cut")
    about = await info(auditor)
    assert (about.state, about.problem) == (RecordingState.CUT, "the recording is cut: its end is missing")


async def test_a_torn_tail(auditor: httpx2.AsyncClient, house: House) -> None:
    making = await house.begin(ID)
    await making.show(Frame(5, OUT, b"good"))
    making.writer.add(Frame(6, OUT, b"torn"))
    await making.blob.append(making.writer.seal()[:-10])
    assert await frames(auditor) == ([Frame(5, OUT, b"good")], 1, "live")
    await making.end("crash", exit_frame=False)
    assert await frames(auditor) == ([Frame(5, OUT, b"good")], 1, "cut")
    assert "the recording is cut at byte" in (await info(auditor)).problem


async def test_a_bit_that_flipped(auditor: httpx2.AsyncClient, house: House) -> None:
    await house.record(ID, shown=[b"good", b"bad bytes", b"behind them"])
    file = house.root / "2026/11/20" / f"{ID}.hrec"
    file.write_bytes(file.read_bytes().replace(b"bad bytes", b"BAD bytes"))
    for _ in range(2):
        assert await frames(auditor) == ([Frame(0, OUT, b"good")], 1, "cut")
        about = await info(auditor)
        assert about.frames == 1
        assert about.problem.endswith("the chunk does not match its digest")


async def test_what_is_no_recording_at_all(auditor: httpx2.AsyncClient, house: House) -> None:
    await house.record(ID)
    (house.root / "2026/11/20" / f"{ID}.hrec").write_bytes(b"something else")
    assert await frames(auditor) == ([], 0, "cut")
    about = await info(auditor)
    assert (about.cols, about.rows, about.started_at) == (80, 24, NOON)


async def test_a_recording_that_is_gone(auditor: httpx2.AsyncClient, house: House) -> None:
    await house.record(ID)
    (house.root / "2026/11/20" / f"{ID}.hrec").unlink()
    for what in ("recording", "frames", "export?as=txt"):
        response = await auditor.get(f"{PATH}/{what}")
        assert response.status_code == 404
        assert response.json()["detail"] == "this session has no recording"
    assert await viewings(house) == []


async def test_opening_is_logged_once(auditor: httpx2.AsyncClient, house: House) -> None:
    await house.begin(ID)
    await frames(auditor)
    await frames(auditor, wait=0.01)
    await frames(auditor, 1)
    assert await viewings(house) == [("id-alba", "replay")]
    await frames(auditor)
    assert await viewings(house) == [("id-alba", "replay")] * 2


async def test_nobody_looks_unseen_by_starting_in_the_middle(http: httpx2.AsyncClient, house: House) -> None:
    await house.record(ID)
    for name in ("adam", "otto"):
        http.headers["Authorization"] = f"Bearer token-of-{name}"
        await frames(http, 1)
    assert await viewings(house) == [("id-adam", "replay"), ("id-otto", "replay")]
    house.clock.move(timedelta(minutes=11))
    await frames(http, 1)
    assert (await viewings(house))[2:] == [("id-otto", "replay")]


async def test_exports(auditor: httpx2.AsyncClient, house: House) -> None:
    await house.record(ID, shown=["größer\r\n".encode(), b"x" * 600_000])
    data = (house.root / "2026/11/20" / f"{ID}.hrec").read_bytes()
    for form, suffix, kind in (
        ("cast2", "cast", "application/x-asciicast"),
        ("txt", "txt", "text/plain; charset=utf-8"),
        ("jsonl", "jsonl", "application/jsonl"),
    ):
        response = await auditor.get(f"{PATH}/export", params={"as": form})
        assert response.status_code == 200
        assert response.headers["content-type"] == kind
        assert response.headers["content-disposition"] == f'attachment; filename="{ID}.{suffix}"'
        assert response.content == b"".join(export(form, [data]))
    assert await viewings(house) == [("id-alba", f"export {form}") for form in ("cast2", "txt", "jsonl")]


async def test_export_of_a_live_session(auditor: httpx2.AsyncClient, house: House) -> None:
    making = await house.begin(ID)
    await making.show(Frame(5, OUT, b"so far"))
    response = await auditor.get(f"{PATH}/export", params={"as": "cast2"})
    lines = [json.loads(line) for line in response.text.splitlines()]
    assert lines[0]["command"] == "uptime"
    assert lines[1:] == [[0.000005, "o", "so far"]]


class CountedBlobs(LocalBlobs):
    """How much is read?"""

    read_bytes = 0

    async def read(self, key: str, offset: int = 0, limit: int = 1 << 20) -> bytes:
        data = await super().read(key, offset, limit)
        self.read_bytes += len(data)
        return data


async def test_following_a_long_recording_does_not_read_it_again_and_again(house: House) -> None:
    blobs = CountedBlobs(house.root, reserve_bytes=0)
    making = await house.begin(ID)
    playback, behind = Playback(blobs), Playback(blobs)
    key = f"2026/11/20/{ID}.hrec"
    got: list[Frame] = []
    noise = random.Random(5)
    for number in range(200):
        await making.show(*(Frame(number * 10 + n, OUT, noise.randbytes(300)) for n in range(10)))
        found = await playback.frames(key, len(got), 1 << 20)
        await playback.survey(key, over=False)
        got += found
    size = await blobs.size(key)
    assert size > 500_000
    assert len(got) == 2000
    assert blobs.read_bytes < 2 * size
    blobs.read_bytes = 0
    await playback.frames(key, 1000, 1000)
    assert blobs.read_bytes <= 1 << 18
    assert await behind.frames(key, 1990, 1 << 20) == got[1990:]


@settings(max_examples=30, deadline=None)
@given(
    sizes=st.lists(st.integers(0, 70_000), min_size=1, max_size=12),
    asked=st.lists(st.tuples(st.integers(0, 14), st.integers(1, 200_000)), max_size=8),
)
def test_any_order_of_asking_gives_the_same_frames(sizes: list[int], asked: list[tuple[int, int]]) -> None:
    written = [Frame(n, OUT, bytes([n]) * size) for n, size in enumerate(sizes)]
    writer = RecordingWriter({})
    parts = [writer.head()]
    for frame in written:
        writer.add(frame)
        parts.append(writer.seal())
    playback = Playback(Memory(b"".join(parts)))

    async def ask() -> None:
        for first, limit in asked:
            found = await playback.frames("key", first, limit)
            assert found == written[first : first + len(found)]
            assert bool(found) == (first < len(written))
            assert len(found) == 1 or sum(13 + len(frame.data) for frame in found) <= limit or not found
        survey = await playback.survey("key", over=True)
        assert (survey.frames, survey.problem) == (len(written), "")

    asyncio.run(ask())


class Memory(LocalBlobs):
    """One object, without a disk."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    async def read(self, key: str, offset: int = 0, limit: int = 1 << 20) -> bytes:
        return self._data[offset : offset + limit]


async def test_many_viewers_of_one_session(
    auditor: httpx2.AsyncClient, house: House, looked: asyncio.Event
) -> None:
    making: Making = await house.begin(ID)
    viewers = [asyncio.create_task(frames(auditor, wait=20)) for _ in range(10)]
    await looked.wait()
    await making.show(Frame(1, OUT, b"all see it"))
    async with asyncio.timeout(10):
        answers = await asyncio.gather(*viewers)
    assert answers == [([Frame(1, OUT, b"all see it")], 1, "live")] * 10
