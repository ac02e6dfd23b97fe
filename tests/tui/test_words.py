"""Small pure parts: moments, filters, wording, the sign-in file."""

import os
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hoop_tui.filters import SessionFilter, parse_filter
from hoop_tui.moments import link, parse_link, parse_moment, parse_offset, whole_id
from hoop_tui.sign_in import SignIn, Token, find_sign_in, keep_sign_in, sign_in_file
from hoop_tui.wording import brief, clock_length, full_time, position, short_time, size

START = datetime(2026, 11, 20, 9, 12, 0, 500_000, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("8:39", 519),
        ("8:39.2", 519.2),
        ("1:02:03", 3723),
        ("41", 41),
        ("41s", 41),
        ("+30s", 130),
        ("-30", 70),
        ("+1m30s", 190),
        ("-2m", -20),
        ("+1h", 3700),
        ("50%", 300),
        ("100%", 600),
        ("900%", 600),
        ("09:12:10Z", 9.5),
        ("09:11:59Z", 86398.5),
    ],
)
def test_moments(text: str, seconds: float) -> None:
    found = parse_moment(text, here_us=100_000_000, length_us=600_000_000, started_at=START)
    assert found == pytest.approx(seconds * 1_000_000, abs=1)


@pytest.mark.parametrize(
    "text", ["", "x", "8:", ":39", "+", "-", "1:2:3:4", "%", "25:00:00Z", "8:39 rm -rf", "٣"]
)
def test_moments_that_are_none(text: str) -> None:
    with pytest.raises(ValueError, match=r"Write a moment|no time of day"):
        parse_moment(text, here_us=0, length_us=1, started_at=START)


@given(st.text(max_size=30))
@settings(max_examples=300)
def test_any_text_is_a_moment_or_a_sentence(text: str) -> None:
    told = "."
    try:
        parse_moment(text, here_us=0, length_us=1_000_000, started_at=START)
    except ValueError as problem:
        told = str(problem)
    assert told.endswith(".")


@given(st.integers(0, 10**12))
def test_a_link_leads_back(at_us: int) -> None:
    word = link("s-2B8CK4TQ", at_us).removeprefix("hoop-tui play ")
    session, found = parse_link(word)
    assert session == "s-2B8CK4TQ"
    assert found is not None
    assert 0 <= at_us - found < 100_000


def test_links_by_hand() -> None:
    assert parse_link("2b8c@8:39") == ("s-2B8C", 519_000_000)
    assert parse_link("s-2B8CK4TQ") == ("s-2B8CK4TQ", None)
    assert whole_id("oil") == "s-011"
    for wrong in ("", "@8:39", "../x", "s-", "2B8CK4TQX", "2B8C@x", "2B8C@"):
        with pytest.raises(ValueError, match=r"\."):
            parse_link(wrong)
    with pytest.raises(ValueError, match="Write a moment"):
        parse_offset("now")


def test_filters() -> None:
    assert parse_filter("") == SessionFilter()
    found = parse_filter(" user:alice@example.com target:ssh:web-1 state:LIVE ")
    assert found == SessionFilter("live", "alice@example.com", "web-1")
    assert str(found) == "user:alice@example.com target:web-1 state:live"
    assert parse_filter(str(found)) == found


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("alice", "none of these"),
        ("user:", "none of these"),
        ("colour:red", "none of these"),
        ("user:a user:b", "twice"),
        ("state:gone", "live, ended or all"),
        ("target:ssh:", "no target"),
    ],
)
def test_filters_that_are_none(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parse_filter(text)


def test_wording() -> None:
    moment = datetime(2026, 11, 20, 9, 5, 7, tzinfo=UTC)
    assert full_time(moment, "utc") == "2026-11-20 09:05:07Z"
    assert re.fullmatch(r"2026-11-\d\d \d\d:05:07[+-]\d{4}", full_time(moment, "local"))
    assert short_time(moment, moment + timedelta(hours=2), "utc") == "09:05:07"
    assert short_time(moment, moment + timedelta(days=2), "utc") == "11-20 09:05"
    assert short_time(moment, moment + timedelta(days=200), "utc") == "2026-11-20"
    lengths = [clock_length(timedelta(seconds=s)) for s in (-5, 65, 3723, 200_000)]
    assert lengths == ["00:00", "01:05", "1:02:03", "2d 07h"]
    assert [position(us) for us in (-1, 527_106_999, 3_723_000_000)] == [
        "00:00.000",
        "08:47.106",
        "1:02:03.000",
    ]
    assert [brief(us * 1_000_000) for us in (41, 544, 7500)] == ["0m41s", "9m04s", "2h05m"]
    assert [size(n) for n in (190, 4096, 10 * 1024, 3 << 20, 5 << 30)] == [
        "190 B",
        "4.0k",
        "10k",
        "3.0M",
        "5.0G",
    ]


def test_a_token_shows_itself_nowhere() -> None:
    token = Token("  t-secret  ")
    assert token.expose() == "t-secret"
    assert "secret" not in f"{token} {token!r} {token:>20} {SignIn('x', token)}"
    for wrong in ("", " ", "two words", "a\nb", "é", "x\x1b[0m"):
        with pytest.raises(ValueError, match="not a token"):
            Token(wrong)


def test_where_a_sign_in_comes_from(tmp_path: Path) -> None:
    environ = {"XDG_CONFIG_HOME": str(tmp_path)}
    assert find_sign_in(environ) == SignIn()
    path = sign_in_file(environ)
    keep_sign_in(path, "https://kept.example", Token("kept"))
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    found = find_sign_in(environ)
    assert found.gateway == "https://kept.example"
    assert found.token
    assert found.token.expose() == "kept"
    # A kept token goes to its own gateway only.
    assert find_sign_in(environ, gateway="https://other.example") == SignIn("https://other.example", None)
    environ |= {"HOOP_TOKEN": "env", "HOOP_GATEWAY": "https://env.example"}
    found = find_sign_in(environ)
    assert found.gateway == "https://env.example"
    assert found.token
    assert found.token.expose() == "env"
    assert "HOOP_TOKEN" not in environ
    token_file = tmp_path / "token"
    token_file.write_text("file\n")
    token_file.chmod(0o600)
    found = find_sign_in(environ, gateway="https://flag.example", token_file=token_file)
    assert found.gateway == "https://flag.example"
    assert found.token
    assert found.token.expose() == "file"


def test_a_sign_in_that_can_not_be_used(tmp_path: Path) -> None:
    environ = {"XDG_CONFIG_HOME": str(tmp_path)}
    path = sign_in_file(environ)
    keep_sign_in(path, "https://x", Token("secret-canary"))
    path.chmod(0o644)
    with pytest.raises(ValueError, match="Others can read") as trouble:
        find_sign_in(environ)
    assert "canary" not in str(trouble.value)
    path.chmod(0o600)
    path.write_text("[]")
    with pytest.raises(ValueError, match="not a sign-in file"):
        find_sign_in(environ)
    with pytest.raises(ValueError, match="can not be read"):
        find_sign_in({}, token_file=tmp_path / "missing")


def test_the_environment_of_a_home_without_xdg(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert sign_in_file({}) == tmp_path / ".config" / "hoop" / "sign-in.json"
    assert sign_in_file({"XDG_CONFIG_HOME": "relative"}) == tmp_path / ".config" / "hoop" / "sign-in.json"
    assert os.environ["HOME"] == str(tmp_path)
