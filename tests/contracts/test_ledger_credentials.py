"""The Ledger's contract: tokens of every kind, certificates and passwords, and what ends with them."""

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import text

from gateway.core.errors import Fault
from gateway.core.events import (
    CertificateRevoked,
    TokenRenewed,
    TokenRevoked,
)
from gateway.core.ports import Ledger, TokenRow
from gateway.store.database import database
from gateway.store.ledger import SqlLedger
from gateway.store.migrating import upgrade
from tests.contracts.conftest import NOON, Open, Watch
from tests.contracts.identities import (
    BOB,
    MOST_SERIAL,
    a_certificate,
    a_password,
    a_person,
    a_token,
    add_certificate,
    add_token,
    kept,
    lock,
    names,
    valid,
    was_set,
)


async def test_a_token_keeps_what_it_is_for(ledger: Ledger) -> None:
    row = replace(
        a_token(), kind="database", target="appdb", label="psql", parent="t-PARENT", created_by="otto"
    )
    await add_token(ledger, row)
    assert await ledger.token(row.id) == row
    used = NOON + timedelta(minutes=3)
    await ledger.token_used(row.id, used)
    await ledger.token_used("t-NOBODY", used)
    assert await ledger.tokens() == [replace(row, used_at=used)]
    assert await names(ledger) == ["token.created"]


async def test_revoking_takes_along_what_was_made_with_it(ledger: Ledger) -> None:
    tree = {
        "t-ROOT": "",
        "t-CHILD1": "t-ROOT",
        "t-CHILD2": "t-ROOT",
        "t-GRAND": "t-CHILD1",
        "t-OTHER": "",
        "t-ITSELF": "t-ITSELF",
    }
    for serial, (id, parent) in enumerate(tree.items()):
        await add_token(ledger, a_token(id, parent=parent))
        await add_certificate(ledger, a_certificate(serial, token=id))
    await add_certificate(ledger, a_certificate(99))
    revoked = TokenRevoked(actor="otto", token="t-CHILD1")
    assert await ledger.revoke_token("t-CHILD1", revoked)
    assert await valid(ledger) == {"t-ROOT", "t-CHILD2", "t-OTHER", "t-ITSELF", 0, 2, 4, 5, 99}
    assert await ledger.revoke_token("t-ROOT", replace(revoked, token="t-ROOT"))
    assert await ledger.revoke_token("t-ITSELF", replace(revoked, token="t-ITSELF"))
    assert await valid(ledger) == {"t-OTHER", 4, 99}
    assert not await ledger.revoke_token("t-GRAND", revoked)
    assert (await names(ledger)).count("token.revoked") == 3


async def test_what_is_made_with_a_token_that_is_over_is_over(ledger: Ledger) -> None:
    await add_token(ledger, a_token())
    assert await ledger.revoke_token("t-7QF2KM", TokenRevoked(token="t-7QF2KM"))
    await add_token(ledger, a_token("t-CHILD0", parent="t-7QF2KM"))
    await add_certificate(ledger, a_certificate(7, token="t-7QF2KM"))
    assert await valid(ledger) == set()


async def test_revoking_races_with_what_is_made(open_ledger: Open) -> None:
    gateways = [await open_ledger("a"), await open_ledger("b")]
    for n in range(6):
        root = f"t-ROOT{n}"
        await add_token(gateways[0], a_token(root))
        revoked = gateways[n % 2].revoke_token(root, TokenRevoked(token=root))
        made = [add_token(gateways[m % 2], a_token(f"t-{n}-{m}", parent=root)) for m in range(4)]
        signed = [add_certificate(gateways[m % 2], a_certificate(10 * n + m, token=root)) for m in range(4)]
        await asyncio.gather(*made[:2], *signed[:2], revoked, *made[2:], *signed[2:])
        assert await valid(gateways[0]) == set()


async def test_a_renewed_token_has_another_secret_and_all_that_was_made_with_it(ledger: Ledger) -> None:
    await add_token(ledger, a_token())
    await add_token(ledger, a_token("t-CHILD0", parent="t-7QF2KM"))
    later, before = NOON + timedelta(days=2), await ledger.people_version()
    event = TokenRenewed(actor=BOB, token="t-7QF2KM", expires_at=later.isoformat())
    assert await ledger.renew_token("t-7QF2KM", "a" * 64, "b" * 64, later, event)
    assert await ledger.token("t-7QF2KM") == replace(a_token(), digest="b" * 64, expires_at=later)
    assert await valid(ledger) == {"t-7QF2KM", "t-CHILD0"}
    assert await ledger.people_version() > before
    assert not await ledger.renew_token("t-7QF2KM", "a" * 64, "c" * 64, later, event)
    assert not await ledger.renew_token("t-NOBODY", "a" * 64, "c" * 64, later, event)
    with pytest.raises(ValueError, match="digest"):
        await ledger.renew_token("t-7QF2KM", "b" * 64, "hoop_t-7QF2KM_secret", later, event)
    assert await ledger.revoke_token("t-7QF2KM", TokenRevoked(token="t-7QF2KM"))
    assert not await ledger.renew_token("t-7QF2KM", "b" * 64, "c" * 64, later, event)
    assert (await names(ledger)).count("token.renewed") == 1


async def test_of_many_who_renew_one_token_one_does(open_ledger: Open) -> None:
    gateways = [await open_ledger("a"), await open_ledger("b")]
    await add_token(gateways[0], a_token())
    event = TokenRenewed(token="t-7QF2KM", expires_at="")
    digests = [f"{n:064x}" for n in range(20)]
    outcomes = await asyncio.gather(
        *(
            gateways[n % 2].renew_token("t-7QF2KM", "a" * 64, digest, NOON, event)
            for n, digest in enumerate(digests)
        )
    )
    assert Counter(outcomes) == {True: 1, False: 19}
    kept_row = await gateways[0].token("t-7QF2KM")
    assert kept_row is not None
    assert kept_row.digest == digests[outcomes.index(True)]


async def test_what_was_ended_early_is_told_for_as_long_as_it_would_have_lasted(ledger: Ledger) -> None:
    """A token that was renewed may be older than what is told of: its end counts."""
    long_ago = NOON - timedelta(days=300)
    rows = [
        replace(a_token("t-RENEW0"), created_at=long_ago),
        replace(a_token("t-FOREV0"), created_at=long_ago, expires_at=None),
        replace(a_token("t-OVER00"), created_at=long_ago, expires_at=NOON - timedelta(days=40)),
        a_token("t-GOOD00"),
    ]
    for row in rows:
        await add_token(ledger, row)
    over = replace(a_certificate(1), expires_at=NOON - timedelta(days=40))
    for signed in (over, a_certificate(2), a_certificate(3)):
        await add_certificate(ledger, signed)
    since = NOON - timedelta(days=31)
    assert await ledger.revoked(since) == (frozenset(), frozenset())
    for row in rows[:3]:
        assert await ledger.revoke_token(row.id, TokenRevoked(token=row.id))
    for serial in (1, 2):
        assert await ledger.revoke_certificate(serial, CertificateRevoked(serial=str(serial), person=BOB))
    assert await ledger.revoked(since) == ({"t-RENEW0", "t-FOREV0"}, {2})
    assert await lock(ledger)
    assert await ledger.revoked(since) == ({"t-RENEW0", "t-FOREV0", "t-GOOD00"}, {2, 3})


# Certificates.


async def test_certificates_are_kept_listed_and_revoked_once(ledger: Ledger) -> None:
    rows = [replace(a_certificate(n), issued_at=NOON + timedelta(hours=n)) for n in range(3)]
    rows.append(a_certificate(MOST_SERIAL, "carol"))
    for row in rows:
        await add_certificate(ledger, row)
    assert [await ledger.certificate(row.serial) for row in rows] == rows
    assert await ledger.certificate(12) is None
    assert [row.serial for row in await ledger.certificates()] == [2, 1, 0, MOST_SERIAL]
    assert await ledger.certificates("carol") == [rows[-1]]
    assert await ledger.certificates("nobody") == []
    revoked = CertificateRevoked(actor="otto", serial=str(MOST_SERIAL), person="carol")
    outcomes = await asyncio.gather(*(ledger.revoke_certificate(MOST_SERIAL, revoked) for _ in range(5)))
    assert outcomes == [True] + [False] * 4
    assert await ledger.certificate(MOST_SERIAL) == replace(rows[-1], revoked=True)
    assert not await ledger.revoke_certificate(12, revoked)
    assert await names(ledger) == ["certificate.issued"] * 4 + ["certificate.revoked"]


async def test_a_serial_is_not_used_twice(ledger: Ledger) -> None:
    await add_certificate(ledger, a_certificate())
    with pytest.raises(Fault, match="already holds"):
        await add_certificate(ledger, replace(a_certificate(), person="mallory"))
    assert await ledger.certificates() == [a_certificate()]


@pytest.mark.parametrize("serial", [MOST_SERIAL + 1, 2**64, -1, -(2**63) - 1])
async def test_a_serial_that_no_column_holds_is_nobodys(ledger: Ledger, serial: int) -> None:
    with pytest.raises(ValueError, match="63 bits"):
        await add_certificate(ledger, a_certificate(serial))
    assert await ledger.certificate(serial) is None
    assert not await ledger.revoke_certificate(serial, CertificateRevoked(serial=str(serial), person=BOB))
    assert await names(ledger) == []


# Passwords.


async def test_a_password_is_kept_and_replaced(ledger: Ledger) -> None:
    assert await ledger.password(BOB) is None
    await ledger.set_password(a_password(), was_set(a_password()))
    assert await ledger.password(BOB) == a_password()
    other = replace(a_password(), phc="$argon2id$other", totp=b"", changed_at=NOON + timedelta(days=1))
    await ledger.set_password(other, was_set(other))
    assert await ledger.password(BOB) == other
    assert await ledger.password(BOB.upper()) is None
    assert [entry.body["totp"] for entry in await ledger.entries()] == [True, False]


async def test_a_code_counts_once(ledger: Ledger) -> None:
    assert not await ledger.use_totp_step(BOB, 1)
    await ledger.set_password(a_password(last_step=100), was_set(a_password()))
    attempts = [99, 100, 101, 101, 100, 2**40, 2**40 - 1]
    assert [await ledger.use_totp_step(BOB, step) for step in attempts] == [
        False,
        False,
        True,
        False,
        False,
        True,
        False,
    ]
    row = await ledger.password(BOB)
    assert row is not None
    assert row.last_step == 2**40


async def test_a_hash_is_replaced_only_where_it_is_still_the_same(ledger: Ledger) -> None:
    assert not await ledger.rehash_password(BOB, "old", "new")
    await ledger.set_password(a_password(last_step=7), was_set(a_password()))
    phc, before = a_password().phc, await ledger.people_version()
    assert not await ledger.rehash_password(BOB, "another", "new")
    assert await ledger.rehash_password(BOB, phc, "new")
    assert not await ledger.rehash_password(BOB, phc, "newer")
    assert await ledger.password(BOB) == replace(a_password(last_step=7), phc="new")
    assert await ledger.people_version() == before
    assert await names(ledger) == ["password.set"]


async def test_of_many_who_show_one_code_one_is_let_in(open_ledger: Open) -> None:
    gateways = [await open_ledger("a"), await open_ledger("b")]
    await gateways[0].set_password(a_password(), was_set(a_password()))
    outcomes = await asyncio.gather(*(gateways[n % 2].use_totp_step(BOB, 57_000_000) for n in range(50)))
    assert Counter(outcomes) == {True: 1, False: 49}


# Databases from before.


async def test_tokens_of_an_older_schema_are_operators(empty_url: str, watch: Watch) -> None:
    older = database(empty_url, None, 10)
    async with older.writing.begin() as connection:
        await connection.run_sync(lambda c: upgrade(c, "0002"))
        at = "'2026-06-01 12:00:00.250000'"
        if connection.dialect.name == "postgresql":
            at = f"CAST({at} AS timestamp) AT TIME ZONE 'UTC'"
        columns = "id, digest, person, roles, created_at, expires_at, revoked"
        for id, revoked in (("t-OLD001", "false"), ("t-OLD002", "true")):
            values = f"'{id}', '{'a' * 64}', '{BOB}', '[\"auditor\"]', {at}, NULL, {revoked}"
            await connection.execute(text(f"INSERT INTO tokens ({columns}) VALUES ({values})"))
        await connection.execute(text("UPDATE head SET seq = 41"))
    await older.close()
    ledger = await SqlLedger.open(empty_url, now=watch.now, patience=10)
    old = TokenRow("t-OLD001", "a" * 64, BOB, frozenset({"auditor"}), NOON, None, kind="api")
    assert await ledger.tokens() == [old, replace(old, id="t-OLD002", revoked=True)]
    assert await ledger.people_version() == 0
    assert await ledger.append(kept(a_person())) == 42
    assert await lock(ledger)
    assert await valid(ledger) == set()
    assert (await ledger.people_version(), await ledger.people()) == (1, [])
    await ledger.close()
