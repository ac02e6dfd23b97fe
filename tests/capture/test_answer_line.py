"""A line that is typed to the gateway itself: what the keys do, and that the screen shows it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.capture.answer_line import AnswerLine, cells_of
from tests.capture.drawn import Drawn

QUESTION = "hoop: reason: "


def line(cols: int = 80, most: int = 100, default: str = "") -> AnswerLine:
    return AnswerLine(QUESTION, cols, most, default)


@pytest.mark.parametrize(
    ("keys", "text"),
    [
        (b"invoice 88\r", "invoice 88"),
        (b"  invoice 88 \n", "invoice 88"),
        (b"invoide\x7f\x7fce\r", "invoice"),
        (b"wrong\x15right\r", "right"),
        (b"one two three\x17\x17\x08!\r", "one!"),
        ("Größe 日本\r".encode(), "Größe 日本"),
        ("Größe\x7f\x7f\x7f\x7föl\r".encode(), "Göl"),
        ("e\u0301\x7fa\r".encode(), "a"),
        (b"\xff\xfea\xc3\x7fb\r", "b"),
        ("a\u202e\u200b\ufeffb\x9b\r".encode(), "ab"),
        (b"a\x1b[D\x1b[1;5C\x1bOA\x1bf\x1b]11;rgb:0/0/0\x07b\r", "ab"),
        (b"a\x1b\x1b[Ab\r", "ab"),
        (b"first line\r\nsecond\tline\r\n", "first line  second line"),
        (b"\x1b[200~first\rsecond\x1b[201~\r", "first second"),
        (b"\r\r \rno\r", "no"),
    ],
)
def test_keys(keys: bytes, text: str) -> None:
    """Whole, and cut anywhere, but for what only one piece says: that an Enter was pasted."""
    answer = line()
    answer.typed(keys)
    assert (answer.text, answer.state) == (text, "given")
    if keys.rstrip(b"\r\n").count(b"\r") and b"\x1b[200~" not in keys and not keys.startswith(b"\r"):
        return
    answer = line()
    for at in range(len(keys)):
        answer.typed(keys[at : at + 1])
    assert (answer.text, answer.state) == (text, "given")


def test_enter_alone_takes_the_last_answer() -> None:
    answer = line(default="as before")
    assert answer.typed(b"\r") == b"\r\n"
    assert (answer.text, answer.state) == ("as before", "given")


@pytest.mark.parametrize(
    ("keys", "rest"),
    [(b"abc\x03ls\r", b"\x03ls\r"), (b"\x04more", b"\x04more"), (b"\x1b[200~a\x1c", b"\x1c")],
)
def test_withdrawn(keys: bytes, rest: bytes) -> None:
    answer = line()
    assert answer.typed(keys).endswith(b"^C\r\n")
    assert (answer.state, answer.rest) == ("withdrawn", rest)


def test_it_has_an_end() -> None:
    answer = line(most=5)
    assert answer.typed(b"abcdefgh") == b"abcde\x07"
    assert answer.typed(b"\x7fx") == b"\r" + QUESTION.encode() + b"abcdx"
    answer.typed(b"\x1b[" + b"9" * 200)
    assert answer.state == "typing"


PIECES = st.lists(
    st.one_of(
        st.text("abc ä日\u0301", min_size=1, max_size=12).map(str.encode),
        st.sampled_from([b"\x7f", b"\x08", b"\x15", b"\x17", b"\x1b[D", b"\x1b[200~", b"\x1b[201~"]),
        st.binary(max_size=6),
    ),
    max_size=30,
)


@settings(max_examples=60, deadline=None)
@given(PIECES, st.integers(26, 60))
def test_the_screen_shows_what_will_be_sent(pieces: list[bytes], cols: int) -> None:
    answer = AnswerLine(QUESTION, cols, 200)
    screen = Drawn(answer.begin())
    for piece in pieces:
        screen.draw(answer.typed(piece))
        if answer.state != "typing":
            return
        seen = screen.line().removeprefix(QUESTION)
        assert cells_of(seen.rstrip()) <= cols - len(QUESTION) - 1
        if seen.startswith("<") and not answer.text.startswith("<"):
            assert answer.text.endswith(seen[1:].rstrip()) or answer.text.rstrip().endswith(seen[1:].rstrip())
        else:
            assert seen.rstrip() == answer.text.rstrip()
        assert screen.at == cells_of(screen.line().rstrip()) or answer.text.endswith(" ") or not answer.text
