"""Brings a recording in, piece by piece, in a task of its own: nothing that draws ever waits for it.

A live recording is followed with long polls until it ends. Broken lines are retried; only the gateway's own
refusals end the task. It does not decide what is shown of the frames.
"""

import asyncio
import time
from collections.abc import Callable

from gateway.api.schema import RecordingState
from hoop_tui.client import GatewayClient
from hoop_tui.errors import Unreachable
from hoop_tui.replay.recording import Recording

_LONG_POLL_SECONDS = 20.0
_SHORTEST_ROUND_SECONDS = 0.25
"""A gateway that answers long polls at once, with nothing, is not asked faster than this."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 10.0


async def fetch_recording(
    client: GatewayClient,
    recording: Recording,
    *,
    grown: Callable[[], None],
    trouble: Callable[[str], None],
    start: int = 0,
) -> None:
    """Fill `recording` from frame `start` on; `grown` hears of every piece, and of the end.

    `trouble` hears a sentence when the line breaks, and "" when it is back.
    """
    pause, wait, following, broken = _FIRST_PAUSE, 0.0, start, False
    while True:
        begun = time.monotonic()
        try:
            batch = await client.frames(recording.info.session, following, wait)
        except Unreachable as problem:
            broken = True
            trouble(problem.sentence)
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)
            continue
        if broken:
            broken, pause = False, _FIRST_PAUSE
            trouble("")
        recording.extend(batch.frames)
        following = batch.next
        if batch.frames:
            grown()
            # Thousands of frames at once: let keys and drawing have their turn.
            await asyncio.sleep(0)
            continue
        recording.caught_up(batch.state)
        grown()
        if batch.state is not RecordingState.LIVE:
            return
        if wait and time.monotonic() - begun < _SHORTEST_ROUND_SECONDS:
            await asyncio.sleep(_SHORTEST_ROUND_SECONDS)
        wait = _LONG_POLL_SECONDS
