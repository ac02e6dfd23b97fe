"""Text that no database takes is escaped and comes back; other text stays as it is."""

import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.store.columns import escape, packed, unescape

ANY_TEXT = st.text(st.characters()) | st.text(
    st.sampled_from("\x00\x1a\\uU0d8e\ud83d\ude00\udc80é\U0001f600")
)


@given(ANY_TEXT)
@example("\\u0041 \\\\u0041 \\U0001f600")
@example("\x1a0041")
@example("\ud83d\ude00")
@example("\udc80\udcff")
def test_escaping_loses_nothing_and_leaves_nothing_odd(text: str) -> None:
    escaped = escape(text)
    assert unescape(escaped) == text
    assert "\x00" not in escaped
    assert escaped.encode("utf-8").decode("utf-8") == escaped


@given(ANY_TEXT, ANY_TEXT)
def test_escaping_keeps_beginnings_and_differences(one: str, other: str) -> None:
    assert escape(one + other) == escape(one) + escape(other)
    assert (escape(one) == escape(other)) is (one == other)


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00\x1a")))
def test_ordinary_text_is_kept_readable(text: str) -> None:
    assert escape(text) == text


@pytest.mark.parametrize("value", [{1}, float("inf"), b"", object()])
def test_what_is_not_json_is_refused(value: object) -> None:
    with pytest.raises((TypeError, ValueError)):
        packed({"value": value})


def test_a_megabyte_of_undecodable_bytes_does_not_stop_the_gateway() -> None:
    text = bytes(range(128, 256)).decode("utf-8", "surrogateescape") * 8192
    before = time.process_time()
    assert unescape(packed(text))[1:-1] == text
    assert time.process_time() - before < 1
