"""People by their public keys: exact bytes, one owner, nothing half-changed."""

import subprocess
from pathlib import Path

import asyncssh
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.errors import Misconfigured
from gateway.core.people import Principal
from gateway.identity.ssh_keys import KeyIdentities, key_blob, key_fingerprint

ALICE = Principal("alice", "alice@example.com", frozenset({"dev"}), frozenset({"person"}))
BOB = Principal("bob", "bob@example.com")


def new(kind: str = "ssh-ed25519") -> str:
    return asyncssh.generate_private_key(kind, comment="laptop").export_public_key().decode().strip()


@pytest.mark.parametrize("kind", ["ssh-ed25519", "ssh-rsa", "ecdsa-sha2-nistp256"])
async def test_by_key(kind: str) -> None:
    line = new(kind)
    known = KeyIdentities({ALICE: [new(), line], BOB: [new()]})
    found = await known.by_ssh_key(" ".join(line.split()[:2]), "SHA256:whatever the caller says")
    assert found is not None
    assert (found.id, found.groups, found.roles) == (ALICE.id, ALICE.groups, ALICE.roles)
    assert found.method == f"ssh-key {asyncssh.import_public_key(line).get_fingerprint()}"


async def test_unknown() -> None:
    known = KeyIdentities({ALICE: [new()]})
    assert await known.by_ssh_key(new(), "") is None
    assert await KeyIdentities().by_ssh_key(new(), "") is None
    for nonsense in ("", "x", "ssh-ed25519", "ssh-ed25519 !!!", "ssh-rsa " + new().split()[1]):
        assert await known.by_ssh_key(nonsense, "") is None


async def test_reload() -> None:
    old, fresh = new(), new()
    known = KeyIdentities({ALICE: [old]})
    known.replace({ALICE: [fresh]})
    assert await known.by_ssh_key(old, "") is None
    assert await known.by_ssh_key(fresh, "") is not None
    with pytest.raises(Misconfigured):
        known.replace({ALICE: ["garbage"]})
    assert await known.by_ssh_key(fresh, "") is not None, "a bad reload changes nothing"


async def test_who_signed_in_as_they_are_now() -> None:
    """A connection may be older than what is known of its person."""
    first, second = new(), new()
    known = KeyIdentities({ALICE: [first], BOB: [second]})
    alice = await known.by_ssh_key(first, "")
    assert alice is not None
    assert known.still(alice) == alice
    promoted = Principal("alice", "alice@example.com", frozenset({"dev", "sre"}))
    known.replace({promoted: [first, second]})
    now = known.still(alice)
    assert now is not None
    assert now.groups == {"dev", "sre"}
    assert now.method == alice.method
    known.replace({promoted: [second]})
    assert known.still(alice) is None, "the key was taken away"
    known.replace({BOB: [first]})
    assert known.still(alice) is None, "the key is somebody else's now"
    assert known.still(ALICE) is None, "who did not sign in with a key"


def test_a_key_has_one_owner() -> None:
    line = new()
    KeyIdentities({ALICE: [line, line]})
    with pytest.raises(Misconfigured, match=r"alice@example\.com and bob@example\.com have the same key"):
        KeyIdentities({ALICE: [line], BOB: [line.replace("laptop", "other comment")]})


def test_what_is_not_a_key() -> None:
    key = asyncssh.generate_private_key("ssh-ed25519")
    certificate = key.generate_user_certificate(key, "alice").export_certificate().decode()
    with pytest.raises(Misconfigured, match=r"alice@example\.com: certificates are not accepted"):
        KeyIdentities({ALICE: [certificate]})
    with pytest.raises(Misconfigured, match="a key says it is ssh-rsa and holds something else"):
        KeyIdentities({ALICE: ["ssh-rsa " + new().split()[1]]})
    with pytest.raises(Misconfigured, match="a key must look like"):
        KeyIdentities({ALICE: ['from="10.0.0.1" ' + new()]})


@given(st.text(max_size=200))
def test_any_text(text: str) -> None:
    try:
        blob = key_blob(text)
    except ValueError:
        return
    assert isinstance(blob, bytes)


@pytest.mark.interop
@pytest.mark.needs("ssh-keygen")
@pytest.mark.parametrize("kind", ["ed25519", "rsa", "ecdsa"])
async def test_fingerprints_are_those_of_ssh_keygen(tmp_path: Path, kind: str) -> None:
    subprocess.run(["ssh-keygen", "-q", "-N", "", "-t", kind, "-f", tmp_path / "key"], check=True)
    line = (tmp_path / "key.pub").read_text()
    listed = subprocess.run(["ssh-keygen", "-l", "-f", tmp_path / "key.pub"], capture_output=True, check=True)
    assert key_fingerprint(key_blob(line)) == listed.stdout.decode().split()[1]
