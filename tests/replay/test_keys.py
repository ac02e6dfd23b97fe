"""Keystrokes by name: what people typed, told exactly and harmlessly."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hoop_tui.replay.keys import KeyReader, hidden_keys
from hoop_tui.replay.visible import is_safe


def names(*frames: bytes) -> list[str]:
    reader = KeyReader()
    return [name for data in frames for name in reader.read(data)]


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        (b"ls -l\r", ["l", "s", "Spc", "-", "l", "Ret"]),
        (b"\x03\x04\x0a\x1c\x00\x7f\x08\t", ["C-c", "C-d", "C-j", "C-\\", "C-Spc", "Bsp", "C-h", "Tab"]),
        (b"\x1b", ["Esc"]),
        (
            b"\x1b[A\x1bOB\x1b[1;5C\x1b[Z\x1b[3~\x1b[15;2~\x1bOP",
            ["Up", "Down", "C-Right", "S-Tab", "Del", "S-F5", "F1"],
        ),
        (b"\x1bx\x1b\x1b[A\x1b\x7f", ["A-x", "Esc", "Up", "A-Bsp"]),
        (b"\x1b[97;5u\x1b[13;3u", ["C-a", "A-Ret"]),
        (b"\x1b[<0;3;4M\x1b[M !!x", ["[mouse]", "[mouse]", "x"]),
        (b"\x1b[?1;2c\x1b[24;80R\x1b]11;rgb:0/0/0\x07\x1bP1+r\x1b\\", ["[answer]"] * 4),
        ("é漢".encode(), ["é", "漢"]),
        (b"\x9b\xff", ["<9B>", "<FF>"]),
        ("\u202e".encode(), ["U+202E"]),
        (b"\x1b[200~rm -rf /\r\x1b[201~x", ["[paste 9 B]", "x"]),
        (b"y" * 214, ["[paste 214 B]"]),
    ],
)
def test_keys_have_names(typed: bytes, expected: list[str]) -> None:
    assert names(typed) == expected


def test_a_key_cut_in_two_is_one_key() -> None:
    assert names(b"\x1b[", b"A") == ["Up"]
    assert names(b"\x1b[1", b";5", b"D") == ["C-Left"]
    assert names("é".encode()[:1], "é".encode()[1:]) == ["é"]


def test_a_paste_without_end_hides_nothing_after_it() -> None:
    assert names(b"\x1b[200~some", b"r", b"m", b"\r") == ["[paste 4 B]", "r", "m", "Ret"]


def test_an_open_answer_hides_nothing_after_it() -> None:
    assert names(b"\x1b]", b"i", b"d", b"\r") == ["A-]", "i", "d", "Ret"]


def test_a_flood_stays_short() -> None:
    assert len(names(b"\x1b[A" * 100_000)) < 300
    assert len(names(*[b"x" * 30] * 10)) == 300


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (7, "<7 keys hidden>"),
        (1, "<1 key hidden>"),
        (0, "<keys hidden>"),
        (-1, "<keys hidden>"),
        (True, "<keys hidden>"),
    ]
    + [(bad, "<keys hidden>") for bad in ("7", None, 10**30, [1])],
)
def test_hidden_keys_are_counted(count: object, expected: str) -> None:
    assert hidden_keys(count) == expected


@given(
    st.lists(
        st.one_of(st.binary(max_size=60), st.sampled_from([b"\x1b[", b"\x1b", b"\x1b[200~", b"\xe2\x80"]))
    )
)
def test_any_bytes_give_short_safe_names(frames: list[bytes]) -> None:
    for name in names(*frames):
        assert name
        assert len(name) < 24
        assert is_safe(name)
        assert name.isprintable()
        assert " " not in name or name[0] in "[<U"


@given(st.binary(max_size=30).filter(lambda data: b"\x1b" not in data and data.isascii()))
def test_every_plain_key_is_told(typed: bytes) -> None:
    assert len(names(typed)) == len(typed)
