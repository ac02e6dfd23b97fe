"""Certificates at the door from clients that do not keep to the rules: what has to be proved, and mangled ones."""

import hashlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import asyncssh
import pytest
from asyncssh.packet import String
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.adapters.ssh.connection import whole
from gateway.adapters.ssh.door.offered_certificate import certified_key, line_of, plain_key, serial_of
from gateway.core.errors import Refused
from gateway.identity.certificates import certificate_blob
from tests.ssh.certified import CertifiedHouse, forged
from tests.ssh.house import ALICE

KEY = asyncssh.generate_private_key("ssh-ed25519")


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[CertifiedHouse]:
    house = await CertifiedHouse.open(tmp_path / "gateway")
    yield house
    await house.close()


class Showing(asyncssh.SSHKeyPair):
    """Shows these bytes as its certificate, and signs as it is told."""

    def __init__(self, blob: bytes, sign: Callable[[bytes], bytes], kind: bytes = b"ssh-ed25519") -> None:
        algorithm = kind + b"-cert-v01@openssh.com"
        super().__init__(algorithm, kind, [kind], [], blob, None, None)
        self._sign = sign

    def sign(self, data: bytes) -> bytes:
        return self._sign(data)


async def shown(house: CertifiedHouse, pair: asyncssh.SSHKeyPair) -> None:
    """Knock with it."""
    connection = await asyncssh.connect(
        "127.0.0.1", house.port, username="web-1", client_keys=[pair], known_hosts=None, config=None
    )
    connection.close()
    await connection.wait_closed()


async def test_an_offer_is_no_sign_in(house: CertifiedHouse) -> None:
    """Whoever shows a certificate has to sign with its key."""
    blob = certificate_blob(await house.issue(KEY))
    other = asyncssh.generate_private_key("ssh-ed25519")
    with pytest.raises(asyncssh.PermissionDenied):
        await shown(house, Showing(blob, lambda data: other.sign(data, b"ssh-ed25519")))
    with pytest.raises(asyncssh.PermissionDenied):
        await shown(house, Showing(blob, lambda data: b""))
    assert not await house.entries("identity.accepted")
    await shown(house, Showing(blob, lambda data: KEY.sign(data, b"ssh-ed25519")))
    assert len(await house.entries("identity.accepted")) == 1


async def test_no_signature_with_sha1(house: CertifiedHouse) -> None:
    """The certificate is good; what is signed with its key is not."""
    key = asyncssh.generate_private_key("ssh-rsa", key_size=3072)
    blob = certificate_blob(await house.issue(key))
    with pytest.raises(asyncssh.PermissionDenied):
        await shown(house, Showing(blob, lambda data: key.sign(data, b"ssh-rsa"), b"rsa-sha2-512"))
    await shown(house, Showing(blob, lambda data: key.sign(data, b"rsa-sha2-256"), b"rsa-sha2-512"))
    assert len(await house.entries("identity.accepted")) == 1


async def test_a_signature_that_lost_its_zeros(house: CertifiedHouse) -> None:
    """As PuTTY sends it, one time in 256."""
    key = asyncssh.generate_private_key("ssh-rsa", key_size=3072)
    blob = certificate_blob(await house.issue(key))

    def cut(data: bytes) -> bytes:
        algorithm, number = read_two(key.sign(data, b"rsa-sha2-512"))
        return String(algorithm) + String(number.lstrip(b"\0"))

    for _ in range(3):
        await shown(house, Showing(blob, cut, b"rsa-sha2-512"))
    signature = String(b"rsa-sha2-512") + String(b"x" * 383)
    assert len(read_two(whole(signature, plain_key(blob)))[1]) == 384


async def test_mangled_on_the_wire(house: CertifiedHouse, caplog: pytest.LogCaptureFixture) -> None:
    """Each is refused, and the door stays open."""
    blob = certificate_blob(await house.issue(KEY))
    for mangled in (blob[:-1], blob[:40], blob + b"x", blob[:100] + b"\xff" * 8 + blob[108:], blob[:36] * 9):
        with pytest.raises(asyncssh.PermissionDenied):
            await shown(house, Showing(mangled, lambda data: KEY.sign(data, b"ssh-ed25519")))
    assert "Traceback" not in caplog.text
    await shown(house, Showing(blob, lambda data: KEY.sign(data, b"ssh-ed25519")))


async def test_too_many(house: CertifiedHouse) -> None:
    """Certificates count as keys do."""
    blobs = [certificate_blob(forged(KEY, KEY, serial=number)) for number in range(1, 25)]
    pairs = [Showing(blob, lambda data: b"") for blob in blobs]
    with pytest.raises(asyncssh.DisconnectError, match="too many keys"):
        await asyncssh.connect(
            "127.0.0.1", house.port, username="web-1", client_keys=pairs, known_hosts=None, config=None
        )


def test_a_hardware_key_must_be_touched() -> None:
    """asyncssh asks for that only where it has looked at the certificate itself."""
    sk = b"".join(map(String, (b"sk-ssh-ed25519@openssh.com", KEY.public_data[-32:], b"ssh:")))
    made = KEY.generate_user_certificate(asyncssh.public_key.decode_ssh_public_key(sk), "x", principals=["a"])
    key = certified_key(made.public_data)
    assert key is not None

    def signed(flags: int) -> bytes:
        message = (
            hashlib.sha256(b"ssh:").digest() + bytes([flags]) + bytes(4) + hashlib.sha256(b"data").digest()
        )
        _, raw = read_two(KEY.sign(message, b"ssh-ed25519"))
        return String(b"sk-ssh-ed25519@openssh.com") + String(raw) + bytes([flags]) + bytes(4)

    assert key.verify(b"data", signed(1))
    assert not key.verify(b"data", signed(0))


def read_two(signature: bytes) -> tuple[bytes, bytes]:
    packet = asyncssh.packet.SSHPacket(signature)
    return packet.get_string(), packet.get_string()


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
async def test_mangled_at_the_door(house: CertifiedHouse, data: st.DataObject) -> None:
    """Only refusals: nothing a stranger shows makes the door stumble."""
    blob = certificate_blob(MANGLED_FROM)
    at = data.draw(st.integers(0, len(blob) - 1))
    mangled = blob[:at] + data.draw(st.binary(max_size=5)) + blob[at + data.draw(st.integers(0, 5)) :]
    assert plain_key(mangled) is not None
    if certified_key(mangled) is None:
        return
    assert serial_of(mangled) >= 0
    with pytest.raises(Refused):
        await house.people.by_certificate(line_of(mangled), "127.0.0.1")


MANGLED_FROM = (
    asyncssh.generate_private_key("ssh-ed25519")
    .generate_user_certificate(KEY, "x", serial=7, principals=[ALICE.name])
    .export_certificate()
    .decode()
)
