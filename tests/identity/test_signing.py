"""What is signed: for which keys and names, for how long, and by which key of an authority."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import asyncssh
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.core.errors import Fault, Refused
from gateway.core.ports import CertificateRow
from gateway.identity.authority import Authority
from gateway.identity.certificates import certificate_blob
from gateway.identity.signing import (
    HOST_VALIDITY,
    OFFERED_MOST,
    TARGET_VALIDITY,
    HostSigner,
    PersonSigner,
    TargetSigner,
)
from gateway.wire.ssh_certificate import FOR_A_HOST, FOR_A_PERSON, read_certificate
from tests.identity.certificate_desk import ALICE, KEY, LINE, Desk, HeldClock, line
from tests.store.fresh import fresh_ledger


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    authority = Authority(tmp_path / "ca", "user")
    authority.add(asyncssh.generate_private_key("ssh-ed25519"))
    ledger = await fresh_ledger(tmp_path / "hoop.db")
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
    ids=range(10),
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


@pytest.mark.parametrize("address", ["10.0.0.7/8", "host", "10.0.0.7,10.0.0.8", "10.0.0.0/33", " "])
def test_addresses_that_are_none(desk: Desk, address: str) -> None:
    with pytest.raises(Refused, match="an address must look like"):
        desk.signer.sign(ALICE, LINE, timedelta(hours=1), address=address)


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
    fresh = TargetSigner(Authority(desk.authority.place.parent, "user"), desk.clock)
    (desk.authority.place / "0004.key").unlink()
    assert len(fresh.sign(LINE, "deploy", "s-1 alice", ())) == OFFERED_MOST - 1
    assert "signed without an older key: " in caplog.text
