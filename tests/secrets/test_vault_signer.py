"""Keys that a vault's SSH engine signs: asked for as documented, and checked before they are used."""

from typing import Any

import asyncssh
import pytest
from asyncssh.public_key import SSHOpenSSHCertificate

from gateway.secrets.vault.signer import VaultSigner
from tests.secrets.conftest import CANARY, Connect, fault_of
from tests.secrets.vault_double import VaultDouble, error

DEPLOY = {"vault_ssh": "ssh/sign/deploy"}


def line(key: asyncssh.SSHKey) -> str:
    return key.export_public_key().decode().strip()


@pytest.fixture
def key() -> asyncssh.SSHKey:
    return asyncssh.generate_private_key("ssh-ed25519")


@pytest.mark.parametrize("kind", ["ssh-ed25519", "ecdsa-sha2-nistp256", "ssh-rsa"])
async def test_what_comes_back_lets_the_key_in_as_that_account(
    double: VaultDouble, connect: Connect, kind: str
) -> None:
    key = asyncssh.generate_private_key(kind)
    text = await VaultSigner(connect()).sign_ssh(DEPLOY, line(key), "deploy")
    certificate = asyncssh.import_certificate(text)
    assert isinstance(certificate, SSHOpenSSHCertificate)
    assert certificate.principals == ["deploy"]
    assert "\n" not in text
    asked = double.asked[-1]
    assert (asked.method, asked.path) == ("POST", "ssh/sign/deploy")
    assert b'"ttl": "5m"' in asked.body

    class Trusting(asyncssh.SSHServer):
        def public_key_auth_supported(self) -> bool:
            return True

        def validate_ca_key(self, username: str, key: asyncssh.SSHKey) -> bool:
            return key.public_data == double.ca.public_data

    server = await asyncssh.create_server(
        Trusting,
        "127.0.0.1",
        0,
        server_host_keys=[asyncssh.generate_private_key("ssh-ed25519")],
        process_factory=lambda process: process.exit(0),
    )
    for account, enters in (("deploy", True), ("root", False)):
        try:
            async with asyncssh.connect(
                "127.0.0.1",
                server.get_port(),
                username=account,
                client_keys=[(key, certificate)],
                known_hosts=None,
                config=None,
                agent_path=None,
            ):
                assert enters
        except asyncssh.PermissionDenied:
            assert not enters
    server.close()
    await server.wait_closed()


@pytest.mark.parametrize(
    "instead",
    [
        {"principals": ["root"]},
        {"principals": ["deploy", "root"]},
        {"principals": []},
        {"kind": "host"},
        {"key": line(asyncssh.generate_private_key("ssh-ed25519"))},
    ],
)
async def test_certificates_for_somebody_else_are_not_used(
    double: VaultDouble, connect: Connect, key: asyncssh.SSHKey, instead: dict[str, Any]
) -> None:
    double.sign_as = instead
    told = await fault_of(VaultSigner(connect()).sign_ssh(DEPLOY, line(key), "deploy"))
    assert told.startswith(
        "the key can not be signed at ssh/sign/deploy: the answer is no certificate for this key"
    )


@pytest.mark.parametrize("signed", [None, 7, "", CANARY, "ssh-ed25519-cert-v01@openssh.com AAAA", "a b\nc d"])
async def test_answers_that_are_no_certificate(
    double: VaultDouble, connect: Connect, key: asyncssh.SSHKey, signed: object
) -> None:
    double.moods["ssh/sign/deploy"] = 200, {"data": {"signed_key": signed}}
    assert "the answer is no certificate" in await fault_of(
        VaultSigner(connect()).sign_ssh(DEPLOY, line(key), "deploy")
    )
    double.moods["ssh/sign/deploy"] = 200, {"data": {"signed_key": line(key)}}
    assert "the answer is no certificate" in await fault_of(
        VaultSigner(connect()).sign_ssh(DEPLOY, line(key), "deploy")
    )


async def test_a_certificate_with_a_broken_signature(
    double: VaultDouble, connect: Connect, key: asyncssh.SSHKey
) -> None:
    signer = VaultSigner(connect())
    good = await signer.sign_ssh(DEPLOY, line(key), "deploy")
    kind, text, *_ = good.split()
    broken = text[:-8] + ("A" if text[-8] != "A" else "B") + text[-7:]
    double.moods["ssh/sign/deploy"] = 200, {"data": {"signed_key": f"{kind} {broken}"}}
    assert "the answer is no certificate" in await fault_of(signer.sign_ssh(DEPLOY, line(key), "deploy"))


@pytest.mark.parametrize(
    ("reference", "principal"),
    [
        ({"vault_ssh": "ssh"}, "deploy"),
        ({"vault_ssh": "../sys/seal"}, "deploy"),
        ({"vault_ssh": "ssh/sign/deploy", "ttl": "1h"}, "deploy"),
        ({"vault": "ssh/sign/deploy"}, "deploy"),
        (DEPLOY, ""),
        (DEPLOY, "deploy,root"),
    ],
)
async def test_wishes_that_are_not_sent(
    double: VaultDouble, connect: Connect, key: asyncssh.SSHKey, reference: Any, principal: str
) -> None:
    await fault_of(VaultSigner(connect()).sign_ssh(reference, line(key), principal))
    assert double.asked == []


async def test_a_role_that_says_no(double: VaultDouble, connect: Connect, key: asyncssh.SSHKey) -> None:
    double.moods["ssh/sign/deploy"] = 400, error(f"{CANARY} is not a valid value for valid_principals")
    told = await fault_of(VaultSigner(connect()).sign_ssh(DEPLOY, line(key), "root"))
    failed = (
        "the key can not be signed at ssh/sign/deploy: the vault does not take this question (status 400)"
    )
    assert told == f"{failed} - check the path and its role"
