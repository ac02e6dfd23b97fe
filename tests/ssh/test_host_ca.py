"""Targets that are known by a certificate: what counts as one, and what a real sshd with one is told."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

import asyncssh
import pytest
from asyncssh.public_key import SSHOpenSSHCertificate, SSHOpenSSHCertificateV01, import_certificate

from gateway.adapters.ssh.target.host_certificate import CERTIFICATE_ALGORITHMS, what_is_wrong
from gateway.adapters.ssh.target.host_trust import HostTrust
from tests.ssh.client import StockSsh
from tests.ssh.house import House
from tests.ssh.sshd import Sshd

pytestmark = [pytest.mark.interop, pytest.mark.needs("ssh", "sshd", "ssh-keygen")]

NOT_SIGNED = "is not signed by an authority that is trusted for it"


@dataclass
class Authority:
    """A host CA: `ssh-keygen`, with its key in a file."""

    directory: Path
    kind: str = "ed25519"

    def __post_init__(self) -> None:
        self.path = self.directory / f"ca-{self.kind}"
        subprocess.run(
            ["ssh-keygen", "-q", "-t", self.kind, "-N", "", "-C", "ca", "-f", self.path], check=True
        )

    @property
    def line(self) -> str:
        return " ".join(self.path.with_suffix(".pub").read_text().split()[:2])

    @property
    def key(self) -> asyncssh.SSHKey:
        return asyncssh.import_public_key(self.line)

    def sign(self, key: asyncssh.SSHKey, *options: str, names: str = "127.0.0.1", host: bool = True) -> str:
        """The certificate as a line of text."""
        plain = self.directory / "signed.pub"
        plain.write_bytes(key.export_public_key())
        whom = ["-h"] if host else []
        named = ["-n", names] if names else []
        command = [
            "ssh-keygen",
            "-q",
            "-s",
            str(self.path),
            "-I",
            "web-1",
            *whom,
            *named,
            *options,
            str(plain),
        ]
        subprocess.run(command, check=True)
        return (self.directory / "signed-cert.pub").read_text()


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def read(line: str) -> SSHOpenSSHCertificate:
    found = import_certificate(line)
    assert isinstance(found, SSHOpenSSHCertificate)
    return found


@pytest.mark.parametrize(
    ("options", "names", "host", "told"),
    [
        ([], "127.0.0.1", True, ""),
        ([], "web-1.internal,127.0.0.1", True, ""),
        (["-V", "-1d:+1d"], "127.0.0.1", True, ""),
        (["-V", "-2d:-1d"], "127.0.0.1", True, "has expired"),
        (["-V", "+1d:+2d"], "127.0.0.1", True, "is not valid yet"),
        ([], "web-2.internal", True, "is for another machine"),
        ([], "127.0.0.*", True, "is for another machine"),
        ([], "*", True, "is for another machine"),
        ([], "", True, "is for another machine"),
        ([], "127.0.0.1", False, "is not one for a machine"),
    ],
)
def test_what_counts(authority: Authority, options: list[str], names: str, host: bool, told: str) -> None:
    key = asyncssh.generate_private_key("ssh-ed25519")
    certificate = read(authority.sign(key, *options, names=names, host=host))
    assert what_is_wrong(certificate, "127.0.0.1", [authority.key], []) == told


def test_names_are_read_without_regard_to_capitals(authority: Authority) -> None:
    key = asyncssh.generate_private_key("ssh-ed25519")
    certificate = read(authority.sign(key, names="Web-1.Internal"))
    assert what_is_wrong(certificate, "web-1.internal", [authority.key], []) == ""


def test_who_signed(authority: Authority, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    key = asyncssh.generate_private_key("ssh-ed25519")
    certificate = read(authority.sign(key))
    other = Authority(tmp_path / "other")
    assert what_is_wrong(certificate, "127.0.0.1", [other.key], []) == NOT_SIGNED
    assert what_is_wrong(certificate, "127.0.0.1", [], []) == NOT_SIGNED
    assert what_is_wrong(certificate, "127.0.0.1", [key.convert_to_public()], []) == NOT_SIGNED
    both = [other.key, authority.key]
    assert what_is_wrong(certificate, "127.0.0.1", both, []) == ""
    assert what_is_wrong(certificate, "127.0.0.1", both, [authority.key]) == "is revoked"
    assert what_is_wrong(certificate, "127.0.0.1", both, [key.convert_to_public()]) == "is revoked"


@pytest.mark.parametrize("kind", ["rsa", "ecdsa"])
def test_other_kinds_of_authorities(tmp_path: Path, kind: str) -> None:
    authority = Authority(tmp_path, kind)
    for host_kind in ("ssh-ed25519", "ssh-rsa", "ecdsa-sha2-nistp256"):
        certificate = read(authority.sign(asyncssh.generate_private_key(host_kind)))
        assert what_is_wrong(certificate, "127.0.0.1", [authority.key], []) == ""


def test_sha1_signatures_do_not_count(tmp_path: Path) -> None:
    authority = Authority(tmp_path, "rsa")
    key = asyncssh.generate_private_key("ssh-ed25519")
    weak = read(authority.sign(key, "-t", "ssh-rsa"))
    assert what_is_wrong(weak, "127.0.0.1", [authority.key], []) == (
        "is signed in a way that is not safe any more"
    )


def test_a_certificate_is_no_authority(authority: Authority) -> None:
    """Signed by a key that is itself only certified: not to be read at all."""
    middle = asyncssh.generate_private_key("ssh-ed25519")
    certified = read(authority.sign(middle))

    class Certified:
        public_data = certified.public_data

        def sign(self, data: bytes, algorithm: bytes) -> bytes:
            return middle.sign(data, b"ssh-ed25519")

        def convert_to_public(self) -> "Certified":
            return self

    key = asyncssh.generate_private_key("ssh-ed25519")
    nested = SSHOpenSSHCertificateV01.generate(
        Certified(),  # type: ignore[arg-type]  # asyncssh itself would not make such a thing
        b"ssh-ed25519-cert-v01@openssh.com", key, 0, 2, "x", ["127.0.0.1"], 0, 2**63, {}, b"ssh-ed25519", None,
    )  # fmt: skip
    line = nested.export_certificate()
    with pytest.raises(asyncssh.KeyImportError):
        import_certificate(line)


def test_certificates_are_asked_for_where_an_authority_is_trusted(authority: Authority) -> None:
    key = asyncssh.generate_private_key("ssh-ed25519").convert_to_public()
    assert HostTrust((key,)).algorithms[0] == "ssh-ed25519"
    assert not set(CERTIFICATE_ALGORITHMS) & set(HostTrust((key,)).algorithms)
    asked = HostTrust((key,), authorities=(authority.key,)).algorithms
    assert asked[: len(CERTIFICATE_ALGORITHMS)] == list(CERTIFICATE_ALGORITHMS)
    assert "ssh-ed25519" in asked
    assert not any(name.startswith("ssh-rsa") for name in asked)


class Certified:
    """A real sshd that shows a certificate, and a gateway that offers it as web-1."""

    def __init__(self, sshd: Sshd, house: House, client: StockSsh) -> None:
        self.sshd = sshd
        self.house = house
        self.client = client

    async def shows(self, certificate: str) -> None:
        path = self.sshd.directory / "host_key-cert.pub"
        path.write_text(certificate)
        await self.sshd.stop()
        await self.sshd.start(f"HostCertificate {path}")
        self.house.offer("web-1", self.sshd.port, self.sshd.user, self.sshd.login_key)

    async def refused(self, **options: object) -> str:
        self.house.change("web-1", **options)
        ran = await self.client.run("web-1@gw", "true")
        assert ran.status == 255
        return ran.said.strip()

    async def trusted(self, **options: object) -> bool:
        self.house.change("web-1", **options)
        ran = await self.client.run("web-1@gw", "echo", "in")
        return (ran.status, ran.out) == (0, b"in\n")


@pytest.fixture
def certified(sshd: Sshd, house: House, ssh: StockSsh) -> Certified:
    return Certified(sshd, house, ssh)


def told(problem: str) -> str:
    return f"hoop: the host certificate of web-1 {problem} - nothing was sent; tell your platform team"


async def test_a_target_with_a_certificate(
    certified: Certified, authority: Authority, tmp_path: Path
) -> None:
    sshd = certified.sshd
    await certified.shows(authority.sign(sshd.host_key))
    assert await certified.trusted(host_ca=[authority.line])
    assert await certified.trusted(host_ca=[], host_keys=[sshd.host_key_line])
    known = tmp_path / "known"
    for pattern in ("127.0.0.1", f"[127.0.0.1]:{sshd.port}", "127.0.0.*", "*,!10.0.0.1"):
        known.write_text(f"@cert-authority {pattern} {authority.line}\n")
        assert await certified.trusted(host_keys=[], known_hosts=[str(known)]), pattern
    known.write_text(f"@cert-authority *.internal {authority.line}\n")
    assert "is not trusted yet" in await certified.refused()
    assert await certified.trusted(host_ca=[authority.line])
    for lost in (authority.line, sshd.host_key_line):
        known.write_text(f"@revoked * {lost}\n")
        assert await certified.refused() == told("is revoked")


async def test_certificates_that_do_not_count(
    certified: Certified, authority: Authority, tmp_path: Path
) -> None:
    key = certified.sshd.host_key
    (tmp_path / "other").mkdir()
    other = Authority(tmp_path / "other")
    await certified.shows(authority.sign(key, "-V", "-2d:-1d"))
    assert await certified.refused(host_ca=[authority.line]) == told("has expired")
    assert "Accepted" not in certified.sshd.log
    await certified.shows(authority.sign(key, names="web-2.internal"))
    assert await certified.refused(host_ca=[authority.line]) == told("is for another machine")
    await certified.shows(other.sign(key))
    assert await certified.refused(host_ca=[authority.line]) == told(NOT_SIGNED)
    line = certified.sshd.host_key_line
    assert await certified.trusted(host_ca=[authority.line], host_keys=[line]), "its key is pinned"


async def test_a_target_that_has_no_certificate(ssh: StockSsh, house: House, authority: Authority) -> None:
    house.change("web-1", host_keys=[], host_ca=[authority.line])
    ran = await ssh.run("web-1@gw", "true")
    assert ran.said == "hoop: web-1 shows no host certificate - nothing was sent; tell your platform team\n"
    pinned = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode()
    house.change("web-1", host_keys=[pinned])
    assert "the host key of web-1 has CHANGED" in (await ssh.run("web-1@gw", "true")).said


async def test_a_new_host_key_with_a_good_certificate(certified: Certified, authority: Authority) -> None:
    """What certificates are for: a machine that was set up anew is still the machine."""
    old = certified.sshd.host_key_line
    certified.sshd.host_key = asyncssh.generate_private_key("ecdsa-sha2-nistp256")
    await certified.shows(authority.sign(certified.sshd.host_key))
    assert await certified.trusted(host_ca=[authority.line], host_keys=[old])
