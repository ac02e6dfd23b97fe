"""Local people: name, password and code together, one sentence for all that is wrong, and every one of them noted."""

import asyncio
import logging
import statistics
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from gateway.core.errors import Fault, Refused
from gateway.core.events import PasswordSet, PersonLocked
from gateway.core.people import Peer
from gateway.core.ports import LockRow, PasswordRow
from gateway.identity import totp
from gateway.identity.local import CODES, WRONG, LocalPeople, LocalPerson, about_codes
from gateway.identity.passwords import COST, Cost, Hashing, cost_of, hashed
from gateway.identity.sealing import Sealer
from gateway.store.ledger import SqlLedger
from tests.identity.register import NOW, MovedClock
from tests.store.fresh import fresh_ledger

QUICK = Cost(memory=64, passes=1, lanes=1)
PASSWORD = "correct horse battery"
SECRET = b"12345678901234567890"
ALICE, BOB, EVE = "alice@example.com", "bob@example.com", "eve@example.com"
PEER = Peer("192.0.2.7", 50_000, "hoop-tui 0.1")
TOO_MANY = "too many failed sign-ins"


@dataclass
class Scene:
    """Two people who have a password, their gateway, and what they are to type."""

    ledger: SqlLedger
    hashing: Hashing
    clock: MovedClock = field(default_factory=MovedClock)
    sealer: Sealer = field(default_factory=lambda: Sealer(b"k" * 32))
    people: dict[str, LocalPerson] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    _local: LocalPeople | None = None

    @property
    def local(self) -> LocalPeople:
        if self._local is None:
            self._local = self.another_gateway()
        return self._local

    def another_gateway(self) -> LocalPeople:
        """One more on the same ledger, as after a restart."""
        return LocalPeople(
            self.ledger, self.sealer, self.hashing, self.clock, self.people.get, **self.settings
        )

    async def add(self, name: str, *, code: bool = True, cost: Cost = QUICK, **about: bool) -> None:
        """Somebody with a password, and a phone if `code`."""
        self.people[name] = LocalPerson(name, **about)
        sealed = self.sealer.seal(SECRET, about_codes(name)) if code else b""
        await self.keep(PasswordRow(name, hashed(PASSWORD, cost), NOW, sealed))

    async def keep(self, row: PasswordRow) -> None:
        await self.ledger.set_password(row, PasswordSet(person=row.person, totp=bool(row.totp)))

    def code(self, steps: int = 0) -> str:
        """What the phone shows, or showed so many steps ago."""
        return totp.code_for(SECRET, totp.step_at(self.clock.now().timestamp()) + steps)

    async def sign_in(
        self, name: str = ALICE, password: str = PASSWORD, otp: str | None = None, peer: Peer = PEER
    ) -> str:
        return await self.local.sign_in(name, password, self.code() if otp is None else otp, peer)

    async def refused(self, **given: Any) -> str:
        """The sentence that somebody is refused with."""
        with pytest.raises(Refused) as refused:
            await self.sign_in(**given)
        return refused.value.sentence

    async def noted(self, name: str = "identity.refused") -> list[dict[str, Any]]:
        return [dict(entry.body) for entry in await self.ledger.entries() if entry.name == name]


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    ledger = await fresh_ledger(tmp_path / "hoop.db")
    scene = Scene(ledger, Hashing(QUICK))
    await scene.add(ALICE)
    await scene.add(BOB, code=False)
    yield scene
    scene.hashing.close()
    await ledger.close()


# Who may.


async def test_password_and_code(scene: Scene) -> None:
    assert await scene.sign_in() == ALICE
    assert await scene.noted("identity.local") == [
        {"person": ALICE, "address": "192.0.2.7", "client": "hoop-tui 0.1", "break_glass": False}
    ]
    assert await scene.noted() == []


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"password": "correct horse batterx"}, "wrong password"),
        ({"password": PASSWORD.upper()}, "wrong password"),
        ({"password": ""}, "no password, or one that is too long"),
        ({"password": None}, "no password, or one that is too long"),
        ({"password": "x" * 1025}, "no password, or one that is too long"),
        ({"password": "\ud800" * 20}, "no password, or one that is too long"),
        ({"otp": ""}, "the password is right, but the code is wrong or missing"),
        ({"otp": "000000"}, "the password is right, but the code is wrong or missing"),
        ({"password": "wrong", "otp": "000000"}, "wrong password"),
        ({"name": "nobody@example.com"}, "nobody of this name is in the configuration"),
        ({"name": BOB, "otp": ""}, "the password is right, but no code is set up for them"),
    ],
)
async def test_one_sentence_for_whatever_is_wrong(scene: Scene, given: dict[str, Any], why: str) -> None:
    assert await scene.refused(**given) == WRONG
    (noted,) = await scene.noted()
    assert noted["reason"].startswith(why)
    assert noted["login"] == given.get("name", ALICE)
    assert noted["address"] == "192.0.2.7"
    assert await scene.noted("identity.local") == []


async def test_disabled_locked_linked_and_unknown_are_one(scene: Scene) -> None:
    await scene.add(EVE, linked=True)
    await scene.add("dan@example.com")
    scene.people["carol@example.com"] = LocalPerson("carol@example.com")  # has no password
    await scene.add("gone@example.com")
    await scene.keep(PasswordRow("gone@example.com", "", NOW))  # it was taken away
    del scene.people["dan@example.com"]  # disabled
    lock = LockRow(ALICE, NOW, "otto", "lost laptop")
    await scene.ledger.lock_person(lock, PersonLocked(person=ALICE, reason="lost laptop"))
    names = [ALICE, EVE, "dan@example.com", "carol@example.com", "gone@example.com", "nobody@example.com"]
    for name in names:
        assert await scene.refused(name=name) == WRONG
    reasons = [noted["reason"] for noted in await scene.noted()]
    assert reasons == [
        "they are locked",
        "they sign in at their identity provider, and have no break_glass",
        "nobody of this name is in the configuration, or they are disabled",
        "they have no password",
        "they have no password",
        "nobody of this name is in the configuration, or they are disabled",
    ]


async def test_a_lock_counts_from_its_moment_and_only_while_it_lasts(scene: Scene) -> None:
    assert await scene.sign_in() == ALICE
    lock = LockRow(ALICE, NOW, "otto", "x")
    await scene.ledger.lock_person(lock, PersonLocked(person=ALICE, reason="x"))
    scene.clock.wait(60)
    assert await scene.refused() == WRONG
    await scene.ledger.unlock_person(ALICE, PersonLocked(person=ALICE, reason=""))
    assert await scene.sign_in() == ALICE


async def test_a_password_alone_only_where_the_operator_says_so(scene: Scene) -> None:
    assert await scene.refused(name=BOB) == WRONG
    scene.settings["password_alone"] = True
    scene._local = None
    assert await scene.sign_in(name=BOB, otp="") == BOB
    assert await scene.refused(otp="") == WRONG, "who has a phone needs it all the same"


async def test_break_glass_is_loud_and_always_needs_a_code(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    scene.settings["password_alone"] = True
    await scene.add(EVE, break_glass=True, linked=True)
    await scene.add("root@example.com", code=False, break_glass=True)
    with caplog.at_level(logging.WARNING, "hoop"):
        assert await scene.sign_in(name=EVE) == EVE
    assert [record.getMessage() for record in caplog.records] == [
        "break-glass sign-in: eve@example.com from 192.0.2.7"
    ]
    assert (await scene.noted("identity.local"))[0]["break_glass"] is True
    assert await scene.refused(name="root@example.com", otp="") == WRONG


@pytest.mark.parametrize(
    "name", ["correct horse battery", "x" * 200, "a\nb", "a\x00b", "", "\ud800", "'; drop--"]
)
async def test_what_is_no_name_is_not_written_down(scene: Scene, name: str) -> None:
    assert await scene.refused(name=name) == WRONG
    assert (await scene.noted())[0]["login"] == "(not a name)"


async def test_nothing_that_was_typed_is_kept(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        await scene.refused(password="canary-password-1", otp="271828")
        await scene.refused(otp="314159")
    entries = repr(await scene.ledger.entries()) + caplog.text
    for typed in ("canary-password-1", "271828", "314159", PASSWORD):
        assert typed not in entries


# Codes count once.


async def test_a_code_is_used_up(scene: Scene) -> None:
    code = scene.code()
    assert await scene.sign_in(otp=code) == ALICE
    assert await scene.refused(otp=code) == WRONG
    assert (await scene.noted())[0]["reason"] == "this code, or a later one, was used before"
    with pytest.raises(Refused, match=WRONG):
        await scene.another_gateway().sign_in(ALICE, PASSWORD, code, PEER)
    scene.clock.wait(30)
    assert await scene.refused(otp=scene.code(-1)) == WRONG
    assert await scene.sign_in() == ALICE


async def test_of_many_who_show_one_code_one_is_let_in(scene: Scene, tmp_path: Path) -> None:
    other = await SqlLedger.open(f"sqlite:///{tmp_path}/hoop.db", gateway="b")
    scene.settings["most"] = {"name": 1000, "address": 1000}
    there = LocalPeople(other, scene.sealer, scene.hashing, scene.clock, scene.people.get, **scene.settings)
    code = scene.code()
    asked = [(scene.local if n % 2 else there).sign_in(ALICE, PASSWORD, code, PEER) for n in range(20)]
    outcomes = await asyncio.gather(*asked, return_exceptions=True)
    await other.close()
    assert outcomes.count(ALICE) == 1
    assert all(isinstance(each, Refused) for each in outcomes if each != ALICE)


@pytest.mark.parametrize(("seconds", "let_in"), [(-30, True), (-31, False), (59, True), (60, False)])
async def test_a_wrong_clock(scene: Scene, seconds: float, let_in: bool) -> None:
    code = scene.code()
    scene.clock.jump(seconds)
    if let_in:
        assert await scene.sign_in(otp=code) == ALICE
    else:
        assert await scene.refused(otp=code) == WRONG


async def test_a_clock_that_was_set_back_opens_nothing_again(scene: Scene) -> None:
    code = scene.code()
    assert await scene.sign_in(otp=code) == ALICE
    scene.clock.jump(3600)
    assert await scene.sign_in() == ALICE
    scene.clock.jump(-3600)
    assert await scene.refused(otp=code) == WRONG
    assert (await scene.noted())[0]["reason"] == "the gateway's clock is behind the last code that was used"


async def test_a_wrong_password_uses_no_code_up(scene: Scene) -> None:
    assert await scene.refused(password="not this one") == WRONG
    assert await scene.sign_in() == ALICE


async def test_a_code_of_somebody_else_is_none(scene: Scene) -> None:
    """The secrets of two people are not exchanged by whoever can write to the database."""
    row = await scene.ledger.password(ALICE)
    assert row is not None
    await scene.add(EVE)
    await scene.keep(replace(row, person=EVE))
    with pytest.raises(Fault, match="can not read"):
        await scene.sign_in(name=EVE)


async def test_guessing_codes_with_a_known_password_ends(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    scene.settings["most"] = {"name": 1000, "address": 1000}
    for _ in range(CODES):
        assert await scene.refused(otp=wrong_code(scene)) == WRONG
    assert f"{CODES} wrong codes within a day with the right password of {ALICE}" in caplog.text
    assert await scene.refused() == WRONG, "the right code is not right any more"
    scene.clock.wait(3600)
    assert await scene.refused() == WRONG
    row = await scene.ledger.password(ALICE)
    assert row is not None
    await scene.keep(replace(row, phc=hashed(PASSWORD, QUICK)))
    assert await scene.sign_in() == ALICE


def wrong_code(scene: Scene) -> str:
    right = {scene.code(steps) for steps in (-1, 0, 1)}
    return next(code for code in ("111111", "222222", "333333", "444444") if code not in right)


# Guessing is slow, and nothing can be told from how long it takes.


@pytest.mark.parametrize("name", [ALICE, "nobody@example.com"])
async def test_throttled_by_name(scene: Scene, name: str) -> None:
    for n in range(10):
        assert await scene.refused(name=name, password="x", peer=Peer(f"192.0.2.{n}")) == WRONG
    told = await scene.refused(name=name, peer=Peer("198.51.100.1"))
    assert told == f"{TOO_MANY} - try again in 600 s"
    assert await scene.refused(name=name.upper(), peer=Peer("198.51.100.1")) == told
    await scene.add(EVE)
    assert await scene.sign_in(name=EVE) == EVE, "nobody else is held up"
    scene.clock.wait(601)
    assert await scene.refused(name=name, password="x") == WRONG


async def test_throttled_by_address(scene: Scene) -> None:
    for n in range(30):
        assert await scene.refused(name=f"n{n}@example.com", password="x") == WRONG
    assert (await scene.refused()).startswith(TOO_MANY)
    assert await scene.sign_in(peer=Peer("2001:db8::1")) == ALICE


async def test_an_address_is_its_neighbourhood(scene: Scene) -> None:
    for n in range(30):
        await scene.refused(name=f"n{n}@example.com", password="x", peer=Peer(f"2001:db8::{n:x}"))
    assert (await scene.refused(peer=Peer("2001:db8::ffff"))).startswith(TOO_MANY)


async def test_a_burst_is_written_down_once(scene: Scene) -> None:
    for _ in range(25):
        await scene.refused(password="x")
    reasons = [noted["reason"] for noted in await scene.noted()]
    assert reasons[:10] == ["wrong password"] * 10
    assert reasons[10:] == [
        "10 failed sign-ins with this name within 600 s: more are turned away, and not written down one by one"
    ]


async def test_signing_in_rightly_is_never_too_often(scene: Scene) -> None:
    scene.settings["password_alone"] = True
    for _ in range(15):
        assert await scene.sign_in(name=BOB, otp="") == BOB


async def test_of_many_guesses_at_once_no_more_are_told_apart(scene: Scene) -> None:
    """The right one among them comes too late, or is one of the first ten."""
    asked = [scene.local.sign_in(ALICE, f"guess number {n}", "", PEER) for n in range(29)]
    asked.append(scene.local.sign_in(ALICE, PASSWORD, scene.code(), PEER))
    outcomes = await asyncio.gather(*asked, return_exceptions=True)
    told = [each.sentence if isinstance(each, Refused) else each for each in outcomes]
    assert told.count(WRONG) == 10
    assert ALICE not in told
    assert sum(str(each).startswith(TOO_MANY) for each in told) == 20


async def test_unknown_people_cost_as_much_as_known_ones(scene: Scene) -> None:
    """Coarse on purpose: without the same work the one would take a hundredth of the other."""
    slow = Cost(memory=8 * 1024, passes=3, lanes=1)
    scene.hashing.close()
    scene.hashing = Hashing(slow)
    scene.settings["most"] = {"name": 1000, "address": 1000}
    await scene.add(ALICE, cost=slow)
    scene.people["carol@example.com"] = LocalPerson("carol@example.com")
    await scene.add(EVE, cost=slow)
    await scene.ledger.lock_person(LockRow(EVE, NOW, "o", "x"), PersonLocked(person=EVE, reason="x"))
    kinds: dict[str, Callable[[], Any]] = {
        "wrong password": lambda: scene.refused(password="not this one"),
        "wrong code": lambda: scene.refused(otp="no"),
        "unknown": lambda: scene.refused(name="nobody@example.com"),
        "no password": lambda: scene.refused(name="carol@example.com"),
        "locked": lambda: scene.refused(name=EVE),
    }
    taken: dict[str, list[float]] = {kind: [] for kind in kinds}
    for _ in range(9):
        for kind, ask in kinds.items():
            began = time.perf_counter()
            assert await ask() == WRONG
            taken[kind].append(time.perf_counter() - began)
    quickest = {kind: min(times) for kind, times in taken.items()}
    assert max(quickest.values()) < 2 * min(quickest.values()), quickest
    assert statistics.median(taken["unknown"]) > 0.001


async def test_the_same_work_is_done_for_everybody(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    worked: list[str] = []
    real = Hashing.matches

    async def counted(self: Hashing, password: str, phc: str) -> bool:
        worked.append(phc)
        return await real(self, password, phc)

    monkeypatch.setattr(Hashing, "matches", counted)
    for name in (ALICE, "nobody@example.com", "correct horse"):
        await scene.refused(name=name, password="x")
    assert [bool(phc) for phc in worked] == [True, False, False]
    await scene.refused(password="")
    assert len(worked) == 3, "what can be no password is no work, whoever it is for"


# Hashes grow.


async def test_a_password_is_hashed_anew_when_it_costs_more_now(scene: Scene) -> None:
    await scene.sign_in()
    before = await scene.ledger.password(ALICE)
    more = QUICK._replace(memory=128)
    scene.hashing.close()
    scene.hashing, scene._local = Hashing(more), None
    scene.clock.wait(30)
    assert await scene.sign_in() == ALICE
    after = await scene.ledger.password(ALICE)
    assert before is not None
    assert after is not None
    assert (cost_of(before.phc), cost_of(after.phc)) == (QUICK, more)
    assert replace(after, phc="") == replace(before, phc="", last_step=before.last_step + 1)
    scene.clock.wait(30)
    assert await scene.sign_in() == ALICE
    assert await scene.ledger.password(ALICE) == replace(after, last_step=after.last_step + 1)


async def test_hashing_anew_never_brings_an_old_password_back(scene: Scene) -> None:
    """Somebody set another one while the old one was being checked."""
    old = await scene.ledger.password(ALICE)
    assert old is not None
    other = replace(old, phc=hashed("another good one", QUICK))
    await scene.keep(other)
    assert not await scene.ledger.rehash_password(ALICE, old.phc, hashed(PASSWORD, COST))
    assert not await scene.ledger.rehash_password("nobody", old.phc, "x")
    assert await scene.ledger.password(ALICE) == other
