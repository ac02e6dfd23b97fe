"""Rules about forwarded connections: one spelling, no disguises, and no permission that names no destination."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.verdict import Allow, Deny
from gateway.policy.decide import decide
from gateway.policy.destinations import pattern_problem, read
from tests.policy.conftest import EVERYTHING, forward, policy, rule, session


def allows(pattern: str, destination: str, verb: str = "forward") -> bool:
    rules = policy(rule("d", "allow", f'destination = "{pattern}"'))
    return isinstance(decide(rules, forward(destination, verb), session()), Allow)


def blocks(pattern: str, destination: str) -> bool:
    rules = policy(
        rule("all", "allow", 'destination = "*"') + rule("d", "block", f'destination = "{pattern}"')
    )
    return isinstance(decide(rules, forward(destination), session()), Deny)


SAME = [
    ("db.internal:5432", "db.internal:5432"),
    ("DB.Internal:5432", "db.internal.:5432"),
    ("*.internal:5432", "a.b.INTERNAL:5432"),
    ("db:*", "db:1"),
    ("db:54*", "db:5432"),
    ("*:443", "[2001:db8::7]:443"),
    ("*", "db:1"),
    ("*", "unix:/run/x"),
    ("10.0.0.*:22", "10.0.0.7:22"),
    ("10.0.0.7:22", "[::ffff:10.0.0.7]:22"),
    ("[2001:db8::7]:22", "[2001:0DB8:0:0::7]:22"),
    ("[2001:db8::*]:22", "[2001:db8::99]:22"),
    ("unix:/run/*", "unix:/run/app/x.sock"),
    ("localhost:*", "localhost:8080"),
]
OTHER = [
    ("db.internal:5432", "db.internal:5433"),
    ("db.internal:5432", "xdb.internal:5432"),
    ("*.internal:5432", "internal:5432"),
    ("*.internal:5432", "a.internal.evil.com:5432"),
    ("10.0.0.*:22", "10.0.0.example.com:22"),
    ("10.*:22", "10.evil:22"),
    ("*:443", "db:80"),
    ("*:443", "unix:/443"),
    ("unix:/run/*", "run:1"),
    ("unix:/run/*", "unix:/srv/x"),
    ("[::*]:22", "10.0.0.1:22"),
    ("d*:22", "d:1:22"),
]
UNREADABLE = [
    "",
    "db",
    "db:",
    "db:x",
    "db:65536",
    "db:000022000",
    "db:-1",
    "127.1:22",
    "0x7f.1:22",
    "0x7f000001:22",
    "2130706433:22",
    "0177.0.0.1:22",
    "127.0.0.1.:x",
    "[::1:22",
    "::1:22",
    "[fe80::1%eth0]:22",
    "[db]:22",
    "d b:22",
    "db\n:22",
    "db\0:22",
    "\uff4cocalhost:22",
    "db:\uff12\uff12",
    "a..b:22",
    ".b:22",
    "unix:run/x",
    "unix:/run/../etc/x",
    "unix:/run//x",
    "unix:/run/x/",
    "unix:",
]


@pytest.mark.parametrize(("pattern", "destination"), SAME)
def test_the_same_place(pattern: str, destination: str) -> None:
    assert allows(pattern, destination)
    assert blocks(pattern, destination)


@pytest.mark.parametrize(("pattern", "destination"), OTHER)
def test_another_place(pattern: str, destination: str) -> None:
    assert not allows(pattern, destination)
    assert not blocks(pattern, destination) or read(destination) is None


@pytest.mark.parametrize("destination", UNREADABLE)
def test_what_has_no_single_reading_is_never_allowed(destination: str) -> None:
    assert read(destination) is None
    for pattern in ("*", "*:*", "*:22", "unix:*"):
        assert not allows(pattern, destination)
    assert blocks("db.internal:5432", destination)


@pytest.mark.parametrize(
    "destination", ["127.0.0.1:22", "127.9.9.9:22", "[::1]:22", "0.0.0.0:22", "[::]:22", "[::ffff:127.0.0.1]:22",
                    "x.localhost:22", "LOCALHOST.:22", "ip6-localhost:22", "*:22", ":22"]
)  # fmt: skip
@pytest.mark.parametrize("pattern", ["localhost:*", "127.0.0.1:22", "[::1]:22"])
def test_a_machine_is_known_by_its_own_names(pattern: str, destination: str) -> None:
    assert blocks(pattern, destination)


def test_an_allow_means_one_name_only() -> None:
    assert not allows("localhost:22", "127.0.0.1:22")
    assert not allows("localhost:22", "*:22", "listen")
    assert allows("*:8080", "*:8080", "listen")


@pytest.mark.parametrize("verb", ["forward", "listen"])
def test_nothing_is_forwarded_unless_a_rule_says_where_to(verb: str) -> None:
    for rules in (EVERYTHING, rule("e", "allow", 'verb = "*"'), rule("e", "allow", 'effect = "transfer"')):
        verdict = decide(policy(rules), forward("db:5432", verb), session())
        assert verdict == Deny("default", "no rule lets you do this on web-1")
    both = policy(EVERYTHING + rule("db", "allow", 'destination = "db:5432"'))
    assert decide(both, forward("db:5432", verb), session()) == Allow("db")


@given(st.text(max_size=30))
def test_any_text(text: str) -> None:
    place = read(text)
    if place is not None:
        written = (
            f"unix:{place.path}"
            if place.path
            else (f"[{place.host}]:{place.port}" if ":" in place.host else f"{place.host}:{place.port}")
        )
        assert read(written) == place
    pattern_problem(text)


hosts = st.sampled_from(["db", "db.internal", "10.0.0.7", "[2001:db8::7]", "localhost", "[::ffff:10.0.0.7]"])


@given(hosts, st.integers(0, 65535))
def test_what_is_well_formed_allows_itself(host: str, port: int) -> None:
    place = read(f"{host}:{port}")
    assert place is not None
    shown = f"[{place.host}]" if ":" in place.host else place.host
    assert allows(f"{shown}:{port}", f"{host}:{port}")
