"""Masks one answer: a small one right here, a large one in a thread, so that other sessions go on meanwhile.

The caller waits for it either way, so the order of a stream is kept. Whatever the masker raises is passed on.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from gateway.core.shown import Answer, Stream

HERE_BYTES = 16 << 10
"""Looking through so much takes about as long as the way to a thread and back."""


class Masker(Protocol):
    """Masks one stream. Implemented by `gateway.masking`."""

    def feed(self, data: bytes) -> bytes: ...
    def release(self) -> bytes: ...
    def finish(self) -> bytes: ...
    @property
    def held(self) -> int: ...
    @property
    def counts(self) -> Mapping[str, int]: ...


async def masked(masker: Masker, answer: Answer, *, is_echo: bool, looks_for_nothing: bool) -> bytes:
    """What may be shown now. Typed keys that come back are given out at once, like what has waited long enough. A
    masker that looks for nothing is done in no time."""

    def feed() -> bytes:
        data = masker.feed(answer.data)
        if answer.last:
            data += masker.finish()
        elif answer.urgent or is_echo:
            data += masker.release()
        return data

    return feed() if looks_for_nothing or len(answer.data) <= HERE_BYTES else await _beside(feed)


async def _beside(call: Callable[[], bytes]) -> bytes:
    """Run in a thread, to the end also when cancelled: nobody may look at a masker that is at work."""
    work = asyncio.get_running_loop().run_in_executor(None, call)
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


class HasMaskers(Protocol):
    """A Permit."""

    maskers: dict[Stream, Masker]


def added_up(beside: Mapping[str, int], permits: Iterable[HasMaskers]) -> dict[str, int]:
    """How often each detector has masked something: by all of these, and beside them."""
    total = dict(beside)
    for permit in permits:
        for masker in permit.maskers.values():
            for name, count in masker.counts.items():
                total[name] = total.get(name, 0) + count
    return total
