"""A call in a thread is over when its caller goes on, also when the caller was cancelled."""

import asyncio
import functools
import threading

import pytest

from gateway.blobs.threads import CREW, in_thread


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


async def test_calls_wait_for_a_thread_but_never_for_long_ones_of_others() -> None:
    """A few that hang leave threads for the others; many at once all come to their turn."""
    may_end = threading.Event()
    hanging = [asyncio.create_task(in_thread(lambda: may_end.wait(10))) for _ in range(CREW - 1)]
    done = await asyncio.gather(*(in_thread(functools.partial(pow, n, 2)) for n in range(200)))
    assert done == [n * n for n in range(200)]
    assert not any(task.done() for task in hanging)
    may_end.set()
    assert await asyncio.gather(*hanging) == [True] * (CREW - 1)


async def test_no_more_threads_than_there_is_work_for() -> None:
    before = threading.active_count()
    for _ in range(50):
        await in_thread(lambda: None)
    assert threading.active_count() <= before + 1
