"""OAUTHBEARER (RFC 7628), the server's side: the token that a client shows, and where it gets one.

A client that has none shows an empty one, is told where its sign-in begins, and comes again. Pure; no token is
judged in here.
"""

import json
import re

from gateway.core.errors import Malformed

MECHANISM = "OAUTHBEARER"
WORDS_MOST = 64 << 10
FAREWELL = b"\x01"
"""What the client answers to a failure, before it is told so as an error."""

_TOKEN = re.compile(r"[Bb][Ee][Aa][Rr][Ee][Rr] +([A-Za-z0-9\-._~+/]+=*)")
_KEY = re.compile(r"[A-Za-z]+")
_VALUE = re.compile(r"[\x20-\x7e\t\r\n]*")


def parse_first(words: bytes) -> str:
    """The token; empty where the client asks how to get one. Raises `Malformed`."""
    fields = _fields(words)
    shown = fields.get("auth")
    if shown is None:
        raise Malformed("the words of the sign-in hold no token")
    if not shown:
        return ""
    found = _TOKEN.fullmatch(shown)
    if found is None:
        raise Malformed("the token of the sign-in is not a bearer token")
    return found[1]


def make_failure(configuration: str, scope: str, status: str = "invalid_token") -> bytes:
    """What says where the sign-in begins: the address of the provider's OpenID configuration, and what to ask for."""
    return json.dumps(
        {"status": status, "openid-configuration": configuration, "scope": scope}, ensure_ascii=True
    ).encode()


def _fields(words: bytes) -> dict[str, str]:
    """`n,,` then fields, each closed by a \\x01, closed by another."""
    if len(words) > WORDS_MOST:
        raise Malformed("the words of the sign-in are too long")
    try:
        text = words.decode("ascii")
    except UnicodeDecodeError:
        raise Malformed("the words of the sign-in are not ASCII") from None
    header, begins, rest = text.partition("\x01")
    closed = rest == "\x01" or rest.endswith("\x01\x01")
    if header not in ("n,,", "y,,") or not begins or not closed:
        raise Malformed("the words of the sign-in are not those of OAUTHBEARER")
    fields: dict[str, str] = {}
    for field in rest.split("\x01")[:-2]:
        key, equals, value = field.partition("=")
        if not equals or not _KEY.fullmatch(key) or not _VALUE.fullmatch(value) or key in fields:
            raise Malformed("the words of the sign-in are not those of OAUTHBEARER")
        fields[key] = value
    return fields
