"""Who may see what through the API: one table, one decision.

Whoever has none of the roles of an action sees what is their own; what is not theirs does not exist for them.
Nobody needs a role to be told who they are.
"""

from collections.abc import Mapping
from enum import StrEnum

from gateway.core.people import Principal

STAFF = frozenset({"auditor", "approver", "operator", "admin"})


class Action(StrEnum):
    """What can be asked of the API."""

    LIST_SESSIONS = "list sessions"
    SEE_SESSION = "see a session"
    SEE_RECORDING = "see a recording"
    EXPORT_RECORDING = "export a recording"
    FOLLOW_FEED = "follow the feed"


SEE_ALL: Mapping[Action, frozenset[str]] = {
    Action.LIST_SESSIONS: STAFF,
    Action.SEE_SESSION: STAFF,
    Action.SEE_RECORDING: STAFF,
    Action.EXPORT_RECORDING: STAFF,
    Action.FOLLOW_FEED: STAFF,
}
"""For each action, the roles that may do it to everybody's sessions."""


def may(who: Principal, action: Action, owner: str | None) -> bool:
    """May `who` do this to what belongs to the person `owner`? None: to what belongs to anybody."""
    return owner == who.name or bool(who.roles & SEE_ALL[action])
