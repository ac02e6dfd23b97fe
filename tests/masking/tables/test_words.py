"""What errors and notices may still say."""

import pytest

from gateway.masking.tables.sqlstates import SQLSTATES
from gateway.masking.tables.words import hide_words, scan_words

LEAK = "123-45-6789"
ERROR = (
    ("S", "ERROR"),
    ("V", "ERROR"),
    ("C", "22P02"),
    ("M", f'invalid input syntax for type integer: "{LEAK}"'),
    ("D", f"Failing row contains (1, {LEAK})."),
    ("H", LEAK),
    ("P", "8"),
    ("p", "3"),
    ("q", f"SELECT {LEAK}"),
    ("W", f"PL/pgSQL function {LEAK}"),
    ("s", LEAK),
    ("t", LEAK),
    ("c", LEAK),
    ("d", LEAK),
    ("n", LEAK),
    ("Z", LEAK),
    ("F", "numutils.c"),
    ("L", "323"),
    ("R", "pg_strtoint32"),
)


def test_only_what_a_server_says_by_itself_is_left() -> None:
    hidden = hide_words(ERROR)
    assert "".join(letter for letter, _ in hidden) == "SVCMPpFLR"
    assert LEAK not in repr(hidden)
    said = dict(hidden)
    assert said["C"] == "22P02"
    assert said["M"].startswith("hoop: invalid text representation - ")
    assert said["M"].isascii()


@pytest.mark.parametrize("code", ["12345", "ABCDE", "", "22P02 "])
def test_a_code_of_somebodys_own_is_hidden(code: str) -> None:
    assert dict(hide_words([("C", code), ("M", "x")])) == {
        "C": "XX000",
        "M": dict(hide_words([("M", "x")]))["M"],
    }


def test_codes_are_those_of_postgresql() -> None:
    assert len(SQLSTATES) > 250
    assert all(len(code) == 5 and name.islower() for code, name in SQLSTATES.items())
    assert SQLSTATES["23505"] == "unique_violation"
    assert SQLSTATES["01000"] == "warning"


def test_detectors_look_into_words() -> None:
    fields = (("C", "22P02"), ("M", "no a@example.com here"), ("D", "4111111111111111"), ("R", "x"))
    assert scan_words(fields, frozenset({"email"})) == (
        ("C", "22P02"),
        ("M", "no [email******] here"),
        ("D", "4111111111111111"),
        ("R", "x"),
    )
