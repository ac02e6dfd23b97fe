"""`ssh appdb@gateway`: psql for whoever has nothing but ssh. It runs caged, and reaches the target as any client
does: through the gateway's own door for databases, where each statement is judged and recorded.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from gateway.adapters.postgres.cage.caged import Order, run_caged
from gateway.adapters.postgres.cage.program import Program, find_psql
from gateway.adapters.postgres.cage.psql import arguments, environment
from gateway.adapters.postgres.end import End, SocketEnd
from gateway.adapters.ssh.asked import Asked
from gateway.adapters.ssh.inside import Spawn
from gateway.adapters.ssh.running import Running
from gateway.core.errors import Unreachable
from gateway.core.people import Principal, Session, Target

COMMAND_MOST = 100_000
"""Bytes. Linux takes no argument of more than 131,072."""

Converse = Callable[[End, Principal, Target, str], Coroutine[Any, Any, None]]
"""Serves one connection of somebody who is signed in, as this account."""


class PsqlInside:
    """One for the gateway. `converse` is `PostgresAdapter.converse`."""

    name = "psql"
    kind = "ssh"
    types_lines = True
    undo = b""

    def __init__(self, converse: Converse, find: Callable[[], Program | None] = find_psql) -> None:
        self._converse = converse
        self._find = find

    async def why_not(self, session: Session, target: Target, asked: Asked) -> str:
        if target.options.get("psql", True) is True:
            return ""
        return f"psql is not offered here for {target.name} - use: {_tunnel(target)}"

    @asynccontextmanager
    async def start(
        self, session: Session, target: Target, asked: Asked, spawn: Spawn
    ) -> AsyncIterator[Running]:
        if len(asked.text.encode("utf-8", "surrogateescape")) > COMMAND_MOST:
            raise Unreachable(
                f"the command is too long for psql - pipe it in: ssh {target.name}@GATEWAY < FILE"
            )
        program = await asyncio.to_thread(self._find)
        if program is None:
            raise Unreachable(f"psql is not installed on this gateway - use: {_tunnel(target)}")
        term = asked.terminal.term if asked.terminal else ""
        order = Order(program, arguments(asked.text), environment(session.login, target.name, term))
        try:
            async with run_caged(
                order, asked.terminal, lambda ours: spawn(self._serve(ours, session, target))
            ) as caged:
                yield caged
        except Unreachable as problem:
            raise Unreachable(
                f"psql was not opened: {problem.sentence} - use: {_tunnel(target)}"
            ) from problem

    async def _serve(self, ours: socket.socket, session: Session, target: Target) -> None:
        """A connection that psql makes. Nobody but that one process can be at its other end."""
        end = SocketEnd(session.peer)
        end.secured = True
        await asyncio.get_running_loop().create_connection(lambda: end, sock=ours)
        try:
            await self._converse(end, session.principal, target, session.login)
        finally:
            end.close()


def _tunnel(target: Target) -> str:
    return f"ssh -N -L 5432:{target.name}:5432"
