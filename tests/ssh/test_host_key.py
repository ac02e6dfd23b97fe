"""The gateway's own key: made once, kept, and refused when others could have read it."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import asyncssh
import pytest

from gateway.adapters.ssh.door.host_key import load_or_make
from gateway.core.errors import Misconfigured


def test_made_on_the_first_start(tmp_path: Path) -> None:
    path = tmp_path / "key"
    made = load_or_make(path)
    assert made.get_algorithm() == "ssh-ed25519"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert load_or_make(path).public_data == made.public_data
    assert [each.name for each in tmp_path.iterdir()] == ["key"]


def test_two_starters_have_one_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        keys = list(pool.map(load_or_make, [tmp_path / "key"] * 8))
    assert len({key.public_data for key in keys}) == 1
    assert [each.name for each in tmp_path.iterdir()] == ["key"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
def test_readable_by_others(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "key"
    load_or_make(path)
    path.chmod(mode)
    with pytest.raises(Misconfigured, match="can be read by others than its owner - run: chmod 600"):
        load_or_make(path)


@pytest.mark.parametrize(
    "content",
    [b"", b"garbage", b"\0" * 100, b"-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n", b"x" * 1_000_000],
)
def test_garbage(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "key"
    path.touch(0o600)
    path.write_bytes(content)
    with pytest.raises(Misconfigured, match="is not a private key without a passphrase"):
        load_or_make(path)
    assert path.read_bytes() == content, "never overwritten"


def test_with_a_passphrase(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.touch(0o600)
    key = asyncssh.generate_private_key("ssh-ed25519")
    path.write_bytes(key.export_private_key("pkcs8-pem", passphrase="x"))
    with pytest.raises(Misconfigured, match="without a passphrase"):
        load_or_make(path)


def test_no_directory(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="can not be used: no such file or directory"):
        load_or_make(tmp_path / "missing" / "key")


def test_not_a_file(tmp_path: Path) -> None:
    (tmp_path / "key").mkdir()
    with pytest.raises(Misconfigured, match="can not be used: is a directory"):
        load_or_make(tmp_path / "key")
