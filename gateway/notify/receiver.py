"""What every kind of receiver does, and how it says that a notice was not taken. No secret gets into a sentence."""

from collections.abc import Awaitable, Callable
from typing import Final, Protocol

from gateway.core.errors import Fault
from gateway.core.notices import Notice
from gateway.core.secret import Secret

LONGEST_PAUSE: Final = 600.0
"""Seconds. A receiver can not put a notice off for longer at a time."""

Fetch = Callable[[], Awaitable[Secret]]
"""Gets a secret when it is used. Raises `Fault`."""


class NotTaken(Fault):
    """The receiver did not take it. `final`: it never will. `pause`: it asks to be left alone for so many seconds."""

    def __init__(self, sentence: str, *, final: bool = False, pause: float = 0.0, said: str = "") -> None:
        super().__init__(sentence)
        self.final = final
        self.pause = min(max(pause, 0.0), LONGEST_PAUSE)
        self.said = said
        """Its own words, for the operator who tries it. They go into no log."""


class Receiver(Protocol):
    """Sends one notice at a time. May be sent the same one twice."""

    @property
    def kind(self) -> str: ...

    async def send(self, notice: Notice) -> str:
        """Return what the receiver said. Raises `NotTaken`, or `Fault` where a secret is not there."""
        ...

    async def close(self) -> None: ...
