"""The PostgreSQL door of the gateway: listens, greets each connection, and ends everything in order.

It owns every task and connection of the protocol, so that none outlives `stop`. Next: `greeting/greet.py`, then
`session.py`.
"""

import asyncio
import logging
import os
from dataclasses import replace

from gateway.adapters.postgres.cancel import CancelKeys
from gateway.adapters.postgres.catalogs import Catalogs
from gateway.adapters.postgres.end import End, SocketEnd
from gateway.adapters.postgres.greeting.door import Door, Visitor
from gateway.adapters.postgres.greeting.greet import Arrived, greet
from gateway.adapters.postgres.impact.source import PostgresImpact
from gateway.adapters.postgres.session import PostgresSession, Surroundings
from gateway.adapters.postgres.upstream.dial import Dialler
from gateway.core.errors import Misconfigured
from gateway.core.people import Principal, Target
from gateway.session.database.parser import Parsers
from gateway.wire.postgres.startup import CancelRequest

log = logging.getLogger("hoop.postgres")

BACKLOG = 512


class PostgresAdapter:
    """`start`, then `stop` once. Parsers are started and stopped by whoever made them."""

    def __init__(self, door: Door, dialler: Dialler, parsers: Parsers) -> None:
        self._door = door
        self._keys = CancelKeys()
        catalogs = Catalogs()
        self._around = Surroundings(
            door.lobby, dialler, parsers, self._keys, catalogs, door.settings.max_statement
        )
        self.impact = PostgresImpact(dialler, catalogs)
        """Who finds out what a statement that is held would do."""
        self._listener: asyncio.Server | None = None
        self._ends: dict[asyncio.Task[None], End] = {}
        self._stopping = False

    @property
    def connections(self) -> int:
        """That are open, signed in or not."""
        return len(self._ends)

    async def start(self, host: str, port: int) -> list[tuple[str, int]]:
        """Listen. Raises `Misconfigured` for an unusable address."""
        loop = asyncio.get_running_loop()
        try:
            self._listener = await loop.create_server(
                lambda: SocketEnd(came=self._came), host, port, backlog=BACKLOG
            )
        except OSError as problem:
            reason = (
                os.strerror(problem.errno) if problem.errno and problem.errno > 0 else str(problem)
            ).lower()
            raise Misconfigured(f"postgres can not listen on {host}:{port}: {reason}") from problem
        bound = [socket.getsockname()[:2] for socket in self._listener.sockets]
        log.info("postgres listens on %s", ", ".join(f"{address}:{number}" for address, number in bound))
        return bound

    async def stop(self, grace: float) -> None:
        """Take nobody new; whoever ends the sessions' Gates has done so, and they have `grace` seconds to say so."""
        self._stopping = True
        if self._listener is not None:
            self._listener.close()
        if self._ends:
            await asyncio.wait(list(self._ends), timeout=grace)
        for task in list(self._ends):
            task.cancel()
        if self._ends:
            await asyncio.wait(list(self._ends))
        if self._listener is not None:
            await self._listener.wait_closed()

    async def converse(self, end: End, principal: Principal, target: Target, login: str) -> None:
        """Serve somebody who is signed in already and has come another way, such as through SSH."""
        door = replace(self._door, visitor=Visitor(principal, target.name, login))
        await self._serve(end, door)

    def _came(self, end: SocketEnd) -> None:
        if self._stopping or len(self._ends) >= self._door.settings.max_connections:
            end.abort()
            return
        task = asyncio.create_task(self._at_the_door(end), name="postgres connection")
        self._ends[task] = end
        task.add_done_callback(self._went)

    def _went(self, task: asyncio.Task[None]) -> None:
        self._ends.pop(task, None)
        if not task.cancelled() and (problem := task.exception()) is not None:
            log.error("a postgres connection failed", exc_info=problem)

    async def _at_the_door(self, end: SocketEnd) -> None:
        try:
            await self._serve(end, self._door)
        finally:
            end.close()
            if not end.closed.is_set():
                await _gone(end)

    async def _serve(self, end: End, door: Door) -> None:
        met = await greet(end, door)
        if isinstance(met, CancelRequest):
            cancel = self._keys.find(met.pid, met.secret)
            if cancel is not None:
                await cancel()
            end.close()
        elif isinstance(met, Arrived):
            try:
                await PostgresSession(self._around, end, met).run()
            finally:
                if door.doorstep is not None and door.visitor is None:
                    door.doorstep.leave(end.peer.address, was_signed_in=True)


async def _gone(end: End, patience: float = 5.0) -> None:
    """The last words go out, as long as somebody takes them."""
    try:
        async with asyncio.timeout(patience):
            await end.closed.wait()
    except TimeoutError:
        end.abort()
