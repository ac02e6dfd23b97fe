"""The audit event about what people found out of a request that waits (`impact.py`)."""

from dataclasses import dataclass
from typing import ClassVar

from gateway.core.events import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestImpact(Event):
    """Somebody asked what a held operation would do. Nothing of the answer is kept but how much it was."""

    name: ClassVar[str] = "request.impact"
    request: str
    dry_run: bool
    result: str
    """`begun` before the target hears of it; then `done`, `refused` or `failed`."""
    reason: str = ""
    """Of `refused` and `failed`."""
    rows: int = -1
    """How many it is about; -1: not known."""
    samples: int = 0
    """Rows and lines that were shown."""
    took_ms: int = 0
