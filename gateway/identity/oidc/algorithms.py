"""The signatures that a sign-in token may have: all of them asymmetric, each tied to one kind of key.

HS256 and its kin and `none` are not in the table, so that no setting can allow them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True, slots=True)
class Algorithm:
    """One name of a signature algorithm, the key it needs, and the hash that goes with it."""

    name: str
    key_type: str
    curve: str
    hash: str


def _table() -> Mapping[str, Algorithm]:
    rows = [
        Algorithm(f"{kind}{bits}", "RSA", "", f"sha{bits}")
        for kind in ("RS", "PS")
        for bits in (256, 384, 512)
    ]
    rows += [
        Algorithm("ES256", "EC", "P-256", "sha256"),
        Algorithm("ES384", "EC", "P-384", "sha384"),
        Algorithm("ES512", "EC", "P-521", "sha512"),
        # Two names of one thing: RFC 8037 calls it EdDSA, RFC 9864 says which curve.
        Algorithm("EdDSA", "OKP", "Ed25519", "sha512"),
        Algorithm("Ed25519", "OKP", "Ed25519", "sha512"),
    ]
    return MappingProxyType({row.name: row for row in rows})


ALGORITHMS: Final = _table()
KEY_CURVES: Final = frozenset((row.key_type, row.curve) for row in ALGORITHMS.values())
EDWARDS: Final = frozenset({"EdDSA", "Ed25519"})
USUAL: Final = ("RS256", "PS256", "ES256", "EdDSA", "Ed25519")
"""What is allowed where the configuration does not say."""
