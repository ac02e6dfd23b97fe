"""A ledger for tests of who may come in, and a clock that stands where it is put."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from gateway.store.ledger import SqlLedger

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)


@dataclass
class MovedClock:
    """Wall and monotonic time: moved together by `wait`, and apart by `jump`."""

    at: datetime = NOW
    us: int = 1_000_000_000

    def now(self) -> datetime:
        return self.at

    def monotonic_us(self) -> int:
        return self.us

    def wait(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)
        self.us += int(seconds * 1_000_000)

    def jump(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


def make_file(file: Path) -> Path:
    """A SQLite ledger without entries, to copy: making one takes long."""

    async def make() -> None:
        ledger = await SqlLedger.open(f"sqlite:///{file}")
        await ledger.close()

    asyncio.run(make())
    return file
