"""Where the chunks of a stream are cut makes no difference, and nothing waits longer than it must."""

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.masking import assigned, detector, jwt, paint, scanner
from gateway.masking.stream import StreamMasker
from tests.masking.conftest import EVERY, JWT, cut, in_chunks, in_one, key_block

PIECES = [
    b"4111111111111111", b"4111", b"1111", b"378282246310005", b"822463", b"10005", b"0", b"7",
    b" ", b"-", b".", b"@", b":", b"/", b"=", b",", b'"', b"'", b'\\"', b"\n", b"\r\n", b"\r", b"\t", b"_", b"%",
    b"bob", b"example.com", b"bob@example.com", b".com", b"service",
    b"eyJ", b"e", JWT, JWT[:20], JWT[20:], b"eyJhbGciOiJIUzI1NiJ9.", b"abc.def",
    b"AKIAIOSFODNN7EXAMPLE", b"AKIA", b"wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", b"ghp_", b"a1B2" * 9,
    b"xoxb-12345678901-abc", b"sk_live_abcdefghijklmnop1", b"github_pat_",
    b"password", b": ", b"hunter2", b"--password ", b"/etc/passwd:", b"https://", b"://u:p", b"@h/",
    b"aws_secret_access_key", b"-----BEGIN RSA PRIVATE KEY-----", b"-----BEGIN ", b"PRIVATE KEY-----",
    b"-----END RSA PRIVATE KEY-----", b"-----", b"MIIEpAIBAAKCAQEA7", b"x" * 40, b"y" * 45 + b"\r\n",
    b"\x1b", b"\x1b[m", b"\x1b[K", b"\x1b[01;31m", b"\x1b[5;1H", b"\x1b]0;t\x07", b"\x1b]0;t", b"\x1b\\", b"[",
    b"\xff", b"\xc3\xa9", b"\0",
]  # fmt: skip
streams = st.lists(st.sampled_from(PIECES) | st.binary(max_size=3), max_size=40).map(b"".join)
places = st.lists(st.integers(0, 4000), max_size=30)


@settings(max_examples=150, deadline=None)
@given(streams, places)
def test_any_cuts_give_the_same(data: bytes, where: list[int]) -> None:
    assert in_chunks(cut(data, where)) == in_one(data)


def test_long_streams_forget_and_still_give_the_same() -> None:
    chance = random.Random(11)
    for _ in range(25):
        data = b"".join(chance.choices(PIECES, k=250))
        where = [chance.randrange(len(data)) for _ in range(chance.choice([5, 40, 200]))]
        assert in_chunks(cut(data, where)) == in_one(data)


@settings(max_examples=40, deadline=None)
@given(streams)
def test_byte_by_byte_gives_the_same(data: bytes) -> None:
    assert in_chunks(data[at : at + 1] for at in range(len(data))) == in_one(data)


@settings(max_examples=60, deadline=None)
@given(st.sets(st.sampled_from(sorted(EVERY))), streams, places)
def test_with_any_detectors(names: set[str], data: bytes, where: list[int]) -> None:
    assert in_chunks(cut(data, where), frozenset(names)) == in_one(data, frozenset(names))


@settings(max_examples=100, deadline=None)
@given(streams, places)
def test_runs_without_end_give_the_same(data: bytes, where: list[int]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        for module in (detector, scanner, paint, jwt, assigned):
            patch.setattr(module, "LONGEST_HELD", 40)
        assert in_chunks(cut(data, where))[0] == in_one(data)[0]


@settings(max_examples=60, deadline=None)
@given(streams, places)
def test_lengths_and_escapes_survive(data: bytes, where: list[int]) -> None:
    shown, _ = in_chunks(cut(data, where))
    assert len(shown) == len(data)
    assert [at for at, byte in enumerate(shown) if byte == 27] == [
        at for at, byte in enumerate(data) if byte == 27
    ]
    assert all(
        after == before or after in b"*[]-abcdefghijklmnopqrstuvwxyz"
        for before, after in zip(data, shown, strict=True)
    )


@settings(max_examples=60, deadline=None)
@given(streams, places, st.randoms())
def test_early_release_loses_and_doubles_nothing(
    data: bytes, where: list[int], chance: random.Random
) -> None:
    masker = StreamMasker(EVERY)
    shown = b""
    for chunk in cut(data, where):
        shown += masker.feed(chunk)
        if chance.random() < 0.5:
            shown += masker.release()
            assert masker.held == 0
    shown += masker.finish()
    assert len(shown) == len(data)


def every_cut(data: bytes) -> Any:
    return ([data[:at], data[at:]] for at in range(len(data) + 1))


@pytest.mark.parametrize(
    "secret",
    [
        b"4111 1111 1111 1111",
        b"bob@example.com",
        JWT,
        b"AKIAIOSFODNN7EXAMPLE",
        b"password=hunter2 ",
        key_block(),
    ],
)
def test_a_secret_is_masked_at_every_cut(secret: bytes) -> None:
    data = b"some text " + secret + b"\nmore text\n"
    expected = in_one(data)
    assert expected[1]
    for chunks in every_cut(data):
        assert in_chunks(chunks) == expected


PROMPTS = [
    b"alice@web-1:~$ ",
    b"\x1b[?2004h\x1b]0;alice@web-1: ~\x07\x1b[01;32malice@web-1\x1b[00m:\x1b[01;34m~\x1b[00m$ ",
    b"[root@web-1 ~]# ",
    b"bash-5.2$ ",
    b"mysql> ",
    b">>> ",
    b"Password: ",
    b"[sudo] password for alice: ",
    b"Are you sure (yes/no)? ",
    b"total 48\r\n",
    b"-rw-r--r-- 1 root root 4096 Nov 21 04:07 file.txt\n",
]


@pytest.mark.parametrize("prompt", PROMPTS)
def test_a_prompt_comes_out_at_once(prompt: bytes) -> None:
    masker = StreamMasker(EVERY)
    assert masker.feed(b"some output\r\n") + masker.feed(prompt) == b"some output\r\n" + prompt
    assert masker.held == 0


def test_only_the_beginning_of_a_secret_waits() -> None:
    masker = StreamMasker(EVERY)
    assert masker.feed(b"card: 4111 11") == b"card: "
    assert masker.held == 7
    assert masker.feed(b"11 1111 1111\n") == b"[card*************]\n"
    assert masker.held == 0
    assert masker.counts == {"card": 1}


def test_the_name_of_a_password_does_not_wait() -> None:
    masker = StreamMasker(frozenset({"password"}))
    assert masker.feed(b"password=") == b"password="
    assert masker.feed(b"hun") == b""
    assert masker.feed(b"ter2\n") == b"*******\n"


def test_quiet_chunks_are_not_even_copied() -> None:
    masker = StreamMasker(EVERY)
    for _ in range(3):
        chunk = b"GET /index.html 200 took 12 ms\n" * 100
        assert masker.feed(chunk) is chunk


def test_what_was_released_is_remembered() -> None:
    masker = StreamMasker(frozenset({"card"}))
    assert masker.feed(b"no 4111 1111 ") == b"no "
    assert masker.release() == b"4111 1111 "
    assert masker.held == 0
    assert masker.feed(b"1111 1111 ok") == b"[card***] ok"
    assert masker.counts == {"card": 1}


def test_a_whole_secret_is_masked_when_it_is_released() -> None:
    masker = StreamMasker(EVERY)
    assert masker.feed(b"mail bob@example.com") == b"mail "
    assert masker.release() == b"[email********]"
    assert masker.feed(b"\n") == b"\n"
    assert masker.counts == {"email": 1}


def test_a_password_typed_with_echo_is_masked_key_by_key() -> None:
    masker = StreamMasker(frozenset({"password"}))
    shown = b""
    for key in b"mysql --password hunter2\r\n":
        shown += masker.feed(bytes([key])) + masker.release()
    assert shown == b"mysql --password *******\r\n"
    assert masker.counts == {"password": 1}


def test_finish_masks_what_is_whole_and_shows_the_rest() -> None:
    assert in_one(b"4111111111111111") == (b"[card**********]", {"card": 1})
    assert in_one(b"411111111111111") == (b"411111111111111", {})
    assert in_one(b"-----BEGIN RSA PRIV") == (b"-----BEGIN RSA PRIV", {})
    assert in_one(b"x\x1b[3") == (b"x\x1b[3", {})
