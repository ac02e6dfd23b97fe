"""The way to a session's target, for whoever looks before something is run there and for what then runs.

One connection for both, opened when the first of them needs it and again where it was lost meanwhile. What is run is
looked at once more right before.
"""

from contextlib import AsyncExitStack
from typing import Self

from gateway.adapters.ssh.asked import Asked
from gateway.adapters.ssh.connection import TargetConnection
from gateway.adapters.ssh.target.credential import on_behalf_of
from gateway.adapters.ssh.target.reading import TargetFiles
from gateway.adapters.ssh.upstream import Dialler, Reached
from gateway.core.errors import Unreachable
from gateway.core.operation import Operation
from gateway.core.people import Session
from gateway.session.gate import Gate
from gateway.session.looking import Foresee, looked_into, why_changed

RULE = "look-inside"
"""Stands where the name of a rule does when what was looked into is the reason."""
HOME = ""
"""Where a single command begins, for the shell and for SFTP alike."""


class Lookout:
    """Of one session. A context: the connection ends with it."""

    def __init__(self, gate: Gate, dialler: Dialler, asked: Asked) -> None:
        self._gate = gate
        self._dialler = dialler
        needs = [("pty", asked.terminal is not None), ("agent-forwarding", asked.agent)]
        self._permits = frozenset(name for name, needed in needs if needed)
        self._ways = AsyncExitStack()
        self._reached: Reached | None = None
        self._files = TargetFiles(self._connection)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._files.stop()
        await self._ways.aclose()

    async def reach(self) -> Reached:
        """The target, with us signed in. Raises `Unreachable`."""
        if self._reached is None or self._reached.connection.broken:
            await self._ways.aclose()
            session: Session = self._gate.session
            way = self._dialler.reach(session.target, session.login, on_behalf_of(session), self._permits)
            self._reached = await self._ways.enter_async_context(way)
        return self._reached

    async def looked_into(self, operation: Operation, directory: str | None = HOME) -> Operation:
        """With what is in the files that it runs, where that could matter. Raises `Unreachable` and `Fault`."""
        gate = self._gate
        return await looked_into(gate.session.target, gate.foresee, operation, directory, self._files)

    async def why_changed(
        self, operation: Operation, directory: str | None = HOME, since: str = "approved"
    ) -> str:
        """What of these files is not as it was: one clause, or nothing."""
        try:
            return await why_changed(operation, directory, self._files, since)
        except Unreachable as problem:
            return f"what it runs can not be read again ({problem.sentence})"

    async def must_be_same(self, operation: Operation, *, approved: bool) -> None:
        """Right before it is run. Raises `Denied` and `Fault`."""
        if why := await self.why_changed(operation, since="approved" if approved else "judged"):
            raise await self._gate.refuse(operation, RULE, f"{why}, so nothing was run")

    async def _connection(self) -> TargetConnection:
        return (await self.reach()).connection


async def looked_into_before(
    dialler: Dialler, session: Session, foresee: Foresee, operation: Operation
) -> Operation:
    """The same for what is only written down to be run later, in a session that never begins. Raises
    `Unreachable`."""
    async with AsyncExitStack() as ways:
        reached: list[Reached] = []

        async def connection() -> TargetConnection:
            if not reached:
                way = dialler.reach(session.target, session.login, on_behalf_of(session).strip())
                reached.append(await ways.enter_async_context(way))
            return reached[0].connection

        files = TargetFiles(connection)
        try:
            return await looked_into(session.target, foresee, operation, HOME, files)
        finally:
            files.stop()
