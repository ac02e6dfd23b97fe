"""How to reach a Vault or OpenBao server, how to sign in there, and how places in it are written.

Nothing here asks a server, and nothing here holds a secret: the ways to sign in are references to secrets.
"""

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

_PLACE = re.compile(r"[A-Za-z0-9_.@+=~-]+(/[A-Za-z0-9_.@+=~-]+)+", re.ASCII)
_NAMESPACE = re.compile(r"[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*/?", re.ASCII)
_MOUNT = re.compile(r"[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*", re.ASCII)
_FIELD = re.compile(r"[ -\"$-~]{1,128}", re.ASCII)
LONGEST = 512


@dataclass(frozen=True, slots=True)
class ByToken:
    """With a token that somebody else makes and renews, such as an agent beside the gateway."""

    token: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ByAppRole:
    """With the two halves of an AppRole."""

    role_id: Mapping[str, Any]
    secret_id: Mapping[str, Any]
    mount: str = "approle"


@dataclass(frozen=True, slots=True)
class ByJwt:
    """With a signed token of the place that the gateway runs in, such as a Kubernetes service account's."""

    jwt: Mapping[str, Any]
    role: str
    mount: str = "jwt"


@dataclass(frozen=True, slots=True)
class VaultSettings:
    """One server. `address` is checked when it is made: raises ValueError with a sentence."""

    address: str
    sign_in: ByToken | ByAppRole | ByJwt
    namespace: str = ""
    ca_file: Path | None = None
    timeout: float = 10.0
    """Seconds for one question and its whole answer."""

    def __post_init__(self) -> None:
        read_vault_address(self.address)
        if self.namespace:
            read_namespace(self.namespace)
        if not isinstance(self.sign_in, ByToken):
            read_mount(self.sign_in.mount)


def read_vault_address(text: str) -> str:
    """`https://vault.example.com:8200`, without a `/` at its end. Raises ValueError with a sentence."""
    try:
        url = urlsplit(text)
        host, _ = url.hostname or "", url.port
    except ValueError:
        raise ValueError('must be an address, as in "https://vault.example.com:8200"') from None
    if not text.isascii() or not text.isprintable() or " " in text or not host or "@" in url.netloc:
        raise ValueError('must be an address, as in "https://vault.example.com:8200"')
    if url.path.strip("/") or url.query or url.fragment or "?" in text or "#" in text:
        raise ValueError("must end after the host and its port")
    if url.scheme != "https" and not (url.scheme == "http" and _is_loopback(host)):
        raise ValueError("must start with https://, because secrets come from there")
    return text.rstrip("/")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def read_namespace(text: str) -> str:
    """`admin/team-a`. Raises ValueError with a sentence."""
    if not _NAMESPACE.fullmatch(text) or len(text) > LONGEST:
        raise ValueError('must be the name of a namespace, as in "admin/team-a"')
    return text


def read_mount(text: str) -> str:
    """Where a way to sign in is mounted, without `auth/`. Raises ValueError with a sentence."""
    if not _MOUNT.fullmatch(text) or not _goes_straight(text) or len(text) > LONGEST:
        raise ValueError('must be where it is mounted under auth/, as in "approle"')
    return text


@dataclass(frozen=True, slots=True)
class Field:
    """One field of one secret, in either version of the key-value engine."""

    place: str
    name: str

    def __str__(self) -> str:
        return f"{self.place}#{self.name}"


def read_field(text: str) -> Field:
    """`secret/data/appdb#password`: the path that the API has for it, and a field. Raises ValueError."""
    place, mark, name = text.partition("#")
    if not mark or not _FIELD.fullmatch(name):
        raise ValueError('vault must be a path and a field, as in "secret/data/appdb#password"')
    return Field(read_place(place, "vault", "secret/data/appdb#password"), name)


def read_place(text: str, kind: str, example: str) -> str:
    """A path of the API without `v1/`, such as `ssh/sign/deploy`. Raises ValueError with a sentence."""
    if not _PLACE.fullmatch(text) or not _goes_straight(text) or len(text) > LONGEST:
        raise ValueError(f'{kind} must be a path without /v1/, as in "{example}"')
    if text.startswith(("v1/", "sys/", "auth/")):
        raise ValueError(f'{kind} must be a path without /v1/, as in "{example}"')
    return text


def _goes_straight(path: str) -> bool:
    return not any(part in (".", "..") for part in path.split("/"))
