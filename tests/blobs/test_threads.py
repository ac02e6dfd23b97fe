"""A call in a thread is over when its caller goes on, also when the caller was cancelled."""

import asyncio
import threading

import pytest

from gateway.blobs.threads import in_thread


async def test_the_result_and_the_error_come_back() -> None:
    assert await in_thread(lambda: 5) == 5
    with pytest.raises(ZeroDivisionError):
        await in_thread(lambda: 1 // 0)


async def test_cancelling_waits_for_the_call() -> None:
    begun, may_end, ended = threading.Event(), threading.Event(), threading.Event()

    def call() -> None:
        begun.set()
        may_end.wait(10)
        ended.set()

    caller = asyncio.create_task(in_thread(call))
    await asyncio.to_thread(begun.wait, 10)
    for _ in range(3):
        caller.cancel()
        await asyncio.sleep(0.01)
        assert not caller.done()
    may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await caller
    assert ended.is_set()


async def test_a_call_that_fails_after_its_caller_was_cancelled() -> None:
    begun, may_end = threading.Event(), threading.Event()

    def call() -> None:
        begun.set()
        may_end.wait(10)
        raise OSError("too late for anybody to hear")

    caller = asyncio.create_task(in_thread(call))
    await asyncio.to_thread(begun.wait, 10)
    caller.cancel()
    may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await caller
