"""The watchman: ends the sessions of whoever may not be here any more, and asks providers again about whoever is.

Locks and revocations are in the ledger, made here, by a command or by another gateway: he looks twice a second
whether there are any. He decides nothing about anybody.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace

from gateway.app.providers import Providers
from gateway.core.errors import Fault
from gateway.core.ports import PersonRow
from gateway.identity.directory import Directory
from gateway.session.live import LiveSessions

ROUND = 0.5
"""Seconds between two looks at the ledger: whoever is locked is out within two seconds."""

RECHECK_ROUND = 30.0
AT_ONCE = 4
"""Providers are asked about so many people at a time."""

REVOKED = "your access to this gateway was revoked"

log = logging.getLogger("hoop.identity")


class Watchman:
    """`start`, then `stop` once."""

    def __init__(
        self,
        directory: Directory,
        live: LiveSessions,
        providers: Providers,
        changed: Callable[[], Awaitable[None]],
        *,
        round: float = ROUND,
        recheck_round: float = RECHECK_ROUND,
    ) -> None:
        """`changed` is awaited after each change of the register."""
        self._directory = directory
        self._live = live
        self._providers = providers
        self._changed = changed
        self._round = round
        self._recheck_round = recheck_round
        self._tasks: list[asyncio.Task[None]] = []
        self._blind = False

    def start(self) -> None:
        """Begin the rounds."""
        self._tasks = [
            asyncio.create_task(self._for_ever(self._look, self._round), name="watchman"),
            asyncio.create_task(self._for_ever(self._ask_providers, self._recheck_round), name="recheck"),
        ]

    async def stop(self) -> None:
        """End them."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def sweep(self) -> int:
        """End the sessions of whoever may not be here any more, and let the others know what has changed of their
        person. Returns how many it ended."""
        ended = 0
        for gate in self._live:
            person = self._directory.still(gate.session.principal)
            if person is None:
                ended += 1
                log.warning(
                    "ending %s: %s may not be here any more", gate.session.id, gate.session.principal.id
                )
                gate.end(REVOKED)
            elif person != gate.session.principal:
                gate.session = replace(gate.session, principal=person)
        return ended

    async def _look(self) -> None:
        try:
            if await self._directory.refresh():
                self.sweep()
                await self._changed()
        except Fault as problem:
            if not self._blind:
                log.error("nobody can be locked out now: %s", problem.sentence)
            self._blind = True
        else:
            self._blind = False

    async def _ask_providers(self) -> None:
        present = {gate.session.principal.id for gate in self._live}
        due = [row for row in self._directory.rows() if self._providers.is_due(row)]
        asked = [row for row in due if self._directory.person_of(row) in present]
        turn = asyncio.Semaphore(AT_ONCE)

        async def ask(row: PersonRow) -> None:
            async with turn:
                try:
                    await self._providers.ask_again(row, self._directory)
                except Fault as problem:
                    log.warning("%s can not be asked again about: %s", row.name, problem.sentence)

        await asyncio.gather(*(ask(row) for row in asked))
        if asked:
            self.sweep()

    async def _for_ever(self, work: Callable[[], Awaitable[None]], pause: float) -> None:
        while True:
            await asyncio.sleep(pause)
            try:
                await work()
            except Exception:  # a watchman who has stopped locks nobody out
                log.exception("a round of the watchman failed")
