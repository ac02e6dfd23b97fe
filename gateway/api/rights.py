"""Who may see and do what through the API: two tables, one decision.

Whoever has none of the roles of an action sees what is their own; what is not theirs does not exist for them.
Nobody needs a role to be told who they are. Steering is the other way round: a role is needed, and one's own session
is out of reach, so that nobody who was paused resumes themselves; but anybody may end what is their own.
"""

from collections.abc import Mapping
from enum import StrEnum

from gateway.core.people import Principal

STEERING = frozenset({"operator", "admin"})
STAFF = frozenset({"auditor", "approver", "operator", "admin"})


class Action(StrEnum):
    """What can be asked of the API."""

    LIST_SESSIONS = "list sessions"
    SEE_SESSION = "see a session"
    SEE_RECORDING = "see a recording"
    EXPORT_RECORDING = "export a recording"
    FOLLOW_FEED = "follow the feed"
    STEER_SESSION = "pause, resume or message a session"
    END_SESSION = "end a session"


TO_ALL: Mapping[Action, frozenset[str]] = {
    Action.LIST_SESSIONS: STAFF,
    Action.SEE_SESSION: STAFF,
    Action.SEE_RECORDING: STAFF,
    Action.EXPORT_RECORDING: STAFF,
    Action.FOLLOW_FEED: STAFF,
    Action.STEER_SESSION: STEERING,
    Action.END_SESSION: STEERING,
}
"""For each action, the roles that may do it to everybody's sessions."""

NOT_TO_ONES_OWN = frozenset({Action.STEER_SESSION})
"""Actions that nobody may do to their own sessions, whatever their role."""


def may(who: Principal, action: Action, owner: str | None) -> bool:
    """May `who` do this to what belongs to the person `owner`? None: to what belongs to anybody."""
    if owner == who.name:
        return action not in NOT_TO_ONES_OWN
    return bool(who.roles & TO_ALL[action])
