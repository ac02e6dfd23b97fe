"""Input that is made to hurt: it never raises, and work grows with length only."""

import random
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.masking.detectors import DETECTORS
from gateway.masking.replacement import Replacement
from gateway.masking.stream import StreamMasker
from tests.masking.conftest import EVERY, JWT, cut, in_chunks, in_one

PAGE = Path(__file__).parents[2] / "docs" / "masking.md"
WORST = [
    b"eyJ", b"eyJ.", b"eyJhbGciOiJIUzI1NiJ9.", b"eyJabcdefghijk ", b"1 ", b"4111 ", b"4", b"4-", b"a@b.co", b"@",
    b"a",
    b"password=", b'password="', b"password='\\", b"://a:b", b"://", b"://u:p@", b"-----BEGIN ", b"-", b"AKIA",
    b"-----BEGIN PRIVATE KEY-----\n", b"-----END PRIVATE KEY-----", b"AAAAAAAAAAAAAAAAA\n", b"AKIAIOSFODNN7EXAMPLE ",
    b"xoxb-", b"ghp_", b"\x1b", b"\x1b[m", b"\x1b[1;1H", b"\x1b]", b"\x1b[m4", b"\r\n", b"\r", b"\\",
    b"z" * 41 + b"\r\n", b"a" * 39 + b"@\r\n", JWT,
]  # fmt: skip


def seconds(data: bytes, size: int) -> float:
    started = time.process_time()
    in_chunks(data[at : at + size] for at in range(0, len(data), size))
    return time.process_time() - started


@pytest.mark.parametrize("unit", WORST)
@pytest.mark.parametrize("size", [1 << 20, 4096])
def test_work_is_linear(unit: bytes, size: int) -> None:
    short = (unit * 40_000)[:40_000]
    once, longer = seconds(short, size), seconds(short * 4, size)
    for _ in range(2):  # more often only where the machine was busy
        if longer < 4 * once * 3 + 0.3:
            return
        once, longer = min(once, seconds(short, size)), min(longer, seconds(short * 4, size))
    assert longer < 4 * once * 3 + 0.3


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=400), st.lists(st.integers(0, 400), max_size=8))
def test_any_bytes(data: bytes, where: list[int]) -> None:
    assert in_chunks(cut(data, where)) == in_one(data)


def test_noise_and_worst_cases_mixed() -> None:
    chance = random.Random(7)
    for _ in range(60):
        data = b"".join(chance.choice(WORST) * chance.randint(1, 30) + chance.randbytes(3) for _ in range(12))
        edges = sorted(chance.randint(0, len(data)) for _ in range(9))
        assert in_chunks(cut(data, edges))[0] == in_one(data)[0]


@pytest.mark.parametrize("replacement", [lambda name, secret: secret + b"!", lambda name, secret: b""])
def test_a_replacement_of_another_length_is_a_fault(
    replacement: Replacement, monkeypatch: pytest.MonkeyPatch
) -> None:
    masker = StreamMasker(frozenset({"card"}))
    scanner = masker._scanner
    (card,) = scanner.detectors
    broken = type(card)(card.name, card.gate, card.tail, card.find, replacement)
    monkeypatch.setattr(scanner, "detectors", (broken,))
    with pytest.raises(RuntimeError, match="not as long as the secret"):
        masker.feed(b"4111111111111111 \n")


def test_a_detector_that_raises_is_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    masker = StreamMasker(frozenset({"card"}))
    (card,) = masker._scanner.detectors

    def find(text: bytes, first: int) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(
        masker._scanner,
        "detectors",
        (type(card)(card.name, card.gate, card.tail, find, card.replacement),),  # type: ignore[arg-type]  # it raises before it returns
    )
    with pytest.raises(ZeroDivisionError):
        masker.feed(b"4111111111111111 \n")


def test_every_detector_is_documented() -> None:
    page = PAGE.read_text()
    assert [name for name in DETECTORS if f"| `{name}` |" not in page] == []
    assert EVERY
