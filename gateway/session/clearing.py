"""Takes a denied line back from the target, and makes sure of it.

No key clears a line everywhere: some programs keep text after Ctrl-U, others after Ctrl-C. So what counts is the bare
prompt on the screen afterwards; where that can not be had, or does not prove it, the answer is no.
"""

import asyncio
from collections.abc import Callable

from gateway.capture import prompts
from gateway.capture.line import LineWatch
from gateway.capture.reading import Reading
from gateway.session.patience import Patience

END_AND_ERASE = b"\x05\x15"
INTERRUPT = b"\x03"
ERASED_WITHIN = 2.0
INTERRUPTED_WITHIN = (0.8, 4.0)
"""Seconds for each attempt. Nothing else passes meanwhile. Two for Ctrl-C: bash 5.2 now and then takes one without
doing anything until the next key."""


class Clearing:
    """For one terminal."""

    def __init__(self, watch: LineWatch, patience: Patience, press: Callable[[bytes], None]) -> None:
        self._watch = watch
        self._patience = patience
        self._press = press

    async def run(self, reading: Reading) -> bool:
        """Whether nothing of the line is left in the program. While this goes on nobody else may send anything."""
        if reading.joined:
            if not prompts.drops_all_on_interrupt(reading.more):
                return False
            return await self._interrupted(lambda: self._watch.is_bare(reading.prompt))
        if reading.shown and await self._erased(reading.prompt):
            return True
        own = "" if prompts.continues(reading.prompt) else reading.prompt.strip() and reading.prompt
        return await self._interrupted(
            lambda: bool(own and self._watch.is_bare(own)) or self._watch.is_at_some_prompt()
        )

    async def _erased(self, prompt: str) -> bool:
        return await self._try(END_AND_ERASE, lambda: self._watch.is_bare(prompt), ERASED_WITHIN)

    async def _interrupted(self, is_clear: Callable[[], bool]) -> bool:
        """Ctrl-C, and then a prompt on another row: the one that is there proves nothing."""
        row = self._watch.row()
        for within in INTERRUPTED_WITHIN:
            if await self._try(INTERRUPT, lambda: self._watch.row() is not row and is_clear(), within):
                return True
        return False

    async def _try(self, keys: bytes, is_clear: Callable[[], bool], within: float) -> bool:
        """Press keys, and see whether it is clear and stays so until the target is silent."""
        self._patience.sent()
        self._press(keys)
        deadline = asyncio.get_running_loop().time() + within
        while True:
            silent_at = asyncio.get_running_loop().time() + self._patience.silence
            clear = is_clear()
            if await self._patience.more_by(min(silent_at, deadline) if clear else deadline):
                continue
            return is_clear()
