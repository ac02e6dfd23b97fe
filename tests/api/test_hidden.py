"""What a statement holds that no screen shows: every one of it is found, and huge statements take no time."""

import time
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.api.hidden import MOST_NAMED, gaps, hidden

ODD = (
    "\x00\x07\x08\x0b\x0c\x1b\x7f\x85\x9b\xa0\xad\u061c\u200b\u200d\u200e\u202a\u202e\u2066\u2069\u2028\ufeff"
)
ODDER = "\u3164\u115f\u2800\u034f\ufe0f\U000e0041\U000e0101\ue000\ufdd0\ud800\udc80"


@pytest.mark.parametrize("character", ODD + ODDER, ids=lambda character: f"{ord(character):04X}")
def test_each_is_named(character: str) -> None:
    (found,), count = hidden(f"a{character}b")
    assert (found.offset, count) == (1, 1)
    assert found.name
    assert found.codepoint == ("0x80" if character == "\udc80" else f"U+{ord(character):04X}")


def test_what_is_written_every_day_is_not_named() -> None:
    text = "SELECT 'Grüße, Zoë, 漢字, Δ, ж, ก็'\t-- x\r\nFROM t;\n"
    assert hidden(text) == ([], 0)
    assert gaps(text) == ([], 0)


def test_a_carriage_return_alone_overwrites_a_line() -> None:
    (found,), count = hidden("drop table x\rselect 1\r\n")
    assert (found.offset, found.name, count) == (12, "CARRIAGE RETURN without a line feed", 1)
    many, count = hidden("a\r\nb\rc\u200b" * 1000)
    assert (len(many), count) == (MOST_NAMED, 2000)


@given(st.text(max_size=60))
@settings(max_examples=200)
def test_what_is_left_is_seen(text: str) -> None:
    named, count = hidden(text)
    places = {each.offset for each in named}
    assert len(named) == count
    for offset, character in enumerate(text):
        if offset not in places and not (character == "\r" and text[offset + 1 : offset + 2] == "\n"):
            assert character in "\n\t " or unicodedata.category(character)[0] not in "CZ"


def test_stretches_where_nothing_is_to_be_seen() -> None:
    text = "a" + " " * 60 + "b" + "\n \r\n" * 4 + "c" + " " * 59 + "d" + "\n" * 7 + "e"
    found, count = gaps(text)
    assert [(each.offset, each.length, each.what) for each in found] == [
        (1, 60, "blanks"),
        (62, 16, "breaks"),
    ]
    assert count == 2


@pytest.mark.parametrize(
    "text",
    ["x" * 5_000_000, "\u200b" * 5_000_000, (" " * 59 + "x") * 80_000, " \n" * 2_500_000, "\r\n" * 2_500_000],
    ids=["letters", "zero-width", "almost", "breaks", "lines"],
)
def test_five_megabytes(text: str) -> None:
    begun = time.process_time()
    hidden(text)
    gaps(text)
    assert time.process_time() - begun < 3
