"""Sends what is queued for one receiver, one after the other: tries again later and later, and in the end gives up.

At least once: a notice whose sender was killed, or could not write down that it was sent, goes out again under the
same id. Nothing waits for a messenger but other notices for the same receiver.
"""

import asyncio
import logging
import random
import secrets
from collections.abc import Callable
from datetime import timedelta

from gateway.core.errors import Fault
from gateway.core.notices import Claimed, NoticeFailed, NoticeSent, Outbox
from gateway.core.ports import Clock
from gateway.notify.receiver import NotTaken, Receiver

ROUND = 2.0
"""Seconds between two looks, where nothing says that there is something."""
FIRST_PAUSE, LAST_PAUSE = 1.0, 300.0
"""Seconds before the second attempt; it doubles from attempt to attempt until it is the latter."""
MOST_REST = 30.0
"""Seconds that a failure keeps other notices of the receiver waiting."""

log = logging.getLogger("hoop.notify")


def pause_after(attempts: int, chance: Callable[[], float] = random.random) -> float:
    """Seconds before the next attempt. Half of it is by chance, so that not all come back at once."""
    longest = min(FIRST_PAUSE * 2.0 ** min(attempts - 1, 20), LAST_PAUSE)
    return longest * (0.5 + chance() / 2)


class Messenger:
    """`start`, then `stop` once."""

    def __init__(
        self,
        name: str,
        receiver: Receiver,
        outbox: Outbox,
        clock: Clock,
        *,
        owner: str,
        lease: float,
        give_up: timedelta,
        round: float = ROUND,
    ) -> None:
        """`owner` is the installation that sends. `lease`: seconds after which another may try what this one has
        begun."""
        self.name = name
        self._receiver = receiver
        self._outbox = outbox
        self._clock = clock
        self._owner = owner
        self._lease = lease
        self._give_up = give_up
        self._round = round
        self._wanted = asyncio.Event()
        self._problem = ""
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Send from now on."""
        self._task = asyncio.create_task(self._run(), name=f"messenger {self.name}")

    def wake(self) -> None:
        """There may be something to send."""
        self._wanted.set()

    async def stop(self) -> None:
        """Send no more. What is on its way may arrive, and is sent once more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        await self._receiver.close()

    async def _run(self) -> None:
        while True:
            rest = self._round
            try:
                claimed = await self._outbox.claim(
                    self.name, f"{self._owner}:{secrets.token_hex(8)}", self._lease
                )
                rest = await self._one(claimed) if claimed is not None else rest
            except Fault as problem:
                log.debug("notices for %s can not be looked up: %s", self.name, problem.sentence)
            except Exception:  # one that can not be sent must not keep back the others
                log.exception("a notice for %s could not be handled", self.name)
            await self._wait(rest)

    async def _wait(self, seconds: float) -> None:
        self._wanted.clear()
        try:
            async with asyncio.timeout(seconds):
                await (self._wanted.wait() if not self._problem else asyncio.sleep(seconds))
        except TimeoutError:
            pass

    async def _one(self, claimed: Claimed) -> float:
        """Try it, and return for how many seconds to rest."""
        left = (claimed.posted_at + self._give_up - self._clock.now()).total_seconds()
        if left <= 0:
            await self._failed(claimed, f"it was not taken in time{self._problem and ': ' + self._problem}")
            return 0
        try:
            await self._receiver.send(claimed.notice)
        except Fault as problem:
            return await self._not_taken(claimed, problem, left)
        if self._problem:
            log.info("notices for %s are taken again", self.name)
        self._problem = ""
        await self._outbox.finish(claimed, self._sent(claimed))
        return 0

    async def _not_taken(self, claimed: Claimed, problem: Fault, left: float) -> float:
        asked = problem.pause if isinstance(problem, NotTaken) else 0.0
        if isinstance(problem, NotTaken) and problem.final:
            await self._failed(claimed, problem.sentence)
            return 0
        if not self._problem:
            log.warning("notices for %s are not taken: %s", self.name, problem.sentence)
        self._problem = problem.sentence
        pause = max(pause_after(claimed.attempts), asked)
        await self._outbox.put_back(claimed, min(pause, max(left, 0.0)), problem.sentence)
        return max(min(pause, MOST_REST), asked)

    async def _failed(self, claimed: Claimed, why: str) -> None:
        notice = claimed.notice
        log.error("gave up notice %s for %s: %s", notice.id, self.name, why)
        event = NoticeFailed(
            session=notice.session,
            notice=notice.id,
            event=notice.event,
            receiver=self.name,
            kind=self._receiver.kind,
            why=why,
            request=notice.request,
            attempts=claimed.attempts,
        )
        await self._outbox.finish(claimed, event, why)

    def _sent(self, claimed: Claimed) -> NoticeSent:
        notice = claimed.notice
        return NoticeSent(
            session=notice.session,
            notice=notice.id,
            event=notice.event,
            receiver=self.name,
            kind=self._receiver.kind,
            request=notice.request,
            attempts=claimed.attempts,
        )
