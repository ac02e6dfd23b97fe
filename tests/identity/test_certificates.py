"""Whose a certificate is, and every certificate that opens nothing."""

import base64
import random
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncssh
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.core.events import CertificateRevoked
from gateway.identity.authority import Authority
from gateway.identity.certificates import certificate_blob
from gateway.identity.signing import (
    read_network,
)
from gateway.wire.ssh_certificate import read_certificate
from tests.identity.certificate_desk import ALICE, HOME, KEY, LINE, Desk, line
from tests.store.fresh import fresh_ledger


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    authority = Authority(tmp_path / "ca", "user")
    authority.add(asyncssh.generate_private_key("ssh-ed25519"))
    ledger = await fresh_ledger(tmp_path / "hoop.db")
    yield Desk(authority, ledger)
    await ledger.close()


async def test_whose_it_is(desk: Desk) -> None:
    signed = await desk.issue()
    found = await desk.identities.by_certificate(signed.certificate, HOME)
    assert found == replace(
        ALICE, method=f"ssh-certificate {signed.row.serial}", expires_at=signed.row.expires_at
    )
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


# What opens nothing although one of ours has signed it.


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"valid_before": int(time.time()) - 60, "valid_after": 0}, "certificate has expired"),
        # Of when tests were collected, which may be long before this one runs.
        (
            {"valid_after": int(time.time()) + 7200, "valid_before": int(time.time()) + 9000},
            "certificate is not valid yet",
        ),
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


@pytest.mark.parametrize(
    "text",
    ["", "ssh-rsa", "ssh-ed25519 AAAA", "x " + "A" * 100_000, "\u00e4 \u00e4", LINE],
    ids=["nothing", "one word", "short", "long", "not ASCII", "a plain key"],
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
