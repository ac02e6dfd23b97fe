"""How a session ended: for the ledger, for the recording's last frame, and for the person's exit status."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gateway.core.errors import Denied

STOPPED = 126
"""Blocked, denied, or not for you: as a shell says that a command can not be run."""
EXPIRED = 124
ENDED = 130
NOT_RECORDED = 125
UNREACHABLE = 255
"""As `ssh` itself exits, so that scripts treat it like any connection that failed."""

_STATUS = {
    "blocked": STOPPED,
    "held": STOPPED,
    "denied": STOPPED,
    "expired": EXPIRED,
    "withdrawn": ENDED,
    "ended": ENDED,
}


@dataclass(frozen=True, slots=True)
class Ending:
    """`status` is what the client exits with; `signal` is how the target's command died, if it did."""

    outcome: str
    exit: Mapping[str, Any]
    status: int | None = None
    signal: tuple[str, bool, str] | None = None


def by_status(status: int) -> Ending:
    """The target's command said so."""
    return Ending(f"exit {status}", {"status": status}, status)


def by_signal(signal: tuple[str, bool, str]) -> Ending:
    """The target's command was killed."""
    return Ending(f"signal {signal[0]}", {"signal": signal[0]}, signal=signal)


def by_denial(denied: Denied) -> Ending:
    """The gate stopped it."""
    return Ending(denied.state, {"reason": denied.state}, _STATUS[denied.state])


SILENT = Ending("exit unknown", {"reason": "closed without an exit status"})
"""The target closed the channel and never said how it went; the client is told just as little."""

BLOCKED = Ending("blocked", {"reason": "blocked"}, STOPPED)
WITHDRAWN = Ending("withdrawn", {"reason": "withdrawn"}, ENDED)
BY_STAFF = Ending("ended", {"reason": "ended"}, ENDED)
LEFT = Ending("disconnected", {"reason": "disconnected"})
LOST = Ending("unreachable", {"reason": "unreachable"}, UNREACHABLE)
FAULT = Ending("fault", {"reason": "fault"}, NOT_RECORDED)
