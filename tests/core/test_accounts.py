"""Which account somebody is on a target: rows in their order, and nobody else's account by asking for it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.accounts import Row, account_for, default_account
from gateway.core.errors import Refused
from gateway.core.people import Principal, Target

ROWS = (
    {"group": "sre", "user": "root"},
    {"person": "bob@example.com", "user": "bob"},
    {"group": "sre", "person": "eve@example.com", "user": "admin"},
)


def target(rows: tuple[Row, ...] = ROWS, logins: tuple[str, ...] = ("deploy",)) -> Target:
    return Target("web-1", "ssh", "h", 22, "app", options={"accounts": rows, "logins": logins})


def person(name: str, *groups: str) -> Principal:
    return Principal(f"https://id.example.com#{name}", name, frozenset(groups))


@pytest.mark.parametrize(
    ("who", "account"),
    [
        (person("alice@example.com"), "app"),
        (person("alice@example.com", "dev"), "app"),
        (person("alice@example.com", "dev", "sre"), "root"),
        (person("bob@example.com"), "bob"),
        (person("bob@example.com", "sre"), "root"),
        (person("Bob@example.com"), "app"),
        (person("eve@example.com"), "app"),
        (person("sre"), "app"),
        (person("carol", "SRE", "bob@example.com", ""), "app"),
    ],
)
def test_the_first_row_that_fits(who: Principal, account: str) -> None:
    assert default_account(target(), who) == account
    assert account_for(target(), who) == account
    assert account_for(target(), who, account) == account
    assert account_for(target(), who, "deploy") == "deploy"


@pytest.mark.parametrize(
    ("who", "asked"),
    [
        (person("alice@example.com"), "root"),
        (person("alice@example.com"), "bob"),
        (person("bob@example.com"), "app"),
        (person("bob@example.com"), "root"),
        (person("alice@example.com", "sre"), "app"),
        (person("alice@example.com", "sre"), "Root"),
        (person("alice@example.com", "sre"), "root "),
    ],
)
def test_nobody_gets_another_account_by_asking(who: Principal, asked: str) -> None:
    """Not even the target's user, where rows say that somebody is somebody else."""
    with pytest.raises(Refused) as caught:
        account_for(target(), who, asked)
    assert caught.value.sentence == f'the account "{asked}" is not offered on web-1'


def test_both_of_a_row_must_be_true() -> None:
    rows = ROWS[2:]
    assert default_account(target(rows), person("eve@example.com", "sre")) == "admin"
    assert default_account(target(rows), person("eve@example.com")) == "app"
    assert default_account(target(rows), person("alice@example.com", "sre")) == "app"


def test_a_row_without_anybody_is_for_nobody() -> None:
    assert (
        default_account(
            target(({"user": "root"}, {"group": "", "person": "", "user": "root"})), person("", "")
        )
        == "app"
    )


def test_targets_that_say_nothing_about_it() -> None:
    bare = Target("web-1", "ssh", "h", 22, "app")
    assert account_for(bare, person("alice@example.com", "sre")) == "app"
    with pytest.raises(Refused):
        account_for(bare, person("alice@example.com", "sre"), "root")


def test_what_is_asked_for_is_shown_harmlessly() -> None:
    with pytest.raises(Refused) as caught:
        account_for(target(), person("alice@example.com"), "r\x1b[31mt" + "x" * 200)
    assert caught.value.sentence.startswith('the account "r<U+001B>[31mtx')
    assert len(caught.value.sentence) < 110


names = st.sampled_from(["", "a", "b", "c", "A"])
row = st.fixed_dictionaries({"user": names}, optional={"group": names, "person": names})
rows_of = st.lists(row, max_size=5).map(tuple)


@settings(max_examples=200)
@given(rows_of, st.lists(names, max_size=2).map(tuple), names, st.frozensets(names, max_size=3), names)
def test_whoever_gets_an_account_has_a_right_to_it(
    rows: tuple[Row, ...], logins: tuple[str, ...], name: str, groups: frozenset[str], asked: str
) -> None:
    """Said in another way: it is in `logins`, or the user of the first row for them, or nobody's and the target's."""
    who = Principal("id", name, groups)
    try:
        account = account_for(target(rows, logins), who, asked)
    except Refused:
        account = None
    theirs = [
        row["user"]
        for row in rows
        if any(row.get(key) for key in ("group", "person"))
        and row.get("group", "") in {*groups, ""}
        and row.get("person", "") in {name, ""}
    ]
    own = theirs[0] if theirs else "app"
    if not asked:
        assert account == own
    elif asked == own or asked in logins:
        assert account == asked
    else:
        assert account is None
