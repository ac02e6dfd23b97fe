"""Nothing that a terminal acts upon, or hides, gets through."""

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from hoop_tui.replay.visible import REPLACEMENT, is_safe, one_line, visible, without_unsafe

BIDI = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


def test_controls_and_bidi_become_visible() -> None:
    for character in [
        *map(chr, range(0x20)),
        "\x7f",
        *map(chr, range(0x80, 0xA0)),
        *BIDI,
        "\u200b",
        "\ufeff",
    ]:
        assert visible(f"a{character}b") == f"a{REPLACEMENT}b"
        assert without_unsafe(f"a{character}b") == "ab"
        assert not is_safe(character)


def test_writing_stays_as_it_is() -> None:
    for text in ("plain", "漢字", "e\u0301", "👨\u200d👩", "שלום", "\ue0b0", "│─┐"):
        assert visible(text) == text


@given(st.text(alphabet=st.characters()))
def test_no_control_ever_survives(text: str) -> None:
    shown = visible(text)
    assert len(shown) == len(text)
    assert not any(unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") for c in shown)
    assert not set(shown) & set(BIDI)
    shown.encode()


def test_one_line_is_one_short_line() -> None:
    assert one_line("rm\n -rf\t /\x1b[31m", 300) == f"rm -rf /{REPLACEMENT}[31m"
    assert one_line("x" * 1000, 20) == "x" * 17 + "..."
