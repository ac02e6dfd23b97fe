"""Client secrets of machines: making one, and finding whose it is.

A secret reads `hoop_m-<id>_<secret>`: like a token, but it opens nothing itself. All it is good for is to be
exchanged for a short token, in `machines.py`. Of its 256 random bits only the SHA-256 is kept. Several of one machine
may be valid at a time, so that the next can be in place before the last is revoked.
"""

import base64
import hmac
import re
import secrets
from collections.abc import Awaitable, Callable
from datetime import datetime
from hashlib import sha256

from gateway.core.events import TokenCreated
from gateway.core.ids import new_secret_id
from gateway.core.ports import TokenRow
from gateway.identity.tokens import Minted

KIND = "secret"
_PREFIX = "machine:"
_SECRET = re.compile(r"hoop_(m-[0-9A-Z]{6})_([a-z2-7]{52})", re.ASCII)
_NOBODY = sha256(b"no secret has this digest").hexdigest()


def machine_id(name: str) -> str:
    """`machine:deploy-bot`: what rules, tokens and the audit log call it. No person can be called that."""
    return _PREFIX + name


def mint_secret(
    machine: str, now: datetime, expires_at: datetime | None, *, actor: str, label: str = ""
) -> Minted:
    """Make a client secret for the machine of this name."""
    id = new_secret_id()
    secret = base64.b32encode(secrets.token_bytes(32)).decode().rstrip("=").lower()
    row = TokenRow(
        id=id,
        digest=_digest(secret),
        person=machine_id(machine),
        roles=frozenset(),
        created_at=now,
        expires_at=expires_at,
        kind=KIND,
        label=label,
        created_by=actor,
    )
    event = TokenCreated(
        actor=actor,
        token=id,
        person=row.person,
        roles=[],
        expires_at=expires_at.isoformat() if expires_at else "",
        kind=KIND,
        label=label,
    )
    return Minted(f"hoop_{id}_{secret}", row, event)


async def opens(shown: str, find: Callable[[str], Awaitable[TokenRow | None]]) -> TokenRow | None:
    """The row of the secret that is shown. None: it is none, or not the right one. Whether it is still good, and for
    whom, is for the caller to see."""
    found = _SECRET.fullmatch(shown)
    if found is None:
        return None
    row = await find(found[1])
    # An unknown id costs the same comparison as a wrong secret.
    right = hmac.compare_digest(_digest(found[2]), row.digest if row else _NOBODY)
    return row if row is not None and right and row.kind == KIND else None


def _digest(secret: str) -> str:
    return sha256(secret.encode("ascii")).hexdigest()
