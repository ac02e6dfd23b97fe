"""Masking beside the loop: the same bytes, in order, and nothing when it fails or is given up."""

import asyncio
import threading

import pytest

from gateway.core.errors import Fault
from gateway.core.shown import Answer, Stream
from gateway.core.verdict import Allow
from gateway.masking.stream import StreamMasker
from gateway.session.masked import HERE_BYTES, masked
from tests.session.conftest import Room, run

CARD = b"4111 1111 1111 1111"


class TellingMasker(StreamMasker):
    """Notes where it works, and waits until it may."""

    def __init__(self, detectors: frozenset[str] = frozenset({"card"})) -> None:
        super().__init__(detectors)
        self.threads: list[int] = []
        self.may_go_on = threading.Event()
        self.may_go_on.set()
        self.is_at_work = threading.Event()
        self.ended = threading.Event()

    def feed(self, data: bytes) -> bytes:
        self.is_at_work.set()
        self.may_go_on.wait(10)
        self.threads.append(threading.get_ident())
        shown = super().feed(data)
        self.ended.set()
        return shown


def answer(data: bytes, **more: bool) -> Answer:
    return Answer(Stream.OUT, data, **more)


async def test_only_what_takes_long_goes_elsewhere() -> None:
    masker, here = TellingMasker(), threading.get_ident()
    for size, nothing in ((1, False), (HERE_BYTES, False), (HERE_BYTES + 1, True)):
        await masked(masker, answer(b"x" * size), is_echo=False, looks_for_nothing=nothing)
    assert masker.threads == [here] * 3
    await masked(masker, answer(b"x" * (HERE_BYTES + 1)), is_echo=False, looks_for_nothing=False)
    assert masker.threads[-1] != here


@pytest.mark.parametrize("cut", [1, 5, 10_000, 16_384, 16_385, 50_000, 150_000])
async def test_the_same_bytes_however_they_come(cut: int) -> None:
    text = (b"line of a log\n" * 700 + CARD + b"\n") * 6 if cut > 9 else b"card " + CARD + b"\n"
    whole = StreamMasker(frozenset({"card"}))
    expected = whole.feed(text) + whole.finish()
    masker, seen = StreamMasker(frozenset({"card"})), b""
    for start in range(0, len(text), cut):
        piece = answer(text[start : start + cut], last=start + cut >= len(text))
        seen += await masked(masker, piece, is_echo=False, looks_for_nothing=False)
    assert seen == expected
    assert CARD not in seen
    assert dict(masker.counts) == dict(whole.counts)


async def test_giving_up_waits_for_its_end() -> None:
    masker = TellingMasker()
    masker.may_go_on.clear()
    large = answer(b"x" * 100_000)
    asking = asyncio.create_task(masked(masker, large, is_echo=False, looks_for_nothing=False))
    assert await asyncio.to_thread(masker.is_at_work.wait, 10)
    asking.cancel()
    await asyncio.sleep(0)
    assert not asking.done()
    masker.may_go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert masker.ended.is_set()


async def test_a_large_answer_that_can_not_be_masked_is_not_shown(room: Room) -> None:
    class Broken(StreamMasker):
        def feed(self, data: bytes) -> bytes:
            raise RuntimeError("detector crashed")

    room.verdict = Allow("everything", frozenset({"card"}))
    room.masker = Broken
    gate = await room.gate()
    permit = await gate.admit(run("x"), room.notice)
    with pytest.raises(Fault, match="could not be checked"):
        await gate.reveal(permit, answer(b"x" * 100_000))
    with pytest.raises(Fault):
        await gate.reveal(permit, answer(b"y"))
    assert gate.ended.is_set()
    await gate.close("fault", {"reason": "fault"})
