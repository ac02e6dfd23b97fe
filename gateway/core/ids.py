"""Short ids that can be said on the phone: Crockford base32, no I L O U.

Requests read `7QF-2KM` (35 bits), sessions `s-2B8CK4TQ` (40 bits). Case, hyphens and the usual misreadings
(O for 0, I and L for 1) are forgiven on input. Ids are random, never guessable from one another; the store
refuses a duplicate.
"""

import secrets

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_MISREAD = str.maketrans("OIL", "011")


def _random(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


def new_session_id() -> str:
    """A fresh session id, such as `s-2B8CK4TQ`."""
    return "s-" + _random(8)


def new_request_id() -> str:
    """A fresh request id, such as `7QF-2KM`."""
    text = _random(7)
    return f"{text[:3]}-{text[3:]}"


def new_token_id() -> str:
    """A fresh public half of a token, such as `t-7QF2KM`. The secret half never has an id."""
    return "t-" + _random(6)


def new_secret_id() -> str:
    """A fresh public half of a machine's client secret, such as `m-7QF2KM`."""
    return "m-" + _random(6)


def new_code() -> str:
    """A fresh code to type into a page, such as `WDJB-MJHT`: 40 bits that live for minutes."""
    text = _random(8)
    return f"{text[:4]}-{text[4:]}"


def canonical_session(text: str) -> str:
    """`2b8c`, `S-2B8C` and `s-2b8c` all become `s-2B8C`: a whole id or the start of one."""
    body = text.strip().upper().removeprefix("S-").replace("-", "").translate(_MISREAD)
    if not body or len(body) > 8 or any(letter not in _ALPHABET for letter in body):
        raise ValueError(f"not a session id: {text[:40]!r}")
    return "s-" + body


def canonical_request(text: str) -> str:
    """`7qf2km` becomes `7QF-2KM`."""
    body = text.strip().upper().replace("-", "").translate(_MISREAD)
    if len(body) != 7 or any(letter not in _ALPHABET for letter in body):
        raise ValueError(f"not a request id: {text[:40]!r}")
    return f"{body[:3]}-{body[3:]}"


def canonical_code(text: str) -> str:
    """`wdjbmjht` becomes `WDJB-MJHT`."""
    body = text.strip().upper().replace("-", "").replace(" ", "").translate(_MISREAD)
    if len(body) != 8 or any(letter not in _ALPHABET for letter in body):
        raise ValueError(f"not a code: {text[:40]!r}")
    return f"{body[:4]}-{body[4:]}"
