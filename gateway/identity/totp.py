"""Six digits from an authenticator app (RFC 6238): making them, and finding which half minute a code is of.

SHA-1, six digits and thirty seconds, because that is what every app understands, whatever else it is told. A code is
taken one step early or late, for clocks that are a little wrong. That each is used only once is the ledger's doing
(`use_totp_step`): this module only says which step a code stands for. It knows no clock and keeps nothing.
"""

import hmac
import os
import re

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP

DIGITS = 6
STEP = 30
"""Seconds that a code is shown."""
WINDOW = 1
"""So many steps early or late are forgiven."""
SECRET_BYTES = 20
"""160 bits, as RFC 4226 advises: as many as its hash has."""

_CODE = re.compile(r"[0-9]{6}", re.ASCII)


def new_secret() -> bytes:
    """A fresh secret, for one person and one app."""
    return os.urandom(SECRET_BYTES)


def step_at(moment: float) -> int:
    """The number of the half minute that this moment, in seconds since 1970, lies in."""
    return int(moment // STEP)


def code_for(secret: bytes, step: int) -> str:
    """The code that an app shows during this step."""
    return _maker(secret).generate(step * STEP).decode("ascii")


def tidy(code: str) -> str:
    """A code without the blanks that apps show in it and people copy; empty where it is no code."""
    bare = code[:20].replace(" ", "")
    return bare if _CODE.fullmatch(bare) else ""


def step_of(secret: bytes, code: str, moment: float) -> int | None:
    """The step near `moment` that this code is of. None: of none. All are compared, whichever fits, so that the time
    taken tells nothing."""
    given = tidy(code).encode()
    now = step_at(moment)
    near = range(max(0, now - WINDOW), now + WINDOW + 1)
    fitting = [step for step in near if hmac.compare_digest(given, code_for(secret, step).encode())]
    return fitting[0] if fitting else None


def uri(secret: bytes, person: str, gateway: str) -> str:
    """What an app reads from a QR code or is pasted: `otpauth://totp/...`. Whoever sees it can make the codes."""
    return _maker(secret).get_provisioning_uri(person, gateway)


def _maker(secret: bytes) -> TOTP:
    return TOTP(secret, DIGITS, SHA1(), STEP)  # noqa: S303 - as a MAC, which its collisions do not weaken
