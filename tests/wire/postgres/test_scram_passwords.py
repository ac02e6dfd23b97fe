"""Passwords before they are hashed, and the hashes of older servers."""

import hashlib
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.errors import Malformed
from gateway.wire.postgres.hashed import (
    DigestChallenge,
    digest_answer,
    md5_answer,
    parse_digest_challenge,
)
from gateway.wire.postgres.saslprep import prepared


@pytest.mark.parametrize(
    ("password", "hashed"),
    [
        ("user", "user"),
        ("I\u00adX", "IX"),  # examples 1 to 5 of RFC 4013, 3
        ("USER", "USER"),
        ("\u00aa", "a"),
        ("\u2168", "IX"),
        ("a\u00a0b", "a b"),
        ("\ufb01sh", "fish"),
        ("e\u0301", "\u00e9"),
        ("\u0627\u0644", "\u0627\u0644"),
    ],
)
def test_prepared(password: str, hashed: str) -> None:
    assert prepared(password.encode()) == hashed.encode()


@pytest.mark.parametrize(
    "password",
    [
        b"\x07",
        "ä\x07".encode(),
        "\u06271".encode(),
        "\u0627a".encode(),
        b"\xff",
        "\u0221".encode(),
        "\u00ad".encode(),
    ],
)
def test_taken_as_it_is_where_it_can_not_be_prepared(password: bytes) -> None:
    assert prepared(password) == password


@settings(max_examples=200)
@given(st.binary(max_size=40) | st.text(max_size=20).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_any_password(password: bytes) -> None:
    assert prepared(prepared(password)) == prepared(password)


def test_md5() -> None:
    inner = hashlib.md5(b"secretalice").hexdigest()
    assert md5_answer(b"alice", b"secret", b"\x01\x02\x03\x04") == (
        b"md5" + hashlib.md5(inner.encode() + b"\x01\x02\x03\x04").hexdigest().encode()
    )


def challenge(kind: int = 0, salt: bytes = b"salt", nonce: bytes = b"nonce") -> bytes:
    return struct.pack("!ii", kind, len(salt)) + salt + struct.pack("!i", len(nonce)) + nonce


def test_redshifts_digest() -> None:
    asked = parse_digest_challenge(challenge())
    assert asked == DigestChallenge(b"salt", b"nonce")
    digest = hashlib.sha256(hashlib.sha256(b"secretsalt").digest() + b"nonce" + b"17").digest()
    assert digest_answer(b"secret", asked, b"17") == b"\0\0\0\x20" + digest + b"\0\0\0\x02" + b"17"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\0\0\0",
        challenge(1),
        challenge(-1),
        challenge()[:-1],
        challenge() + b"x",
        struct.pack("!ii", 0, -1),
        struct.pack("!ii", 0, 2**31 - 1) + b"x",
        challenge(salt=b"x" * 1025),
    ],
)
def test_digests_that_nobody_asks_for(body: bytes) -> None:
    with pytest.raises(Malformed):
        parse_digest_challenge(body)


@settings(max_examples=150)
@given(st.binary(max_size=60))
def test_any_digest(body: bytes) -> None:
    try:
        asked = parse_digest_challenge(body)
    except Malformed:
        return
    assert challenge(0, asked.salt, asked.nonce) == body
