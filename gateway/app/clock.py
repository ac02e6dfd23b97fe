"""The system's clock behind the Clock port."""

import time
from datetime import UTC, datetime


class SystemClock:
    """UTC wall time and the monotonic clock."""

    def now(self) -> datetime:
        """Wall time, UTC."""
        return datetime.now(UTC)

    def monotonic_us(self) -> int:
        """Microseconds that never run backwards."""
        return time.monotonic_ns() // 1000
