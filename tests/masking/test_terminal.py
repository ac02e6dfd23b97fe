"""What terminals do to a secret: colours in it, wrapped lines, window titles; and key blocks of many lines."""

import pytest

from gateway.masking.detector import LONGEST_HELD
from gateway.masking.replacement import labelled
from gateway.masking.stream import StreamMasker
from gateway.masking.text import TextMasker
from gateway.masking.view import visible
from tests.masking.conftest import EVERY, JWT, in_chunks, in_one, key_block


def test_colours_inside_a_secret_stay_and_do_not_hide_it() -> None:
    shown, counts = in_one(
        b"no \x1b[01;31m\x1b[K4111\x1b[m\x1b[K 1111 1111 \x1b]8;;\x07\x1b(B1111\x1b[0m ok\n"
    )
    assert shown == b"no \x1b[01;31m\x1b[K[car\x1b[m\x1b[Kd**********\x1b]8;;\x07\x1b(B***]\x1b[0m ok\n"
    assert counts == {"card": 1}


def test_a_moved_cursor_parts_the_text() -> None:
    assert in_one(b"41111111\x1b[5;1H11111111 ")[1] == {}
    assert in_one(b"x\x1b[5;1H4111111111111111\x1b[6;1Hy")[1] == {"card": 1}


def test_a_wrapped_line_does_not_hide_a_secret() -> None:
    start = b"x" * 60 + b" pan 4111"
    assert in_one(start + b"\r\n111111111111 ok\n")[0] == start[:-4] + b"[car\r\nd**********] ok\n"
    wrapped = b"\r\n".join(JWT[at : at + 50] for at in range(0, len(JWT), 50))
    shown, counts = in_one(b"t " + wrapped + b" ok\n")
    assert counts == {"jwt": 1}
    assert shown.count(b"\r\n") == wrapped.count(b"\r\n") >= 1
    assert shown.replace(b"\r\n", b"") == b"t [jwt" + b"*" * (len(JWT) - 5) + b"] ok\n"


def test_short_lines_are_no_wraps() -> None:
    column = b"4111\r\n1111\r\n1111\r\n1111\r\n"
    assert in_one(column) == (column, {})


def test_numbers_in_a_column_are_found_one_by_one() -> None:
    rows = (b"z" * 50 + b" 4111111111111111\r\n") * 3
    assert in_one(rows) == (rows.replace(b"4111111111111111", b"[card**********]"), {"card": 3})


def test_unfinished_and_endless_sequences_are_text_in_the_end() -> None:
    for data in (b"\x1b]0;" + b"t" * 5000, b"\x1b[" + b"1;" * 500, b"\x1b" * 50, b"a\x1b]0;bob@example.com"):
        chunked = in_chunks(data[at : at + 7] for at in range(0, len(data), 7))
        assert chunked == in_one(data)
    assert in_one(b"\x1b]0;" + b"t" * 5000)[0].startswith(b"\x1b]0;ttt")
    assert in_one(b"\x1b]0;" + b"t" * 1200 + b" bob@example.com \x07")[1] == {"email": 1}


def test_offsets_lead_there_and_back() -> None:
    raw = b"ab\x1b[mcd\x1b[2Jef\x1b[3"
    view = visible(raw, whole=False)
    assert view.data == b"abcd\x1bef"
    assert view.end == raw.index(b"\x1b[3")
    for at in range(len(view.data)):
        assert raw[view.raw(at)] == view.data[at]
        assert view.at(view.raw(at)) == at
    assert visible(raw, whole=True).data == b"abcd\x1bef\x1b[3"


@pytest.mark.parametrize(
    "kind", [b"RSA PRIVATE KEY", b"OPENSSH PRIVATE KEY", b"PRIVATE KEY", b"PGP PRIVATE KEY BLOCK"]
)
@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\\n"])
def test_a_key_block_is_covered_from_begin_to_end(kind: bytes, line_end: bytes) -> None:
    block = key_block(kind).replace(b"\n", line_end)
    shown, counts = in_one(b"$ cat key\r\n" + block + b"alice@web-1:~$ ")
    assert counts == {"private-key": 1}
    assert len(shown) == len(block) + 26
    middle = shown[11:-15]
    assert middle.startswith(b"[private-key***")
    assert set(middle[12:-2]) <= set(b"*]\r\n")
    assert shown.endswith(b"alice@web-1:~$ ")


def test_a_key_block_is_never_buffered() -> None:
    masker = StreamMasker(EVERY)
    masker.feed(b"-----BEGIN RSA PRIVATE KEY-----\n")
    for _ in range(20):
        line = b"MIIEpAIBAAKCAQEA7MIIEpAIBAAKCAQEA7\n"
        assert masker.feed(line) == b"*" * 34 + b"\n"
    assert masker.held == 0


def test_a_key_block_that_was_cut_lets_go() -> None:
    head = b"\n".join(key_block().split(b"\n")[:3]) + b"\n"
    after = b"alice@web-1:~$ id\nuid=1000\nalice@web-1:~$ pwd\n/home/alice\nalice@web-1:~$ "
    shown, _ = in_one(head + after)
    assert shown.endswith(b"/home/alice\nalice@web-1:~$ ")
    assert b"uid=1000" not in shown
    endless = b"-----BEGIN RSA PRIVATE KEY-----\n" + b"A" * 100_000 + b" the end\n"
    shown, _ = in_one(endless)
    assert shown.count(b"*") > 64 << 10
    assert shown.endswith(b"A the end\n")
    assert in_chunks(endless[at : at + 999] for at in range(0, len(endless), 999))[0] == shown


def test_key_blocks_one_after_the_other_and_public_ones() -> None:
    public = b"-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZI\n-----END PUBLIC KEY-----\n"
    shown, counts = in_one(key_block() + public + key_block(b"EC PRIVATE KEY") + b"bye\n")
    assert counts == {"private-key": 2}
    assert public in shown
    assert shown.endswith((b"]\nbye\n", b"*\nbye\n"))


@pytest.mark.parametrize(
    "beginning", [b"eyJ" + b"A" * 30, JWT + b".", b"password=", b"xoxb-1234567890", b"sk_live_"]
)
def test_a_run_without_end_is_masked_while_it_lasts(beginning: bytes) -> None:
    masker = StreamMasker(EVERY)
    shown = masker.feed(b"say " + beginning)
    for _ in range(100):
        shown += masker.feed(b"a" * 100)
        assert masker.held <= LONGEST_HELD + 100
    shown += masker.feed(b" done\n")
    assert b"aaaaaa" not in shown
    assert shown.endswith(b"* done\n")
    assert sum(masker.counts.values()) == 1
    assert in_one(b"say " + beginning + b"a" * 10_000 + b" done\n")[0] == shown


def test_replacements_are_as_long_as_what_they_replace() -> None:
    assert labelled("card", b"4" * 16) == b"[card**********]"
    assert labelled("card", b"4" * 6) == b"[card]"
    assert labelled("card", b"4" * 5) == b"*****"
    assert labelled("card", b"") == b""


def test_texts() -> None:
    masker = TextMasker(frozenset({"email", "password"}))
    masked, counts = masker.mask_text("h\u00e9llo bob@example.com password=p\u00e4ss\udc80\ud800\n")
    assert masked.startswith("h\u00e9llo [email********] password=[password")
    assert counts == {"email": 1, "password": 1}
    text = "nothing \udc80 here \ud800"
    assert masker.mask_text(text)[0] is text
    with pytest.raises(ValueError, match="no such detector: pets"):
        TextMasker(frozenset({"pets", "card"}))
    with pytest.raises(ValueError, match="no such detector: pets"):
        StreamMasker(frozenset({"pets"}))
