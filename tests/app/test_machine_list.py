"""The machines as staff see them: what wants looking after is said."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from gateway.app.machine_list import DISABLED, LOCKED, NO_WAY_IN, MachineList
from gateway.app.settings_people import MachineTable
from gateway.core.people import Principal
from gateway.core.ports import LockRow, TokenRow
from gateway.identity.machine_review import NO_OWNER, SENTENCES, UNROTATED, UNUSED

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)


class Kept:
    """What the ledger holds."""

    def __init__(self, *tokens: TokenRow, locked: tuple[str, ...] = ()) -> None:
        self._tokens = tokens
        self._locks = [LockRow(person, NOON, "otto", "x") for person in locked]

    async def tokens(self) -> Sequence[TokenRow]:
        return self._tokens

    async def locks(self) -> Sequence[LockRow]:
        return self._locks


class HeldClock:
    """Noon."""

    def now(self) -> datetime:
        return NOON

    def monotonic_us(self) -> int:
        return 0


def secret(age: timedelta, used: timedelta | None = None) -> TokenRow:
    at = None if used is None else NOON - used
    return TokenRow(
        "m-7QF2KM", "a" * 64, "machine:bot", frozenset(), NOON - age, None, kind="secret", used_at=at
    )


def table(*, issuer: str | None = None, disabled: bool = False) -> MachineTable:
    given = {"name": "bot", "owner": "carol", "targets": ["web-1"], "issuer": issuer, "disabled": disabled}
    return MachineTable.model_validate(given)


def only_carol(name: str) -> Principal | None:
    return Principal("carol", "carol") if name == "carol" else None


async def warnings(machine: MachineTable, kept: Kept, known: bool = True) -> list[str]:
    people = only_carol if known else lambda name: None
    (summary,) = await MachineList(lambda: [machine], kept, HeldClock(), people)()
    return summary.warnings


async def test_one_in_order() -> None:
    (summary,) = await MachineList(lambda: [table()], Kept(secret(10 * DAY, DAY)), HeldClock(), only_carol)()
    assert (summary.name, summary.owner, summary.targets, summary.ttl) == ("bot", "carol", ["web-1"], 900)
    assert summary.used_at == NOON - DAY
    assert summary.warnings == []
    job = TokenRow("t-1", "a" * 64, "machine:bot", frozenset(), NOON - DAY, NOON, kind="machine")
    assert await warnings(table(issuer="https://ci.example.com"), Kept(job)) == []


async def test_what_wants_looking_after() -> None:
    fresh = Kept(secret(10 * DAY, DAY))
    assert await warnings(table(), Kept(secret(200 * DAY, 100 * DAY))) == [
        SENTENCES[UNUSED],
        SENTENCES[UNROTATED],
    ]
    assert await warnings(table(), fresh, known=False) == [SENTENCES[NO_OWNER]]
    assert await warnings(table(disabled=True), fresh) == [DISABLED]
    assert await warnings(table(), Kept(secret(DAY), locked=("machine:bot", "carol"))) == [LOCKED]
    assert await warnings(table(), Kept()) == [SENTENCES[UNUSED], NO_WAY_IN]
