"""What a relay needs of whatever is behind the gateway: a channel of a target, or a program inside the gateway."""

import asyncio
from typing import Protocol

from gateway.adapters.ssh.asked import Control
from gateway.adapters.ssh.inbox import Inbox
from gateway.session.valve import Valve


class FarSide(Protocol):
    """`closed` is set once it is over and all that came is in the inbox; then `status` or `signal` say how."""

    inbox: Inbox
    closed: asyncio.Event
    lost: bool
    """There is no telling how it ended."""
    status: int | None
    signal: tuple[str, bool, str] | None

    def obey(self, valve: Valve) -> None:
        """Take input only while this valve is open. Called once, before anything is sent."""
        ...

    async def clear(self) -> None:
        """Return when it takes more input, or will take none any more."""
        ...

    def send(self, data: bytes) -> bool:
        """Pass on what the person typed. False: nothing is taken any more."""
        ...

    def end_input(self) -> None:
        """The person's input is at its end."""
        ...

    def control(self, control: Control) -> None:
        """Pass on a resize, a signal or a break."""
        ...

    def stop_output(self) -> None:
        """Nobody reads what it writes any more."""
        ...
