"""Signs SSH certificates: for people, for the gateway's own host key, and for one connection to a target.

It signs what it is asked to; who may ask is decided before. Nothing is signed without a name, or with one that could
be read as several.
"""

import ipaddress
import logging
import re
import secrets
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import asyncssh
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from gateway.core.errors import Fault, Refused
from gateway.core.events import CertificateIssued
from gateway.core.people import Principal
from gateway.core.plain import plain
from gateway.core.ports import CertificateRow, Clock
from gateway.identity.authority import Authority, AuthorityKey
from gateway.identity.ssh_keys import key_blob, key_fingerprint

log = logging.getLogger("hoop.identity")

SLACK = timedelta(minutes=1)
"""Certificates begin this long ago: clocks differ."""

HOST_VALIDITY = timedelta(days=30)
TARGET_VALIDITY = timedelta(minutes=5)

OFFERED_MOST = 3
"""Certificates for one connection: a server hangs up on whoever shows too many that it does not know."""

LEAST_RSA_BITS = 3072
MOST_RSA_BITS = 16384

_SERIAL_BITS = 63
_NAME_MOST = 255
_SEPARATORS = re.compile(r"[,*?!\s]")
_KEY_TYPES = {
    "ssh-ed25519",
    "sk-ssh-ed25519@openssh.com",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ecdsa-sha2-nistp256@openssh.com",
    "ssh-rsa",
}

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Signed(NamedTuple):
    """A person's certificate, and what to keep of it before it is handed out."""

    certificate: str
    row: CertificateRow
    event: CertificateIssued


class PersonSigner:
    """Signs with the `user` authority."""

    def __init__(self, authority: Authority, clock: Clock) -> None:
        self._authority = authority
        self._clock = clock

    def sign(
        self, person: Principal, public_key: str, ttl: timedelta, *, address: str = "", token: str = ""
    ) -> Signed:
        """A certificate by which `person` is let in with this key, for as long as `ttl`, from `address` alone where
        one is given. `token` is what it was asked for with. Raises `Refused`, and `Fault` without an authority."""
        key = _subject(public_key)
        _check_name(person.name)
        if ttl <= timedelta(0):
            raise Refused("a certificate must be valid for longer than nothing")
        network = read_network(address) if address else None
        serial = 1 + secrets.randbelow((1 << _SERIAL_BITS) - 1)
        now = self._clock.now()
        expires_at = datetime.fromtimestamp(int((now + ttl).timestamp()), now.tzinfo)
        certificate = self._authority.signer().generate_user_certificate(
            key,
            f"hoop:{serial}:{person.name}",
            serial=serial,
            principals=[person.name],
            valid_after=int((now - SLACK).timestamp()),
            valid_before=int(expires_at.timestamp()),
            source_address=[str(network)] if network else None,
            permit_x11_forwarding=False,
            permit_user_rc=False,
            comment=plain(person.name),
        )
        fingerprint = key_fingerprint(key.public_data)
        source = str(network) if network else ""
        row = CertificateRow(serial, person.id, fingerprint, now, expires_at, address=source, token=token)
        event = CertificateIssued(
            actor=person.id,
            serial=str(serial),
            person=person.name,
            fingerprint=fingerprint,
            expires_at=expires_at.isoformat(),
            address=source,
        )
        return Signed(certificate.export_certificate().decode().strip(), row, event)


class HostSigner:
    """Signs the gateway's host key with the `host` authority: with its oldest key. Others learn of a new one beside
    it, and once it is retired the new one signs."""

    def __init__(self, authority: Authority, clock: Clock) -> None:
        self._authority = authority
        self._clock = clock

    @property
    def signs_with(self) -> str:
        """The fingerprint of the key that signs now; empty where there is none. Raises `Fault`."""
        oldest = self._oldest()
        return oldest.fingerprint if oldest else ""

    def _oldest(self) -> AuthorityKey | None:
        return next(iter(self._authority.trusted()), None)

    def sign(self, public_key: str, names: Collection[str]) -> str:
        """A certificate for these names. Raises `Refused` where there are none: it would count for every machine."""
        if not names:
            raise Refused("a host certificate needs a name")
        for name in names:
            _check_name(name)
        now = self._clock.now()
        certificate = self._authority.signer(self._oldest()).generate_host_certificate(
            asyncssh.import_public_key(public_key),
            f"hoop host {next(iter(names))}",
            serial=1 + secrets.randbelow((1 << _SERIAL_BITS) - 1),
            principals=list(names),
            valid_after=int((now - SLACK).timestamp()),
            valid_before=int((now + HOST_VALIDITY).timestamp()),
        )
        return certificate.export_certificate().decode().strip()


class TargetSigner:
    """Signs for one connection each time, with every key of the `target` authority: a target may know only some."""

    def __init__(self, authority: Authority, clock: Clock) -> None:
        self._authority = authority
        self._clock = clock

    def sign(self, public_key: str, account: str, who: str, permits: Collection[str]) -> Sequence[str]:
        """Certificates by which a target lets in whoever holds this key, as `account`; the newest authority's first.
        `who` is for the target's own log; `permits` are names of extensions without `permit-`. Raises `Refused` and
        `Fault`."""
        _check_name(account)
        key = asyncssh.import_public_key(public_key)
        authorities = [self._authority.signer()]
        for older in self._authority.trusted()[-2::-1][: OFFERED_MOST - 1]:
            try:
                authorities.append(self._authority.signer(older))
            except Fault as problem:
                log.warning("signed without an older key: %s", problem.sentence)
        return [self._sign_by(authority, key, account, who, permits) for authority in authorities]

    def _sign_by(
        self,
        authority: asyncssh.SSHKey,
        key: asyncssh.SSHKey,
        account: str,
        who: str,
        permits: Collection[str],
    ) -> str:
        now = self._clock.now()
        certificate = authority.generate_user_certificate(
            key,
            f"hoop {plain(who, _NAME_MOST)}",
            serial=1 + secrets.randbelow((1 << _SERIAL_BITS) - 1),
            principals=[account],
            valid_after=int((now - SLACK).timestamp()),
            valid_before=int((now + TARGET_VALIDITY).timestamp()),
            permit_pty="pty" in permits,
            permit_agent_forwarding="agent-forwarding" in permits,
            permit_port_forwarding="port-forwarding" in permits,
            permit_x11_forwarding=False,
            permit_user_rc=False,
        )
        return certificate.export_certificate().decode().strip()


def read_network(text: str) -> Network:
    """An address, or a network as in 10.0.0.0/8. IPv4 within IPv6 is IPv4. Raises `Refused`."""
    try:
        network = ipaddress.ip_network(text)
    except ValueError:
        raise Refused("an address must look like 10.0.0.7, 10.0.0.0/8 or 2001:db8::/32") from None
    if isinstance(network, ipaddress.IPv6Network) and network.prefixlen >= 96:
        mapped = network.network_address.ipv4_mapped
        if mapped is not None:
            return ipaddress.IPv4Network((mapped, network.prefixlen - 96))
    return network


def _check_name(name: str) -> None:
    """A name that every reader of a certificate takes for exactly one. Raises `Refused`."""
    if not name or len(name) > _NAME_MOST or not name.isprintable() or _SEPARATORS.search(name):
        shown = plain(name, 64)
        raise Refused(f'no certificate can be signed for the name "{shown}": it is not one plain word')


def _subject(public_key: str) -> asyncssh.SSHKey:
    """The key that is to be certified. Raises `Refused`."""
    try:
        blob = key_blob(public_key)
        kind = public_key.split()[0]
        if kind not in _KEY_TYPES:
            raise Refused(f"no certificate is signed for a key of the kind {plain(kind, 40)}")
        key = asyncssh.public_key.decode_ssh_public_key(blob)
        number = key.pyca_key
    except asyncssh.KeyImportError:
        raise Refused('a key must look like "ssh-ed25519 AAAA..."') from None
    except ValueError as problem:
        raise Refused(str(problem)) from None
    if isinstance(number, RSAPublicKey) and not LEAST_RSA_BITS <= number.key_size <= MOST_RSA_BITS:
        raise Refused(f"no certificate is signed for an RSA key of less than {LEAST_RSA_BITS} bits")
    return key
