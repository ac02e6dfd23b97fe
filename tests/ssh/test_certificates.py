"""Signing in at the door with a certificate, as stock clients do: what opens, and everything that does not."""

import subprocess
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncssh
import pytest

from gateway.core.events import CertificateIssued, PersonLocked
from gateway.core.ports import CertificateRow, LockRow
from gateway.identity.certificates import certificate_blob
from gateway.wire.ssh_certificate import read_certificate
from tests.ssh.certified import CertificateSsh, CertifiedHouse
from tests.ssh.forwarding import running
from tests.ssh.house import ALICE, BOB
from tests.ssh.sshd import Sshd
from tests.ssh.test_agent_forwarding import Agent, agent

__all__ = ["agent"]

pytestmark = [pytest.mark.interop, pytest.mark.needs("ssh", "sshd", "ssh-keygen", "ssh-agent")]

KEY = asyncssh.generate_private_key("ssh-ed25519")


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[CertifiedHouse]:
    house = await CertifiedHouse.open(tmp_path / "gateway")
    yield house
    await house.close()


@pytest.fixture
async def ssh(tmp_path: Path, house: CertifiedHouse, sshd: Sshd) -> CertificateSsh:
    """A client with a key that nobody knows."""
    house.offer("web-1", sshd.port, sshd.user, sshd.login_key, host_keys=[sshd.host_key_line])
    return client(tmp_path, house)


def client(tmp_path: Path, house: CertifiedHouse) -> CertificateSsh:
    made = CertificateSsh(tmp_path / "client", house)
    made.use_key(KEY)
    return made


async def test_from_a_file(ssh: CertificateSsh, house: CertifiedHouse) -> None:
    certificate = await house.issue(KEY)
    ssh.use_certificate(KEY, certificate)
    ran = await ssh.run("web-1@gw", "echo hello; exit 3")
    assert (ran.status, ran.out, ran.said) == (3, b"hello\n", "")
    (accepted,) = await house.entries("identity.accepted")
    serial = read_certificate(certificate_blob(certificate)).serial
    assert accepted.body["method"] == f"ssh-certificate {serial}"
    assert (accepted.actor, accepted.body["person"]) == (ALICE.id, ALICE.name)
    assert not await house.entries("identity.refused")


async def test_from_an_agent(ssh: CertificateSsh, house: CertifiedHouse, agent: Agent) -> None:
    ssh.use_certificate(KEY, await house.issue(KEY))
    assert b"Certificate added" in await agent.add(str(ssh.directory / "id"))
    for file in ("id", "id-cert.pub"):
        (ssh.directory / file).unlink()
    how = ("-o", f"IdentityAgent={agent.socket}", "-o", "IdentitiesOnly=no", "-o", "IdentityFile=none")
    ran = await ssh.run(*how, "web-1@gw", "echo hello")
    assert (ran.status, ran.out) == (0, b"hello\n")
    (accepted,) = await house.entries("identity.accepted")
    assert accepted.body["method"].startswith("ssh-certificate ")


@pytest.mark.parametrize("kind", ["ssh-rsa", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp521"])
async def test_other_kinds_of_keys(ssh: CertificateSsh, house: CertifiedHouse, kind: str) -> None:
    key = asyncssh.generate_private_key(kind, key_size=3072) if kind == "ssh-rsa" else None
    key = key or asyncssh.generate_private_key(kind)
    ssh.use_certificate(key, await house.issue(key))
    assert (await ssh.run("web-1@gw", "true")).status == 0


async def test_plain_keys_go_on(ssh: CertificateSsh, house: CertifiedHouse) -> None:
    ssh.use_key(house.person_key)
    assert (await ssh.run("web-1@gw", "true")).status == 0
    (accepted,) = await house.entries("identity.accepted")
    assert accepted.body["method"].startswith("ssh-key ")


async def test_a_bad_certificate_beside_a_good_key(ssh: CertificateSsh, house: CertifiedHouse) -> None:
    """As with several keys: what does not open is passed over."""
    other = asyncssh.generate_private_key("ssh-ed25519")
    made = other.generate_user_certificate(house.person_key, "x", principals=[ALICE.name])
    ssh.use_certificate(house.person_key, made.export_certificate().decode())
    assert (await ssh.run("web-1@gw", "true")).status == 0


async def test_without_an_authority(ssh: CertificateSsh, house: CertifiedHouse) -> None:
    """The door works as ever; certificates are strangers'."""
    ssh.use_certificate(KEY, await house.issue(KEY))
    for path in sorted((house.directory / "ca").glob("*/*")):
        path.unlink()
    await ssh.refused()
    ssh.use_key(house.person_key)
    (ssh.directory / "id-cert.pub").unlink()
    assert (await ssh.run("web-1@gw", "true")).status == 0


async def test_an_authority_that_can_not_be_read(ssh: CertificateSsh, house: CertifiedHouse) -> None:
    ssh.use_certificate(KEY, await house.issue(KEY))
    (house.directory / "ca" / "user" / "0002.pub").write_text("garbage")
    await ssh.refused()
    ssh.use_key(house.person_key)
    (ssh.directory / "id-cert.pub").unlink()
    assert (await ssh.run("web-1@gw", "true")).status == 0


async def test_somebody_elses_certificate(ssh: CertificateSsh, house: CertifiedHouse) -> None:
    """A certificate is public: without its key it is nothing."""
    victim = asyncssh.generate_private_key("ssh-ed25519")
    ssh.use_certificate(KEY, await house.issue(victim))
    assert (await ssh.run("web-1@gw", "true")).status == 255
    assert not await house.entries("identity.accepted")


# Certificates that ssh-keygen has signed with our own authority's key, which the gateway itself never would.


def keygen(house: CertifiedHouse, tmp_path: Path, *how: str, by: Path | None = None) -> str:
    place = tmp_path / "forge"
    place.mkdir(exist_ok=True)
    (place / "key.pub").write_bytes(KEY.export_public_key())
    authority = by or house.directory / "ca" / "user" / "0001.key"
    if by is None:
        (house.directory / "ca" / "user" / "0001.key").chmod(0o600)
    command = ["ssh-keygen", "-q", "-s", str(authority), "-I", "forged", "-z", "4711", *how]
    subprocess.run([*command, str(place / "key.pub")], check=True, capture_output=True)
    return (place / "key-cert.pub").read_text().strip()


async def keep(house: CertifiedHouse, serial: int = 4711, key: asyncssh.SSHKey = KEY) -> None:
    """The ledger has issued it."""
    at, fingerprint = datetime.now(UTC), key.get_fingerprint()
    row = CertificateRow(serial, ALICE.id, fingerprint, at, at + timedelta(days=1))
    event = CertificateIssued(serial=str(serial), person=ALICE.name, fingerprint=fingerprint, expires_at="")
    await house.ledger.add_certificate(row, event)


NAME = ("-n", ALICE.name)


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ((*NAME, "-V", "-2h:-1h"), "certificate has expired"),
        ((*NAME, "-V", "+1h:+2h"), "certificate is not valid yet"),
        ((*NAME, "-z", "4712"), "certificate was not issued here"),
        ((*NAME, "-O", "critical:new@openssh.com=x"), "an option that is not honoured here: new@openssh.com"),
        ((*NAME, "-O", "verify-required"), "an option that is not honoured here: verify-required"),
        ((*NAME, "-O", "force-command=ls"), "an option that is not honoured here: force-command"),
        ((*NAME, "-O", "source-address=10.0.0.0/8,::1"), "certificate is for another address"),
        (("-n", f"{ALICE.name},{BOB.name}"), "certificate does not have exactly one name"),
        (("-n", "*"), "certificate does not have exactly one name"),
        (("-n", "alice*"), "certificate does not have exactly one name"),
        ((), "certificate does not have exactly one name"),
        (("-n", BOB.name), "certificate is for another name than its person has"),
        (("-n", "web-1"), "certificate is for another name than its person has"),
    ],
)
async def test_what_opens_nothing(
    house: CertifiedHouse, tmp_path: Path, how: tuple[str, ...], told: str
) -> None:
    ssh = client(tmp_path, house)
    await keep(house)
    ssh.use_certificate(KEY, keygen(house, tmp_path, *how))
    ran = await ssh.refused()
    assert "certificate" not in ran.said, "a stranger is not told why"
    (reason,) = await house.reasons()
    assert reason.startswith("unknown ssh-certificate 471")
    assert reason.endswith(told)
    assert not await house.entries("identity.accepted")


async def test_a_certificate_for_a_machine(house: CertifiedHouse, tmp_path: Path) -> None:
    """OpenSSH would not even offer it."""
    await keep(house)
    certificate = asyncssh.import_certificate(keygen(house, tmp_path, *NAME, "-h"))
    with pytest.raises(asyncssh.PermissionDenied):
        await asyncssh.connect(
            "127.0.0.1",
            house.port,
            username="web-1",
            client_keys=[(KEY, certificate)],
            known_hosts=None,
            config=None,
        )
    assert (await house.reasons())[0].endswith("certificate is not one for a person")


async def test_what_opens_with_the_same_forger(
    ssh: CertificateSsh, house: CertifiedHouse, tmp_path: Path
) -> None:
    await keep(house)
    ssh.use_certificate(KEY, keygen(house, tmp_path, *NAME, "-O", "source-address=10.0.0.0/8,127.0.0.0/8"))
    assert (await ssh.run("web-1@gw", "true")).status == 0


@pytest.mark.parametrize("kind", [("ed25519",), ("rsa",), ("rsa", "-t", "ssh-rsa"), ("ecdsa",)])
async def test_another_authority(house: CertifiedHouse, tmp_path: Path, kind: tuple[str, ...]) -> None:
    """Also one that signs with SHA-1."""
    ssh = client(tmp_path, house)
    path = tmp_path / "other"
    subprocess.run(["ssh-keygen", "-q", "-t", kind[0], "-N", "", "-f", path], check=True)
    await keep(house)
    ssh.use_certificate(KEY, keygen(house, tmp_path, *NAME, *kind[1:], by=path))
    await ssh.refused()


@pytest.mark.parametrize("kind", ["host", "target"])
async def test_our_other_authorities(house: CertifiedHouse, tmp_path: Path, kind: str) -> None:
    """What the gateway signs for targets, a target could send back to it."""
    ssh = client(tmp_path, house)
    await keep(house)
    by = house.directory / "ca" / kind / "0001.key"
    ssh.use_certificate(KEY, keygen(house, tmp_path, *NAME, by=by))
    await ssh.refused()


async def test_a_certificate_for_another_key(house: CertifiedHouse, tmp_path: Path) -> None:
    ssh = client(tmp_path, house)
    await keep(house, key=asyncssh.generate_private_key("ssh-ed25519"))
    ssh.use_certificate(KEY, keygen(house, tmp_path, *NAME))
    await ssh.refused()


async def test_addresses(ssh: CertificateSsh, house: CertifiedHouse) -> None:
    ssh.use_certificate(KEY, await house.issue(KEY, address="127.0.0.1"))
    assert (await ssh.run("web-1@gw", "true")).status == 0
    ssh.use_certificate(KEY, await house.issue(KEY, address="10.0.0.7"))
    await ssh.refused()


# Later.


async def test_revoked(ssh: CertificateSsh, house: CertifiedHouse) -> None:
    certificate = await house.issue(KEY)
    ssh.use_certificate(KEY, certificate)
    assert (await ssh.run("web-1@gw", "true")).status == 0
    await house.revoke(certificate)
    await ssh.refused()
    assert (await house.reasons())[0].endswith(": certificate is revoked")


async def test_revoked_in_the_middle(ssh: CertificateSsh, house: CertifiedHouse) -> None:
    """A connection that is open already opens nothing more."""
    certificate = await house.issue(KEY)
    ssh.use_certificate(KEY, certificate)
    shared = ("-o", f"ControlPath={ssh.directory}/control")
    async with running(ssh, *shared, "-M", "web-1@gw", "echo up; cat") as master:
        assert master.stdout is not None
        assert await master.stdout.readline() == b"up\n"
        assert (await ssh.run(*shared, "web-1@gw", "echo second")).out == b"second\n"
        await house.revoke(certificate)
        ran = await ssh.run(*shared, "web-1@gw", "echo third")
        assert (ran.status, ran.out) == (126, b"")
        assert "hoop: you are not known here any more" in ran.said


async def test_locked(ssh: CertificateSsh, house: CertifiedHouse) -> None:
    ssh.use_certificate(KEY, await house.issue(KEY))
    lock = LockRow(ALICE.id, datetime.now(UTC), "local:root", "left")
    await house.ledger.lock_person(lock, PersonLocked(person=ALICE.name, reason="left"))
    await house.people.directory.refresh()
    await ssh.refused()


async def test_unknown_and_renamed(ssh: CertificateSsh, house: CertifiedHouse) -> None:
    ssh.use_certificate(KEY, await house.issue(KEY))
    house.know(BOB)
    await ssh.refused()
    house.know(replace(ALICE, name="alice.b@example.com"))
    await ssh.refused()
    house.know(ALICE)
    assert (await ssh.run("web-1@gw", "true")).status == 0


async def test_rotation_with_overlap(ssh: CertificateSsh, house: CertifiedHouse) -> None:
    """The gateway notices what a command does to the files, and goes on."""
    old = await house.issue(KEY)
    house.authorities["user"].add(asyncssh.generate_private_key("ssh-ed25519"))
    new = await house.issue(KEY)
    for certificate in (old, new):
        ssh.use_certificate(KEY, certificate)
        assert (await ssh.run("web-1@gw", "true")).status == 0
    house.authorities["user"].retire("0001")
    ssh.use_certificate(KEY, old)
    await ssh.refused()
    ssh.use_certificate(KEY, new)
    assert (await ssh.run("web-1@gw", "true")).status == 0


async def test_a_jump(ssh: CertificateSsh, house: CertifiedHouse, tmp_path: Path) -> None:
    """Both connections are signed in to with the certificate."""
    ssh.use_certificate(KEY, await house.issue(KEY, address="127.0.0.1"))
    key = (ssh.directory / "known_hosts").read_text().split(" ", 1)[1]
    with (ssh.directory / "known_hosts").open("a") as known:
        known.write(f"web-1 {key}")
    config = (ssh.directory / "config").read_text().replace("Host *", "Host gw", 1)
    common = config.replace("Host gw", "Host *", 1).replace("HostName 127.0.0.1", "").splitlines()
    behind = [line for line in common if "Port" not in line]
    (ssh.directory / "config").write_text(config + "Host web-1\nProxyJump gw\n" + "\n".join(behind))
    ran = await ssh.run("web-1", "echo hello")
    assert (ran.status, ran.out) == (0, b"hello\n"), ran.said
    accepted = await house.entries("identity.accepted")
    assert len(accepted) == 2
    assert len({entry.body["method"] for entry in accepted}) == 1
