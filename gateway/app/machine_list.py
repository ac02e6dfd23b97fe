"""The machines of the configuration as staff see them: who answers for each, and what wants looking after."""

from collections.abc import Callable, Sequence
from typing import Protocol

from gateway.api.schema import MachineSummary
from gateway.app.settings_people import MachineTable
from gateway.core.people import Principal
from gateway.core.ports import Clock, LockRow, TokenRow
from gateway.identity.machine_review import SENTENCES, review
from gateway.identity.machine_secrets import machine_id

DISABLED = "it is disabled"
LOCKED = "it is locked"
NO_WAY_IN = "it has no secret and no issuer, so it can not sign in"


class Kept(Protocol):
    """The part of the ledger that this module needs."""

    async def tokens(self) -> Sequence[TokenRow]: ...
    async def locks(self) -> Sequence[LockRow]: ...


class MachineList:
    """Made anew for everybody who asks: `api.services.ApiServices.machines`."""

    def __init__(
        self,
        tables: Callable[[], Sequence[MachineTable]],
        kept: Kept,
        clock: Clock,
        person_named: Callable[[str], Principal | None],
    ) -> None:
        self._tables = tables
        self._kept = kept
        self._clock = clock
        self._person_named = person_named

    async def __call__(self) -> list[MachineSummary]:
        """All of them, in the order of the configuration. Raises `Fault`."""
        tokens = await self._kept.tokens()
        locked = {lock.person for lock in await self._kept.locks()}
        return [self._summary(table, tokens, machine_id(table.name) in locked) for table in self._tables()]

    def _summary(self, table: MachineTable, tokens: Sequence[TokenRow], locked: bool) -> MachineSummary:
        has_owner = self._person_named(table.owner) is not None
        found = review(table.name, tokens, has_owner=has_owner, now=self._clock.now())
        reports = {
            DISABLED: table.disabled,
            LOCKED: locked,
            NO_WAY_IN: not table.issuer and not found.secrets,
        }
        return MachineSummary(
            name=table.name,
            owner=table.owner,
            groups=sorted(table.groups),
            targets=sorted(table.targets),
            ttl=int(table.ttl.total_seconds()),
            issuer=table.issuer or "",
            used_at=found.used_at,
            warnings=[
                *(SENTENCES[report] for report in found.reports),
                *(sentence for sentence, holds in reports.items() if holds),
            ],
        )
