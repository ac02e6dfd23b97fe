"""Certificates for databases: whom they let in, for how long, and what a signature alone is worth."""

import subprocess
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import asyncssh
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from gateway.app.clock import SystemClock
from gateway.core.errors import Fault, Refused
from gateway.core.events import CertificateRevoked
from gateway.core.people import Principal
from gateway.identity.authority import Authority, retire, rotate
from gateway.identity.x509_authority import X509Authority
from gateway.identity.x509_people import X509Identities
from gateway.identity.x509_signing import (
    ClientSigner,
    PublicKey,
    ServerSigner,
    SignedForPerson,
    key_fingerprint_of,
    public_key_of,
    requested_key,
)
from gateway.store.ledger import SqlLedger
from tests.store.fresh import fresh_ledger

ALICE = Principal("https://id.example.com#1", "alice@example.com", frozenset({"dev"}), frozenset({"person"}))
HOUR = timedelta(hours=1)
HERE = "198.51.100.7"


def pem_of(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey) -> str:
    public = key.public_key()
    return public.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    ).decode()


def new_ssh_key() -> asyncssh.SSHKey:
    """As the authority keeps its own."""
    return asyncssh.generate_private_key("ecdsa-sha2-nistp256")


def new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def der(pem: str) -> bytes:
    return x509.load_pem_x509_certificate(pem.encode()).public_bytes(serialization.Encoding.DER)


@dataclass
class Scene:
    """One authority, one ledger, and one person who may come in until a test says otherwise."""

    authority: X509Authority
    ledger: SqlLedger
    clients: ClientSigner
    servers: ServerSigner
    people: X509Identities
    known: set[str]

    async def issue(
        self, key: PublicKey | None = None, ttl: timedelta = HOUR, address: str = ""
    ) -> SignedForPerson:
        signed = self.clients.sign(
            ALICE, key or new_key().public_key(), ttl, address=address, token="t-7QF2KM"
        )
        await self.ledger.add_certificate(signed.row, signed.event)
        return signed

    async def refusal(self, pem: str, address: str = HERE) -> str:
        with pytest.raises(Refused) as refused:
            await self.people.by_x509(der(pem), address)
        return refused.value.sentence


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    ledger = await fresh_ledger(tmp_path / "hoop.db")
    clock = SystemClock()
    authority = X509Authority(Authority(tmp_path / "ca", "database"))
    await rotate(authority.keys, ledger)
    known = {ALICE.id}
    people = X509Identities(authority, ledger, clock, lambda id: ALICE if id in known else None)
    yield Scene(
        authority, ledger, ClientSigner(authority, clock), ServerSigner(authority, clock), people, known
    )
    await ledger.close()


async def test_a_certificate_lets_its_person_in(scene: Scene) -> None:
    signed = await scene.issue()
    assert await scene.people.by_x509(der(signed.certificate), HERE) == replace(
        ALICE, method=f"x509-certificate {signed.row.serial}", expires_at=signed.row.expires_at
    )
    assert signed.row.token == "t-7QF2KM"
    assert signed.row.fingerprint.startswith("x509 SHA256:")


@pytest.mark.needs("openssl")
async def test_what_openssl_thinks_of_it(scene: Scene, tmp_path: Path) -> None:
    ca, leaf, door = tmp_path / "ca.pem", tmp_path / "leaf.pem", tmp_path / "door.pem"
    ca.write_text(scene.authority.pem())
    leaf.write_text((await scene.issue()).certificate)
    door.write_text(scene.servers.sign(pem_of(new_key()), ["hoop.example.com", "127.0.0.1", "::1"]))

    def verify(*more: str) -> str:
        done = subprocess.run(
            ["openssl", "verify", "-x509_strict", "-CAfile", str(ca), *more],
            capture_output=True,
            text=True,
            check=False,
        )
        return (done.stdout + done.stderr).strip()

    assert verify("-purpose", "sslclient", str(leaf)) == f"{leaf}: OK"
    assert verify("-purpose", "sslserver", "-verify_hostname", "hoop.example.com", str(door)) == f"{door}: OK"
    assert verify("-purpose", "sslserver", "-verify_ip", "127.0.0.1", str(door)) == f"{door}: OK"
    assert verify("-purpose", "sslserver", "-verify_ip", "::1", str(door)) == f"{door}: OK"
    assert "OK" not in verify("-purpose", "sslserver", str(leaf)).splitlines()[-1]
    assert "OK" not in verify("-purpose", "sslclient", str(door)).splitlines()[-1]


async def test_only_with_its_row(scene: Scene) -> None:
    never_kept = scene.clients.sign(ALICE, new_key().public_key(), HOUR)
    assert await scene.refusal(never_kept.certificate) == "the certificate was not issued here"
    revoked = await scene.issue()
    await scene.ledger.revoke_certificate(revoked.row.serial, CertificateRevoked(serial="1", person="a"))
    assert await scene.refusal(revoked.certificate) == "the certificate is revoked"
    locked = await scene.issue()
    scene.known.clear()
    assert await scene.refusal(locked.certificate) == "the certificate is for somebody who may not come in"


async def test_a_row_of_another_key_does_not_count(scene: Scene) -> None:
    signed = await scene.issue()
    own = scene.clients.sign(ALICE, new_key().public_key(), HOUR)
    await scene.ledger.add_certificate(replace(own.row, fingerprint=signed.row.fingerprint), own.event)
    assert await scene.refusal(own.certificate) == "the certificate was not issued here"


async def test_from_its_address_only(scene: Scene) -> None:
    bound = (await scene.issue(address=HERE)).certificate
    assert (await scene.people.by_x509(der(bound), HERE)).id == ALICE.id
    assert (await scene.people.by_x509(der(bound), f"::ffff:{HERE}")).id == ALICE.id
    assert await scene.refusal(bound, "203.0.113.66") == "the certificate is for another address"
    assert await scene.refusal(bound, "local") == "the certificate is for another address"


async def test_over(scene: Scene) -> None:
    short = await scene.issue(ttl=timedelta(seconds=1.5))
    late = replace_clock(scene, timedelta(seconds=2))
    with pytest.raises(Refused, match="the certificate has expired"):
        await late.by_x509(der(short.certificate), HERE)
    early = replace_clock(scene, -timedelta(hours=1))
    with pytest.raises(Refused, match="the certificate is not valid yet"):
        await early.by_x509(der(short.certificate), HERE)
    with pytest.raises(Refused, match="longer than nothing"):
        scene.clients.sign(ALICE, new_key().public_key(), timedelta())


def replace_clock(scene: Scene, by: timedelta) -> X509Identities:
    class Later(SystemClock):
        def now(self):  # type: ignore[no-untyped-def]  # as the one that it stands for
            return super().now() + by

    return X509Identities(scene.authority, scene.ledger, Later(), lambda id: ALICE)


async def test_rotation_overlaps_until_the_old_key_is_retired(scene: Scene) -> None:
    before, first = await scene.issue(), scene.servers.signs_with
    await rotate(scene.authority.keys, scene.ledger)
    after = await scene.issue()
    assert scene.servers.signs_with != first
    assert len(x509.load_pem_x509_certificates(scene.servers.trusted.encode())) == 2
    old, new = (own for _, own in scene.authority.trusted())
    assert old.subject != new.subject
    assert issuer(after.certificate) == new.subject
    assert issuer(scene.servers.sign(pem_of(new_key()), ["db"])) == old.subject, (
        "others learn of a new key first"
    )
    assert (await scene.people.by_x509(der(before.certificate), HERE)).id == ALICE.id
    await retire(scene.authority.keys, scene.ledger, "1")
    assert issuer(scene.servers.sign(pem_of(new_key()), ["db"])) == new.subject
    assert "not signed by an authority" in await scene.refusal(before.certificate)
    assert (await scene.people.by_x509(der(after.certificate), HERE)).id == ALICE.id


def issuer(pem: str) -> x509.Name:
    return x509.load_pem_x509_certificate(pem.encode()).issuer


async def test_a_server_is_nobody(scene: Scene) -> None:
    own = scene.servers.sign(pem_of(new_key()), ["db-1"])
    assert await scene.refusal(own) == "the certificate is not one for a person"


async def test_an_authority_of_the_same_name_signs_nothing(scene: Scene) -> None:
    signed = await scene.issue(key := new_key().public_key())
    (_, own), forger = scene.authority.trusted()[0], new_key()
    forged = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, ALICE.name)]))
        .issuer_name(own.subject)
        .public_key(key)
        .serial_number(signed.row.serial)
        .not_valid_before(own.not_valid_before_utc)
        .not_valid_after(own.not_valid_after_utc)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .sign(forger, hashes.SHA256())
    )
    refused = await scene.refusal(forged.public_bytes(serialization.Encoding.PEM).decode())
    assert refused == "the certificate is not signed by an authority of this gateway"


@pytest.mark.parametrize("garbage", [b"", b"\x30", b"\x30\x82\xff\xff" + b"x" * 100, b"x" * 20_000])
async def test_garbage(scene: Scene, garbage: bytes) -> None:
    with pytest.raises(Refused, match="can not be read"):
        await scene.people.by_x509(garbage, HERE)


def test_which_keys_are_good_enough() -> None:
    for good in (new_key(), ed25519.Ed25519PrivateKey.generate(), rsa.generate_private_key(65537, 2048)):
        assert key_fingerprint_of(public_key_of(pem_of(good))) == key_fingerprint_of(good.public_key())
    for bad in (ec.generate_private_key(ec.SECP256K1()), rsa.generate_private_key(65537, 1024)):
        with pytest.raises(Refused, match="that kind of key is not taken"):
            public_key_of(pem_of(bad))
    for text in (
        "",
        "ssh-ed25519 AAAA",
        "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
        "\ud800x",
    ):
        with pytest.raises(Refused, match="not a public key in PEM"):
            public_key_of(text)


def test_a_request_proves_its_key_and_nothing_else() -> None:
    key = new_key()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "root")])
    request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
    pem = request.public_bytes(serialization.Encoding.PEM).decode()
    assert key_fingerprint_of(requested_key(pem)) == key_fingerprint_of(key.public_key())
    tampered = bytearray(request.public_bytes(serialization.Encoding.DER))
    tampered[-1] ^= 1
    broken = x509.load_der_x509_csr(bytes(tampered)).public_bytes(serialization.Encoding.PEM).decode()
    with pytest.raises(Refused, match="wrong signature"):
        requested_key(broken)
    with pytest.raises(Refused, match="not a certificate request"):
        requested_key(pem_of(key))


def test_without_an_authority(tmp_path: Path) -> None:
    authority, clock = X509Authority(Authority(tmp_path, "database")), SystemClock()
    assert (authority.pem(), ServerSigner(authority, clock).signs_with) == ("", "")
    with pytest.raises(
        Fault, match="there is no database authority yet - run: hoop-gateway ca rotate database"
    ):
        ClientSigner(authority, clock).sign(ALICE, new_key().public_key(), HOUR)
    with pytest.raises(Refused, match="needs a name"):
        ServerSigner(authority, clock).sign(pem_of(new_key()), [])


def test_files_that_can_not_be_used(tmp_path: Path) -> None:
    keys = Authority(tmp_path, "database")
    first = keys.add(new_ssh_key())
    file = tmp_path / "database" / "0001.crt"
    made = X509Authority(keys).pem()
    assert file.read_text() == made == X509Authority(keys).pem(), "made once"
    other = keys.add(new_ssh_key())
    X509Authority(keys).certificate(other)
    file.write_text((tmp_path / "database" / "0002.crt").read_text())
    with pytest.raises(Fault, match=r"does not belong to 0001\.pub"):
        X509Authority(keys).certificate(first)
    file.write_text("nonsense")
    with pytest.raises(Fault, match="not a certificate of an authority"):
        X509Authority(keys).certificate(first)
