"""Runs a blocking call in a thread, to its end: being cancelled waits for it.

`asyncio.to_thread` alone abandons the thread when its caller is cancelled; the call would go on with a file that
its owner believes to be idle, or closes.
"""

import asyncio
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


async def in_thread(call: Callable[[], T]) -> T:
    """What `call` returns. When cancelled, the cancellation is passed on after the call has ended."""
    work = asyncio.create_task(asyncio.to_thread(call))
    cancelled: asyncio.CancelledError | None = None
    while not work.done():
        try:
            await asyncio.wait([work])
        except asyncio.CancelledError as problem:
            cancelled = problem
    if cancelled is not None:
        work.exception()  # looked at, so that nobody complains; the caller is gone
        raise cancelled
    return work.result()
