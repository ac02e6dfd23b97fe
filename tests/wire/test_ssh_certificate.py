"""OpenSSH certificates on the wire: those of ssh-keygen and asyncssh are read, everything else is Malformed."""

import base64
import subprocess
from pathlib import Path

import asyncssh
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.errors import Malformed
from gateway.wire.ssh_certificate import (
    FOR_A_HOST,
    FOR_A_PERSON,
    LONGEST,
    PRINCIPALS_MOST,
    CertificateFields,
    kind_of,
    option_value,
    read_certificate,
)

AUTHORITY = asyncssh.generate_private_key("ssh-ed25519")
KEY = asyncssh.generate_private_key("ssh-ed25519")


def u32(number: int) -> bytes:
    return number.to_bytes(4, "big")


def u64(number: int) -> bytes:
    return number.to_bytes(8, "big")


def string(data: bytes) -> bytes:
    return u32(len(data)) + data


def option(name: bytes, value: bytes = b"") -> bytes:
    return string(name) + string(string(value) if value else b"")


def made(**fields: bytes) -> bytes:
    """The fields of a certificate, some of them replaced; its signature is nonsense."""
    given = {
        "kind": string(b"ssh-ed25519-cert-v01@openssh.com"),
        "nonce": string(bytes(32)),
        "key": string(bytes(32)),
        "serial": u64(7),
        "subject": u32(1),
        "key_id": string(b"hoop:7:alice"),
        "principals": string(string(b"alice")),
        "after": u64(0),
        "before": u64(2**64 - 1),
        "critical": string(b""),
        "extensions": string(option(b"permit-pty")),
        "reserved": string(b""),
        "authority": string(AUTHORITY.public_data),
        "signature": string(b"x"),
    }
    return b"".join({**given, **fields}.values())


@pytest.mark.parametrize(
    "kind", ["ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "ssh-rsa"]
)
@pytest.mark.parametrize("by", ["ssh-ed25519", "ssh-rsa"])
def test_what_asyncssh_writes(kind: str, by: str) -> None:
    authority, key = asyncssh.generate_private_key(by), asyncssh.generate_private_key(kind)
    certificate = authority.generate_user_certificate(
        key, "id", serial=2**63 - 1, principals=["alice", "bob"], valid_after=5, valid_before=2**64 - 1
    )
    fields = read_certificate(certificate.public_data)
    assert kind_of(certificate.public_data) == fields.kind == certificate.get_algorithm()
    assert fields.key == key.public_data
    assert (fields.serial, fields.subject, fields.key_id) == (2**63 - 1, FOR_A_PERSON, "id")
    assert fields.principals == ("alice", "bob")
    assert (fields.valid_after, fields.valid_before) == (5, 2**64 - 1)
    assert set(fields.extensions) >= {"permit-pty", "permit-X11-forwarding"}
    assert fields.authority == authority.public_data
    public = authority.convert_to_public()
    assert public.verify(fields.signed, fields.signature)
    assert not public.verify(fields.signed[:-1], fields.signature)


@pytest.mark.interop
@pytest.mark.needs("ssh-keygen")
def test_what_ssh_keygen_writes(tmp_path: Path) -> None:
    for name in ("ca", "key"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / name], check=True)

    def signed(*how: str) -> CertificateFields:
        command = ["ssh-keygen", "-q", "-s", str(tmp_path / "ca"), "-I", "me", *how]
        subprocess.run([*command, str(tmp_path / "key.pub")], check=True)
        return read_certificate(base64.b64decode((tmp_path / "key-cert.pub").read_text().split()[1]))

    options = ("-O", "source-address=10.0.0.0/8,::1", "-O", "critical:x@y=z", "-O", "no-pty")
    fields = signed("-n", "alice", "-z", "99", *options)
    assert fields.serial == 99
    assert option_value(fields.critical["source-address"]) == "10.0.0.0/8,::1"
    assert set(fields.critical) == {"source-address", "x@y"}
    assert "permit-pty" not in fields.extensions
    assert signed("-h", "-n", "gw").subject == FOR_A_HOST


def test_fields() -> None:
    fields = read_certificate(made())
    assert fields.principals == ("alice",)
    assert fields.signed == made()[: -len(string(b"x"))]
    assert fields.signature == b"x"


@pytest.mark.parametrize(
    "blob",
    [
        b"",
        made() + b"x",
        made()[:-1],
        made(kind=string(b"ssh-dss-cert-v01@openssh.com")),
        made(kind=string(b"ssh-ed25519")),
        made(key_id=string(b"\xff")),
        made(principals=string(b"alice")),
        made(principals=string(string(b"\xff"))),
        made(principals=string(string(b"x") * (PRINCIPALS_MOST + 1))),
        made(critical=string(option(b"b", b"1") + option(b"a", b"1"))),
        made(critical=string(option(b"a", b"1") * 2)),
        made(critical=string(string(b"a"))),
        made(critical=string(option(b"\xff"))),
        made(extensions=string(option(b"permit-pty") * 2)),
        made(extensions=string(option(b""))),
        made(nonce=string(bytes(LONGEST))),
        made(authority=u32(2**32 - 1)),
    ],
)
def test_what_is_none(blob: bytes) -> None:
    with pytest.raises(Malformed):
        read_certificate(blob)


@pytest.mark.parametrize("value", [b"", b"\0\0\0\1", b"\0\0\0\1xy", string(b"\xff")])
def test_an_option_that_holds_no_text(value: bytes) -> None:
    with pytest.raises(Malformed):
        option_value(value)


@given(st.binary(max_size=300))
def test_any_bytes(data: bytes) -> None:
    kind = kind_of(data)
    try:
        assert read_certificate(data).kind == kind
    except Malformed:
        pass


@settings(max_examples=200)
@given(st.data())
def test_mangled(data: st.DataObject) -> None:
    """Bytes changed, cut out or put in."""
    blob = made()
    at = data.draw(st.integers(0, len(blob) - 1))
    put = data.draw(st.binary(max_size=6))
    mangled = blob[:at] + put + blob[at + data.draw(st.integers(0, 6)) :]
    try:
        fields = read_certificate(mangled)
    except Malformed:
        return
    assert fields.signed + string(fields.signature) == mangled, "no byte is outside of what is signed"
