"""Times of the week: days, hours that run past midnight, zones; and that nobody is let in while it is not known."""

from datetime import UTC, datetime

import pytest

from gateway.core.verdict import Allow, Deny
from gateway.policy import times
from gateway.policy.decide import decide, is_timeless, lets_in
from tests.policy.conftest import EVERYTHING, policy, rule, run, session

FRIDAY = datetime(2026, 11, 20, tzinfo=UTC)


@pytest.mark.parametrize(
    ("window", "day", "hour", "minute", "holds"),
    [
        ("mon-fri 08:00-18:00", 20, 8, 0, True),
        ("mon-fri 08:00-18:00", 20, 7, 59, False),
        ("mon-fri 08:00-18:00", 20, 17, 59, True),
        ("mon-fri 08:00-18:00", 20, 18, 0, False),
        ("mon-fri 08:00-18:00", 21, 9, 0, False),
        ("mon-fri 08:00-18:00 Europe/Berlin", 20, 7, 0, True),
        ("mon-fri 08:00-18:00 Europe/Berlin", 20, 17, 0, False),
        ("08:00-18:00 Asia/Tokyo", 20, 23, 30, True),
        ("fri 22:00-06:00", 20, 23, 0, True),
        ("fri 22:00-06:00", 21, 5, 59, True),
        ("fri 22:00-06:00", 21, 6, 0, False),
        ("fri 22:00-06:00", 20, 5, 0, False),
        ("fri 22:00-06:00", 21, 23, 0, False),
        ("sat,sun", 22, 23, 59, True),
        ("sat,sun", 20, 12, 0, False),
        ("fri-mon", 22, 0, 0, True),
        ("fri-mon", 24, 0, 0, False),
        ("mon,wed-fri 00:00-24:00", 20, 23, 59, True),
        ("mon,wed-fri 12:00-24:00", 17, 13, 0, False),
    ],
)
def test_windows(window: str, day: int, hour: int, minute: int, holds: bool) -> None:
    assert times.read(window).holds(FRIDAY.replace(day=day, hour=hour, minute=minute)) is holds


def test_summer_time_is_the_zones_own() -> None:
    window = times.read("08:00-09:00 Europe/Berlin")
    assert window.holds(datetime(2026, 7, 1, 6, 30, tzinfo=UTC))
    assert not window.holds(datetime(2026, 12, 1, 6, 30, tzinfo=UTC))


@pytest.mark.parametrize(
    ("window", "sentence"),
    [
        ("", "must be days, hours, or both"),
        ("Europe/Berlin", "must be days, hours, or both"),
        ("montag", "must be days, hours, or both"),
        ("8:00-18:00", "must be days, hours, or both"),
        ("mon 08:00", "must be days, hours, or both"),
        ("mon 08:00-18:00 Europe/Nowhere", "there is no time zone Europe/Nowhere"),
        ("mon 08:00-18:00 ../../etc/passwd", "must be days, hours, or both"),
        ("08:00-08:00", "can never fire: it begins when it ends"),
        ("24:00-08:00", "can never fire: it begins when it ends"),
        ("08:61-09:00", "there is no 08:61"),
        ("08:00-25:00", "there is no 25:00"),
    ],
)
def test_what_is_no_window_is_said(window: str, sentence: str) -> None:
    assert sentence in times.pattern_problem(window)


def test_rules_by_time_and_doubt_without_one() -> None:
    hours = 'time = "mon-fri 08:00-18:00"'
    allowed = policy(rule("day", "allow", hours))
    assert isinstance(decide(allowed, run("id"), session(), FRIDAY.replace(hour=9)), Allow)
    assert isinstance(decide(allowed, run("id"), session(), FRIDAY.replace(hour=19)), Deny)
    assert isinstance(decide(allowed, run("id"), session()), Deny)
    blocked = policy(EVERYTHING + rule("day", "block", hours))
    assert isinstance(decide(blocked, run("id"), session(), FRIDAY.replace(hour=9)), Deny)
    assert isinstance(decide(blocked, run("id"), session(), FRIDAY.replace(hour=19)), Allow)
    assert isinstance(decide(blocked, run("id"), session()), Deny)
    assert lets_in(allowed, session())  # it might be later


def test_what_depends_on_the_time_is_known() -> None:
    other = rule("t", "block", 'time = "sat,sun", target = "db-*"')
    assert is_timeless(policy(EVERYTHING), session())
    assert is_timeless(policy(EVERYTHING + other), session())
    assert not is_timeless(policy(EVERYTHING + other), session(target="db-1"))
    unless = rule("t", "block", 'user = "*"', 'unless = { time = "sat,sun" }')
    assert not is_timeless(policy(EVERYTHING + unless), session())
    when = rule("t", "block", 'user = "*"', "when = 'now.getHours() > 20'")
    assert not is_timeless(policy(EVERYTHING + when), session())
