"""People by the certificates that the gateway's `user` authority signed for them.

It answers whose a certificate is, never whether somebody has proved to hold its key: that is the adapter's business.
A certificate is only as good as its row in the ledger: a signature alone, even one of ours, opens nothing.
"""

import base64
import binascii
import ipaddress
from dataclasses import replace
from typing import Protocol

import asyncssh
from asyncssh.public_key import decode_ssh_public_key

from gateway.core.errors import Malformed, Refused
from gateway.core.people import Principal
from gateway.core.plain import plain
from gateway.core.ports import CertificateRow, Clock
from gateway.identity.authority import Authority
from gateway.identity.signing import read_network
from gateway.identity.ssh_keys import key_fingerprint
from gateway.identity.tokens import Lookup
from gateway.wire.ssh_certificate import (
    FOR_A_PERSON,
    LONGEST,
    CertificateFields,
    option_value,
    read_certificate,
)

SOURCE_ADDRESS = "source-address"

_PATTERNS = frozenset("*?!,")


class Certificates(Protocol):
    """The part of the ledger that this module needs."""

    async def certificate(self, serial: int) -> CertificateRow | None: ...


class CertificateIdentities:
    """Finds the Principal behind a certificate."""

    def __init__(
        self, authority: Authority, certificates: Certificates, clock: Clock, lookup: Lookup
    ) -> None:
        """`lookup` finds somebody by their id, and nobody who is locked or disabled."""
        self._authority = authority
        self._certificates = certificates
        self._clock = clock
        self._lookup = lookup

    async def by_certificate(self, openssh: str, address: str) -> Principal:
        """Who may come in from `address` with this certificate? Raises `Refused`, with a sentence that is for the
        audit alone: a stranger learns nothing. Raises `Fault`."""
        try:
            fields = read_certificate(certificate_blob(openssh))
            self._check_signature(fields)
            name = _only_name(fields)
            self._check_times(fields)
            _check_options(fields, address)
        except Malformed as problem:
            raise Refused(problem.sentence) from None
        row = await self._certificates.certificate(fields.serial)
        if row is None or row.fingerprint != key_fingerprint(fields.key):
            raise Refused("certificate was not issued here")
        if row.revoked:
            raise Refused("certificate is revoked")
        if self._clock.now() >= row.expires_at:
            raise Refused("certificate has expired")
        person = self._lookup(row.person)
        if person is None:
            raise Refused("certificate is for somebody who may not come in")
        if person.name != name:
            raise Refused("certificate is for another name than its person has")
        return replace(person, method=f"ssh-certificate {fields.serial}", expires_at=row.expires_at)

    def _check_signature(self, fields: CertificateFields) -> None:
        """Whoever names another authority than ours costs no arithmetic."""
        if all(key.blob != fields.authority for key in self._authority.trusted()):
            raise Refused("certificate is not signed by an authority of this gateway")
        try:
            good = decode_ssh_public_key(fields.authority).verify(fields.signed, fields.signature)
        except (asyncssh.KeyImportError, ValueError):
            good = False
        if not good:
            raise Refused("certificate has a wrong signature")

    def _check_times(self, fields: CertificateFields) -> None:
        now = self._clock.now().timestamp()
        if now < fields.valid_after:
            raise Refused("certificate is not valid yet")
        if now >= fields.valid_before:
            raise Refused("certificate has expired")


def certificate_blob(openssh: str) -> bytes:
    """The bytes of `ssh-ed25519-cert-v01@openssh.com AAAA... comment`. Raises `Malformed`."""
    kind, _, rest = openssh.strip().partition(" ")
    text = rest.split(" ", 1)[0]
    if len(text) > 2 * LONGEST:
        raise Malformed("a certificate is too long")
    try:
        blob = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Malformed("a certificate that can not be read") from None
    written = kind.encode("utf-8", "replace")
    if not blob.startswith(len(written).to_bytes(4, "big") + written):
        raise Malformed("a certificate says that it is of another kind than it is")
    return blob


def _only_name(fields: CertificateFields) -> str:
    if fields.subject != FOR_A_PERSON:
        raise Refused("certificate is not one for a person")
    if len(fields.principals) != 1:
        raise Refused("certificate does not have exactly one name")
    (name,) = fields.principals
    if not name or not name.isprintable() or " " in name or _PATTERNS.intersection(name):
        raise Refused("certificate does not have exactly one name")
    return name


def _check_options(fields: CertificateFields, address: str) -> None:
    unknown = set(fields.critical) - {SOURCE_ADDRESS}
    if unknown:
        raise Refused(f"certificate has an option that is not honoured here: {plain(min(unknown), 40)}")
    if SOURCE_ADDRESS in fields.critical:
        allowed = option_value(fields.critical[SOURCE_ADDRESS]).split(",")
        if not is_within(address, allowed):
            raise Refused("certificate is for another address")


def is_within(address: str, networks: list[str]) -> bool:
    try:
        here = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(here, ipaddress.IPv6Address) and here.ipv4_mapped is not None:
        here = here.ipv4_mapped
    try:
        found = [read_network(text) for text in networks]
    except Refused:
        raise Refused("certificate is for an address that can not be read") from None
    return any(here in network for network in found)
