"""Nothing that a terminal acts upon, and nothing that hides or reorders, gets through `safe_text`."""

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from hoop_tui.safe_text import fitted, fitted_text, joined, safe, stacked, visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("müller 東京", "müller 東京"),
        ("a\x1b[31mb", "a<U+001B>[31mb"),
        ("\x9b31m", "<U+009B>31m"),
        ("a\r\nb\tc", "a<U+000D><U+000A>b<U+0009>c"),
        ("abc\u202edef", "abc<U+202E>def"),
        ("a\u200bb", "a<U+200B>b"),
        ("\U000e0041", "<U+E0041>"),
        ("x\ufe0f", "x<U+FE0F>"),
        ("\u3164", "<U+3164>"),
        ("\u2800", "<U+2800>"),
        ("a\u00a0b", "a<U+00A0>b"),
        ("\ud800", "<U+D800>"),
        ("e\u0301", "e\u0301"),
        ("\u0301e", "<U+0301>e"),
        ("e\u0301\u0302\u0303", "e\u0301\u0302<U+0303>"),
        ("[red]x[/red]", "[red]x[/red]"),
    ],
)
def test_visible(text: str, shown: str) -> None:
    assert visible(text) == shown
    assert safe(text).plain == shown


def test_what_is_kept_on_request() -> None:
    assert visible("a\tb\nc\x1b", keep="\t\n") == "a\tb\nc<U+001B>"


def test_an_escape_of_ours_can_not_be_forged() -> None:
    forged, real = safe("<U+202E>"), safe("\u202e")
    assert forged.plain == real.plain
    assert not any("reverse" in str(span.style) for span in forged.spans)
    assert any("reverse" in str(span.style) for span in real.spans)


def test_markup_makes_no_spans() -> None:
    assert safe("[@click=app.leave]x[/] [link=http://e]y[/link] [/nothing]").spans == []


def test_megabytes_are_cut_before_they_cost_anything() -> None:
    assert len(safe("x" * 10_000_000).plain) < 5000
    assert safe("y" * 30, limit=10).plain == "y" * 10 + " ..."


@given(st.text(max_size=60))
@settings(max_examples=300)
def test_everything_shown_is_harmless(text: str) -> None:
    shown = safe(text).plain
    assert all(unicodedata.category(letter)[0] not in "C" for letter in shown)
    assert all(unicodedata.category(letter) not in ("Zl", "Zp") for letter in shown)
    shown.encode()  # no lone surrogate is left
    assert visible(shown) == shown


@given(st.text(max_size=40), st.integers(1, 30), st.booleans())
@settings(max_examples=200)
def test_fitted_is_exactly_as_wide_as_asked(text: str, width: int, right: bool) -> None:
    assert fitted(safe(text), width, right=right).cell_length == width
    assert cell_len(fitted_text(text, width)) == width


def test_what_does_not_fit_says_so() -> None:
    assert fitted(safe("a long name"), 8).plain == "a long.."
    assert fitted(safe("12"), 5, right=True).plain == "   12"
    assert fitted(safe("x"), 0).plain == ""
    assert joined(safe("a"), safe("b")).plain == "ab"
    assert stacked(safe("a"), safe("b")).plain == "a\nb"
