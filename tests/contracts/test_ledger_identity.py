"""The Ledger's contract: who is known and by what. Nobody takes another's name, and a lock leaves nothing open."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from gateway.core.errors import Fault
from gateway.core.events import (
    CertificateIssued,
    CertificateRevoked,
    Event,
    PasswordSet,
    PersonKept,
    PersonLocked,
    PersonUnlocked,
    TokenCreated,
    TokenRevoked,
)
from gateway.core.ports import CertificateRow, Ledger, LockRow, PasswordRow, PersonRow, TokenRow
from gateway.store.database import database
from gateway.store.ledger import SqlLedger
from gateway.store.migrating import upgrade
from tests.contracts.conftest import NOON, Open, Watch, opened
from tests.contracts.test_ledger_text import INJECTIONS, ODD

ISSUER = "https://id.example.com"
MOST_SERIAL = 2**63 - 1
BOB = "bob@example.com"


def a_person(subject: str = "1", name: str = "alice@example.com") -> PersonRow:
    id = f"{ISSUER}#{subject}"
    return PersonRow(id, ISSUER, subject, name, frozenset({"dev", "sre"}), NOON, NOON, b"\x00sealed\xff")


def kept(row: PersonRow) -> PersonKept:
    return PersonKept(
        actor=row.id, person=row.name, issuer=row.issuer, subject=row.subject, groups=sorted(row.groups)
    )


def a_token(id: str = "t-7QF2KM", person: str = BOB, parent: str = "") -> TokenRow:
    expires = NOON + timedelta(hours=12)
    roles = frozenset({"person", "auditor"})
    return TokenRow(id, "a" * 64, person, roles, NOON, expires, kind="login", parent=parent)


def created(row: TokenRow) -> TokenCreated:
    return TokenCreated(actor=row.person, token=row.id, person=row.person, roles=sorted(row.roles))


def a_certificate(serial: int = 1, person: str = BOB, token: str = "") -> CertificateRow:
    expires = NOON + timedelta(hours=12)
    return CertificateRow(serial, person, f"SHA256:{serial}", NOON, expires, "192.0.2.7", token)


def issued(row: CertificateRow) -> CertificateIssued:
    return CertificateIssued(
        serial=str(row.serial),
        person=row.person,
        fingerprint=row.fingerprint,
        expires_at=row.expires_at.isoformat(),
    )


def a_lock(person: str = BOB) -> LockRow:
    return LockRow(person, NOON, "otto@example.com", "a lost laptop")


def locked(lock: LockRow) -> PersonLocked:
    return PersonLocked(actor=lock.by, person=lock.person, reason=lock.reason)


def unlocked(person: str = BOB) -> PersonUnlocked:
    return PersonUnlocked(actor="adam@example.com", person=person)


def a_password(person: str = BOB, last_step: int = 0) -> PasswordRow:
    return PasswordRow(person, "$argon2id$v=19$x", NOON, b"\xff\x00totp", last_step)


def was_set(row: PasswordRow) -> PasswordSet:
    return PasswordSet(actor="root", person=row.person, totp=bool(row.totp))


async def add_token(ledger: Ledger, row: TokenRow) -> None:
    await ledger.add_token(row, created(row))


async def add_certificate(ledger: Ledger, row: CertificateRow) -> None:
    await ledger.add_certificate(row, issued(row))


async def keep(ledger: Ledger, row: PersonRow) -> bool:
    return await ledger.keep_person(row, kept(row))


async def lock(ledger: Ledger, person: str = BOB) -> bool:
    return await ledger.lock_person(a_lock(person), locked(a_lock(person)))


async def valid(ledger: Ledger) -> set[str | int]:
    """The tokens and certificates that are not revoked."""
    tokens = {token.id for token in await ledger.tokens() if not token.revoked}
    return tokens | {row.serial for row in await ledger.certificates() if not row.revoked}


async def names(ledger: Ledger) -> list[str]:
    return [entry.name for entry in await ledger.entries(limit=1000)]


# People of providers.


async def test_a_person_comes_back_as_they_were(ledger: Ledger) -> None:
    alice = a_person()
    assert await ledger.person(alice.id) is None
    assert await ledger.people() == []
    assert await keep(ledger, alice)
    assert await ledger.person(alice.id) == alice
    later = NOON + timedelta(hours=1)
    changed = replace(
        alice, name="alice.b@example.com", groups=frozenset({"ops"}), checked_at=later, sealed=b""
    )
    assert await keep(ledger, replace(changed, created_at=later))
    assert await ledger.person(alice.id) == changed
    assert await ledger.people() == [changed]
    (first, second) = await ledger.entries()
    assert (first.name, first.actor, first.body["person"]) == ("person.kept", alice.id, "alice@example.com")
    assert second.body["groups"] == ["ops"]


async def test_a_check_without_news_is_kept_without_an_event(ledger: Ledger) -> None:
    assert await keep(ledger, a_person())
    checked = replace(a_person(), checked_at=NOON + timedelta(minutes=15))
    assert await ledger.keep_person(checked, None)
    assert await ledger.person(checked.id) == checked
    assert await names(ledger) == ["person.kept"]


@pytest.mark.parametrize(
    ("theirs", "mine"),
    [
        ("alice@example.com", "alice@example.com"),
        ("alice@example.com", "Alice@Example.COM"),
        ("straße", "STRASSE"),
        ("ΣΊΣΥΦΟΣ", "σίσυφος"),
    ],
)
async def test_nobody_takes_anothers_name(ledger: Ledger, theirs: str, mine: str) -> None:
    assert await keep(ledger, a_person("1", theirs))
    before = await ledger.people_version()
    assert not await keep(ledger, a_person("2", mine))
    assert await ledger.people() == [a_person("1", theirs)]
    assert await keep(ledger, a_person("3", "carol"))
    assert not await keep(ledger, a_person("3", mine))
    assert await ledger.person(f"{ISSUER}#3") == a_person("3", "carol")
    assert await names(ledger) == ["person.kept"] * 2
    assert await ledger.people_version() == before + 1


async def test_a_name_is_free_once_its_person_has_another(ledger: Ledger) -> None:
    assert await keep(ledger, a_person("1", "alice"))
    assert await keep(ledger, a_person("1", "Alice"))
    assert await keep(ledger, a_person("1", "alice.b"))
    assert await keep(ledger, a_person("2", "alice"))
    assert [row.name for row in await ledger.people()] == ["alice", "alice.b"]


async def test_of_many_gateways_that_keep_one_name_one_does(open_ledger: Open) -> None:
    gateways = [await open_ledger("a"), await open_ledger("b")]
    people = [a_person(str(n), "alice" if n % 3 else "ALICE") for n in range(40)]
    outcomes = await asyncio.gather(*(keep(gateways[n % 2], row) for n, row in enumerate(people)))
    assert Counter(outcomes) == {True: 1, False: 39}
    assert await gateways[0].people() == [people[outcomes.index(True)]]
    assert await names(gateways[1]) == ["person.kept"]


async def test_one_person_kept_by_two_gateways_at_once_is_one(open_ledger: Open) -> None:
    gateways = [await open_ledger("a"), await open_ledger("b")]
    outcomes = await asyncio.gather(*(keep(gateways[n % 2], a_person()) for n in range(20)))
    assert set(outcomes) == {True}
    assert await gateways[0].people() == [a_person()]


# Locks.


async def test_a_lock_ends_what_they_hold_and_nothing_of_others(ledger: Ledger) -> None:
    for person in (BOB, "carol"):
        await add_token(ledger, a_token(f"t-{person}", person))
        await add_certificate(ledger, a_certificate(len(person), person))
    assert await lock(ledger)
    assert await valid(ledger) == {"t-carol", len("carol")}
    assert await ledger.locks() == [a_lock()]
    assert (await names(ledger))[-1] == "person.locked"


async def test_locking_and_unlocking_happen_once(ledger: Ledger) -> None:
    assert not await ledger.unlock_person(BOB, unlocked())
    assert await lock(ledger)
    second = replace(a_lock(), by="eve", reason="another")
    assert not await ledger.lock_person(second, locked(second))
    assert await ledger.locks() == [a_lock()]
    assert await ledger.unlock_person(BOB, unlocked())
    assert not await ledger.unlock_person(BOB, unlocked())
    assert await ledger.locks() == []
    assert await names(ledger) == ["person.locked", "person.unlocked"]


async def test_unlocking_gives_nothing_back(ledger: Ledger) -> None:
    await add_token(ledger, a_token())
    await add_certificate(ledger, a_certificate())
    assert await lock(ledger)
    assert await ledger.unlock_person(BOB, unlocked())
    assert await valid(ledger) == set()
    await add_token(ledger, a_token("t-AFTER0"))
    assert await valid(ledger) == {"t-AFTER0"}


async def test_what_is_made_for_somebody_locked_is_over_already(ledger: Ledger) -> None:
    assert await lock(ledger)
    await add_token(ledger, a_token())
    await add_certificate(ledger, a_certificate())
    assert await ledger.token("t-7QF2KM") == replace(a_token(), revoked=True)
    assert await ledger.certificate(1) == replace(a_certificate(), revoked=True)
    assert await ledger.certificates(BOB) == [replace(a_certificate(), revoked=True)]


async def test_a_lock_races_with_tokens_and_certificates(open_ledger: Open) -> None:
    """Whatever comes first: once both are done, nothing of somebody locked is valid."""
    gateways = [await open_ledger("a"), await open_ledger("b")]
    for n in range(6):
        person = f"person {n}"
        made = [add_token(gateways[m % 2], a_token(f"t-{n}-{m}", person)) for m in range(4)]
        signed = [add_certificate(gateways[m % 2], a_certificate(10 * n + m, person)) for m in range(4)]
        middle = len(made) // 2
        await asyncio.gather(*made[:middle], *signed[:middle], lock(gateways[n % 2], person), *made[middle:])
        await asyncio.gather(*signed[middle:])
        assert await valid(gateways[0]) == set()
    assert len(await gateways[0].tokens()) == len(await gateways[1].certificates()) == 24


async def test_of_many_who_lock_one_person_one_does(open_ledger: Open) -> None:
    gateways = [await open_ledger("a"), await open_ledger("b")]
    locks = [replace(a_lock(), by=f"staff {n}") for n in range(20)]
    outcomes = await asyncio.gather(
        *(gateways[n % 2].lock_person(each, locked(each)) for n, each in enumerate(locks))
    )
    assert Counter(outcomes) == {True: 1, False: 19}
    assert await gateways[0].locks() == [locks[outcomes.index(True)]]
    assert [entry.actor for entry in await gateways[1].entries()] == [locks[outcomes.index(True)].by]


# Tokens and what was made with them.


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


async def test_of_many_who_show_one_code_one_is_let_in(open_ledger: Open) -> None:
    gateways = [await open_ledger("a"), await open_ledger("b")]
    await gateways[0].set_password(a_password(), was_set(a_password()))
    outcomes = await asyncio.gather(*(gateways[n % 2].use_totp_step(BOB, 57_000_000) for n in range(50)))
    assert Counter(outcomes) == {True: 1, False: 49}


# The number that says: look again.


async def changes(ledger: Ledger) -> list[tuple[str, Callable[[], Awaitable[object]]]]:
    """Everything that says who may come in, in an order in which each has something to do."""
    token, row, password = a_token(), a_certificate(), a_password()
    revoked = TokenRevoked(token=token.id)
    return [
        ("add_token", lambda: ledger.add_token(token, created(token))),
        ("add_certificate", lambda: ledger.add_certificate(row, issued(row))),
        (
            "revoke_certificate",
            lambda: ledger.revoke_certificate(1, CertificateRevoked(serial="1", person=BOB)),
        ),
        ("revoke_token", lambda: ledger.revoke_token(token.id, revoked)),
        ("keep_person", lambda: ledger.keep_person(a_person(), kept(a_person()))),
        ("lock_person", lambda: ledger.lock_person(a_lock(), locked(a_lock()))),
        ("unlock_person", lambda: ledger.unlock_person(BOB, unlocked())),
        ("set_password", lambda: ledger.set_password(password, was_set(password))),
    ]


async def test_every_change_is_counted_and_every_gateway_sees_it(open_ledger: Open) -> None:
    ledger, other = await open_ledger("a"), await open_ledger("b")
    seen = [await other.people_version()]
    for name, change in await changes(ledger):
        assert await change() is not False, name
        seen.append(await other.people_version())
        assert seen[-1] > seen[-2], name
    assert await ledger.people_version() == seen[-1]


async def test_what_changes_nothing_is_not_counted(ledger: Ledger) -> None:
    assert await keep(ledger, a_person())
    await ledger.set_password(a_password(), was_set(a_password()))
    await add_token(ledger, a_token())
    before = await ledger.people_version()
    assert not await keep(ledger, a_person("2"))
    assert not await ledger.unlock_person(BOB, unlocked())
    assert not await ledger.revoke_token("t-NOBODY", TokenRevoked(token="t-NOBODY"))
    assert not await ledger.revoke_certificate(1, CertificateRevoked(serial="1", person=BOB))
    await ledger.token_used("t-7QF2KM", NOON)
    assert await ledger.use_totp_step(BOB, 5)
    await ledger.append(kept(a_person()))
    assert await ledger.people_version() == before


async def test_a_change_and_its_event_are_kept_together_or_not_at_all(ledger: Ledger) -> None:
    """An event that the ledger refuses, because it opens a session that is there already, undoes the rest."""
    await ledger.append(opened("s-1"))
    await add_token(ledger, a_token())
    await add_certificate(ledger, a_certificate())
    before = await ledger.people_version(), await names(ledger)
    twice: Event = opened("s-1")
    carol = a_token("t-CAROL0", "carol")
    attempts: list[Awaitable[object]] = [
        ledger.keep_person(a_person(), twice),
        ledger.add_token(carol, twice),
        ledger.add_certificate(a_certificate(2), twice),
        ledger.lock_person(a_lock(), twice),
        ledger.revoke_token("t-7QF2KM", twice),
        ledger.revoke_certificate(1, twice),
        ledger.set_password(a_password(), twice),
    ]
    for attempt in attempts:
        with pytest.raises(Fault, match="already holds"):
            await attempt
    assert (await ledger.people_version(), await names(ledger)) == before
    assert await valid(ledger) == {"t-7QF2KM", 1}
    assert (await ledger.people(), await ledger.locks(), await ledger.password(BOB)) == ([], [], None)
    assert await lock(ledger)
    with pytest.raises(Fault, match="already holds"):
        await ledger.unlock_person(BOB, twice)
    assert await ledger.locks() == [a_lock()]


async def test_a_time_without_a_zone_is_refused(ledger: Ledger) -> None:
    naive = datetime(2026, 6, 1, 12)  # noqa: DTZ001 - that is the point
    with pytest.raises(Fault):
        await keep(ledger, replace(a_person(), checked_at=naive))
    with pytest.raises(Fault):
        await ledger.lock_person(replace(a_lock(), at=naive), locked(a_lock()))
    with pytest.raises(Fault):
        await add_certificate(ledger, replace(a_certificate(), expires_at=naive))
    with pytest.raises(Fault):
        await ledger.token_used("t-7QF2KM", naive)
    assert await names(ledger) == []


# Odd texts, and databases from before.


@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(texts=st.tuples(ODD, ODD, ODD), number=st.integers(0, 2**62), sealed=st.binary(max_size=40))
async def test_odd_text_of_people(
    ledger: Ledger, texts: tuple[str, str, str], number: int, sealed: bytes
) -> None:
    serial = len(await ledger.entries(limit=10_000))
    mark = f"{number}-{serial}"
    subject, name, word = (f"{text}{mark}" for text in texts)
    row = replace(a_person(subject, name), groups=frozenset(texts), sealed=sealed)
    assert await keep(ledger, row)
    assert await ledger.person(row.id) == row
    assert row in await ledger.people()
    assert not await keep(ledger, a_person(subject + "!", name))
    lock = LockRow(name, NOON, word, word)
    token = replace(a_token(f"t-{mark}", name), label=word, target=word, created_by=word)
    signed = replace(a_certificate(serial, name), fingerprint=word, address=word)
    password = PasswordRow(name, word, NOON, sealed, number)
    await add_token(ledger, token)
    await add_certificate(ledger, signed)
    await ledger.set_password(password, was_set(password))
    assert await ledger.token(token.id) == token
    assert await ledger.certificates(name) == [signed]
    assert await ledger.password(name) == password
    assert await ledger.lock_person(lock, locked(lock))
    assert lock in await ledger.locks()
    assert await ledger.certificates(name) == [replace(signed, revoked=True)]
    assert await ledger.unlock_person(name, unlocked(name))
    assert not await ledger.revoke_certificate(serial, unlocked())


@pytest.mark.parametrize("evil", INJECTIONS)
async def test_names_are_never_sql(ledger: Ledger, evil: str) -> None:
    await add_token(ledger, a_token())
    await add_certificate(ledger, a_certificate())
    row = a_person(evil, evil)
    assert await keep(ledger, row)
    assert await ledger.person(evil) is None
    assert await ledger.certificates(evil) == []
    assert await ledger.password(evil) is None
    assert not await ledger.use_totp_step(evil, 1)
    await ledger.token_used(evil, NOON)
    assert not await ledger.revoke_token(evil, TokenRevoked(token=evil))
    assert await lock(ledger, evil)
    assert await ledger.unlock_person(evil, unlocked(evil))
    assert await valid(ledger) == {"t-7QF2KM", 1}
    assert await ledger.people() == [row]


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
