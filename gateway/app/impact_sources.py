"""Who finds out what a held operation would do, for each kind of target, and how a request is read again for that.

It decides nothing: it wires. Sources are made when the first question comes.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from gateway.app.databases import POSTGRES, Databases
from gateway.core.errors import Refused
from gateway.core.impact import Impact, ImpactQuestion, ImpactSource
from gateway.core.operation import Operation
from gateway.core.ports import Approval

if TYPE_CHECKING:
    from gateway.session.database.parser import Parsers


def impact_sources(databases: Callable[[], Databases]) -> Mapping[str, ImpactSource]:
    """By the kind of target."""
    return {POSTGRES: _OfDatabases(databases)}


class _OfDatabases:
    """Loaded when somebody wants it."""

    def __init__(self, databases: Callable[[], Databases]) -> None:
        self._databases = databases

    def can(self, question: ImpactQuestion) -> str | None:
        return self._databases().impact.can(question)

    async def measure(self, question: ImpactQuestion, *, dry_run: bool) -> Impact:
        return await self._databases().impact.measure(question, dry_run=dry_run)


class Remade:
    """`gateway.session.impacts.Remake`: a request's operation from what the ledger has of it."""

    def __init__(self, parsers: "Callable[[], Parsers]") -> None:
        self._parsers = parsers

    async def __call__(self, kind: str, approval: Approval) -> Operation:
        from gateway.app.past_operations import PastOperations, over_ssh

        if kind != POSTGRES:
            past = over_ssh(approval.verb, approval.text)
            return _known(past.operation, past.why_not)
        from gateway.adapters.postgres.impact.recorded import recorded

        kept = recorded(approval)
        past = await PastOperations(self._parsers()).made(kind, approval.verb, kept.text)
        operation = _known(past.operation, past.why_not)
        return replace(operation, details={**operation.details, "values": kept.values})


def _known(operation: Operation | None, why_not: str) -> Operation:
    if operation is None:
        raise Refused(f"what it is can not be read again: {why_not}")
    return operation
