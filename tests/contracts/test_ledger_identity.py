"""The Ledger's contract: who is known and by what. Nobody takes another's name, and a lock leaves nothing open."""

import asyncio
import subprocess
import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.core.errors import Fault
from gateway.core.events import (
    CertificateRevoked,
    Event,
    PersonForgotten,
    TokenRevoked,
)
from gateway.core.ports import Ledger, LockRow, PasswordRow
from tests.contracts.conftest import NOON, Open, opened
from tests.contracts.identities import (
    BOB,
    ISSUER,
    a_certificate,
    a_lock,
    a_password,
    a_person,
    a_token,
    add_certificate,
    add_token,
    created,
    issued,
    keep,
    kept,
    lock,
    locked,
    names,
    unlocked,
    valid,
    was_set,
)
from tests.contracts.test_ledger_text import INJECTIONS, ODD

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


async def test_whoever_is_vouched_for_no_more_is_kept_so(ledger: Ledger) -> None:
    assert await keep(ledger, a_person())
    gone = replace(a_person(), gone=True, sealed=b"")
    assert await ledger.keep_person(gone, replace(kept(gone), gone=True))
    assert await ledger.people() == [gone]
    assert not await keep(ledger, a_person("2"))
    assert await keep(ledger, a_person())
    assert await ledger.person(gone.id) == a_person()


async def test_a_check_without_news_is_kept_without_an_event(ledger: Ledger) -> None:
    assert await keep(ledger, a_person())
    checked = replace(a_person(), checked_at=NOON + timedelta(minutes=15))
    before = await ledger.people_version()
    assert await ledger.keep_person(checked, None)
    assert await ledger.person(checked.id) == checked
    assert await names(ledger) == ["person.kept"]
    assert await ledger.people_version() == before


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


async def test_a_name_stays_with_whoever_had_it_until_they_are_forgotten(ledger: Ledger) -> None:
    """Rules know people by name: whoever is called otherwise now leaves no gap for the next one."""
    assert await keep(ledger, a_person("1", "alice"))
    assert await keep(ledger, a_person("1", "Alice"))
    assert await keep(ledger, a_person("1", "bob"))
    assert not await keep(ledger, a_person("2", "alice"))
    assert await keep(ledger, a_person("1", "alice")), "they may have it again"
    await add_token(ledger, a_token("t-AAAAAA", person=a_person("1").id))
    before = await ledger.people_version()
    assert await ledger.forget_person(a_person("1").id, PersonForgotten(person=a_person("1").id))
    assert await ledger.people_version() > before
    assert await valid(ledger) == set()
    assert await ledger.people() == []
    for name in ("alice", "bob"):
        assert await keep(ledger, a_person("2", name))
    again = PersonForgotten(person=a_person("1").id)
    assert not await ledger.forget_person(a_person("1").id, again)
    assert (await names(ledger)).count("person.forgotten") == 1


async def test_whoever_is_locked_and_forgotten_stays_locked(ledger: Ledger) -> None:
    alice = a_person("1", "alice")
    assert await keep(ledger, alice)
    assert await lock(ledger, alice.id)
    assert await ledger.forget_person(alice.id, PersonForgotten(person=alice.id))
    assert [each.person for each in await ledger.locks()] == [alice.id]


async def test_of_many_gateways_that_keep_one_name_one_does(open_ledger: Open) -> None:
    gateways = [await open_ledger("a"), await open_ledger("b")]
    people = [a_person(str(n), "alice" if n % 3 else "ALICE") for n in range(40)]
    outcomes = await asyncio.gather(*(keep(gateways[n % 2], row) for n, row in enumerate(people)))
    assert Counter(outcomes) == {True: 1, False: 39}
    assert await gateways[0].people() == [people[outcomes.index(True)]]
    assert await names(gateways[1]) == ["person.kept"]


KEEPER = """
import asyncio, sys
from datetime import UTC, datetime
from gateway.core.events import PersonKept
from gateway.core.ports import PersonRow
from gateway.store.ledger import SqlLedger

async def main(url, subject):
    ledger = await SqlLedger.open(url, patience=10)
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    now = datetime.now(UTC)
    row = PersonRow(subject, "issuer", subject, "alice", frozenset(), now, now)
    event = PersonKept(person="alice", issuer="issuer", subject=subject, groups=[])
    print(await ledger.keep_person(row, event), flush=True)
    await ledger.close()

asyncio.run(main(*sys.argv[1:]))
"""


async def test_of_two_processes_that_keep_one_name_one_does(url: str, ledger: Ledger) -> None:
    def start(subject: str) -> "subprocess.Popen[str]":
        command = [sys.executable, "-c", KEEPER, url, subject]
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def meet() -> list[str]:
        with start("one") as one, start("two") as two:
            both = one, two
            for each in both:
                assert each.stdout is not None
                assert each.stdout.readline() == "ready\n"
            for each in both:
                assert each.stdin is not None
                each.stdin.write("go\n")
                each.stdin.flush()
            return [each.communicate(timeout=60)[0] for each in both]

    assert sorted(await asyncio.to_thread(meet)) == ["False\n", "True\n"]
    assert [row.name for row in await ledger.people()] == ["alice"]


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
