"""The feed: server-sent hints that something changed. A slow reader loses hints and holds nobody up.

Hints carry keys only, and only of what the reader may see; whoever gets one asks the API again.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

from fastapi import APIRouter, Request
from fastapi.sse import EventSourceResponse

from gateway.api.callers import Caller, still_welcome
from gateway.api.rights import Action, may
from gateway.api.schema import FeedEvent
from gateway.api.services import ApiServices, Services
from gateway.core.errors import Fault
from gateway.core.people import Principal
from gateway.core.ports import Hint
from gateway.session.objections import Objection

BEAT_SECONDS = 5.0
BEATS_PER_CHECK = 6
"""So often (in beats) we ask whether the reader's token still holds."""
TOPICS = ("session", "recording", "approval")
_MOST_REMEMBERED = 1000

router = APIRouter(tags=["feed"])


@router.get("/feed", response_class=EventSourceResponse)
async def feed(who: Caller, services: Services, request: Request) -> AsyncIterator[FeedEvent]:
    """Hints as they happen, and a `beat` every five seconds. Ends when the token does not hold any more."""
    sight = _Sight(services, who)
    async with services.bus.subscribe(*TOPICS) as hints:
        yield FeedEvent(topic="beat")
        beats = 0
        async with aclosing(_with_beats(services, hints)) as all_hints:
            async for hint in all_hints:
                if hint is not None:
                    if await sight.covers(hint):
                        yield FeedEvent(topic=hint.topic, key=hint.key)
                    continue
                beats += 1
                if beats % BEATS_PER_CHECK == 0 and not await still_welcome(request, services):
                    return
                yield FeedEvent(topic="beat")


async def _with_beats(services: ApiServices, hints: AsyncIterator[Hint]) -> AsyncGenerator[Hint | None, None]:
    """The hints, and None for every beat, until the gateway stops. Beats come in time among many hints, too."""

    async def upcoming() -> Hint | None:
        return await anext(hints, None)

    clock = asyncio.get_running_loop()
    stopping = asyncio.create_task(services.stopping.wait())
    hint = asyncio.create_task(upcoming())
    beat_at = clock.time() + BEAT_SECONDS
    try:
        while not stopping.done():
            left = max(0.0, beat_at - clock.time())
            await asyncio.wait([hint, stopping], timeout=left, return_when=asyncio.FIRST_COMPLETED)
            if clock.time() >= beat_at:
                beat_at = clock.time() + BEAT_SECONDS
                yield None
            if hint.done():
                if (found := hint.result()) is None:
                    return  # the bus has nothing more to say
                yield found
                hint = asyncio.create_task(upcoming())
    finally:
        for task in (hint, stopping):
            task.cancel()
        await asyncio.wait([hint, stopping])


class _Sight:
    """Which hints one reader may see. Asks the ledger once for each key."""

    def __init__(self, services: ApiServices, who: Principal) -> None:
        self._ledger = services.ledger
        self._approvals = services.approvals
        self._who = who
        self._all = may(who, Action.FOLLOW_FEED, None)
        self._known: dict[tuple[str, str], bool] = {}

    async def covers(self, hint: Hint) -> bool:
        """Is this hint about something of theirs? What can't be told is not."""
        if self._all:
            return True
        key = (hint.topic, hint.key)
        if key not in self._known:
            if len(self._known) >= _MOST_REMEMBERED:
                self._known.clear()
            try:
                seen = await self._sees(hint)
            except Fault:
                return False
            if seen is None:
                return False
            self._known[key] = seen
        return self._known[key]

    async def _sees(self, hint: Hint) -> bool | None:
        """None: that can not be told yet."""
        if hint.topic == "approval":
            return await self._sees_request(hint.key)
        row = await self._ledger.session(hint.key)
        return may(self._who, Action.FOLLOW_FEED, row.person) if row else None

    async def _sees_request(self, id: str) -> bool:
        try:
            await self._approvals.find(id, self._who)
        except Objection:
            return False
        return True
