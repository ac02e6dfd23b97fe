"""What staff do to one live session: pause its input, resume it, say something, end it.

Each act is in the ledger and in the recording before it takes effect; only an end takes effect even where it can not
be written down, because nothing more passes then. Who may do what is the API's business.
"""

import asyncio
import logging
from collections import deque
from typing import Protocol

from gateway.core.errors import Fault, Refused
from gateway.core.people import Principal, Session
from gateway.session import words
from gateway.session.valve import Valve

PAUSE_LASTS = 300.0
"""Seconds until a pause that nobody renewed is over: a forgotten one must not hold somebody up for ever."""

AUDIT_PATIENCE = 1.0
"""Seconds that an end waits for the ledger."""

MOST_WORDS = 20
"""Sentences that may wait for a person who does not read."""

FORGOTTEN = "nobody renewed the pause"

log = logging.getLogger("hoop.session")


class Steered(Protocol):
    """What is steered: a Gate."""

    session: Session
    ended: asyncio.Event
    inflow: Valve

    @property
    def closed(self) -> bool: ...

    async def note_steering(self, by: Principal, action: str, text: str) -> None:
        """Write it into the ledger and the recording. Raises `Fault`: then it must not be done."""
        ...

    def end(self, why: str) -> None: ...


THE_GATEWAY = Principal("", "")


class Steering:
    """One for each Gate. Every method raises `Refused` where the session is over, and `Fault`."""

    def __init__(self, steered: Steered, *, pause_lasts: float = PAUSE_LASTS) -> None:
        self.paused_by = ""
        """The name of whoever paused the input last; empty while it flows."""
        self._steered = steered
        self._pause_lasts = pause_lasts
        self._ending = False
        self._turn = asyncio.Lock()
        self._words: deque[str] = deque()
        self._news = asyncio.Event()
        self._alarm: asyncio.Task[None] | None = None

    async def pause(self, by: Principal) -> None:
        """Hold back what the person sends. Pausing again renews it."""
        async with self._turn:
            self._must_run()
            await self._steered.note_steering(by, "pause", "")
            self._must_run()
            if self._steered.inflow.is_open:
                self._say(words.paused(by.name))
            self._steered.inflow.shut()
            self.paused_by = by.name
            self._set_alarm()

    async def resume(self, by: Principal) -> None:
        """Let the input go on, all that came meanwhile first."""
        async with self._turn:
            self._must_run()
            if self._steered.inflow.is_open:
                raise Refused(f"{self._steered.session.id} is not paused")
            await self._flow_again(by, "")
            self.over()

    async def message(self, by: Principal, text: str) -> None:
        """Say something to the person."""
        async with self._turn:
            self._must_run()
            if len(self._words) >= MOST_WORDS:
                raise Refused(f"nobody reads {self._steered.session.id}: {MOST_WORDS} messages wait already")
            await self._steered.note_steering(by, "message", text)
            self._say(words.message(by.name, text))

    def announce(self, sentence: str) -> None:
        """Say something of the gateway's own to the person; where they do not read, it is lost."""
        self._say(sentence)

    async def end(self, by: Principal, reason: str, spoken: str = "") -> None:
        """End the session, in words of its own where there are any. It takes no turn: it is stronger than whatever
        somebody else is about to do."""
        self._must_run()
        self._ending = True
        try:
            async with asyncio.timeout(AUDIT_PATIENCE):
                await self._steered.note_steering(by, "end", reason)
        except (Fault, TimeoutError):
            log.exception("session %s was ended by %s, which may be missing in the ledger", self._id, by.id)
        finally:
            self._steered.end(spoken or words.ended_by(by.name, reason))

    async def next_words(self) -> str:
        """The next sentence that the person is to be told. For the adapter, in one task."""
        while not self._words:
            self._news.clear()
            await self._news.wait()
        return self._words.popleft()

    def over(self) -> None:
        """The session is over."""
        if self._alarm is not None:
            self._alarm.cancel()

    @property
    def _id(self) -> str:
        return self._steered.session.id

    def _must_run(self) -> None:
        if self._ending or self._steered.ended.is_set() or self._steered.closed:
            raise Refused(f"{self._id} has ended already")

    def _say(self, sentence: str) -> None:
        if len(self._words) < MOST_WORDS:
            self._words.append(sentence)
            self._news.set()

    async def _flow_again(self, by: Principal, why: str) -> None:
        await self._steered.note_steering(by, "resume", why)
        self._must_run()
        self.paused_by = ""
        self._say(words.RESUMED)
        self._steered.inflow.open()

    def _set_alarm(self) -> None:
        self.over()
        self._alarm = asyncio.create_task(self._when_forgotten(), name=f"pause of {self._id}")

    async def _when_forgotten(self) -> None:
        await asyncio.sleep(self._pause_lasts)
        while True:
            try:
                async with self._turn:
                    return await self._flow_again(THE_GATEWAY, FORGOTTEN)
            except Refused:
                return None
            except Fault as problem:
                log.warning("%s stays paused: %s", self._id, problem.sentence)
            await asyncio.sleep(self._pause_lasts / 60)
