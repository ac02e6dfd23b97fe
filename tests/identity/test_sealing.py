"""What is sealed can be read by whoever has the key, for what it was sealed for, and by nobody else."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.errors import Fault, Misconfigured
from gateway.core.private_file import NotPrivate, make_private, read_private
from gateway.identity.sealing import Sealer, load_or_make

SEALER = Sealer(bytes(range(32)))


@given(st.binary(max_size=200), st.text(max_size=40))
def test_there_and_back(plain: bytes, about: str) -> None:
    sealed = SEALER.seal(plain, about)
    assert SEALER.open(sealed, about) == plain
    assert SEALER.seal(plain, about) != sealed
    assert len(plain) < 4 or plain not in sealed


@given(st.binary(max_size=200))
def test_anything_else_is_a_fault(garbage: bytes) -> None:
    with pytest.raises(Fault, match="sealing"):
        SEALER.open(garbage, "x")


@given(st.integers(0, 40), st.integers(1, 255))
def test_a_changed_bit_is_a_fault(place: int, by: int) -> None:
    sealed = bytearray(SEALER.seal(b"twelve bytes", "x"))
    sealed[place % len(sealed)] ^= by
    with pytest.raises(Fault):
        SEALER.open(bytes(sealed), "x")


def test_for_another_purpose_it_is_nothing() -> None:
    sealed = SEALER.seal(b"secret", "totp of alice")
    with pytest.raises(Fault):
        SEALER.open(sealed, "totp of bob")
    with pytest.raises(Fault):
        Sealer(bytes(32)).open(sealed, "totp of alice")


def test_the_key_is_made_once_and_private(tmp_path: Path) -> None:
    path = tmp_path / "sealing.key"
    sealed = load_or_make(path).seal(b"secret", "x")
    assert path.stat().st_mode & 0o777 == 0o600
    assert load_or_make(path).open(sealed, "x") == b"secret"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("content", "mode", "said"),
    [
        (bytes(32), 0o644, "chmod 600"),
        (bytes(31), 0o600, "not a sealing key"),
        (b"", 0o600, "not a sealing key"),
    ],
)
def test_a_key_that_can_not_be_trusted_is_refused(
    tmp_path: Path, content: bytes, mode: int, said: str
) -> None:
    path = tmp_path / "sealing.key"
    path.write_bytes(content)
    path.chmod(mode)
    with pytest.raises(Misconfigured, match=said):
        load_or_make(path)


def test_a_directory_is_no_key(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="can not be used"):
        load_or_make(tmp_path)


def test_a_private_file_is_made_once(tmp_path: Path) -> None:
    path = tmp_path / "key"
    make_private(path, b"first")
    make_private(path, b"second")
    assert read_private(path) == b"first"
    path.chmod(0o640)
    with pytest.raises(NotPrivate):
        read_private(path)
