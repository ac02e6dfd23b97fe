"""A ledger for tests of who may come in, and a clock that stands where it is put."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

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
