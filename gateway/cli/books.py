"""The ledger and the recordings of a configured gateway, opened for one command.

The store may be in use by a running gateway at the same time. What a command writes as root into the directory
of another account would stop the gateway, so that is refused.
"""

import os
import pwd
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.cli.exits import BadUsage
from gateway.core.errors import Fault

if TYPE_CHECKING:
    from gateway.app.settings import Settings
    from gateway.store.ledger import SqlLedger


@asynccontextmanager
async def opened(settings: "Settings") -> "AsyncIterator[SqlLedger]":
    """The ledger, closed when the context is left. Raises `Fault` and `BadUsage`."""
    from gateway.app.credentials import password_of_store
    from gateway.store.ledger import SqlLedger

    own_directory(settings.gateway.data_dir)
    password = await password_of_store(settings)
    ledger = await SqlLedger.open(settings.store.url, password=password, gateway=settings.gateway.name)
    try:
        yield ledger
    finally:
        await ledger.close()


def own_directory(directory: Path) -> None:
    """Make sure that the data directory is there, and that what we write into it belongs to the gateway's account."""
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        owner = directory.stat().st_uid
    except OSError as problem:
        reason = (problem.strerror or "unknown").lower()
        raise Fault(f"the directory {directory} can not be used: {reason}") from None
    if os.geteuid() == 0 and owner != 0:
        account = _account(owner)
        raise BadUsage(f"{directory} belongs to {account}: run it as that account, with sudo -u {account}")


def who_runs_this() -> str:
    """Who the ledger says it was: the account of this process, not what its environment claims."""
    return f"local:{_account(os.getuid())}"


def _account(owner: int) -> str:
    try:
        return pwd.getpwuid(owner).pw_name
    except KeyError:
        return f"#{owner}"
