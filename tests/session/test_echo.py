"""What the echo witness keeps of typed keys, and what it only counts."""

import json

from hypothesis import given
from hypothesis import strategies as st

from gateway.core.frame import FrameKind
from gateway.session.echo import MOST_PENDING, PATIENCE_US, EchoWitness

Kept = list[tuple[FrameKind, bytes]]


def kept_and_hidden(taken: Kept) -> tuple[bytes, int]:
    kept = b"".join(data for kind, data in taken if kind is FrameKind.INPUT)
    hidden = sum(json.loads(data)["keys"] for kind, data in taken if kind is FrameKind.HIDDEN)
    return kept, hidden


def test_echoed_keys_are_kept_and_the_chunk_is_pure_echo() -> None:
    witness = EchoWitness()
    witness.typed(b"l", 0)
    assert witness.answered(b"l", 10)
    witness.typed(b"s", 20)
    assert witness.answered(b"s", 30)
    assert witness.take() == [(FrameKind.INPUT, b"ls")]


def test_a_password_is_only_counted() -> None:
    witness = EchoWitness()
    for at, key in enumerate(b"hunter2\r"):
        witness.typed(bytes([key]), at)
    assert not witness.answered(b"\r\nhunter2 is not shown here by an echo", 100)
    assert kept_and_hidden(witness.take()) == (b"\r", 7)


def test_a_password_pasted_before_the_greeting_is_only_counted() -> None:
    witness = EchoWitness()
    witness.typed(b"secret", 0)
    assert not witness.answered(b"Last login: s e c r e t\r\n", 5)
    witness.finish()
    assert kept_and_hidden(witness.take()) == (b"", 6)


def test_keys_without_an_answer_are_hidden_after_a_while() -> None:
    witness = EchoWitness()
    witness.typed(b"abc\r", 0)
    witness.settle(PATIENCE_US - 1)
    assert witness.take() == []
    witness.settle(PATIENCE_US)
    assert kept_and_hidden(witness.take()) == (b"\r", 3)


def test_line_editors_that_repaint_are_understood() -> None:
    witness = EchoWitness()
    witness.typed(b"l", 0)
    assert witness.answered(b"\x1b[4ml\x1b[24m", 1)
    witness.typed(b"s", 2)
    assert witness.answered(b"\b\x1b[32ml\x1b[32ms\x1b[39m", 3)
    assert kept_and_hidden(witness.take()) == (b"ls", 0)


def test_control_and_escape_keys_are_kept_in_order() -> None:
    witness = EchoWitness()
    witness.typed(b"\x1b[A\x03\t", 0)
    assert witness.take() == [(FrameKind.INPUT, b"\x1b[A\x03\t")]


def test_a_long_blind_paste_stays_bounded() -> None:
    witness = EchoWitness()
    witness.typed(b"x" * (MOST_PENDING + 1), 0)
    assert kept_and_hidden(witness.take()) == (b"", MOST_PENDING + 1)
    assert not witness.waiting


def test_output_before_the_echo_does_not_confirm_a_key() -> None:
    witness = EchoWitness()
    witness.typed(b"p", 0)
    assert not witness.answered(b"broadcast: p", 1)
    assert witness.take() == []


@given(st.lists(st.tuples(st.booleans(), st.binary(max_size=40)), max_size=30))
def test_every_key_is_kept_or_counted_once(steps: list[tuple[bool, bytes]]) -> None:
    witness, typed, taken = EchoWitness(), b"", []
    for at, (is_typing, data) in enumerate(steps):
        if is_typing:
            typed += data
            witness.typed(data, at)
        else:
            witness.answered(data, at)
        taken += witness.take()
    witness.finish()
    taken += witness.take()
    kept, hidden = kept_and_hidden(taken)
    assert len(kept) + hidden == len(typed)


@given(st.binary(min_size=1, max_size=30), st.lists(st.binary(max_size=30), max_size=8))
def test_a_key_is_never_kept_unless_the_target_sent_it(secret: bytes, answers: list[bytes]) -> None:
    printable = bytes(b for b in secret if 0x20 <= b < 0x7F)
    without = [bytes(b for b in answer if b not in printable) for answer in answers]
    witness = EchoWitness()
    witness.typed(printable, 0)
    for at, answer in enumerate(without):
        witness.answered(answer, at)
    witness.finish()
    assert kept_and_hidden(witness.take()) == (b"", len(printable))
