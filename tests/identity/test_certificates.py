"""People's certificates: what is signed, for whom and for which names, and everything that opens nothing."""

import base64
import random
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncssh
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.core.errors import Fault, Refused
from gateway.core.events import CertificateIssued, CertificateRevoked
from gateway.core.people import Principal
from gateway.core.ports import CertificateRow
from gateway.identity.authority import Authority
from gateway.identity.certificates import CertificateIdentities, certificate_blob
from gateway.identity.signing import (
    HOST_VALIDITY,
    OFFERED_MOST,
    TARGET_VALIDITY,
    HostSigner,
    PersonSigner,
    Signed,
    TargetSigner,
    read_network,
)
from gateway.store.ledger import SqlLedger
from gateway.wire.ssh_certificate import FOR_A_HOST, FOR_A_PERSON, read_certificate

ALICE = Principal("https://id#1", "alice@example.com", frozenset({"dev"}), frozenset({"person"}))
KEY = asyncssh.generate_private_key("ssh-ed25519")
LINE = KEY.export_public_key().decode()
HOME = "10.0.0.7"


@dataclass
class HeldClock:
    """Time that only passes when told to."""

    at: datetime = field(default_factory=lambda: datetime.now(UTC).replace(microsecond=0))

    def now(self) -> datetime:
        return self.at

    def monotonic_us(self) -> int:
        return int(self.at.timestamp() * 1_000_000)


@dataclass
class Desk:
    """Signs certificates and looks at them, as the gateway does."""

    authority: Authority
    ledger: SqlLedger
    clock: HeldClock = field(default_factory=HeldClock)
    people: dict[str, Principal] = field(default_factory=lambda: {ALICE.id: ALICE})

    def __post_init__(self) -> None:
        self.signer = PersonSigner(self.authority, self.clock)
        self.identities = CertificateIdentities(
            self.authority, self.ledger, self.clock, lambda id: self.people.get(id)
        )

    async def issue(self, key: str = LINE, **more: Any) -> Signed:
        signed = self.signer.sign(more.pop("person", ALICE), key, timedelta(hours=12), **more)
        await self.ledger.add_certificate(signed.row, signed.event)
        return signed

    async def forge(self, **fields: Any) -> str:
        """A certificate that our own authority has signed although it never would, with its row in the ledger."""
        now = int(self.clock.now().timestamp())
        given: dict[str, Any] = {
            "serial": 4711,
            "principals": [ALICE.name],
            "valid_after": now - 60,
            "valid_before": now + 3600,
        }
        by = fields.pop("by", None) or self.authority.signer()
        kept = fields.pop("kept", True)
        sign = by.generate_host_certificate if fields.pop("host", False) else by.generate_user_certificate
        made = sign(KEY, "forged", **{**given, **fields})
        if kept:
            await self.keep({**given, **fields}["serial"])
        line: str = made.export_certificate().decode().strip()
        return line

    async def keep(self, serial: int, fingerprint: str = KEY.get_fingerprint()) -> None:
        at = self.clock.now()
        row = CertificateRow(serial, ALICE.id, fingerprint, at, at + timedelta(days=1))
        event = CertificateIssued(serial=str(serial), person="a", fingerprint=fingerprint, expires_at="")
        await self.ledger.add_certificate(row, event)

    async def why_not(self, certificate: str, address: str = HOME) -> str:
        with pytest.raises(Refused) as refused:
            await self.identities.by_certificate(certificate, address)
        return refused.value.sentence


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    authority = Authority(tmp_path / "ca", "user")
    authority.add(asyncssh.generate_private_key("ssh-ed25519"))
    ledger = await SqlLedger.open(f"sqlite:///{tmp_path}/hoop.db")
    yield Desk(authority, ledger)
    await ledger.close()


async def test_what_is_signed(desk: Desk) -> None:
    signed = await desk.issue(token="t-7QF2KM")
    fields = read_certificate(certificate_blob(signed.certificate))
    now = int(desk.clock.now().timestamp())
    assert (fields.subject, fields.principals) == (FOR_A_PERSON, ("alice@example.com",))
    assert 0 < fields.serial < 2**63
    assert fields.key_id == f"hoop:{fields.serial}:alice@example.com"
    assert (fields.valid_after, fields.valid_before) == (now - 60, now + 12 * 3600)
    assert set(fields.extensions) == {"permit-agent-forwarding", "permit-port-forwarding", "permit-pty"}
    assert not fields.critical
    assert fields.key == KEY.public_data
    assert signed.row == CertificateRow(
        fields.serial,
        ALICE.id,
        KEY.get_fingerprint(),
        desk.clock.now(),
        desk.clock.now() + timedelta(hours=12),
        token="t-7QF2KM",
    )
    assert (signed.event.serial, signed.event.person) == (str(fields.serial), "alice@example.com")
    assert (await desk.issue()).row.serial != fields.serial


async def test_whose_it_is(desk: Desk) -> None:
    signed = await desk.issue()
    found = await desk.identities.by_certificate(signed.certificate, HOME)
    assert found == replace(ALICE, method=f"ssh-certificate {signed.row.serial}")
    with_comment = f"{signed.certificate} and a comment\n"
    assert await desk.identities.by_certificate(with_comment, HOME) == found
    promoted = replace(ALICE, groups=frozenset({"sre"}))
    desk.people[ALICE.id] = promoted
    assert (await desk.identities.by_certificate(signed.certificate, HOME)).groups == {"sre"}


@pytest.mark.parametrize(
    "kind", ["ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "ssh-rsa"]
)
async def test_other_kinds_of_keys(desk: Desk, kind: str) -> None:
    signed = await desk.issue(line(kind, **({"key_size": 3072} if kind == "ssh-rsa" else {})))
    assert (await desk.identities.by_certificate(signed.certificate, HOME)).id == ALICE.id


async def test_a_hardware_key(desk: Desk) -> None:
    blob = b"".join(
        len(part).to_bytes(4, "big") + part
        for part in (b"sk-ssh-ed25519@openssh.com", KEY.public_data[-32:], b"ssh:")
    )
    key = asyncssh.public_key.decode_ssh_public_key(blob)
    signed = await desk.issue(key.export_public_key().decode())
    assert (await desk.identities.by_certificate(signed.certificate, HOME)).id == ALICE.id
    fields = read_certificate(certificate_blob(signed.certificate))
    assert "no-touch-required" not in fields.extensions


def line(kind: str, **more: Any) -> str:
    key = asyncssh.generate_private_key(kind, **more)
    return key.export_public_key().decode()


@pytest.mark.parametrize(
    ("key", "told"),
    [
        (line("ssh-rsa", key_size=2048), "an RSA key of less than 3072 bits"),
        (line("ssh-dss"), "a key of the kind ssh-dss"),
        (line("ecdsa-sha2-1.3.132.0.10"), "a key of the kind ecdsa-sha2-1.3.132.0.10"),
        (
            KEY.generate_user_certificate(KEY, "x").export_certificate().decode(),
            "certificates are not accepted",
        ),
        ("", "a key must look like"),
        ("ssh-ed25519", "a key must look like"),
        ("ssh-ed25519 AAAA", "holds something else"),
        (LINE.replace("ssh-ed25519", "ssh-rsa"), "holds something else"),
        ("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA", "a key must look like"),
        ('command="x" ' + LINE, "a key must look like"),
    ],
)
def test_keys_that_are_not_signed_for(desk: Desk, key: str, told: str) -> None:
    with pytest.raises(Refused, match=told):
        desk.signer.sign(ALICE, key, timedelta(hours=1))


BAD_NAMES = [
    "",
    "a,b",
    "a b",
    "a\tb",
    "a\n",
    "alice*",
    "al?ce",
    "!alice",
    "a\0b",
    "a\u202eb",
    "x" * 256,
    "\udcff",
]


@pytest.mark.parametrize("name", BAD_NAMES)
def test_names_that_are_not_signed_for(desk: Desk, name: str) -> None:
    with pytest.raises(Refused, match="no certificate can be signed for the name") as refused:
        desk.signer.sign(replace(ALICE, name=name), LINE, timedelta(hours=1))
    assert refused.value.sentence.isascii()
    with pytest.raises(Refused):
        HostSigner(desk.authority, desk.clock).sign(LINE, ["gw", name])
    with pytest.raises(Refused):
        TargetSigner(desk.authority, desk.clock).sign(LINE, name, "s-1 alice", ())


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.text(max_size=40) | st.text("ab@.,*?! \n\u00e4\u3000", max_size=8))
def test_any_name(desk: Desk, name: str) -> None:
    """Whatever is signed says exactly this name, once, to whoever reads it as a list or as a pattern."""
    try:
        signed = desk.signer.sign(replace(ALICE, name=name), LINE, timedelta(hours=1))
    except Refused:
        return
    assert read_certificate(certificate_blob(signed.certificate)).principals == (name,)
    assert not set(name) & set(",*?!")
    assert name.split() == [name]
    assert asyncssh.import_certificate(signed.certificate).principals == [name]  # type: ignore[attr-defined]


def test_a_time_that_is_none(desk: Desk) -> None:
    for ttl in (timedelta(0), timedelta(seconds=-1)):
        with pytest.raises(Refused, match="valid for longer than nothing"):
            desk.signer.sign(ALICE, LINE, ttl)


def test_without_an_authority(tmp_path: Path) -> None:
    with pytest.raises(Fault, match="there is no user authority yet"):
        PersonSigner(Authority(tmp_path, "user"), HeldClock()).sign(ALICE, LINE, timedelta(hours=1))


# What opens nothing although one of ours has signed it.


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"valid_before": int(time.time()) - 60, "valid_after": 0}, "certificate has expired"),
        ({"valid_after": int(time.time()) + 600}, "certificate is not valid yet"),
        ({"host": True}, "certificate is not one for a person"),
        ({"principals": []}, "certificate does not have exactly one name"),
        ({"principals": [ALICE.name, "bob@example.com"]}, "certificate does not have exactly one name"),
        ({"principals": [ALICE.name, ALICE.name]}, "certificate does not have exactly one name"),
        ({"principals": ["*"]}, "certificate does not have exactly one name"),
        ({"principals": ["alice@example.co?"]}, "certificate does not have exactly one name"),
        ({"principals": ["!bob"]}, "certificate does not have exactly one name"),
        ({"principals": ["alice@example.com,bob"]}, "certificate does not have exactly one name"),
        ({"principals": [""]}, "certificate does not have exactly one name"),
        ({"principals": ["alice "]}, "certificate does not have exactly one name"),
        ({"principals": ["bob@example.com"]}, "certificate is for another name than its person has"),
        ({"principals": ["Alice@example.com"]}, "certificate is for another name than its person has"),
        ({"force_command": "ls"}, "certificate has an option that is not honoured here: force-command"),
        ({"source_address": ["10.0.0.8"]}, "certificate is for another address"),
        ({"kept": False}, "certificate was not issued here"),
    ],
)
async def test_what_opens_nothing(desk: Desk, fields: dict[str, Any], told: str) -> None:
    assert await desk.why_not(await desk.forge(**fields)) == told


async def test_what_opens_with_the_same_forger(desk: Desk) -> None:
    """So that the refusals above have their reason."""
    assert (await desk.identities.by_certificate(await desk.forge(), HOME)).id == ALICE.id


async def test_who_signed(desk: Desk) -> None:
    told = "certificate is not signed by an authority of this gateway"
    other = asyncssh.generate_private_key("ssh-ed25519")
    assert await desk.why_not(await desk.forge(by=other)) == told
    assert await desk.why_not(await desk.forge(by=KEY, serial=2)) == told, "itself"
    rsa = asyncssh.generate_private_key("ssh-rsa")
    assert await desk.why_not(await desk.forge(by=rsa, serial=3)) == told
    assert await desk.why_not(await desk.forge(by=rsa, serial=4, sig_alg="ssh-rsa")) == told, "SHA-1"


async def test_a_wrong_signature(desk: Desk) -> None:
    signed = await desk.issue()
    kind, text = signed.certificate.split()[:2]
    blob = bytearray(certificate_blob(signed.certificate))
    blob[-1] ^= 1
    mangled = f"{kind} {base64.b64encode(bytes(blob)).decode()}"
    assert text != mangled.split()[1]
    assert await desk.why_not(mangled) == "certificate has a wrong signature"


async def test_the_key_of_another(desk: Desk) -> None:
    """The ledger knows which key the serial was issued for."""
    certificate = await desk.forge(serial=9, kept=False)
    await desk.keep(9, asyncssh.generate_private_key("ssh-ed25519").get_fingerprint())
    assert await desk.why_not(certificate) == "certificate was not issued here"


async def test_revoked(desk: Desk) -> None:
    signed, other = await desk.issue(), await desk.issue()
    event = CertificateRevoked(serial=str(signed.row.serial), person=ALICE.name)
    assert await desk.ledger.revoke_certificate(signed.row.serial, event)
    assert await desk.why_not(signed.certificate) == "certificate is revoked"
    assert (await desk.identities.by_certificate(other.certificate, HOME)).id == ALICE.id


async def test_times(desk: Desk) -> None:
    signed = await desk.issue()
    desk.clock.at += timedelta(hours=12, seconds=-1)
    assert (await desk.identities.by_certificate(signed.certificate, HOME)).id == ALICE.id
    desk.clock.at += timedelta(seconds=1)
    assert await desk.why_not(signed.certificate) == "certificate has expired"
    desk.clock.at -= timedelta(hours=12, seconds=60)
    assert (await desk.identities.by_certificate(signed.certificate, HOME)).id == ALICE.id
    desk.clock.at -= timedelta(seconds=1)
    assert await desk.why_not(signed.certificate) == "certificate is not valid yet"


async def test_somebody_who_may_not_come_in(desk: Desk) -> None:
    signed = await desk.issue()
    desk.people.clear()
    assert await desk.why_not(signed.certificate) == "certificate is for somebody who may not come in"


async def test_somebody_who_is_called_otherwise_now(desk: Desk) -> None:
    signed = await desk.issue()
    desk.people[ALICE.id] = replace(ALICE, name="alice.b@example.com")
    assert await desk.why_not(signed.certificate) == "certificate is for another name than its person has"


async def test_rotation_with_overlap(desk: Desk) -> None:
    old = await desk.issue()
    desk.authority.add(asyncssh.generate_private_key("ssh-ed25519"))
    new = await desk.issue()
    signers = {read_certificate(certificate_blob(each.certificate)).authority for each in (old, new)}
    assert len(signers) == 2
    for each in (old, new):
        assert (await desk.identities.by_certificate(each.certificate, HOME)).id == ALICE.id
    desk.authority.retire("0001")
    told = "certificate is not signed by an authority of this gateway"
    assert await desk.why_not(old.certificate) == told
    assert (await desk.identities.by_certificate(new.certificate, HOME)).id == ALICE.id


@pytest.mark.parametrize(
    ("allowed", "address", "may"),
    [
        ("10.0.0.7", "10.0.0.7", True),
        ("10.0.0.7", "::ffff:10.0.0.7", True),
        ("::ffff:10.0.0.7", "10.0.0.7", True),
        ("::ffff:10.0.0.0/104", "10.0.0.7", True),
        ("10.0.0.0/8", "10.200.3.4", True),
        ("10.0.0.0/8", "11.0.0.1", False),
        ("10.0.0.7", "10.0.0.70", False),
        ("10.0.0.7", "", False),
        ("10.0.0.7", "unknown", False),
        ("10.0.0.7", "2001:db8::1", False),
        ("2001:db8::/32", "2001:db8:1::9", True),
        ("2001:db8::/32", "2001:db9::9", False),
        ("fe80::1", "fe80::1%eth0", True),
        ("0.0.0.0/0", "::1", False),
    ],
)
async def test_addresses(desk: Desk, allowed: str, address: str, may: bool) -> None:
    signed = await desk.issue(address=allowed)
    assert signed.row.address == signed.event.address == str(read_network(allowed))
    if may:
        assert (await desk.identities.by_certificate(signed.certificate, address)).id == ALICE.id
    else:
        assert await desk.why_not(signed.certificate, address) == "certificate is for another address"


@pytest.mark.parametrize("address", ["10.0.0.7/8", "host", "10.0.0.7,10.0.0.8", "10.0.0.0/33", " "])
def test_addresses_that_are_none(desk: Desk, address: str) -> None:
    with pytest.raises(Refused, match="an address must look like"):
        desk.signer.sign(ALICE, LINE, timedelta(hours=1), address=address)


@pytest.mark.parametrize(
    "text", ["", "ssh-rsa", "ssh-ed25519 AAAA", "x " + "A" * 100_000, "\u00e4 \u00e4", LINE]
)
async def test_text_that_is_none(desk: Desk, text: str) -> None:
    assert "certificate" in await desk.why_not(text)


async def test_mangled(desk: Desk) -> None:
    """No byte of a certificate can be changed, left out or put in. There are refusals alone, and no other error."""
    signed = await desk.issue(address="10.0.0.0/8")
    kind, blob = signed.certificate.split()[0], certificate_blob(signed.certificate)
    chance = random.Random(7)
    for at in range(len(blob)):
        put = chance.choice([bytes([blob[at] ^ (1 << chance.randrange(8))]), b"", chance.randbytes(3)])
        mangled = blob[:at] + put + blob[at + 1 :]
        assert await desk.why_not(f"{kind} {base64.b64encode(mangled).decode()}")


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(max_size=60) | st.binary(max_size=200).map(lambda data: f"ssh-rsa {data.hex()}"))
async def test_any_text(desk: Desk, text: str) -> None:
    assert await desk.why_not(text)


# The other two authorities.


def test_the_gateways_own(desk: Desk) -> None:
    signer = HostSigner(desk.authority, desk.clock)
    fields = read_certificate(certificate_blob(signer.sign(LINE, ["gw", "gw.example.com"])))
    assert (fields.subject, fields.principals) == (FOR_A_HOST, ("gw", "gw.example.com"))
    assert fields.key_id == "hoop host gw"
    assert fields.valid_before == int((desk.clock.now() + HOST_VALIDITY).timestamp())
    assert not fields.critical
    assert not fields.extensions
    with pytest.raises(Refused, match="needs a name"):
        signer.sign(LINE, [])
    before = signer.signs_with
    desk.authority.add(asyncssh.generate_private_key("ssh-ed25519"))
    assert signer.signs_with == before, "others have to learn of the new one first"
    desk.authority.retire("0001")
    assert signer.signs_with != before
    again = read_certificate(certificate_blob(signer.sign(LINE, ["gw"])))
    assert again.authority == desk.authority.signer().public_data != fields.authority


def test_for_a_target(desk: Desk) -> None:
    signer = TargetSigner(desk.authority, desk.clock)
    (line,) = signer.sign(LINE, "deploy", "s-2B8CK4TQ zo\u00eb\n@example.com", {"pty"})
    fields = read_certificate(certificate_blob(line))
    assert (fields.subject, fields.principals) == (FOR_A_PERSON, ("deploy",))
    assert fields.key_id == "hoop s-2B8CK4TQ zo<U+00EB><U+000A>@example.com"
    assert fields.valid_before - int(desk.clock.now().timestamp()) == TARGET_VALIDITY.total_seconds() == 300
    assert set(fields.extensions) == {"permit-pty"}
    assert not fields.critical
    (nothing,) = signer.sign(LINE, "x", "y", ())
    assert not read_certificate(certificate_blob(nothing)).extensions
    (everything,) = signer.sign(
        LINE, "x", "y", {"pty", "agent-forwarding", "port-forwarding", "X11-forwarding"}
    )
    assert len(read_certificate(certificate_blob(everything)).extensions) == 3


def test_for_a_target_that_knows_older_keys(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(OFFERED_MOST + 1):
        desk.authority.add(asyncssh.generate_private_key("ssh-ed25519"))
    signer = TargetSigner(desk.authority, desk.clock)
    trusted = [key.blob for key in desk.authority.trusted()]

    def by() -> list[bytes]:
        lines = signer.sign(LINE, "deploy", "s-1 alice", ())
        return [read_certificate(certificate_blob(line)).authority for line in lines]

    assert by() == trusted[:-4:-1]
    fresh = TargetSigner(Authority(desk.authority._place.parent, "user"), desk.clock)
    (desk.authority._place / "0004.key").unlink()
    assert len(fresh.sign(LINE, "deploy", "s-1 alice", ())) == OFFERED_MOST - 1
    assert "signed without an older key: " in caplog.text
