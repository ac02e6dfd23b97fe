"""The client's side of SCRAM: what an honest server takes, and what a dishonest one may not get us to do."""

import base64
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.errors import Malformed
from gateway.wire.postgres.scram import PLAIN, PLUS, ROUNDS_MOST, ScramClient
from tests.wire.postgres.scram_server import ScramServer

NONCE = "rOprNGfwEbeRWgbNEkqO"


def started(password: bytes = b"pencil") -> tuple[ScramClient, ScramServer]:
    return ScramClient(password, NONCE), ScramServer(password, rounds=64)


@pytest.mark.parametrize("password", [b"pencil", "pässwörd".encode(), b"\xff\xfe", b" ", b"x" * 5000])
def test_an_honest_server_is_content(password: bytes) -> None:
    client, server = started(password)
    final = client.answer(server.challenge(client.first()))
    client.check(server.verify(final))
    assert client.mechanism == PLAIN


def test_the_example_of_the_standard() -> None:
    """RFC 7677, 3, with the user's name left out as PostgreSQL does: the salted password and its keys are its own."""
    client = ScramClient(b"pencil", NONCE)
    first = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
    server = ScramServer(b"pencil", salt=base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ=="))
    assert server.challenge(client.first(), b"%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0") == first.encode()
    final = client.answer(first.encode())
    assert final.startswith(b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=")
    client.check(server.verify(final))


def test_bound_to_the_encryption() -> None:
    client = ScramClient(b"pencil", NONCE, binding=b"the certificate's hash")
    server = ScramServer(b"pencil", rounds=64, binding=b"the certificate's hash")
    client.check(server.verify(client.answer(server.challenge(client.first()))))
    assert client.mechanism == PLUS
    other = ScramServer(b"pencil", rounds=64, binding=b"another certificate's")
    client = ScramClient(b"pencil", NONCE, binding=b"the certificate's hash")
    with pytest.raises(AssertionError):
        other.verify(client.answer(other.challenge(client.first())))


def test_says_that_it_could_have_been_bound() -> None:
    assert ScramClient(b"pencil", NONCE, could_bind=True).first() == b"y,,n=,r=" + NONCE.encode()
    assert ScramClient(b"pencil", NONCE).first() == b"n,,n=,r=" + NONCE.encode()


SALT = base64.b64encode(b"a salt").decode()


@pytest.mark.parametrize(
    "words",
    [
        "",
        "e=other-error",
        f"r={NONCE},s={SALT},i=4096",  # nothing added
        f"r=somebody-elses-{NONCE},s={SALT},i=4096",
        f"r={NONCE[:-1]},s={SALT},i=4096",
        f"r={NONCE}\x7f,s={SALT},i=4096",
        f"r={NONCE} x,s={SALT},i=4096",
        f"r={NONCE}x,s=,i=4096",
        f"r={NONCE}x,s=not base64,i=4096",
        f"r={NONCE}x,s={'A' * 3},i=4096",
        f"r={NONCE}x,s={base64.b64encode(b'x' * 1025).decode()},i=4096",
        f"r={NONCE}x,s={SALT},i=0",
        f"r={NONCE}x,s={SALT},i=-1",
        f"r={NONCE}x,s={SALT},i=",
        f"r={NONCE}x,s={SALT},i=4096x",
        f"r={NONCE}x,s={SALT},i=٤٠٩٦",
        f"r={NONCE}x,s={SALT},i=2147483648",
        f"r={NONCE}x,s={SALT},i={ROUNDS_MOST + 1}",
        f"r={NONCE}x,s={SALT},i={'9' * 4000}",
        f"m=must-know,r={NONCE}x,s={SALT},i=4096",
        f"r={NONCE}x,s={SALT},i=4096,m=must-know",
        f"s={SALT},r={NONCE}x,i=4096",
        f"r={NONCE}{'x' * 5000},s={SALT},i=4096",
    ],
)
def test_first_words_of_an_evil_server(words: str) -> None:
    client = ScramClient(b"pencil", NONCE)
    client.first()
    began = time.process_time()
    with pytest.raises(Malformed):
        client.answer(words.encode())
    assert time.process_time() - began < 0.5


@pytest.mark.parametrize("last", [b"", b"v=", b"v=AAAA", b"e=invalid-proof", b"v=!!!!", b"x=AAAA"])
def test_last_words_of_an_evil_server(last: bytes) -> None:
    client, server = started()
    client.answer(server.challenge(client.first()))
    with pytest.raises(Malformed):
        client.check(last)


def test_a_server_that_does_not_know_the_password() -> None:
    client = ScramClient(b"pencil", NONCE)
    server = ScramServer(b"pencil", rounds=64)
    good = server.verify(client.answer(server.challenge(client.first())))
    other, server = started()
    other.answer(server.challenge(other.first(), more=b"another"))
    with pytest.raises(Malformed, match="could not prove"):
        other.check(good)
    with pytest.raises(Malformed, match="could not prove"):
        other.check(b"v=" + base64.b64encode(bytes(32)))


def test_no_last_words_before_an_answer() -> None:
    with pytest.raises(Malformed):
        ScramClient(b"pencil", NONCE).check(b"v=" + base64.b64encode(bytes(32)))


@settings(max_examples=150)
@given(
    st.binary(max_size=200)
    | st.from_regex(rb"r=[!-~]{0,40},s=[A-Za-z0-9=]{0,20},i=[0-9]{1,4}", fullmatch=True)
)
def test_any_first_words(words: bytes) -> None:
    client = ScramClient(b"pencil", NONCE)
    client.first()
    try:
        final = client.answer(words)
    except Malformed:
        return
    assert final.startswith(b"c=biws,r=" + NONCE.encode())


@settings(max_examples=100)
@given(st.binary(max_size=100))
def test_any_last_words(words: bytes) -> None:
    client, server = started()
    client.answer(server.challenge(client.first()))
    with pytest.raises(Malformed):
        client.check(words)
