"""What runs inside the gateway for whoever comes by `ssh` to a target that has no SSH, such as psql for a database.

It is a session of a terminal like any other: admitted, masked, recorded. What the program asks of the target is no
part of it: that goes through a Gate of its own.
"""

from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from types import MappingProxyType
from typing import Any, Protocol

from gateway.adapters.ssh.asked import Asked
from gateway.adapters.ssh.target.far_side import FarSide
from gateway.core.operation import Effect, Operation
from gateway.core.people import Session, Target

Spawn = Callable[[Coroutine[Any, Any, None]], None]


class Inside(Protocol):
    """A program for one kind of target."""

    name: str
    kind: str
    """Of its sessions."""
    types_lines: bool
    """What is typed in it are lines, which are read and noted."""
    undo: bytes
    """What makes the terminal usable again where it was ended before it could do that itself."""

    async def why_not(self, session: Session, target: Target, asked: Asked) -> str:
        """Why it is not offered for this target, or to them; empty where it is."""
        ...

    def start(
        self, session: Session, target: Target, asked: Asked, spawn: Spawn
    ) -> AbstractAsyncContextManager[FarSide]:
        """`session` is that of the terminal, `target` what the program is for. Run it until the block is left;
        `spawn` runs what it asks of the target. Raises `Unreachable`."""
        ...


def operation(program: Inside, asked: Asked) -> Operation:
    """What policy judges: that the program is opened. It is no command line, whatever it is given to do."""
    text = f"{program.name} {asked.text}".rstrip()
    return Operation("shell", text, frozenset({Effect.RUN}), details=MappingProxyType(asked.about))
