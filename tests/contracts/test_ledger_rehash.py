"""The Ledger's contract: a password that is hashed anew stays the same password, and takes nobody's place."""

import asyncio
from collections import Counter

from gateway.core.events import PasswordSet
from gateway.core.ports import Ledger, PasswordRow
from tests.contracts.conftest import NOON, Open

ALICE = PasswordRow("alice@example.com", "$argon2id$old", NOON, b"\xff\x00totp", 7)
BOB = PasswordRow("bob@example.com", "$argon2id$old", NOON)


async def keep(ledger: Ledger, *rows: PasswordRow) -> None:
    for row in rows:
        await ledger.set_password(row, PasswordSet(person=row.person, totp=bool(row.totp)))


async def test_only_the_hash_changes_and_only_theirs(ledger: Ledger) -> None:
    await keep(ledger, ALICE, BOB)
    assert await ledger.rehash_password(ALICE.person, ALICE.phc, "$argon2id$new")
    assert await ledger.password(ALICE.person) == PasswordRow(
        ALICE.person, "$argon2id$new", NOON, ALICE.totp, 7
    )
    assert await ledger.password(BOB.person) == BOB
    assert [entry.name for entry in await ledger.entries()] == ["password.set"] * 2


async def test_another_password_that_was_set_meanwhile_stays(ledger: Ledger) -> None:
    await keep(ledger, ALICE)
    assert not await ledger.rehash_password(ALICE.person, "$argon2id$older", "$argon2id$new")
    assert not await ledger.rehash_password(BOB.person, ALICE.phc, "$argon2id$new")
    assert await ledger.password(ALICE.person) == ALICE
    assert await ledger.password(BOB.person) is None


async def test_of_many_gateways_one_hashes_anew(open_ledger: Open) -> None:
    gateways = [await open_ledger("a"), await open_ledger("b")]
    await keep(gateways[0], ALICE)
    outcomes = await asyncio.gather(
        *(gateways[n % 2].rehash_password(ALICE.person, ALICE.phc, f"$argon2id${n}") for n in range(10))
    )
    assert Counter(outcomes) == {True: 1, False: 9}
