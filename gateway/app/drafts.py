"""Reads what somebody has written down to be run later, as the adapter of its target would read it when it is run.

It is one operation or none: several statements would be judged one by one. It runs nothing.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from gateway.adapters.ssh.asked import Asked
from gateway.app.databases import POSTGRES
from gateway.core.errors import Refused
from gateway.core.operation import Operation
from gateway.core.people import Target

if TYPE_CHECKING:
    from gateway.session.database.parser import Parsers

SSH = "ssh"
NAMED = frozenset({"execute", "fetch", "move"})
"""Statements that stand for others, which only a session knows."""


class Drafts:
    """`gateway.session.beforehand.Draft`. `parsers` are made when the first statement is read."""

    def __init__(self, parsers: "Callable[[], Parsers]") -> None:
        self._parsers = parsers

    async def __call__(self, target: Target, text: str) -> Operation:
        if target.kind == SSH:
            return _command(text)
        if target.kind == POSTGRES:
            return await self._statement(text)
        raise Refused(f"nothing can be written down for {target.name}")

    async def _statement(self, text: str) -> Operation:
        from gateway.adapters.postgres.judging import operation_of

        reading = await self._parsers().read(text)
        if reading.error:
            raise Refused(f"this is no SQL: {reading.error}")
        statements = [facts for facts in reading.statements if facts.verb != "empty"]
        if len(statements) != 1:
            raise Refused(f"one statement at a time: this is {len(statements)}")
        (facts,) = statements
        if facts.verb in NAMED:
            raise Refused(f"{facts.verb} names what only a session knows: write down the statement itself")
        return operation_of(facts)


def _command(text: str) -> Operation:
    """As a shell's `"$(cat file)"` would hand it over: a file's last newline is none of it."""
    command = text.rstrip("\r\n")
    if not command.strip() or "\0" in command:
        raise Refused("this is no command")
    return Asked("exec", command).operation
