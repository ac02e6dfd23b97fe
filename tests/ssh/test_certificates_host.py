"""The gateway's own certificate: clients that know its authority ask nothing, all others see what they always saw."""

import asyncio
from collections.abc import AsyncIterator, Collection
from pathlib import Path

import asyncssh
import pytest

from gateway.adapters.ssh.door.host_certificate import RENEWED_EVERY, HostKeysShown
from gateway.app.clock import SystemClock
from gateway.core.errors import Fault
from gateway.identity.authority import Authority
from gateway.identity.signing import HOST_VALIDITY, SLACK, HostSigner
from gateway.wire.ssh_certificate import read_certificate
from tests.ssh.certified import CertifiedHouse
from tests.ssh.client import Ran, StockSsh
from tests.ssh.sshd import Sshd

pytestmark = [pytest.mark.interop, pytest.mark.needs("ssh", "sshd")]

KEY = asyncssh.generate_private_key("ssh-ed25519")
CERTIFIED = b"ssh-ed25519-cert-v01@openssh.com"


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[CertifiedHouse]:
    house = await CertifiedHouse.open(tmp_path / "gateway")
    yield house
    await house.close()


@pytest.fixture
async def ssh(tmp_path: Path, house: CertifiedHouse, sshd: Sshd) -> StockSsh:
    house.offer("web-1", sshd.port, sshd.user, sshd.login_key, host_keys=[sshd.host_key_line])
    return StockSsh(tmp_path / "client", house)


def know(ssh: StockSsh, *lines: str) -> None:
    """All that the client knows of hosts."""
    (ssh.directory / "known_hosts").write_text("".join(f"{line}\n" for line in lines))


def authority_line(house: CertifiedHouse, at: int = -1) -> str:
    return house.authorities["host"].trusted()[at].openssh


async def as_gateway(ssh: StockSsh, *arguments: str, name: str = "gw") -> Ran:
    return await ssh.run("-v", "-o", f"HostKeyAlias={name}", *arguments, "web-1@gw", "echo hello")


@pytest.mark.parametrize("pattern", ["*", "gw", "gateway.*,gw", "[gw]:*,gw"])
async def test_only_the_authority_is_known(ssh: StockSsh, house: CertifiedHouse, pattern: str) -> None:
    know(ssh, f"@cert-authority {pattern} {authority_line(house)}")
    ran = await as_gateway(ssh)
    assert (ran.status, ran.out) == (0, b"hello\n"), ran.said
    assert "Server host certificate: ssh-ed25519-cert-v01@openssh.com" in ran.said
    assert "CA ssh-ed25519" in ran.said


async def test_each_of_its_names(ssh: StockSsh, house: CertifiedHouse) -> None:
    know(ssh, f"@cert-authority * {authority_line(house)}")
    for name in house.door.names:
        assert (await as_gateway(ssh, name=name)).status == 0
    ran = await as_gateway(ssh, name="mail.example.com")
    assert ran.status == 255
    assert "Certificate invalid: name is not a listed principal" in ran.said


@pytest.mark.parametrize("pattern", ["localhost", "[localhost]:{port}"])
async def test_a_port_of_its_own(ssh: StockSsh, house: CertifiedHouse, pattern: str) -> None:
    """A certificate knows no ports; lines of known_hosts may."""
    know(ssh, f"@cert-authority {pattern.format(port=house.port)} {authority_line(house)}")
    config = ssh.directory / "config"
    config.write_text(config.read_text().replace("HostName 127.0.0.1", "HostName localhost"))
    ran = await ssh.run("-o", "AddressFamily=inet", "web-1@gw", "echo hello")
    assert (ran.status, ran.out) == (0, b"hello\n"), ran.said


async def test_another_authority_is_known(ssh: StockSsh, house: CertifiedHouse) -> None:
    other = KEY.export_public_key().decode()
    know(ssh, f"@cert-authority * {other}")
    assert (await as_gateway(ssh)).status == 255
    for kind in ("user", "target"):
        know(ssh, f"@cert-authority * {house.authorities[kind].trusted()[0].openssh}")
        assert (await as_gateway(ssh)).status == 255


async def test_the_plain_key_is_known(ssh: StockSsh, house: CertifiedHouse) -> None:
    """As it always was, whether the client asks for a certificate, as this one does, or not."""
    assert (await ssh.run("web-1@gw", "true")).said == ""
    ran = await ssh.run("-v", "-o", "HostKeyAlgorithms=ssh-ed25519", "web-1@gw", "true")
    assert ran.status == 0
    assert "Server host key: ssh-ed25519 SHA256:" in ran.said


async def test_nothing_is_known(ssh: StockSsh, house: CertifiedHouse) -> None:
    """A newcomer takes the plain key, and finds it again."""
    know(ssh)
    ran = await ssh.run("-o", "StrictHostKeyChecking=accept-new", "web-1@gw", "true")
    assert ran.status == 0
    plain = asyncssh.read_private_key(house.door.host_key_path).export_public_key().decode().split()[1]
    assert plain in (ssh.directory / "known_hosts").read_text()
    assert (await ssh.run("web-1@gw", "true")).status == 0


async def test_rotation_with_overlap(ssh: StockSsh, house: CertifiedHouse) -> None:
    """Clients that know the old key go on while they learn of the new one; the next connection after the old one is
    retired has a certificate of the new one, without a restart."""
    old = authority_line(house)
    know(ssh, f"@cert-authority * {old}")
    assert (await as_gateway(ssh)).status == 0
    house.authorities["host"].add(asyncssh.generate_private_key("ssh-ed25519"))
    new = authority_line(house)
    assert (await as_gateway(ssh)).status == 0
    know(ssh, f"@cert-authority * {old}", f"@cert-authority * {new}")
    assert (await as_gateway(ssh)).status == 0
    house.authorities["host"].retire("0001")
    assert (await as_gateway(ssh)).status == 0
    know(ssh, f"@cert-authority * {new}")
    assert (await as_gateway(ssh)).status == 0
    know(ssh, f"@cert-authority * {old}")
    assert (await as_gateway(ssh)).status == 255


async def test_whoever_is_connected_keeps_what_they_were_shown(
    ssh: StockSsh, house: CertifiedHouse, tmp_path: Path
) -> None:
    """Keys are exchanged anew on a connection that is older than the certificate of today."""
    know(ssh, f"@cert-authority * {authority_line(house)}")
    process = await ssh.start(
        "-v", "-o", "HostKeyAlias=gw", "-o", "RekeyLimit=1M", "web-1@gw", "echo up; cat | wc -c"
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"up\n"
    house.authorities["host"].add(asyncssh.generate_private_key("ssh-ed25519"))
    house.authorities["host"].retire("0001")
    assert (await as_gateway(ssh)).status == 255, "the others are shown the new one"
    async with asyncio.timeout(60):
        out, err = await process.communicate(bytes(4 << 20))
    assert (process.returncode, out.strip()) == (0, str(4 << 20).encode())
    assert err.count(b"SSH2_MSG_NEWKEYS received") > 2


async def test_a_jump(ssh: StockSsh, house: CertifiedHouse) -> None:
    """To whoever jumps the gateway is the target: its certificate says that name."""
    know(ssh, f"@cert-authority * {authority_line(house)}")
    (ssh.directory / "config").write_text(
        f"""
        Host gw
        HostName 127.0.0.1
        Port {house.port}
        HostKeyAlias gw
        Host web-1
        ProxyJump gw
        Host *
        IdentityFile {ssh.directory}/id
        IdentitiesOnly yes
        IdentityAgent none
        GlobalKnownHostsFile /dev/null
        UserKnownHostsFile {ssh.directory}/known_hosts
        StrictHostKeyChecking yes
        BatchMode yes
        """
    )
    ran = await ssh.run("web-1", "echo hello")
    assert (ran.status, ran.out) == (0, b"hello\n"), ran.said
    ran = await ssh.run("-o", "HostKeyAlias=web-2", "web-1", "echo hello")
    assert ran.status == 255, "but not another one's"


async def test_an_rsa_host_key(tmp_path: Path, house: CertifiedHouse) -> None:
    """An operator's own: certificates for it never come with SHA-1."""
    path = tmp_path / "rsa"
    path.touch(0o600)
    path.write_bytes(asyncssh.generate_private_key("ssh-rsa").export_private_key())
    shown = HostKeysShown(
        asyncssh.read_private_key(path), ["gw"], HostSigner(house.authorities["host"], SystemClock())
    )
    names = [name.decode() for name in shown.for_the_door()]
    assert [name for name in names if "cert" in name] == [
        "rsa-sha2-256-cert-v01@openssh.com",
        "rsa-sha2-512-cert-v01@openssh.com",
    ]


async def test_rsa_with_a_stock_client(tmp_path: Path, house: CertifiedHouse, ssh: StockSsh) -> None:
    assert house.adapter is not None
    await house.adapter.stop(1.0)
    house.door.host_key_path.write_bytes(asyncssh.generate_private_key("ssh-rsa").export_private_key())
    await house.start()
    know(ssh, f"@cert-authority * {authority_line(house)}")
    for kind in ("rsa-sha2-512-cert-v01@openssh.com", "rsa-sha2-256-cert-v01@openssh.com"):
        ran = await as_gateway(ssh, "-o", f"HostKeyAlgorithms={kind}")
        assert (ran.status, ran.out) == (0, b"hello\n"), ran.said


# When it is signed.


class Shown:
    """A door's host keys, a clock that is set by hand, and an authority in files."""

    def __init__(self, directory: Path, names: Collection[str] = ("gw",)) -> None:
        self.authority = Authority(directory / "ca", "host")
        self.authority.add(asyncssh.generate_private_key("ssh-ed25519"))
        self.at = SystemClock().now().timestamp()
        self.keys = HostKeysShown(KEY, names, HostSigner(self.authority, SystemClock()), lambda: self.at)

    def certificate(self) -> bytes | None:
        pair = self.keys.for_the_door().get(CERTIFIED)
        return pair.public_data if pair else None


@pytest.fixture
def shown(tmp_path: Path) -> Shown:
    return Shown(tmp_path)


def test_each_day(shown: Shown) -> None:
    first = shown.certificate()
    assert first is not None
    shown.at += RENEWED_EVERY - 120
    assert shown.certificate() == first
    shown.at += 240
    second = shown.certificate()
    assert second not in (None, first)


def test_the_plain_key_comes_first(shown: Shown) -> None:
    assert list(shown.keys.for_the_door()) == [b"ssh-ed25519", CERTIFIED]


def test_when_it_can_not_be_signed(shown: Shown, caplog: pytest.LogCaptureFixture) -> None:
    """The last one is shown for as long as it is valid, then none."""
    first = shown.certificate()
    (shown.authority.place / "0002.pub").write_text("garbage")
    with pytest.raises(Fault):
        shown.authority.trusted()
    shown.at += 2 * RENEWED_EVERY
    for _ in range(3):
        assert shown.certificate() == first
    assert caplog.text.count("the host key has no new certificate") == 1, "said once"
    shown.at += (HOST_VALIDITY + SLACK).total_seconds()
    assert shown.certificate() is None
    assert list(shown.keys.for_the_door()) == [b"ssh-ed25519"]
    (shown.authority.place / "0002.pub").unlink()
    assert list(shown.keys.for_target("web-1")) == [b"ssh-ed25519", CERTIFIED]


def test_without_names(tmp_path: Path) -> None:
    """A certificate without names would count for every machine."""
    assert Shown(tmp_path, ()).certificate() is None


def test_without_a_signer_or_an_authority(tmp_path: Path) -> None:
    nobody = HostKeysShown(KEY, ["gw"], None)
    assert list(nobody.for_the_door()) == list(nobody.for_target("web-1")) == [b"ssh-ed25519"]
    empty = HostKeysShown(KEY, ["gw"], HostSigner(Authority(tmp_path, "host"), SystemClock()))
    assert list(empty.for_the_door()) == list(empty.for_target("web-1")) == [b"ssh-ed25519"]
    Authority(tmp_path, "host").add(asyncssh.generate_private_key("ssh-ed25519"))
    assert CERTIFIED in empty.for_the_door(), "noticed"


def test_a_name_that_can_not_be_signed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert Shown(tmp_path, ["gw", "*"]).certificate() is None
    assert "no certificate can be signed for the name" in caplog.text


def test_for_whoever_jumps(shown: Shown) -> None:
    pair = shown.keys.for_target("Web-1")[CERTIFIED]
    assert read_certificate(pair.public_data).principals == ("Web-1", "web-1")
