"""What a CI job's token must say to stand for one machine, and that each token is used only once.

The token is verified by then (`identity/oidc`): this module reads its claims, and believes nothing that it was not
told to look for. It knows no clock and keeps nothing but which tokens were used.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

from gateway.core.plain import plain

LONGEST_LIFE = 86_400.0
"""Seconds that a token may still be good for: so long it has to be remembered."""
CLOCKS_DIFFER = 300.0
"""Seconds after its end for which whoever verifies tokens may still take one: more than they do."""
REMEMBERED = 100_000

_SEPARATORS = ("/", ":")


def pattern_problem(wanted: str) -> str:
    """What is wrong with a value of the configuration; empty where it can be used."""
    head, star, rest = wanted.partition("*")
    if not wanted:
        return "must not be empty"
    if star and (rest or not head.endswith(_SEPARATORS)):
        return 'may have a "*" only at its end, right after a "/" or ":", as in "refs/heads/*"'
    return ""


def why_not(wanted: Mapping[str, Sequence[str]], claims: Mapping[str, Any]) -> str:
    """The first claim that does not fit, in words for the audit log; empty where every one fits."""
    if not wanted:
        return "the configuration names no claims"
    for name, values in wanted.items():
        if name not in claims:
            return f"the token has no claim {plain(name, 100)}"
        said = claims[name]
        if not isinstance(said, str):
            return f"the claim {plain(name, 100)} is no text"
        if not any(_fits(value, said) for value in values):
            return f"the claim {plain(name, 100)} is {plain(said, 200)}"
    return ""


def shown(wanted: Mapping[str, Sequence[str]], claims: Mapping[str, Any]) -> str:
    """The claims that were looked at, for the audit log."""
    return plain(" ".join(f"{name}={claims[name]}" for name in wanted))


def remember_until(claims: Mapping[str, Any], now: float) -> float | None:
    """When nobody takes this token any more, with all that clocks may differ. None: it does not say, or too late."""
    end = claims.get("exp")
    if isinstance(end, bool) or not isinstance(end, int | float) or not 0 < end <= now + LONGEST_LIFE:
        return None
    return end + CLOCKS_DIFFER


def identity_of(token: str, issuer: str, claims: Mapping[str, Any]) -> str:
    """What a token is recognised by: its own id, else all that is signed of it. Never the signature, of which there
    can be several for the same content."""
    own = claims.get("jti")
    named = f"id\n{own}" if isinstance(own, str) and own else f"text\n{token.rpartition('.')[0]}"
    return hashlib.sha256(f"{issuer}\n{named}".encode("utf-8", "surrogatepass")).hexdigest()


class UsedOnce:
    """Remembers each token until it has expired."""

    def __init__(self, remembered: int = REMEMBERED) -> None:
        self._remembered = remembered
        self._until: OrderedDict[str, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._until)

    def take(self, identity: str, until: float, now: float) -> bool:
        """True: nobody has used it before. False: somebody has, or so many are remembered that nobody can say."""
        if self._until.get(identity, 0.0) > now:
            return False
        if len(self._until) >= self._remembered:
            self._until = OrderedDict((id, end) for id, end in self._until.items() if end > now)
            if len(self._until) >= self._remembered:
                return False
        self._until[identity] = until
        return True


def _fits(wanted: str, said: str) -> bool:
    """Letter for letter, capitals and all; a `*` at the end stands for something, but not for nothing."""
    if not said.isprintable() or pattern_problem(wanted):
        return False
    if wanted.endswith("*"):
        return said.startswith(wanted[:-1]) and len(said) >= len(wanted)
    return said == wanted
