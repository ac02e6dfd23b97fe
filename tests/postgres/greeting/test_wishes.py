"""Start-up parameters: read as PostgreSQL reads them, and refused in words."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.adapters.postgres.greeting.options import read_options, split_options
from gateway.adapters.postgres.greeting.turned_away import TurnedAway
from gateway.adapters.postgres.greeting.wishes import WHO_OR_WHAT, check_for, read_wishes
from gateway.core.people import Target
from gateway.wire.postgres.words import parse_fields


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", []),
        ("   ", []),
        ("-c a=1 -c b=2", ["-c", "a=1", "-c", "b=2"]),
        ("\t-c\na=1\v\f\r", ["-c", "a=1"]),
        (r"-c a=x\ y", ["-c", "a=x y"]),
        (r"-c a=x\\y", ["-c", "a=x\\y"]),
        ("a\\", ["a"]),
        ("\\", [""]),
        (r"\-c\ role=x", ["-c role=x"]),
        ("-c a='x y'", ["-c", "a='x", "y'"]),
    ],
)
def test_words(text: str, words: list[str]) -> None:
    assert split_options(text) == words


@given(st.lists(st.text(st.characters(exclude_characters="\0"), min_size=1), max_size=6))
@settings(max_examples=200)
def test_whatever_is_escaped_comes_through(words: list[str]) -> None:
    text = " ".join("".join(f"\\{letter}" for letter in word) for word in words)
    assert split_options(text) == words


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("-c a=1", [("a", "1")]),
        ("-ca=1", [("a", "1")]),
        ("--a=1 --b-c=2=3", [("a", "1"), ("b_c", "2=3")]),
        ("-c a-b=", [("a_b", "")]),
        ("-c my.x=1", [("my.x", "1")]),
        ("-c a=1 -c A=2", [("a", "1"), ("A", "2")]),
    ],
)
def test_settings(text: str, found: list[tuple[str, str]]) -> None:
    assert read_options(text) == found


@pytest.mark.parametrize(
    "text",
    [
        "-F",
        "-e",
        "-c",
        "-c a",
        "--",
        "--a",
        "--=1",
        "-B 100",
        "x",
        "-c =1",
        "-c a b=1",
        "-c \u017fole=x",
        "\\",
    ],
)
def test_what_else_a_command_line_can_say(text: str) -> None:
    with pytest.raises(TurnedAway, match="is not offered in options"):
        read_options(text)


@pytest.mark.parametrize("name", sorted(WHO_OR_WHAT))
@pytest.mark.parametrize("how", ["{}", "-c {}=x", "-c{}=x", "--{}=x", "upper", "hyphens"])
def test_nobody_becomes_somebody_else(name: str, how: str) -> None:
    spelt = {"upper": name.upper(), "hyphens": name}.get(how, name)
    if how in ("{}", "upper"):
        asked = [("user", "me"), (spelt, "x")]
    else:
        option = f"--{name.replace('_', '-')}=x" if how == "hyphens" else how.format(name)
        asked = [("user", "me"), ("options", f"-c a=1 {option}")]
    with pytest.raises(TurnedAway, match=f"the setting {spelt.lower()} is not offered"):
        read_wishes(asked)


def test_names_that_only_look_like_those_of_the_protocol() -> None:
    for name in ("User", "DATABASE", "Options", "Replication"):
        with pytest.raises(TurnedAway, match="is not offered"):
            read_wishes([("user", "me"), (name, "x")])


@pytest.mark.parametrize("value", ["off", "0", "false", "no", "oFF", "of", ""])
def test_standard_strings_stay_on(value: str) -> None:
    with pytest.raises(TurnedAway, match="standard_conforming_strings"):
        read_wishes([("standard_conforming_strings", value)])
    assert read_wishes([("standard_conforming_strings", "on")]).settings


@pytest.mark.parametrize(
    "value", ["SJIS", "Shift_JIS", "sjis", "SHIFT_JIS_2004", "big5", "GBK", "gb18030", "UHC", "JOHAB"]
)
def test_encodings_that_hide_a_backslash(value: str) -> None:
    with pytest.raises(TurnedAway, match="client_encoding"):
        read_wishes([("client_encoding", value)])


@pytest.mark.parametrize("value", ["UTF8", "utf-8", "'utf-8'", "LATIN1", "SQL_ASCII", "EUC_JP", "auto"])
def test_other_encodings(value: str) -> None:
    assert read_wishes([("client_encoding", value)]).settings == {"client_encoding": value}


def test_replication() -> None:
    for value in ("database", "true", "on", "1", "yes", "tru", "TRUE", "x"):
        with pytest.raises(TurnedAway, match="replication is not offered"):
            read_wishes([("replication", value)])
    for value in ("false", "off", "0", "no"):
        assert read_wishes([("replication", value)]).settings == {}


def test_what_stands_for_itself_counts_more_than_options() -> None:
    wishes = read_wishes(
        [
            ("DateStyle", "ISO"),
            ("user", "me"),
            ("options", "-c datestyle=German -c work_mem=1MB -c work_mem=2MB"),
        ]
    )
    assert wishes.settings == {"DateStyle": "ISO", "work_mem": "2MB"}


def test_the_target() -> None:
    assert read_wishes([("user", "me")]).wanted == "me"
    assert read_wishes([("user", "me"), ("database", "a")]).wanted == "a"
    assert read_wishes([("user", "me"), ("database", "a"), ("TARGET", "b")]).wanted == "b"
    assert read_wishes([("user", "me"), ("options", "-c hoop.target=c")]).wanted == "c"
    assert read_wishes([("user", "me"), ("hoop.target", "c")]).wanted == "c"


def test_how_to_sign_in() -> None:
    assert not read_wishes([("user", "me")]).by_oauth
    assert read_wishes([("user", "oauth")]).by_oauth
    assert read_wishes([("user", "me"), ("hoop.sign_in", "oauth")]).by_oauth
    assert not read_wishes([("user", "oauth"), ("hoop.sign_in", "password")]).by_oauth
    with pytest.raises(TurnedAway, match="is oauth or password"):
        read_wishes([("hoop.sign_in", "trust")])


def test_a_target_that_offers_some_settings() -> None:
    some = Target("db", "postgres", "h", 1, options={"options": ("search_path", "Work_Mem")})
    check_for(
        read_wishes([("database", "db"), ("SEARCH_PATH", "x"), ("work_mem", "1"), ("TimeZone", "UTC")]), some
    )
    with pytest.raises(TurnedAway, match="the setting statement_timeout is not offered on db"):
        check_for(read_wishes([("database", "db"), ("statement_timeout", "1")]), some)
    none = Target("db", "postgres", "h", 1, options={"options": ()})
    with pytest.raises(TurnedAway):
        check_for(read_wishes([("database", "db"), ("search_path", "x")]), none)


@given(
    st.lists(st.tuples(st.text(max_size=12), st.text(max_size=20)), max_size=6),
    st.text(st.characters(codec="utf-8"), max_size=40),
)
@settings(max_examples=300)
def test_anything_is_read_or_refused(parameters: list[tuple[str, str]], options: str) -> None:
    try:
        wishes = read_wishes([*parameters, ("options", options)])
    except TurnedAway as refused:
        parse_fields(refused.message[5:])
        return
    low = [name.lower() for name in wishes.settings]
    assert len(low) == len(set(low))
    assert not WHO_OR_WHAT & set(low)
    assert not any(name.startswith("hoop.") for name in low)
