"""Targets that are opened with a certificate for one connection: a real sshd says what it takes, and from whom."""

import logging
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from gateway.adapters.ssh.target.credential import Credential, Errand, fetch_credential
from gateway.app.clock import SystemClock
from gateway.core.errors import Unreachable
from gateway.core.people import Target
from gateway.identity.authority import Authority
from gateway.identity.signing import TargetSigner
from gateway.secrets.references import ReferenceSecrets
from gateway.wire.ssh_certificate import read_certificate
from tests.ssh.certified import CertifiedHouse
from tests.ssh.client import StockSsh
from tests.ssh.forwarding import echo, running, serving, through
from tests.ssh.sshd import Sshd, free_port
from tests.ssh.test_agent_forwarding import Agent, agent

pytestmark = [pytest.mark.interop, pytest.mark.needs("ssh", "sshd", "ssh-agent")]

__all__ = ["agent"]


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[CertifiedHouse]:
    house = await CertifiedHouse.open(tmp_path / "gateway")
    yield house
    await house.close()


class TrustingSshd(Sshd):
    """Lets in whom an authority has signed for, and nobody by key."""

    @property
    def trusted(self) -> Path:
        return self.directory / "trusted"

    def trust(self, *lines: str) -> None:
        self.trusted.write_text("".join(f"{line}\n" for line in lines))

    def write_files(self, extra: str = "") -> None:
        super().write_files(extra)
        config = self.directory / "sshd_config"
        config.write_text(config.read_text().replace("LogLevel VERBOSE", "LogLevel DEBUG1"))

    async def start(self, extra: str = "") -> None:
        self.trusted.touch()
        self.login_key = asyncssh.generate_private_key("ssh-ed25519")  # that nobody has
        await super().start(f"TrustedUserCAKeys {self.trusted}\n{extra}")


def offer(house: CertifiedHouse, name: str, server: Sshd, **options: Any) -> None:
    pinned = {"host_keys": [server.host_key_line], "auth": "ca"}
    house.add(Target(name, "ssh", "127.0.0.1", server.port, server.user, options={**pinned, **options}))


def our_line(house: CertifiedHouse, at: int = -1) -> str:
    return house.authorities["target"].trusted()[at].openssh


@pytest.fixture
async def target(tmp_path: Path, house: CertifiedHouse) -> AsyncIterator[TrustingSshd]:
    server = TrustingSshd(tmp_path / "target")
    await server.start()
    server.trust(our_line(house))
    offer(house, "web-1", server)
    yield server
    await server.stop()


@pytest.fixture
def ssh(tmp_path: Path, house: CertifiedHouse, target: TrustingSshd) -> StockSsh:
    return StockSsh(tmp_path / "client", house)


def accepted(log: str) -> list[tuple[str, str]]:
    """Of each certificate that sshd took: its key id, and which authority's it was."""
    return re.findall(r"Accepted publickey for .* ID (.*) \(serial \d+\) CA (.*)", log)


async def test_the_target_says_who_it_was(ssh: StockSsh, house: CertifiedHouse, target: TrustingSshd) -> None:
    ran = await ssh.run("web-1@gw", "echo hello; exit 3")
    assert (ran.status, ran.out, ran.said) == (3, b"hello\n", "")
    (opened,) = await house.entries("session.opened")
    ((key_id, authority),) = accepted(target.log)
    assert key_id == f"hoop {opened.session} alice@example.com"
    assert house.authorities["target"].trusted()[0].fingerprint in authority


async def test_a_terminal(ssh: StockSsh) -> None:
    ran = await ssh.run("-tt", "web-1@gw", "tty; exit 4")
    assert ran.status == 4
    assert ran.out.startswith(b"/dev/pts/")


async def test_it_permits_what_was_asked(
    ssh: StockSsh, house: CertifiedHouse, target: TrustingSshd, agent: Agent
) -> None:
    """sshd itself says what it takes from the certificate."""
    house.change("web-1", agent_forwarding=True)
    carried = ("-A", "-o", f"IdentityAgent={agent.socket}")
    await ssh.run("web-1@gw", "true")
    await ssh.run("-tt", "web-1@gw", "true")
    assert (await ssh.run(*carried, "web-1@gw", "ssh-add -l")).out.endswith(b"carried (ED25519)\n")
    house.change("web-1", agent_forwarding=False)
    await ssh.run("-tt", *carried, "web-1@gw", "true")
    await ssh.run("web-1@gw", program="sftp")
    permitted = re.findall(r"active: key options:(.*)", target.log)
    assert [each.split() for each in permitted] == [[], ["pty"], ["agent-forwarding"], ["pty"], []]


async def test_files(ssh: StockSsh, tmp_path: Path, target: TrustingSshd) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"x" * 100_000)
    for legacy in ((), ("-O",)):
        ran = await ssh.run(*legacy, str(source), f"web-1@gw:{tmp_path}/there", program="scp")
        assert ran.status == 0, ran.said
        assert (tmp_path / "there").read_bytes() == source.read_bytes()
        (tmp_path / "there").unlink()
    assert len(accepted(target.log)) == 2


async def test_forwards(ssh: StockSsh, target: TrustingSshd) -> None:
    port, there_too = free_port(), free_port()
    async with (
        serving(echo) as there,
        running(
            ssh,
            *("-N", "-L", f"{port}:127.0.0.1:{there}", "-R", f"{there_too}:127.0.0.1:{there}"),
            "web-1@gw",
        ),
    ):
        assert await through(port, b"x" * 10_000) == b"x" * 10_000
        assert await through(there_too, b"x" * 10_000) == b"x" * 10_000
    assert re.findall(r"active: key options:(.*)", target.log) == [" port-forwarding"]


async def test_a_connection_has_a_certificate_of_its_own(
    ssh: StockSsh, house: CertifiedHouse, target: TrustingSshd
) -> None:
    for _ in range(3):
        assert (await ssh.run("web-1@gw", "true")).status == 0
    keys = re.findall(r"Accepted publickey for .* (ED25519-CERT SHA256:\S+) ID", target.log)
    serials = re.findall(r"Accepted publickey .*\(serial (\d+)\)", target.log)
    assert len(set(keys)) == len(set(serials)) == 3


async def test_principals_in_a_file(ssh: StockSsh, house: CertifiedHouse, tmp_path: Path) -> None:
    """The target names whom an account is for: the principal is the account's own name."""
    server = TrustingSshd(tmp_path / "strict")
    principals = tmp_path / "principals"
    principals.write_text(f"{server.user}\n")
    await server.start(f"AuthorizedPrincipalsFile {principals}")
    server.trust(our_line(house))
    offer(house, "web-2", server, logins=["somebody"])
    assert (await ssh.run("web-2@gw", "true")).status == 0
    principals.write_text("another\n")
    ran = await ssh.run("web-2@gw", "true")
    assert (
        ran.said
        == "hoop: web-2 can not be reached - it does not let the gateway in, tell your platform team\n"
    )
    await server.stop()


async def test_rotation_with_overlap(ssh: StockSsh, house: CertifiedHouse, target: TrustingSshd) -> None:
    """A target may know the old key, the new one or both, for as long as the old one is not retired."""
    old = our_line(house)
    house.authorities["target"].add(asyncssh.generate_private_key("ssh-ed25519"))
    new = our_line(house)
    for known in ((old,), (old, new), (new,)):
        target.trust(*known)
        assert (await ssh.run("web-1@gw", "true")).status == 0
    used = [authority for _, authority in accepted(target.log)]
    assert used[0] != used[1] == used[2], "the newest, where it is known"
    house.authorities["target"].retire("0001")
    assert (await ssh.run("web-1@gw", "true")).status == 0
    target.trust(old)
    assert (await ssh.run("web-1@gw", "true")).status == 255


async def test_a_target_that_does_not_trust_us(
    ssh: StockSsh, house: CertifiedHouse, target: TrustingSshd
) -> None:
    for kind in ("user", "host"):
        target.trust(house.authorities[kind].trusted()[0].openssh)
        ran = await ssh.run("web-1@gw", "true")
        assert ran.status == 255
        assert ran.said == (
            "hoop: web-1 can not be reached - it does not let the gateway in, tell your platform team\n"
        )


@pytest.mark.parametrize("file", ["0001.pub", "0001.key"])
async def test_without_an_authority(
    ssh: StockSsh, house: CertifiedHouse, target: TrustingSshd, file: str, caplog: pytest.LogCaptureFixture
) -> None:
    (house.directory / "ca" / "target" / file).unlink()
    before = target.log
    ran = await ssh.run("web-1@gw", "true")
    assert ran.said == (
        "hoop: web-1 can not be reached - the gateway's credential is unusable, tell your platform team\n"
    )
    assert target.log == before
    assert "no certificate can be signed for web-1: " in caplog.text


async def test_behind_another(
    ssh: StockSsh, house: CertifiedHouse, target: TrustingSshd, tmp_path: Path
) -> None:
    """The jump host's log says for whom, too."""
    inner = TrustingSshd(tmp_path / "inner")
    await inner.start()
    inner.trust(our_line(house))
    offer(house, "db-1", inner, via="web-1")
    ran = await ssh.run("db-1@gw", "echo hello")
    assert (ran.status, ran.out) == (0, b"hello\n"), ran.said
    (opened,) = await house.entries("session.opened")
    for server in (target, inner):
        ((key_id, _),) = accepted(server.log)
        assert key_id == f"hoop {opened.session} alice@example.com"
    await inner.stop()


async def test_a_persons_certificate_opens_no_target(
    ssh: StockSsh, house: CertifiedHouse, target: TrustingSshd
) -> None:
    """And the other way round: tests/ssh/test_certificates.py."""
    key = asyncssh.generate_private_key("ssh-ed25519")
    certificate = asyncssh.import_certificate(await house.issue(key))
    with pytest.raises(asyncssh.PermissionDenied):
        await asyncssh.connect(
            "127.0.0.1",
            target.port,
            username=target.user,
            client_keys=[(key, certificate)],
            known_hosts=None,
            config=None,
        )


# What is in it, and where it is not.


@pytest.fixture
def signer(tmp_path: Path) -> TargetSigner:
    authority = Authority(tmp_path / "ca", "target")
    authority.add(asyncssh.generate_private_key("ssh-ed25519"))
    return TargetSigner(authority, SystemClock())


async def fetched(signer: TargetSigner | None, *permits: str, account: str = "deploy") -> Credential:
    target = Target("web-1", "ssh", "127.0.0.1", 22, "deploy", options={"auth": "ca"})
    errand = Errand(account, "s-2B8CK4TQ alice", frozenset(permits))
    return await fetch_credential(target, ReferenceSecrets({}), errand, signer)


async def test_what_is_shown(signer: TargetSigner) -> None:
    credential = await fetched(signer, "pty", "agent-forwarding")
    assert credential.methods == ["publickey"]
    (pair,) = credential.keys
    assert isinstance(pair, asyncssh.SSHKeyPair)
    fields = read_certificate(pair.public_data)
    assert (fields.principals, fields.key_id) == (("deploy",), "hoop s-2B8CK4TQ alice")
    assert set(fields.extensions) == {"permit-pty", "permit-agent-forwarding"}
    assert "PRIVATE" not in repr(credential)


async def test_never_in_a_file(signer: TargetSigner, tmp_path: Path) -> None:
    before = sorted(tmp_path.rglob("*"))
    await fetched(signer)
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("account", ["", "*", "a,b", "a b"])
async def test_accounts_that_are_none(
    signer: TargetSigner, account: str, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(Unreachable, match="the gateway's credential is unusable"):
        await fetched(signer, account=account)
    assert [record.levelno for record in caplog.records] == [logging.ERROR]


async def test_without_a_signer() -> None:
    with pytest.raises(Unreachable, match="the gateway's credential is unusable"):
        await fetched(None)
