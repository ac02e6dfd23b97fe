"""Passwords: argon2 as others write it, never more work at once than allowed, and no password that is tried first."""

import asyncio
import threading
import time
import unicodedata
from collections.abc import AsyncIterator

import pytest
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.errors import Fault, Refused
from gateway.identity import passwords
from gateway.identity.password_choice import check_new
from gateway.identity.passwords import (
    AT_ONCE,
    COST,
    LONGEST_BYTES,
    Cost,
    Hashing,
    cost_of,
    hashed,
    is_outgrown,
    is_right,
    may_be_one,
)

QUICK = Cost(memory=64, passes=1, lanes=1)
GOOD = "correct horse battery"

# From the tests of the reference implementation (version 0x13, salt "somesalt" or "diffsalt").
REFERENCE = [
    ("password", "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"),
    ("password", "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4"),
    ("password", "$argon2id$v=19$m=256,t=2,p=2$c29tZXNhbHQ$bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc"),
    ("password", "$argon2id$v=19$m=65536,t=1,p=1$c29tZXNhbHQ$9qWtwbpyPd3vm1rB1GThgPzZ3/ydHL92zKL+15XZypg"),
    ("password", "$argon2id$v=19$m=65536,t=4,p=1$c29tZXNhbHQ$kCXUjmjvc5XMqQedpMTsOv+zyJEf5PhtGiUghW9jFyw"),
    (
        "differentpassword",
        "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$C4TWUs9rDEvq7w3+J4umqA32aWKB1+DSiRuBfYxFj94",
    ),
    ("password", "$argon2id$v=19$m=65536,t=2,p=1$ZGlmZnNhbHQ$vfMrBczELrFdWP0ZsfhWsRPaHppYdP3MVEMIVlqoFBw"),
]


@pytest.mark.parametrize(("password", "phc"), REFERENCE)
def test_reference_vectors(password: str, phc: str) -> None:
    assert is_right(password, phc)
    assert not is_right(password + "x", phc)
    assert not is_right(password.upper(), phc)


def test_the_vector_of_the_standard() -> None:
    """RFC 9106, 5.3: with a key and associated data, which we do not use, so it is the primitive that is tested."""
    work = Argon2id(
        salt=b"\x02" * 16,
        length=32,
        iterations=3,
        lanes=4,
        memory_cost=32,
        ad=b"\x04" * 12,
        secret=b"\x03" * 8,
    )
    expected = "0d640df58d78766c08c037a34a8b53c9d01ef0452d75b65eb52520e96b01e659"
    assert work.derive(b"\x01" * 32).hex() == expected


def test_what_is_kept_is_not_the_password_and_never_twice_the_same() -> None:
    one, other = hashed(GOOD, QUICK), hashed(GOOD, QUICK)
    assert one != other
    assert GOOD not in one
    assert is_right(GOOD, one)
    assert is_right(GOOD, other)
    assert cost_of(one) == QUICK


def test_the_cost_is_more_than_the_least_that_owasp_asks_for() -> None:
    assert cost_of(hashed(GOOD)) == COST
    assert COST.memory >= 3 * 19_456
    assert COST.passes >= 2


def test_a_password_is_the_same_however_it_is_composed() -> None:
    composed = unicodedata.normalize("NFC", "Schlüssel für Zürich")
    decomposed = unicodedata.normalize("NFD", composed)
    assert composed != decomposed
    assert is_right(decomposed, hashed(composed, QUICK))
    assert is_right(composed, hashed(decomposed, QUICK))


@pytest.mark.parametrize(
    "other", ["correct horse  battery", " correct horse battery", "Correct horse battery"]
)
def test_blanks_and_case_count(other: str) -> None:
    assert not is_right(other, hashed(GOOD, QUICK))


@pytest.mark.parametrize(
    ("phc", "told"),
    [
        ("", "can not be read"),
        (GOOD, "can not be read"),
        (
            "$argon2i$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
            "can not be read",
        ),
        (
            "$argon2id$v=16$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
            "can not be",
        ),
        ("$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$AAAA", "can not be read"),
        (
            "$argon2id$v=19$m=0,t=0,p=0$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
            "can not be read",
        ),
        (
            "$argon2id$v=19$m=99999999,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
            "more work",
        ),
        (
            "$argon2id$v=19$m=256,t=99999,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
            "more work",
        ),
    ],
)
def test_what_we_never_wrote_is_a_fault_and_no_answer(phc: str, told: str) -> None:
    with pytest.raises(Fault, match=told):
        is_right(GOOD, phc)


def test_a_hash_with_less_work_is_outgrown() -> None:
    kept = hashed(GOOD, QUICK)
    assert not is_outgrown(kept, QUICK)
    assert is_outgrown(kept, QUICK._replace(memory=128))
    assert is_outgrown(kept, QUICK._replace(passes=2))
    assert not is_outgrown(kept, QUICK._replace(memory=32))
    assert is_outgrown(kept)


@pytest.mark.parametrize(
    "given", ["", None, b"bytes", 7, "x" * (LONGEST_BYTES + 1), "é" * 513, "\ud800" * 12]
)
def test_what_can_be_no_password(given: object) -> None:
    assert not may_be_one(given)


def test_the_longest_password() -> None:
    assert may_be_one("x" * LONGEST_BYTES)
    assert is_right("é" * 512, hashed("é" * 512, QUICK))


@settings(max_examples=60)
@given(st.text(max_size=30), st.text(max_size=30))
def test_only_the_same_text_is_right(one: str, other: str) -> None:
    if may_be_one(one) and may_be_one(other):
        same = unicodedata.normalize("NFC", one) == unicodedata.normalize("NFC", other)
        assert is_right(other, hashed(one, QUICK)) == same


# Which may be chosen.


@pytest.mark.parametrize(
    "password",
    [
        GOOD,
        "eleven blue tractors",
        "my password is long",
        "Tr0ub4dor&3 and more",
        "schöne Grüße an alle",
        "正しい馬の電池のホッチキスです",
        "9c4e1d7a22bf",
        "x" * 5 + "the quick one" * 3,
    ],
)
def test_good_ones(password: str) -> None:
    check_new(password, "alice@example.com")


@pytest.mark.parametrize(
    ("password", "told"),
    [
        ("", "at least 12"),
        ("elevenchars", "at least 12"),
        ("é" * 11, "at least 12"),
        ("abcde" * 205, "at most 1024 bytes"),
        ("aäöüéß" * 100, "at most 1024 bytes"),
        ("correct\x00horse battery", "control characters"),
        ("correct\thorse battery", "control characters"),
        ("correct horse battery\ud800", "control characters"),
        ("aaaaaaaaaaaaaaa", "repeats itself"),
        ("abcabcabcabcabc", "repeats itself"),
        ("ab12ab12ab12", "repeats itself"),
        ("            ", "repeats itself"),
        ("password1234", "first that are tried"),
        ("Password!2026", "first that are tried"),
        ("P@ssw0rd#1234", "first that are tried"),
        ("passwordpassword", "first that are tried"),
        ("1234567890123", "first that are tried"),
        ("098765432109", "first that are tried"),
        ("qwertyuiopas", "first that are tried"),
        ("1qaz2wsx3edc", "first that are tried"),
        ("abcdefghijkl", "first that are tried"),
        ("Administrator1!", "first that are tried"),
        ("iloveyou1234", "first that are tried"),
        ("letmein-letmein", "first that are tried"),
        ("changeme12345", "first that are tried"),
        ("correct horse battery staple", "first that are tried"),
        ("Correct-Horse-Battery-Staple-1", "first that are tried"),
        ("I am ALICE indeed", "person's name"),
        ("hello alice@example.com", "person's name"),
    ],
)
def test_bad_ones(password: str, told: str) -> None:
    with pytest.raises(Refused, match=told) as refused:
        check_new(password, "alice@example.com")
    assert password not in refused.value.sentence or not password


def test_longer_parts_of_a_name_count_and_short_ones_do_not() -> None:
    check_new("a bee on the rocks", "bo.li@example.com")
    with pytest.raises(Refused, match="name"):
        check_new("the young wilkinson", "jo.wilkinson@example.com")


@settings(max_examples=200)
@given(st.text(max_size=40), st.text(max_size=20))
def test_what_is_taken_can_be_used(password: str, person: str) -> None:
    try:
        check_new(password, person)
    except Refused:
        return
    assert may_be_one(password)
    assert len(unicodedata.normalize("NFC", password)) >= 12


# Off the loop, and not too many.


@pytest.fixture
async def hashing() -> AsyncIterator[Hashing]:
    made = Hashing(QUICK, waiting=6)
    yield made
    made.close()


async def test_right_wrong_and_nobody(hashing: Hashing) -> None:
    phc = await hashing.hashed(GOOD)
    assert await hashing.matches(GOOD, phc)
    assert not await hashing.matches("another thing", phc)
    assert not await hashing.matches(GOOD, "")


class Gauge:
    """Stands in for the work: counts how much of it goes on, until it is let go."""

    def __init__(self) -> None:
        self.now, self.most = 0, 0
        self.go = threading.Event()
        self.full = threading.Event()
        self._lock = threading.Lock()

    def work(self, password: str, phc: str) -> bool:
        with self._lock:
            self.now += 1
            self.most = max(self.most, self.now)
            if self.now == AT_ONCE:
                self.full.set()
        assert self.go.wait(20)
        with self._lock:
            self.now -= 1
        return True


async def test_a_flood_takes_two_threads_and_no_endless_queue(
    hashing: Hashing, monkeypatch: pytest.MonkeyPatch
) -> None:
    gauge = Gauge()
    monkeypatch.setattr(passwords, "is_right", gauge.work)
    asked = [asyncio.create_task(hashing.matches(GOOD, "x")) for _ in range(50)]
    done, _ = await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
    assert len(done) == 44, "those who find no room are told at once"
    for each in done:
        with pytest.raises(Refused, match="too many are signing in"):
            await each
    assert await asyncio.to_thread(gauge.full.wait, 20)
    gauge.go.set()
    assert [await each for each in asked if each not in done] == [True] * 6
    assert gauge.most == AT_ONCE


async def test_who_hangs_up_makes_no_room_before_the_work_is_done(
    hashing: Hashing, monkeypatch: pytest.MonkeyPatch
) -> None:
    gauge = Gauge()
    monkeypatch.setattr(passwords, "is_right", gauge.work)
    for _ in range(8):
        leaving = [asyncio.create_task(hashing.matches(GOOD, "x")) for _ in range(3)]
        await asyncio.sleep(0)
        for each in leaving:
            each.cancel()
        await asyncio.gather(*leaving, return_exceptions=True)
    assert await asyncio.to_thread(gauge.full.wait, 20)
    gauge.go.set()
    assert await hashing.matches(GOOD, "x")
    assert gauge.most == AT_ONCE


async def test_the_loop_goes_on_meanwhile() -> None:
    """What hashes does not hold the interpreter either: the loop turns many times while one password is hashed."""
    made = Hashing(Cost(memory=64 * 1024, passes=4, lanes=1))
    turns, longest, last = 0, 0.0, time.perf_counter()
    work = asyncio.create_task(made.hashed(GOOD))
    while not work.done():
        await asyncio.sleep(0.001)
        now = time.perf_counter()
        turns, longest, last = turns + 1, max(longest, now - last), now
    made.close()
    assert turns >= 5
    assert longest < 2
