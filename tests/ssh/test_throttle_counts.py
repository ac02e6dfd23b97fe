"""Who stands at the door and who has failed there, as plain counting: limits, windows, chance, memory."""

import asyncio
import sys
from math import ceil

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.adapters.doorstep import Doorstep
from gateway.adapters.ssh.door.turns import Turns
from gateway.core.failures import Failures, neighbourhood


class Hand:
    """A clock's hand, moved by tests."""

    def __init__(self) -> None:
        self.at = 1000.0

    def __call__(self) -> float:
        return self.at


def doorstep(per_address: int = 2, unauthenticated: int = 6, chance: float = 1.0) -> Doorstep:
    return Doorstep(per_address=per_address, unauthenticated=unauthenticated, chance=lambda: chance)


def test_places_at_the_door() -> None:
    step = doorstep(per_address=2, unauthenticated=3)
    assert step.arrive("a")
    assert step.arrive("a")
    assert not step.arrive("a"), "one address has two places"
    assert step.arrive("b")
    assert not step.arrive("c"), "three strangers in all"
    step.signed_in("b")
    assert step.arrive("c")
    step.leave("c", was_signed_in=False)
    step.leave("b", was_signed_in=True)
    assert step.arrive("b")
    assert not step.arrive("a")


def test_one_address_takes_no_more_than_half_of_the_places() -> None:
    step = doorstep(per_address=100, unauthenticated=10)
    assert [step.arrive("a") for _ in range(7)] == [True] * 5 + [False] * 2
    assert [step.arrive("b") for _ in range(7)] == [True] * 5 + [False] * 2
    for _ in range(5):
        step.signed_in("a")
    assert step.arrive("a"), "who is inside is no stranger"


def test_the_more_crowded_the_more_are_turned_away() -> None:
    """Between half and all of the places by chance, from 30 % on."""
    let_in = []
    for luck in (0.0, 0.29, 0.31, 0.9, 0.999):
        step = doorstep(per_address=100, unauthenticated=100, chance=luck)
        let_in.append(sum(step.arrive(str(number)) for number in range(200)))
    assert let_in[0] == let_in[1] == 50
    assert 50 < let_in[2] < let_in[3] < let_in[4] <= 100


def test_one_greedy_address_is_nobody_elses_trouble() -> None:
    """All that it can take is taken: others come in as if it were not there, whatever their luck."""
    for unauthenticated in (2, 3, 10, 100):
        step = doorstep(per_address=100, unauthenticated=unauthenticated, chance=0.0)
        taken = sum(step.arrive("greedy") for _ in range(200))
        assert taken == ceil(unauthenticated / 2)
        for number in range(1000):
            who = f"somebody {number}"
            assert step.arrive(who)
            assert not step.arrive("greedy")
            if number % 2:
                step.signed_in(who)
            else:
                step.leave(who, was_signed_in=False)


def test_two_greedy_addresses_do_not_keep_everybody_out() -> None:
    step = doorstep(per_address=100, unauthenticated=100, chance=0.99)
    assert [sum(step.arrive(who) for _ in range(200)) for who in ("one", "other")] == [50, 50]
    step.leave("one", was_signed_in=False)
    assert step.arrive("somebody")


@settings(max_examples=60, deadline=None, database=None)
@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["arrive", "in", "leave"])), max_size=80),
    st.integers(1, 6),
    st.integers(1, 8),
    st.floats(0, 1, exclude_max=True),
)
def test_counts_never_drift(
    moves: list[tuple[str, str]], per_address: int, unauthenticated: int, luck: float
) -> None:
    """However people come and go: the limits hold, and once all are gone everybody is welcome again."""
    step = doorstep(per_address, unauthenticated, luck)
    strangers: list[str] = []
    inside: list[str] = []
    for who, what in moves:
        if what == "arrive":
            if step.arrive(who):
                strangers.append(who)
        elif what == "in" and who in strangers:
            strangers.remove(who)
            inside.append(who)
            step.signed_in(who)
        elif what == "leave" and who in inside:
            inside.remove(who)
            step.leave(who, was_signed_in=True)
        elif what == "leave" and who in strangers:
            strangers.remove(who)
            step.leave(who, was_signed_in=False)
        everybody = strangers + inside
        assert len(strangers) <= unauthenticated
        assert all(everybody.count(each) <= per_address for each in "abc")
        assert all(strangers.count(each) <= ceil(unauthenticated / 2) for each in "abc")
    for who in inside:
        step.leave(who, was_signed_in=True)
    for who in strangers:
        step.leave(who, was_signed_in=False)
    assert step._all_strangers == 0
    assert not step._addresses
    assert not step._strangers


@settings(max_examples=100, deadline=None, database=None)
@given(
    st.lists(st.tuples(st.sampled_from("ab"), st.floats(0, 40)), max_size=60),
    st.integers(1, 5),
    st.floats(1, 60),
)
def test_failures_against_the_whole_history(tried: list[tuple[str, float]], most: int, window: float) -> None:
    """What the counter remembers answers as a list of all that ever happened would."""
    failures = Failures(most, window)
    history: list[tuple[str, float]] = []
    now = 0.0
    for key, later in tried:
        now += later
        for each in "ab":
            recent = [at for who, at in history if who == each][-most:]
            full = len(recent) == most
            expected = max(0.0, recent[0] + window - now) if full else 0.0
            assert failures.wait(each, now) == pytest.approx(expected)
        within = sum(who == key and at > now - window for who, at in history)
        assert failures.add(key, now) == min(within, most)
        history.append((key, now))


def test_a_hundred_thousand_addresses_cost_little() -> None:
    """Whoever failed last is remembered; memory stays what it was."""
    failures = Failures(20, 60.0)
    for number in range(100_000):
        failures.add(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}", 1.0)
    for _ in range(20):
        failures.add("192.0.2.7", 2.0)
    assert len(failures) == 20_000
    size = sum(sys.getsizeof(key) + sys.getsizeof(times) for key, times in failures._times.items())
    assert size + sys.getsizeof(failures._times) < 16 << 20
    assert failures.wait("192.0.2.7", 3.0) == 59.0
    failures.add("192.0.2.8", 1000.0)
    assert len(failures) == 1, "what is older than the window is forgotten by itself"


def test_a_ban_slides_away() -> None:
    hand = Hand()
    step = Doorstep(per_address=9, unauthenticated=9, failures_per_address=3, failure_window=60.0, now=hand)
    for _ in range(3):
        assert step.banned("192.0.2.7") == ""
        assert step.failed("192.0.2.7", "web-1").counts
        hand.at += 10
    assert step.banned("192.0.2.7") == "too many failed sign-ins from your address - try again in 30 s"
    assert step.banned("192.0.2.8") == ""
    hand.at += 29.5
    assert step.banned("192.0.2.7").endswith("try again in 1 s")
    hand.at += 1
    assert step.banned("192.0.2.7") == ""
    step.failed("192.0.2.7", "web-1")
    assert step.banned("192.0.2.7").endswith("try again in 10 s")


def test_a_flood_does_not_fill_the_log() -> None:
    hand = Hand()
    step = Doorstep(per_address=1, unauthenticated=2, now=hand)
    assert step.no_room_for("192.0.2.7") == "too many connections: one from 192.0.2.7 was closed"
    assert {step.no_room_for("192.0.2.8") for _ in range(1000)} == {""}
    hand.at += 10
    last = "too many connections: one from 192.0.2.9 was closed, and 1000 before it"
    assert step.no_room_for("192.0.2.9") == last
    assert step.no_room_for("192.0.2.9") == ""


def test_a_burst_is_told_once() -> None:
    """Of a thousand at once, as many are written down as are allowed, and one says that there are more."""
    hand = Hand()
    step = Doorstep(
        per_address=9,
        unauthenticated=9,
        failures_per_address=20,
        failures_per_name=9999,
        failure_window=60.0,
        now=hand,
    )
    told = [step.failed("192.0.2.7", "web-1") for _ in range(1000)]
    assert [failed.counts for failed in told] == [True] * 20 + [False] * 980
    (only,) = [failed.burst for failed in told if failed.burst]
    assert only.startswith("20 failed sign-ins with this address within 60 s: more are turned away")
    hand.at += 61
    again = [step.failed("192.0.2.7", "web-1") for _ in range(1000)]
    assert sum(failed.counts for failed in again) == 20
    assert sum(bool(failed.burst) for failed in again) == 1
    slow = []
    for _ in range(100):
        hand.at += 3.01
        slow.append(step.failed("192.0.2.7", "web-1"))
    assert sum(bool(failed.burst) for failed in slow) <= 100 * 3.01 / 60 + 1


def test_many_addresses_and_one_name() -> None:
    step = Doorstep(per_address=9, unauthenticated=9, failures_per_name=50, now=Hand())
    for number in range(50):
        assert not step.wary_of("web-1")
        step.failed(f"10.0.0.{number}", "web-1")
    assert step.wary_of("web-1")
    assert not step.wary_of("web-2")
    assert step.banned("10.0.0.1") == ""


async def test_strangers_take_turns() -> None:
    """One step each time the event loop goes round, in the order of their coming; a step that fails stops nobody."""
    turns = Turns()
    loop = asyncio.get_running_loop()
    failures: list[object] = []
    loop.set_exception_handler(lambda loop, context: failures.append(context["exception"]))
    rounds = 0
    done: list[tuple[str, int]] = []

    def fail() -> None:
        done.append(("fails", rounds))
        raise RuntimeError("a packet of theirs")

    for name in "ab":
        turns.take(lambda name=name: done.append((name, rounds)))  # type: ignore[misc]  # binds the name
    turns.take(fail)
    turns.take(lambda: turns.take(lambda: done.append(("later", rounds))))
    turns.take(lambda: done.append(("c", rounds)))
    assert done == [], "not before the others have had their round"
    while len(done) < 5:
        await asyncio.sleep(0)
        rounds += 1
    assert [name for name, _ in done] == ["a", "b", "fails", "c", "later"]
    assert len({number for _, number in done}) == 5
    assert len(turns) == 0
    assert len(failures) == 1


@pytest.mark.parametrize(
    ("address", "stands_for"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("unknown", "unknown"),
        ("", ""),
    ],
)
def test_whom_an_address_stands_for(address: str, stands_for: str) -> None:
    assert neighbourhood(address) == stands_for
