"""Codes: as the standards have them, for one half minute, and a little before and after."""

from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.identity.totp import DIGITS, STEP, code_for, new_secret, step_at, step_of, tidy, uri

RFC = b"12345678901234567890"
HOTP = ["755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489"]
"""RFC 4226, appendix D, for the counters 0 to 9."""
TOTP = [
    (59, "94287082"),
    (1111111109, "07081804"),
    (1111111111, "14050471"),
    (1234567890, "89005924"),
    (2000000000, "69279037"),
    (20000000000, "65353130"),
]
"""RFC 6238, appendix B, SHA-1. It has eight digits: the last six are what we show."""
MOMENT = 1_795_251_600.0


@pytest.mark.parametrize(("count", "code"), list(enumerate(HOTP)))
def test_vectors_of_the_counter(count: int, code: str) -> None:
    assert code_for(RFC, count) == code


@pytest.mark.parametrize(("moment", "code"), TOTP)
def test_vectors_of_the_clock(moment: int, code: str) -> None:
    assert code_for(RFC, step_at(moment)) == code[-DIGITS:]
    assert step_of(RFC, code[-DIGITS:], moment) == moment // STEP


@pytest.mark.parametrize("steps", [-2, -1, 0, 1, 2])
def test_one_step_early_or_late(steps: int) -> None:
    here = step_at(MOMENT)
    code = code_for(RFC, here + steps)
    assert step_of(RFC, code, MOMENT) == (here + steps if abs(steps) <= 1 else None)


def test_the_edges_of_a_step() -> None:
    assert step_at(29.999) == 0
    assert step_at(30) == 1
    assert step_of(RFC, HOTP[0], 59.999) == 0
    assert step_of(RFC, HOTP[0], 60) is None
    assert step_of(RFC, HOTP[1], 0) == 1, "there is no step before the first"


@pytest.mark.parametrize(
    ("given", "code"),
    [("123456", "123456"), ("123 456", "123456"), (" 123456 ", "123456"), ("000000", "000000")]
    + [
        (bad, "")
        for bad in (
            "",
            "12345",
            "1234567",
            "12345a",
            "-12345",
            "123456\n",
            "123\t456",
            "１２３４５６",  # noqa: RUF001 - digits, but not those that the app shows
            "١٢٣٤٥٦",
            "\x00" * 6,
            " " * 10_000 + "123456",
        )
    ],
)
def test_what_a_code_looks_like(given: str, code: str) -> None:
    assert tidy(given) == code


def test_no_code_is_never_right() -> None:
    assert step_of(RFC, "", MOMENT) is None
    assert step_of(RFC, "no code", MOMENT) is None


@settings(max_examples=60)
@given(st.binary(min_size=20, max_size=20), st.integers(0, 2**33), st.integers(-3, 3))
def test_a_code_is_of_the_step_that_it_was_made_for(secret: bytes, moment: int, off: int) -> None:
    step = max(0, step_at(moment) + off)
    found = step_of(secret, code_for(secret, step), moment)
    if abs(step - step_at(moment)) <= 1:
        assert found is not None
        assert code_for(secret, found) == code_for(secret, step)
    else:
        assert found is None or code_for(secret, found) == code_for(secret, step)


def test_secrets_are_long_and_never_the_same() -> None:
    assert len({new_secret() for _ in range(100)}) == 100
    assert {len(new_secret()) for _ in range(10)} == {20}


def test_the_address_that_an_app_reads() -> None:
    found = urlsplit(uri(RFC, "alice+ops@example.com", "hoop-eu"))
    assert (found.scheme, found.netloc) == ("otpauth", "totp")
    assert unquote(found.path) == "/hoop-eu:alice+ops@example.com"
    assert parse_qs(found.query) == {
        "secret": ["GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"],
        "issuer": ["hoop-eu"],
        "algorithm": ["SHA1"],
        "digits": ["6"],
        "period": ["30"],
    }
