"""Tokens: making one, and finding whose it is.

A token reads `hoop_<id>_<secret>`. The id is public and finds the row; the secret is 256 random bits, of which
only the SHA-256 is kept (a slow hash guards weak secrets, and this one is not weak). Roles, groups and whether the
person is disabled are looked up at each use, so that a change of configuration is in force at once.
"""

import base64
import hmac
import logging
import re
import secrets
from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import NamedTuple, Protocol

from gateway.core.errors import Fault, Refused
from gateway.core.events import TokenCreated, TokenRenewed
from gateway.core.ids import new_token_id
from gateway.core.people import Principal
from gateway.core.ports import Clock, TokenRow

_TOKEN = re.compile(r"hoop_(t-[0-9A-Z]{6})_([a-z2-7]{52})", re.ASCII)
_NOBODY = sha256(b"no token has this digest").hexdigest()

FOR_THE_API = frozenset({"api", "login", "machine"})
"""The kinds of tokens that the API takes. The others open one thing each."""

DATABASE = "database"
"""The kind that is a password for databases, and opens nothing else."""

NOTED_EVERY = timedelta(minutes=1)
NOTED_MOST = 10_000
NOWHERE = "-"
"""No target is called so."""

log = logging.getLogger("hoop.identity")

Lookup = Callable[[str], Principal | None]
"""The person with this id as they are now; None where there is none, or they may not come in."""


class Tokens(Protocol):
    """The part of the ledger that this module needs."""

    async def token(self, id: str) -> TokenRow | None: ...
    async def token_used(self, id: str, at: datetime) -> None: ...


class Minted(NamedTuple):
    """A new token: the text to show once, and what to keep of it."""

    token: str
    row: TokenRow
    event: TokenCreated


def mint(
    person: str,
    roles: frozenset[str],
    now: datetime,
    expires_at: datetime | None,
    *,
    actor: str = "",
    kind: str = "api",
    target: str = "",
    label: str = "",
    parent: str = "",
) -> Minted:
    """Make a token for the person with the id `person`. No `roles` means: all that they have, whenever it is used."""
    id = new_token_id()
    secret = _new_secret()
    row = TokenRow(
        id,
        _digest(secret),
        person,
        roles,
        now,
        expires_at,
        kind=kind,
        target=target,
        label=label,
        parent=parent,
        created_by=actor,
    )
    event = TokenCreated(
        actor=actor,
        token=id,
        person=person,
        roles=sorted(roles),
        expires_at=expires_at.isoformat() if expires_at else "",
        kind=kind,
        target=target,
        label=label,
        parent=parent,
    )
    return Minted(f"hoop_{id}_{secret}", row, event)


class Renewed(NamedTuple):
    """The same token with another secret: its text to show once, and what to keep of it."""

    token: str
    digest: str
    event: TokenRenewed


def renewed(row: TokenRow, expires_at: datetime) -> Renewed:
    """Another secret for a sign-in that goes on until `expires_at`."""
    secret = _new_secret()
    event = TokenRenewed(actor=row.person, token=row.id, expires_at=expires_at.isoformat())
    return Renewed(f"hoop_{row.id}_{secret}", _digest(secret), event)


class TokenIdentities:
    """Finds the Principal behind a token."""

    def __init__(self, tokens: Tokens, clock: Clock, lookup: Lookup) -> None:
        self._tokens = tokens
        self._clock = clock
        self._lookup = lookup
        self._noted: dict[str, datetime] = {}

    async def by_token(self, token: str, kinds: Collection[str] = FOR_THE_API) -> Principal | None:
        """None: malformed, unknown, wrong, revoked, expired, of another kind, or the person is no longer there."""
        row = await self.row_of(token)
        return None if row is None or row.kind not in kinds else await self._whose(row)

    async def by_database_token(self, token: str) -> Principal:
        """Whose password for databases is this? Raises `Refused`: only who has the right secret is told more
        than that it is not valid."""
        row = await self._right(token)
        if row is None:
            raise Refused("the password was not a valid hoop-tui token")
        if row.kind != DATABASE:
            raise Refused("the password was a token, but not one for databases")
        if row.revoked:
            raise Refused("the password was not a valid hoop-tui token (revoked)")
        if self._is_over(row):
            raise Refused(f"the password was not a valid hoop-tui token (expired {self._ago(row)} ago)")
        person = await self._whose(row)
        if person is None:
            raise Refused("the password was a token of somebody who may not come in")
        return person

    async def _whose(self, row: TokenRow) -> Principal | None:
        person = self._lookup(row.person)
        if person is None:
            return None
        await self._note_use(row)
        return replace(
            person,
            roles=person.roles & row.roles if row.roles else person.roles,
            method=f"token {row.id}",
            targets=_narrowed(person.targets, row.target),
            token=row.id,
            token_kind=row.kind,
            expires_at=row.expires_at,
        )

    async def row_of(self, token: str) -> TokenRow | None:
        """What is kept of this token, if it is good now."""
        row = await self._right(token)
        return None if row is None or row.revoked or self._is_over(row) else row

    async def _right(self, token: str) -> TokenRow | None:
        """What is kept of this token, whether or not it is good any more."""
        found = _TOKEN.fullmatch(token)
        if found is None:
            return None
        row = await self._tokens.token(found[1])
        # An unknown id costs the same comparison as a wrong secret.
        right = hmac.compare_digest(_digest(found[2]), row.digest if row else _NOBODY)
        return row if right else None

    def _is_over(self, row: TokenRow) -> bool:
        return row.expires_at is not None and self._clock.now() >= row.expires_at

    def _ago(self, row: TokenRow) -> str:
        assert row.expires_at is not None
        seconds = int((self._clock.now() - row.expires_at).total_seconds())
        for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
            if seconds >= length:
                return f"{seconds // length} {unit}"
        return f"{max(seconds, 1)} s"

    async def _note_use(self, row: TokenRow) -> None:
        """Once a minute is enough to tell a token that nobody uses. That it can not be noted stops nobody."""
        now = self._clock.now()
        last = self._noted.get(row.id, row.used_at)
        if last is not None and timedelta() <= now - last < NOTED_EVERY:
            return
        if len(self._noted) >= NOTED_MOST:
            self._noted.clear()
        self._noted[row.id] = now
        try:
            await self._tokens.token_used(row.id, now)
        except Fault as problem:
            log.warning("that the token %s was used is not noted: %s", row.id, problem.sentence)


def _narrowed(targets: frozenset[str], target: str) -> frozenset[str]:
    """What a person reaches with a token for one target."""
    if not target:
        return targets
    return frozenset({target}) if not targets or target in targets else frozenset({NOWHERE})


def _new_secret() -> str:
    return base64.b32encode(secrets.token_bytes(32)).decode().rstrip("=").lower()


def _digest(secret: str) -> str:
    return sha256(secret.encode("ascii")).hexdigest()
