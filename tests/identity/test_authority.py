"""Certificate authorities as files: made whole, noticed at once, retired for good, and never half trusted."""

import os
import stat
import subprocess
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import asyncssh
import pytest

from gateway.core.errors import Fault, Refused
from gateway.identity.authority import KINDS, Authority, make_missing, retire, rotate
from gateway.store.ledger import SqlLedger
from tests.store.fresh import fresh_ledger


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[SqlLedger]:
    opened = await fresh_ledger(tmp_path / "hoop.db")
    yield opened
    await opened.close()


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "ca"


def new(kind: str = "user") -> asyncssh.SSHKey:
    return asyncssh.generate_private_key("ecdsa-sha2-nistp256" if kind == "database" else "ssh-ed25519")


def test_without_a_directory(place: Path) -> None:
    authority = Authority(place, "user")
    assert authority.trusted() == ()
    assert authority.newest() is None
    with pytest.raises(Fault, match="there is no user authority yet - run: hoop-gateway ca rotate user"):
        authority.signer()
    with pytest.raises(Refused, match="there is no user authority 0001"):
        authority.retire("0001")
    assert not place.exists()


def test_files(place: Path) -> None:
    authority, key = Authority(place, "user"), new()
    made = authority.add(key)
    assert sorted(path.name for path in (place / "user").iterdir()) == ["0001.key", "0001.pub"]
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in (place / "user").iterdir())
    assert stat.S_IMODE((place / "user").stat().st_mode) == 0o700
    assert (place / "user" / "0001.key").read_bytes().startswith(b"-----BEGIN OPENSSH PRIVATE KEY-----")
    assert (place / "user" / "0001.pub").read_text().endswith(" hoop user authority 0001\n")
    assert made.openssh == " ".join(key.export_public_key().decode().split()[:2])
    assert made.fingerprint == key.get_fingerprint()
    assert authority.signer().public_data == key.public_data


def test_the_newest_signs_and_the_others_are_trusted(place: Path) -> None:
    authority = Authority(place, "host")
    first, second = new(), new()
    authority.add(first)
    assert authority.signer().public_data == first.public_data
    authority.add(second)
    assert [key.number for key in authority.trusted()] == ["0001", "0002"]
    assert authority.signer().public_data == second.public_data
    assert authority.retire("1").number == "0001"
    assert [key.blob for key in authority.trusted()] == [second.public_data]
    assert not (place / "host" / "0001.key").exists(), "it can not sign any more either"
    assert (place / "host" / "0001.retired").exists()


def test_the_newest_can_not_be_retired(place: Path) -> None:
    authority = Authority(place, "user")
    authority.add(new())
    with pytest.raises(
        Refused, match="0001 is the newest and signs - run first: hoop-gateway ca rotate user"
    ):
        authority.retire("0001")
    with pytest.raises(Refused, match="there is no user authority 7"):
        authority.retire("7")
    assert authority.newest() is not None


def test_a_number_is_never_used_again(place: Path) -> None:
    authority = Authority(place, "user")
    for _ in range(3):
        authority.add(new())
    authority.retire("0001")
    authority.retire("0002")
    assert authority.add(new()).number == "0004"


def test_another_process_is_noticed_at_once(place: Path) -> None:
    """Within the resolution of the file system's clock, too: that is why there is no pause in here."""
    running, command = Authority(place, "user"), Authority(place, "user")
    assert running.trusted() == ()
    for number in range(1, 30):
        added = command.add(new())
        assert running.newest() == added
        assert running.signer().public_data == added.blob
        if number > 1:
            command.retire(f"{number - 1:04}")
            assert running.trusted() == (added,)


def test_a_settled_directory_is_not_read_again(place: Path) -> None:
    authority = Authority(place, "user")
    made = authority.add(new())
    os.utime(place / "user", (1_000_000, 1_000_000))
    assert authority.trusted() == (made,)
    (place / "user" / "0001.pub").write_bytes(b"what is in a file never changes, so nobody looks")
    assert authority.trusted() == (made,)
    with pytest.raises(Fault, match="it is not a public key"):
        Authority(place, "user").trusted()


def test_many_at_one_time(place: Path) -> None:
    with ThreadPoolExecutor(6) as pool:
        made = list(pool.map(lambda _: Authority(place, "user").add(new()), range(6)))
    assert sorted(key.number for key in made) == [f"{number:04}" for number in range(1, 7)]
    authority = Authority(place, "user")
    assert {key.blob for key in authority.trusted()} == {key.blob for key in made}
    assert authority.signer().public_data == authority.trusted()[-1].blob


def test_kinds_are_apart(place: Path) -> None:
    made = {kind: Authority(place, kind).add(new(kind)) for kind in KINDS}
    assert len({key.blob for key in made.values()}) == len(KINDS)
    for kind, key in made.items():
        assert Authority(place, kind).trusted() == (key,)


def test_half_of_a_key_counts_for_nothing(place: Path) -> None:
    """Whoever makes a key is stopped between its two files; whoever retires one, too."""
    authority = Authority(place, "user")
    first = authority.add(new())
    (place / "user" / "0002.key").touch(0o600)
    (place / "user" / "0002.key").write_bytes(new().export_private_key())
    assert authority.trusted() == (first,)
    assert authority.signer().public_data == first.blob
    assert authority.add(new()).number == "0003"


@pytest.mark.parametrize("name", ["0002.pub~", ".0002.pub", "2.pub", "00002.pub", "0002.PUB", "x.pub"])
def test_other_names_are_nothing(place: Path, name: str) -> None:
    authority = Authority(place, "user")
    first = authority.add(new())
    (place / "user" / name).write_bytes(new().export_public_key())
    assert authority.trusted() == (first,)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "it is not a public key"),
        (b"\0\xff" * 5000, "it is not a public key"),
        (b"ssh-ed25519 AAAA\n", "it is not a public key"),
        (asyncssh.generate_private_key("ecdsa-sha2-nistp256").export_public_key(), "not an ed25519 key"),
        (asyncssh.generate_private_key("ssh-rsa").export_public_key(), "not an ed25519 key"),
        (new().generate_user_certificate(new(), "x").export_certificate(), "it is not a public key"),
    ],
)
def test_a_public_key_that_is_none(place: Path, content: bytes, told: str) -> None:
    """Nobody is trusted then: an authority that can not be read might be the one that matters."""
    authority = Authority(place, "user")
    authority.add(new())
    (place / "user" / "0002.pub").write_bytes(content)
    with pytest.raises(Fault, match=f"0002.pub can not be used: .*{told}"):
        authority.trusted()


def test_a_private_key_that_can_not_be_used(place: Path) -> None:
    authority = Authority(place, "user")
    authority.add(new())
    private = place / "user" / "0001.key"
    private.chmod(0o644)
    with pytest.raises(Fault, match="can be read by others than its owner - run: chmod 600"):
        authority.signer()
    private.chmod(0o600)
    private.write_bytes(new().export_private_key())
    with pytest.raises(Fault, match=r"it does not belong to 0001\.pub"):
        authority.signer()
    private.write_bytes(new().export_private_key("pkcs8-pem", passphrase="x"))
    with pytest.raises(Fault, match="it is not a private key without a passphrase"):
        authority.signer()
    private.unlink()
    with pytest.raises(Fault, match="no such file or directory"):
        authority.signer()
    assert len(authority.trusted()) == 1, "what was signed still counts"


def test_no_room(tmp_path: Path) -> None:
    (tmp_path / "ca").write_text("a file")
    with pytest.raises(Fault, match=r"the user authority .* can not be used"):
        Authority(tmp_path / "ca", "user").add(new())
    with pytest.raises(Fault, match=r"the user authority .* can not be used: not a directory"):
        Authority(tmp_path / "ca", "user").trusted()


async def test_the_ledger_knows(place: Path, ledger: SqlLedger) -> None:
    authority = Authority(place, "user")
    first = await rotate(authority, ledger, "local:root")
    second = await rotate(authority, ledger)
    await retire(authority, ledger, "0001", "local:root")
    entries = [entry for entry in await ledger.entries() if entry.name == "authority.rotated"]
    assert [(entry.body["fingerprint"], entry.body["retired"]) for entry in entries] == [
        (first.fingerprint, False),
        (second.fingerprint, False),
        (first.fingerprint, True),
    ]
    assert entries[0].actor == "local:root"
    with pytest.raises(Refused):
        await retire(authority, ledger, "0002")
    assert len([entry for entry in await ledger.entries() if entry.name == "authority.rotated"]) == 3


async def test_nothing_is_made_that_is_not_in_the_ledger(place: Path) -> None:
    class Full:
        async def append(self, event: object) -> int:
            raise Fault("no room")

    authority = Authority(place, "user")
    with pytest.raises(Fault, match="no room"):
        await rotate(authority, Full())
    assert not place.exists()


async def test_the_first_keys(place: Path, ledger: SqlLedger) -> None:
    authorities = [Authority(place, kind) for kind in KINDS]
    await make_missing(authorities, ledger)
    first = [authority.newest() for authority in authorities]
    await make_missing(authorities, ledger)
    assert [authority.newest() for authority in authorities] == first
    assert None not in first
    assert len([entry for entry in await ledger.entries() if entry.name == "authority.rotated"]) == len(KINDS)


@pytest.mark.interop
@pytest.mark.needs("ssh-keygen")
def test_ssh_keygen_reads_them(place: Path) -> None:
    made = Authority(place, "user").add(new())
    for name in ("0001.key", "0001.pub"):
        told = subprocess.run(
            ["ssh-keygen", "-l", "-f", place / "user" / name], capture_output=True, check=True
        )
        assert told.stdout.decode().split()[1] == made.fingerprint
