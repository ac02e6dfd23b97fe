"""The directory: who somebody is, and whether they still are. Over a real ledger."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway.core.errors import Fault, Refused
from gateway.core.events import (
    CertificateIssued,
    CertificateRevoked,
    PersonLocked,
    PersonUnlocked,
    TokenRevoked,
)
from gateway.core.people import Known, Principal
from gateway.core.ports import CertificateRow, LockRow
from gateway.identity.directory import Configured, Directory, Vouched
from gateway.identity.tokens import mint
from gateway.store.ledger import SqlLedger
from tests.store.fresh import fresh_ledger

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
CORP, OTHER = "https://id.example.com", "https://other.example.com"
CAROL = Principal("carol", "carol", frozenset({"sec"}), frozenset({"approver"}))
DAVE = Configured(Principal("dave@example.com", "dave@example.com"), link=(CORP, "dave-7"))
ROBOT = Configured(
    Principal("machine:bot", "machine:bot", frozenset({"sec"}), frozenset({"person"})), owner="carol"
)
GRETA = Vouched(CORP, "77", "greta@example.com", frozenset({"dev"}), b"sealed")


class HeldClock:
    """Time that stands where it is put."""

    at = NOON

    def now(self) -> datetime:
        return self.at

    def monotonic_us(self) -> int:
        return 0


def roles_of(groups: frozenset[str]) -> frozenset[str]:
    return frozenset({"auditor"} if "sec" in groups else ())


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[SqlLedger]:
    opened = await fresh_ledger(tmp_path / "ledger.db", patience=10)
    yield opened
    await opened.close()


@pytest.fixture
async def directory(ledger: SqlLedger) -> Directory:
    made = Directory(ledger, HeldClock())
    made.replace([Configured(CAROL), DAVE, ROBOT], roles_of)
    await made.refresh()
    return made


async def lock(ledger: SqlLedger, person: str) -> None:
    assert await ledger.lock_person(
        LockRow(person, NOON, "otto", "x"), PersonLocked(person=person, reason="x")
    )


async def kept(ledger: SqlLedger) -> list[str]:
    return [entry.name for entry in await ledger.entries()]


# Who it is.


async def test_somebody_is_their_issuer_and_subject_and_never_their_name(directory: Directory) -> None:
    here = await directory.welcome(GRETA)
    assert (here.id, here.name) == (f"{CORP}#77", "greta@example.com")
    assert here.roles == {"person"}
    for stranger in (replace(GRETA, issuer=OTHER), replace(GRETA, subject="78")):
        for name in (GRETA.name, GRETA.name.upper()):
            with pytest.raises(Refused, match="your name is somebody else's here"):
                await directory.welcome(replace(stranger, name=name))
    elsewhere = await directory.welcome(replace(GRETA, issuer=OTHER, name="another@example.com"))
    assert elsewhere.id == f"{OTHER}#77"
    renamed = await directory.welcome(replace(GRETA, name="greta.b@example.com"))
    assert (renamed.id, renamed.name) == (here.id, "greta.b@example.com")


async def test_nobody_becomes_somebody_of_the_configuration_by_their_name(
    directory: Directory, ledger: SqlLedger
) -> None:
    for name in ("carol", "CAROL", "dave@example.com", "machine:bot"):
        with pytest.raises(Refused, match="link the two"):
            await directory.welcome(replace(GRETA, name=name))
    assert await ledger.people() == []


async def test_whom_the_configuration_links_is_the_same_person(directory: Directory) -> None:
    dave = await directory.welcome(Vouched(CORP, "dave-7", "whatever@example.com", frozenset({"sec"})))
    assert dave == replace(DAVE.principal, roles=frozenset({"person"}))
    with pytest.raises(Refused):
        await directory.welcome(Vouched(OTHER, "dave-7", "dave@example.com", frozenset()))


async def test_whoever_loses_their_name_to_the_configuration_is_nobody(directory: Directory) -> None:
    here = await directory.welcome(GRETA)
    directory.replace([Configured(Principal("Greta@example.com", "Greta@example.com"))], roles_of)
    assert directory.find(here.id) is None
    assert directory.still(here) is None
    named = directory.named("greta@example.com")
    assert named is not None
    assert named.id == "Greta@example.com"


async def test_roles_come_from_groups_and_everybody_is_a_person(directory: Directory) -> None:
    carol = directory.find("carol")
    assert carol is not None
    assert carol.roles == {"person", "approver", "auditor"}
    here = await directory.welcome(replace(GRETA, groups=frozenset({"sec"})))
    assert here.roles == {"person", "auditor"}


async def test_only_news_is_an_event(directory: Directory, ledger: SqlLedger) -> None:
    await directory.welcome(GRETA)
    await directory.welcome(GRETA)
    assert await kept(ledger) == ["person.kept"]
    await directory.welcome(replace(GRETA, groups=frozenset()))
    assert await kept(ledger) == ["person.kept"] * 2


# Whether they still are.


async def test_a_change_of_groups_is_in_force_at_the_next_look(directory: Directory) -> None:
    here = await directory.welcome(replace(GRETA, groups=frozenset({"sec"})))
    await directory.welcome(replace(GRETA, groups=frozenset({"dev"})))
    now = directory.still(here)
    assert now is not None
    assert now.groups == {"dev"}
    assert now.roles == {"person"}


async def test_whoever_is_locked_is_nobody_until_they_are_let_in(
    directory: Directory, ledger: SqlLedger
) -> None:
    here, carol = await directory.welcome(GRETA), directory.find("carol")
    assert carol is not None
    for person in (here, carol):
        await lock(ledger, person.id)
        assert await directory.refresh()
        assert directory.find(person.id) is None
        assert directory.still(person) is None
        assert directory.named(person.name) is None
    with pytest.raises(Refused, match="locked out"):
        await directory.welcome(GRETA)
    await ledger.unlock_person(here.id, PersonUnlocked(person=here.id))
    assert await directory.refresh()
    assert await directory.welcome(GRETA) == here


async def test_whoever_is_vouched_for_no_more_is_nobody(directory: Directory) -> None:
    here = await directory.welcome(GRETA)
    (row,) = directory.rows()
    await directory.vouch_no_more(row)
    assert directory.find(here.id) is None
    assert directory.still(here) is None
    assert directory.rows()[0].sealed == b""
    assert await directory.welcome(GRETA) == here
    assert directory.still(here) == here


async def test_another_gateway_hears_that_somebody_is_vouched_for_no_more(
    directory: Directory, ledger: SqlLedger
) -> None:
    other = Directory(ledger, HeldClock())
    here = await directory.welcome(GRETA)
    await other.refresh()
    assert other.still(here) == here
    await directory.vouch_no_more(directory.rows()[0])
    assert await other.refresh()
    assert other.still(here) is None


async def test_who_is_linked_goes_with_what_they_are_linked_to(directory: Directory) -> None:
    dave = await directory.welcome(Vouched(CORP, "dave-7", "x", frozenset()))
    (row,) = directory.rows()
    assert directory.person_of(row) == dave.id
    await directory.vouch_no_more(row)
    assert directory.still(dave) is None


async def test_a_machine_goes_with_its_owner_and_has_no_roles_of_its_groups(
    directory: Directory, ledger: SqlLedger
) -> None:
    assert directory.find("machine:bot") == ROBOT.principal
    await lock(ledger, "carol")
    await directory.refresh()
    assert directory.find("machine:bot") is None
    directory.replace([ROBOT], roles_of)
    assert directory.find("machine:bot") is None


async def test_who_is_behind_an_identity(directory: Directory) -> None:
    """Whoever decides on what they asked for themselves does so by another identity of theirs."""
    greta = await directory.welcome(GRETA)
    await directory.welcome(Vouched(CORP, "dave-7", "dave@corp.example.com", frozenset({"dev"})))
    owned = Configured(Principal("machine:cron", "machine:cron"), owner="Greta@Example.com")
    directory.replace([Configured(CAROL), DAVE, ROBOT, owned], roles_of)
    assert directory.behind("carol") == "carol"
    assert directory.behind("machine:bot") == "carol"
    assert directory.behind("machine:cron") == directory.behind(greta.id) == greta.id
    assert directory.behind(f"{CORP}#dave-7") == directory.behind("dave@example.com") == "dave@example.com"
    assert directory.behind("nobody") == "nobody"


async def test_what_was_shown_opens_nothing_once_it_is_revoked(
    directory: Directory, ledger: SqlLedger
) -> None:
    minted = mint("carol", frozenset(), NOON, NOON + timedelta(hours=1), kind="login")
    await ledger.add_token(minted.row, minted.event)
    row = CertificateRow(7, "carol", "SHA256:x", NOON, NOON + timedelta(hours=1))
    await ledger.add_certificate(
        row, CertificateIssued(serial="7", person="carol", fingerprint="SHA256:x", expires_at="")
    )
    by_token = replace(CAROL, token=minted.row.id, token_kind="login")
    by_certificate = replace(CAROL, method="ssh-certificate 7")
    by_x509 = replace(CAROL, method="x509-certificate 7")
    await directory.refresh()
    assert directory.still(by_token)
    assert directory.still(by_certificate)
    assert directory.still(by_x509)
    await ledger.revoke_token(minted.row.id, TokenRevoked(token=minted.row.id))
    await ledger.revoke_certificate(7, CertificateRevoked(serial="7", person="carol"))
    await directory.refresh()
    assert directory.still(by_token) is None
    assert directory.still(by_certificate) is None
    assert directory.still(by_x509) is None
    assert directory.still(replace(CAROL, method="ssh-certificate 8"))


async def test_a_token_of_fewer_roles_never_gets_more(directory: Directory) -> None:
    less = replace(CAROL, roles=frozenset({"person"}), token="t-7QF2KM", token_kind="login")
    now = directory.still(less)
    assert now is not None
    assert now.roles == {"person"}


# What is remembered.


async def test_a_look_says_whether_anything_has_changed(directory: Directory, ledger: SqlLedger) -> None:
    assert not await directory.refresh()
    await lock(ledger, "carol")
    assert await directory.refresh()
    assert not await directory.refresh()


async def test_a_list_takes_no_news_from_who_waits_for_it(directory: Directory, ledger: SqlLedger) -> None:
    """Whoever ends sessions hears of every change, whoever has listed people meanwhile."""
    await lock(ledger, "carol")
    await directory.everybody()
    assert await directory.refresh()


async def test_everybody_is_there_locked_or_gone(directory: Directory, ledger: SqlLedger) -> None:
    here = await directory.welcome(GRETA)
    dave = await directory.welcome(Vouched(CORP, "dave-7", "x", frozenset()))
    await directory.vouch_no_more(next(row for row in directory.rows() if row.id == here.id))
    await lock(ledger, "carol")
    assert await directory.everybody() == [
        Known(replace(CAROL, roles=frozenset({"person", "approver", "auditor"}))),
        Known(dave, checked_at=NOON),
        Known(ROBOT.principal, owner="carol"),
        Known(here, CORP, NOON, gone=True),
    ]


async def test_what_can_not_be_asked_changes_nothing(
    directory: Directory, ledger: SqlLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken() -> list[LockRow]:
        raise Fault("the ledger's database does not answer")

    await lock(ledger, "carol")
    monkeypatch.setattr(ledger, "locks", broken)
    with pytest.raises(Fault):
        await directory.refresh()
    assert directory.find("dave@example.com")
    monkeypatch.undo()
    assert await directory.refresh()
    assert directory.find("carol") is None
