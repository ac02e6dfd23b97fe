"""The user name of a connection has one reading or none."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.adapters.ssh.login_name import LONGEST, LoginName, read_login_name
from gateway.app.inventory import Targets
from gateway.core.errors import Malformed
from gateway.core.people import Target

HOSTILE = [
    "",
    "%",
    "%%",
    "a%",
    "%a",
    "a%b%c",
    "a@b",
    "a@b%c",
    "a%b@c",
    "a@b@c",
    "a:b",
    "a+b%c",
    "a b",
    " a",
    "a ",
    "a\n",
    "\na",
    "a\0",
    "a\tb",
    "a/b",
    "../a",
    "a\\b",
    "$(id)",
    "`id`",
    "${HOME}",
    "%u",
    "%h",
    "~",
    "*",
    "web-*",
    "web-?",
    "[a-z]",
    "a,b",
    "a;b",
    "a|b",
    "a'b",
    'a"b',
    "a<b",
    "a&b",
    "a#b",
    "a!b",
    "a=b",
    "{name}",
    "-oProxyCommand=x",
    "-a",
    ".a",
    "a.",
    "a-",
    "a%.b",
    "a%b.",
    "-a%b",
    ".a%b",
    "::1",
    "[::1]",
    "\N{FULLWIDTH LATIN SMALL LETTER A}",
    "\N{CYRILLIC SMALL LETTER A}",
    "\N{LATIN SMALL LETTER E WITH ACUTE}",
    "e\N{COMBINING ACUTE ACCENT}",
    "a\N{SOFT HYPHEN}b",
    "a\N{RIGHT-TO-LEFT OVERRIDE}b",
    "a\N{ZERO WIDTH JOINER}b",
    "\N{ARABIC-INDIC DIGIT ONE}",
    "\N{KELVIN SIGN}",
    "\N{FULLWIDTH PERCENT SIGN}a",
    "\ud800",
    "a" * (LONGEST + 1),
    "a" * 1_000_000,
    "a%" + "b" * LONGEST,
]

WORD = st.from_regex(re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,20}[A-Za-z0-9])?", re.ASCII), fullmatch=True)


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: ascii(text[:20]))
def test_hostile_names(text: str) -> None:
    with pytest.raises(Malformed) as caught:
        read_login_name(text)
    assert not text or len(text) < 3 or text not in caught.value.sentence


@given(WORD)
def test_a_target(target: str) -> None:
    assert read_login_name(target) == LoginName(target)


@given(WORD, WORD)
def test_an_account_on_a_target(account: str, target: str) -> None:
    assert read_login_name(f"{account}%{target}") == LoginName(target, account)


@given(st.text(max_size=140) | st.text(alphabet="ab1%@._-:*", max_size=20))
@settings(max_examples=500)
def test_one_reading_or_none(text: str) -> None:
    """What was read can be written in one way only: the way it came. And the inventory reads the same name."""
    try:
        login = read_login_name(text)
    except Malformed:
        return
    assert str(login) == text
    assert text.count("%") == bool(login.account)
    assert text.isascii()
    assert text.isprintable()
    exact = Targets([Target(login.target, "ssh", "10.0.0.1", 22)]).find(login.target)
    assert exact is not None
    found = Targets([Target("*", "ssh", "{name}.internal", 22)]).find(login.target)
    if found is not None:
        assert (found.name, found.host) == (login.target, f"{login.target}.internal")
        assert login.target == login.target.lower().rstrip(".")
