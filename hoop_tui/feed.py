"""Follows the gateway's feed in one task: reconnects with a growing pause, and knows how old the data is.

It carries hints only; whoever gets one asks the gateway again. After every reconnect it sends a hint with the
topic `reconnected`, because whatever happened in between was missed.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from gateway.api.schema import FeedEvent
from hoop_tui.client import GatewayClient
from hoop_tui.clock import Clock
from hoop_tui.errors import GatewayTrouble, NotSignedIn

RECONNECTED: Final = "reconnected"
_FRESH_SECONDS = 8
"""A beat comes every 5 s; the rest is slack for a slow line."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 15.0

Standing = Literal["live", "old", "offline"]


@dataclass(frozen=True, slots=True)
class Freshness:
    """How far what is on the screen can be trusted to be current."""

    standing: Standing
    age_seconds: int = 0

    def __str__(self) -> str:
        return {"live": "* live", "old": f"~ {self.age_seconds}s old", "offline": "x offline"}[self.standing]


class Feed:
    """`run` until cancelled. `listener` gets every hint but beats; `refused` hears that the token is no good."""

    def __init__(
        self,
        client: GatewayClient,
        clock: Clock,
        listener: Callable[[FeedEvent], None],
        refused: Callable[[NotSignedIn], None],
    ) -> None:
        self._client, self._clock = client, clock
        self._listener, self._refused = listener, refused
        self._heard_us: int | None = None
        self._connected = False
        self.trouble = ""
        """Why the last connection broke; empty while connected."""

    def freshness(self) -> Freshness:
        if self._heard_us is None or not self._connected:
            return Freshness("offline")
        age = (self._clock.monotonic_us() - self._heard_us) // 1_000_000
        return Freshness("live") if age <= _FRESH_SECONDS else Freshness("old", age)

    async def run(self) -> None:
        pause = _FIRST_PAUSE
        while True:
            try:
                async for event in self._client.feed():
                    self._hear(event)
                    pause = _FIRST_PAUSE
                self.trouble = "The gateway ended the feed."
            except NotSignedIn as trouble:
                self._connected = False
                self._refused(trouble)
                return
            except GatewayTrouble as trouble:
                self.trouble = trouble.sentence
            self._connected = False
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    def _hear(self, event: FeedEvent) -> None:
        self._heard_us = self._clock.monotonic_us()
        if not self._connected:
            self._connected, self.trouble = True, ""
            self._listener(FeedEvent(topic=RECONNECTED))
        if event.topic != "beat":
            self._listener(event)
