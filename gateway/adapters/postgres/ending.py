"""How a session ended: for the ledger, and for the recording's last frame."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Ending:
    """The ledger's word for it, and the frame."""

    outcome: str
    exit: Mapping[str, Any]


DONE = Ending("exit 0", {"status": 0})
"""The person's client has said goodbye."""
LEFT = Ending("disconnected", {"reason": "disconnected"})
BLOCKED = Ending("blocked", {"reason": "blocked"})
BY_STAFF = Ending("ended", {"reason": "ended"})
LOST = Ending("unreachable", {"reason": "unreachable"})
SERVER_GONE = Ending("disconnected", {"reason": "the server has hung up"})
BROKEN = Ending("disconnected", {"reason": "the protocol was broken"})
FAULT = Ending("fault", {"reason": "fault"})


class Left(Exception):
    """The person has said goodbye."""


class ServerGone(Exception):
    """The server has hung up."""


class EndedByStaff(Exception):
    """The gate was ended from outside, or has failed."""
