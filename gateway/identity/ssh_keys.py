"""People by their SSH public keys. A key is compared by its bytes; comments and options do not exist here.

It answers who holds a key, never whether somebody has proved to hold it: that is the adapter's business.
"""

import base64
import binascii
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace

from gateway.core.errors import Misconfigured
from gateway.core.people import Principal


class KeyIdentities:
    """A table from keys to people. A reload replaces it whole."""

    def __init__(self, people: Mapping[Principal, Sequence[str]] | None = None) -> None:
        self._people: Mapping[bytes, Principal] = {}
        self._by_method: Mapping[str, Principal] = {}
        self.replace(people or {})

    def replace(self, people: Mapping[Principal, Sequence[str]]) -> None:
        """Know these people instead. Raises `Misconfigured`, and then nothing has changed."""
        fresh: dict[bytes, Principal] = {}
        for principal, keys in people.items():
            for line in keys:
                try:
                    blob = key_blob(line)
                except ValueError as problem:
                    raise Misconfigured(f"{principal.name}: {problem}") from None
                owner = fresh.setdefault(blob, principal)
                if owner != principal:
                    raise Misconfigured(f"{owner.name} and {principal.name} have the same key")
        self._people = fresh
        self._by_method = {_method(blob): principal for blob, principal in fresh.items()}

    async def by_ssh_key(self, openssh: str, fingerprint: str) -> Principal | None:
        """Who holds this key? None: nobody we know, or not a plain key."""
        try:
            blob = key_blob(openssh)
        except ValueError:
            return None
        person = self._people.get(blob)
        return replace(person, method=_method(blob)) if person else None

    def still(self, principal: Principal) -> Principal | None:
        """Whoever signed in with a key, as they are now. None: the key opens nothing any more, or not for them."""
        person = self._by_method.get(principal.method)
        if person is None or person.id != principal.id:
            return None
        return replace(person, method=principal.method)


def _method(blob: bytes) -> str:
    return f"ssh-key {key_fingerprint(blob)}"


def key_blob(openssh: str) -> bytes:
    """The bytes of `ssh-ed25519 AAAA... comment`. Raises `ValueError` for anything else, certificates too."""
    words = openssh.split()
    if len(words) < 2:
        raise ValueError('a key must look like "ssh-ed25519 AAAA..."')
    if "-cert-" in words[0]:
        raise ValueError("certificates are not accepted")
    try:
        blob = base64.b64decode(words[1], validate=True)
    except (binascii.Error, ValueError):
        raise ValueError('a key must look like "ssh-ed25519 AAAA..."') from None
    kind = words[0].encode("utf-8", "replace")
    if not blob.startswith(len(kind).to_bytes(4, "big") + kind):
        raise ValueError(f"a key says it is {words[0][:40]} and holds something else")
    return blob


def key_fingerprint(blob: bytes) -> str:
    """As `ssh-keygen -l` prints it: `SHA256:...`."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")
