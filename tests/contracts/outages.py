"""What a ledger has to do when its database fails: a Fault with a plain sentence, soon, and back to work without a
restart."""

import asyncio
import time
from collections.abc import Awaitable
from typing import Any

import pytest

from gateway.core.errors import Fault
from gateway.core.events import GatewayStopped
from gateway.store.ledger import SqlLedger

SOON = 3.5
"""Two seconds of patience, and some for a busy machine."""


async def fails(attempt: Awaitable[Any], sentence: str, within: float = SOON) -> None:
    """`attempt` raises a Fault that says `sentence`, and nothing that only a programmer understands."""
    before = time.monotonic()
    with pytest.raises(Fault, match=f"^{sentence}$"):
        await attempt
    assert time.monotonic() - before < within


async def works_again(ledger: SqlLedger) -> int:
    """The number of the first append that succeeds. A database that is starting may need a few attempts."""
    async with asyncio.timeout(20):
        while True:
            try:
                return await ledger.append(GatewayStopped())
            except Fault:
                await asyncio.sleep(0.02)
