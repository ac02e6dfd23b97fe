"""What the configuration says about one provider, and which addresses a provider may have.

Nothing here talks to anybody.
"""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Final, Literal
from urllib.parse import urlsplit

from gateway.core.plain import plain
from gateway.core.secret import Secret
from gateway.identity.oidc.algorithms import ALGORITHMS, USUAL

_VISIBLE: Final = re.compile(r"[!-~]{1,2048}")

FetchSecret = Callable[[], Awaitable[Secret]]
"""The client secret as it is now. Raises `Fault`."""


@dataclass(frozen=True, slots=True)
class Issuer:
    """One provider. For a provider that only machines' tokens come from, `client_id` stays empty."""

    name: str
    url: str
    client_id: str = ""
    client_secret: FetchSecret | None = field(default=None, repr=False)
    scopes: tuple[str, ...] = ("openid", "profile", "email", "groups")
    groups_claim: str = "groups"
    groups_missing: Literal["refuse", "none"] = "refuse"
    name_claim: str = "email"
    ca_file: Path | None = None
    algorithms: tuple[str, ...] = USUAL
    shares_callback: bool = False
    """Other issuers send people back to the same address: an answer that does not say who it is from is refused."""

    def __post_init__(self) -> None:
        if not self.algorithms or not set(self.algorithms) <= ALGORITHMS.keys():
            raise ValueError("algorithms must be some of " + ", ".join(ALGORITHMS))
        if not is_sound_issuer(self.url):
            raise ValueError(
                "the url of an issuer must be https, or http on this machine, without ? # and user"
            )

    @property
    def shown(self) -> str:
        """Its name as sentences may carry it."""
        return plain(self.name, 64)

    @property
    def on_this_machine(self) -> bool:
        """Whether it is reached by plain http on a loopback address, as the demo and tests do."""
        return self.url.startswith("http://")


def is_sound_issuer(url: str) -> bool:
    """Whether `url` can be the name of an issuer (no query, no fragment)."""
    return "?" not in url and "#" not in url and is_sound_url(url, loopback=True)


def is_sound_url(url: object, *, loopback: bool) -> bool:
    """Whether a provider may be asked at `url`: https; with `loopback` also http on this machine."""
    if not isinstance(url, str) or not _VISIBLE.fullmatch(url) or "\\" in url:
        return False
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    if not host or parts.username is not None or parts.password is not None or "#" in url:
        return False
    return parts.scheme == "https" or (loopback and parts.scheme == "http" and _is_loopback(host))


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
