"""The token of a client's sign-in, and the answer that says where to get one."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.errors import Malformed
from gateway.wire.postgres.oauthbearer import make_failure, parse_first


@pytest.mark.parametrize(
    ("words", "token"),
    [
        (b"n,,\x01auth=Bearer abc.DEF-1_2~3+4/5==\x01\x01", "abc.DEF-1_2~3+4/5=="),
        (b"y,,\x01auth=bearer  abc\x01\x01", "abc"),
        (b"n,,\x01auth=\x01\x01", ""),
        (b"n,,\x01host=db.example.com\x01port=5432\x01auth=Bearer abc\x01\x01", "abc"),
    ],
)
def test_shown(words: bytes, token: str) -> None:
    assert parse_first(words) == token


@pytest.mark.parametrize(
    "words",
    [
        b"",
        b"n,,",
        b"n,,\x01",
        b"n,,\x01\x01",
        b"n,,\x01auth=Bearer abc\x01",
        b"n,,\x01auth=Bearer abc",
        b"n,,\x01auth=Bearer abc\x01\x01x",
        b"n,,\x01auth=Bearer abc\x01auth=Bearer def\x01\x01",
        b"n,,\x01auth=Bearer a b\x01\x01",
        b"n,,\x01auth=Basic abc\x01\x01",
        b"n,,\x01auth=Bearer =\x01\x01",
        b"n,,\x01auth=Bearer abc=d\x01\x01",
        b"n,,\x01auth\x01\x01",
        b"n,,\x01au th=Bearer abc\x01\x01",
        b"n,a=admin,\x01auth=Bearer abc\x01\x01",
        b"p=tls-server-end-point,,\x01auth=Bearer abc\x01\x01",
        b"n,,\x01auth=Bearer \xc3\xa4\x01\x01",
        b"n,,\x01auth=Bearer abc\0\x01\x01",
        b"n,,\x01auth=Bearer " + b"a" * 65536 + b"\x01\x01",
    ],
)
def test_refused(words: bytes) -> None:
    with pytest.raises(Malformed):
        parse_first(words)


def test_where_to_get_one() -> None:
    said = json.loads(make_failure("https://id.example.com/.well-known/openid-configuration", "openid hoop"))
    assert said == {
        "status": "invalid_token",
        "openid-configuration": "https://id.example.com/.well-known/openid-configuration",
        "scope": "openid hoop",
    }


@settings(max_examples=200)
@given(st.binary(max_size=60) | st.from_regex(rb"n,,\x01auth=[ -~]{0,20}\x01\x01", fullmatch=True))
def test_anything(words: bytes) -> None:
    try:
        token = parse_first(words)
    except Malformed:
        return
    assert token.encode() in words
