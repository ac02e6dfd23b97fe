"""Whoever has signed in may have to wait for people before they come in. AuthenticationOk was said; what they are to
know comes as notices; then either the server's hello follows, or the last word. Nothing is dialled before.

Whoever hangs up meanwhile, or is ended, takes their request back.
"""

import asyncio
from typing import Any, NoReturn

from gateway.adapters.postgres import refusals
from gateway.adapters.postgres.end import UNREAD_MOST, End
from gateway.adapters.postgres.ending import EndedByStaff
from gateway.adapters.postgres.in_band import Hears, InBand
from gateway.core.errors import Malformed
from gateway.session.gate import Gate
from gateway.session.lobby import Lobby


async def come_in(lobby: Lobby, gate: Gate, person: End, in_band: InBand) -> None:
    """Return when the session may go on. Raises `Denied`, `Fault`, `EndedByStaff`, `Malformed`, and
    `ConnectionResetError` where nobody is there any more."""
    waiting = _Waiting(gate, person)
    welcome = asyncio.ensure_future(lobby.welcome(gate, Hears(waiting.tell, in_band), waits=in_band.waits))
    others = [
        asyncio.ensure_future(each) for each in (waiting.gone(), waiting.ended(), waiting.pass_on_words())
    ]
    try:
        await asyncio.wait([welcome, *others], return_when=asyncio.FIRST_COMPLETED)
        if not welcome.done():
            await _stop(welcome)  # what is held is taken back
            for each in others:
                if each.done():
                    each.result()
        await welcome
    finally:
        await _stop(welcome, *others)
        person.unread(waiting.read_ahead)


class _Waiting:
    """Somebody at the door."""

    def __init__(self, gate: Gate, person: End) -> None:
        self.read_ahead = b""
        self._gate = gate
        self._person = person

    async def tell(self, words: str) -> None:
        await self._gate.tell(refusals.primary(words))
        self._person.write(refusals.spoken(words, at_the_door=True))

    async def pass_on_words(self) -> NoReturn:
        while True:
            await self.tell(await self._gate.steering.next_words())

    async def ended(self) -> NoReturn:
        await self._gate.ended.wait()
        raise EndedByStaff

    async def gone(self) -> NoReturn:
        """What they send ahead is kept for later."""
        while data := await self._person.read():
            self.read_ahead += data
            if len(self.read_ahead) > UNREAD_MOST:
                raise Malformed("too much was sent before the session began")
        raise ConnectionResetError


async def _stop(*tasks: asyncio.Future[Any]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
