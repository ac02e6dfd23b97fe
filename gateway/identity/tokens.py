"""API tokens: making one, and finding whose it is.

A token reads `hoop_<id>_<secret>`. The id is public and finds the row; the secret is 256 random bits, of which
only the SHA-256 is kept (a slow hash guards weak secrets, and this one is not weak). Roles, groups and whether the
person is disabled are looked up at each use, so that a change of configuration is in force at once.
"""

import base64
import hmac
import re
import secrets
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from hashlib import sha256
from typing import NamedTuple, Protocol

from gateway.core.events import TokenCreated
from gateway.core.ids import new_token_id
from gateway.core.people import Principal
from gateway.core.ports import Clock, TokenRow

_TOKEN = re.compile(r"hoop_(t-[0-9A-Z]{6})_([a-z2-7]{52})", re.ASCII)
_NOBODY = sha256(b"no token has this digest").hexdigest()

Lookup = Callable[[str], Principal | None]
"""The person of this name as they are now; None where there is none, or they are disabled."""


class Tokens(Protocol):
    """The part of the ledger that this module needs."""

    async def token(self, id: str) -> TokenRow | None: ...


class Minted(NamedTuple):
    """A new token: the text to show once, and what to keep of it."""

    token: str
    row: TokenRow
    event: TokenCreated


def mint(
    person: str, roles: frozenset[str], now: datetime, expires_at: datetime | None, *, actor: str = ""
) -> Minted:
    """Make a token for `person`. No `roles` means: all that the person has, whenever it is used."""
    id = new_token_id()
    secret = base64.b32encode(secrets.token_bytes(32)).decode().rstrip("=").lower()
    row = TokenRow(id, _digest(secret), person, roles, now, expires_at)
    event = TokenCreated(
        actor=actor,
        token=id,
        person=person,
        roles=sorted(roles),
        expires_at=expires_at.isoformat() if expires_at else "",
    )
    return Minted(f"hoop_{id}_{secret}", row, event)


class TokenIdentities:
    """Finds the Principal behind a token."""

    def __init__(self, tokens: Tokens, clock: Clock, lookup: Lookup) -> None:
        self._tokens = tokens
        self._clock = clock
        self._lookup = lookup

    async def by_token(self, token: str) -> Principal | None:
        """None: malformed, unknown, wrong, revoked, expired, or the person is no longer there."""
        found = _TOKEN.fullmatch(token)
        if found is None:
            return None
        row = await self._tokens.token(found[1])
        # An unknown id costs the same comparison as a wrong secret.
        right = hmac.compare_digest(_digest(found[2]), row.digest if row else _NOBODY)
        if row is None or not right or row.revoked:
            return None
        if row.expires_at is not None and self._clock.now() >= row.expires_at:
            return None
        person = self._lookup(row.person)
        if person is None:
            return None
        roles = person.roles & row.roles if row.roles else person.roles
        return replace(person, roles=roles, method=f"token {row.id}")


def _digest(secret: str) -> str:
    return sha256(secret.encode("ascii")).hexdigest()
