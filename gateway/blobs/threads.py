"""Runs a blocking call in a thread, to its end: being cancelled waits for it.

`asyncio.to_thread` alone abandons the thread when its caller is cancelled; the call would go on with a file that
its owner believes to be idle, or closes. It also takes four times as long on its way there and back, which counts
where every piece of a session's output goes this way before it is shown.
"""

import asyncio
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, TypeVar

T = TypeVar("T")

CREW = 4
"""Threads for all files together: as many as may wait for the disk while others still get on."""

_Job = tuple[asyncio.AbstractEventLoop, "asyncio.Future[Any]", Callable[[], Any]]


async def in_thread(call: Callable[[], T]) -> T:
    """What `call` returns. When cancelled, the cancellation is passed on after the call has ended."""
    loop = asyncio.get_running_loop()
    work: asyncio.Future[T] = loop.create_future()
    _crew.take((loop, work, call))
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


class _Crew:
    """Threads that start when there is work for them and then stay. Each caller waits for its call, so there are
    never more jobs than there are callers."""

    def __init__(self, size: int) -> None:
        self._jobs: SimpleQueue[_Job] = SimpleQueue()
        self._size = size
        self._threads = 0
        self._busy = 0
        self._lock = threading.Lock()

    def take(self, job: _Job) -> None:
        """Have this done as soon as somebody is free."""
        with self._lock:
            self._busy += 1
            if self._busy > self._threads < self._size:
                self._threads += 1
                threading.Thread(target=self._work, name=f"files {self._threads}", daemon=True).start()
        self._jobs.put(job)

    def _work(self) -> None:
        while True:
            loop, work, call = self._jobs.get()
            tell, outcome = _outcome(call)
            with self._lock:
                self._busy -= 1
            try:
                loop.call_soon_threadsafe(_settle, work, tell, outcome)
            except RuntimeError:
                pass  # the loop is closed, and whoever waited is gone with it
            del work, call, tell, outcome


def _outcome(call: Callable[[], Any]) -> tuple[bool, Any]:
    try:
        return True, call()
    except BaseException as problem:  # noqa: BLE001 - raised again where the call was asked for
        return False, problem


def _settle(work: "asyncio.Future[Any]", succeeded: bool, outcome: Any) -> None:
    if succeeded:
        work.set_result(outcome)
    else:
        work.set_exception(outcome)


_crew = _Crew(CREW)
