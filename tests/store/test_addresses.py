"""Addresses of databases: what can not be used is refused in one sentence, which never shows a password."""

from pathlib import Path

import pytest

from gateway.core.errors import Misconfigured
from gateway.core.secret import Secret
from gateway.store.database import database
from gateway.store.ledger import SqlLedger


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("", "can not be read"),
        ("hoop.db", "can not be read"),
        ("postgresql://hoop:hunter2@host:port/db", "can not be read"),
        ("mysql://root:hunter2@localhost/db", 'must start with "sqlite:///" or "postgresql://"'),
        ("nosuchdatabase://x:hunter2@y/z", 'must start with "sqlite:///" or "postgresql://"'),
        ("sqlite://", "needs a file"),
        ("sqlite:///:memory:", "needs a file"),
        ("sqlite:///hoop.db?mode=ro", "needs a file"),
        ("postgresql://hoop:hunter2@host", "needs a database"),
        ("sqlite:////nowhere/at/all/hoop.db", "can not be opened: no such file or directory"),
        ("sqlite:////", "the ledger's database / is not a file"),
    ],
)
async def test_an_address_that_can_not_be_used(url: str, sentence: str) -> None:
    with pytest.raises(Misconfigured, match=sentence) as caught:
        await SqlLedger.open(url)
    assert "hunter2" not in caught.value.sentence
    assert "\n" not in caught.value.sentence


async def test_a_directory_is_not_a_database(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="is not a file"):
        await SqlLedger.open(f"sqlite:///{tmp_path}")


async def test_a_file_with_an_odd_name(tmp_path: Path) -> None:
    file = tmp_path / "100% of #1 & co.db"
    ledger = await SqlLedger.open(f"sqlite:///{file}")
    await ledger.check()
    assert file.exists()
    await ledger.close()


def test_a_password_given_apart_is_used_and_not_shown() -> None:
    opened = database("postgresql://hoop@db.internal/hoop", Secret("hunter2"), 2)
    assert opened.writing.url.password == "hunter2"
    assert opened.name == "hoop on db.internal"
    assert "hunter2" not in repr(opened)
