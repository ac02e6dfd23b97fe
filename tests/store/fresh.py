"""An empty ledger in a SQLite file, for tests of something else: a copy, which takes a tenth of making one."""

import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from gateway.store.ledger import SqlLedger

_made: list[bytes] = []


async def fresh_ledger(file: Path, **options: Any) -> SqlLedger:
    """Open the ledger in this file, and if there is none make an empty one. `options` are those of SqlLedger.open."""
    if not file.exists():
        await place_ledger(file)
    return await SqlLedger.open(f"sqlite:///{file}", **options)


async def place_ledger(file: Path) -> None:
    """Put an empty ledger there, as the gateway makes it."""
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as copy:
        copy.write(await _bytes())


async def _bytes() -> bytes:
    if not _made:
        with TemporaryDirectory(prefix="hoop-ledger-") as directory:
            file = Path(directory, "hoop.db")
            await (await SqlLedger.open(f"sqlite:///{file}")).close()
            _made.append(file.read_bytes())
    return _made[0]
