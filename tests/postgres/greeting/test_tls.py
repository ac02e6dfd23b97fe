"""What the door shows as its own, and how it changes while the door is open."""

import ssl
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509

from gateway.adapters.postgres.greeting.door import PostgresDoor
from gateway.adapters.postgres.greeting.tls import RENEWED_EVERY, DoorTls
from gateway.app.clock import SystemClock
from gateway.core.errors import Fault, Misconfigured
from gateway.identity.authority import Authority
from gateway.identity.x509_authority import X509Authority
from gateway.identity.x509_signing import ServerSigner
from tests.identity.test_x509 import new_ssh_key
from tests.postgres.authority import Authority as Elsewhere


@pytest.fixture
def keys(tmp_path: Path) -> Authority:
    keys = Authority(tmp_path / "ca", "database")
    keys.add(new_ssh_key())
    return keys


def signer(keys: Authority) -> ServerSigner:
    return ServerSigner(X509Authority(keys), SystemClock())


def shown_by(context: ssl.SSLContext) -> x509.Certificate:
    """The certificate that a client gets to see."""
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False
    client.verify_mode = ssl.CERT_NONE
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    one = client.wrap_bio(down, up)
    other = context.wrap_bio(up, down, server_side=True)
    sides: list[Callable[[], None]] = [one.do_handshake, other.do_handshake]
    while sides:
        for shake in list(sides):
            try:
                shake()
                sides.remove(shake)
            except ssl.SSLWantReadError:
                pass
    assert not one.session or not one.session.has_ticket
    der = one.getpeercert(binary_form=True)
    assert der is not None
    return x509.load_der_x509_certificate(der)


def names_of(certificate: x509.Certificate) -> list[str]:
    found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return [str(each.value) for each in found]


def test_of_its_own_authority(keys: Authority) -> None:
    tls = DoorTls(PostgresDoor(names=("hoop.example.com", "10.0.0.7", "localhost")), signer(keys))
    assert names_of(shown_by(tls.context())) == [
        "hoop.example.com",
        "10.0.0.7",
        "localhost",
        "127.0.0.1",
        "::1",
    ]
    assert tls.context() is tls.context()
    assert tls.context().verify_mode is ssl.CERT_OPTIONAL
    assert tls.context().minimum_version is ssl.TLSVersion.TLSv1_2


def test_renewed_by_time_and_with_the_authority(keys: Authority) -> None:
    now = 1_000_000.0
    tls = DoorTls(PostgresDoor(), signer(keys), lambda: now)
    first = tls.context()
    now += RENEWED_EVERY + 1
    second = tls.context()
    assert second is not first
    assert shown_by(second).serial_number != shown_by(first).serial_number
    assert shown_by(second).public_key() == shown_by(first).public_key()
    old = shown_by(second).issuer
    keys.add(new_ssh_key())
    third = tls.context()
    assert third is not second, "a new authority's people are let in at once"
    assert shown_by(third).issuer == old, "and the gateway shows the old one until it is retired"
    keys.retire("0001")
    assert shown_by(tls.context()).issuer != old


def test_of_the_configuration(tmp_path: Path, keys: Authority) -> None:
    corp = Elsewhere(tmp_path / "corp")
    certificate, key = corp.server("db.example.com")
    tls = DoorTls(PostgresDoor(certificate=certificate, key=key), signer(keys))
    tls.check()
    first = shown_by(tls.context())
    assert names_of(first) == ["db.example.com"]
    corp.server("db.example.com")
    assert shown_by(tls.context()).serial_number != first.serial_number, "files that changed count at once"
    before = tls.context()
    key.write_text("nonsense")
    assert tls.context() is before, "what can not be used leaves the old one"
    key.unlink()
    assert tls.context() is before


def test_nothing_to_show(tmp_path: Path, keys: Authority) -> None:
    missing = tmp_path / "missing.pem"
    with pytest.raises(Misconfigured, match=r"postgres can not listen: .*missing\.pem"):
        DoorTls(PostgresDoor(certificate=missing, key=missing), signer(keys)).check()
    with pytest.raises(Misconfigured, match="there is no authority for databases"):
        DoorTls(PostgresDoor(), None).check()
    with pytest.raises(Fault, match="no certificate to show"):
        DoorTls(PostgresDoor(), signer(Authority(tmp_path / "none", "database"))).context()


def test_without_an_authority_nobody_is_asked_for_a_certificate(tmp_path: Path) -> None:
    certificate, key = Elsewhere(tmp_path / "corp").server("db.example.com")
    tls = DoorTls(PostgresDoor(certificate=certificate, key=key), None)
    assert tls.context().verify_mode is ssl.CERT_NONE


def test_no_key_stays_behind(tmp_path: Path, keys: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr("tempfile.tempdir", None)
    DoorTls(PostgresDoor(), signer(keys)).context()
    assert list((tmp_path / "tmp").iterdir()) == []
