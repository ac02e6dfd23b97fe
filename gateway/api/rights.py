"""Who may see and do what through the API: one table, one decision.

The table has a row for each action: the roles that may do it to what is anybody's, what it takes to do it to what is
one's own, and the kinds of tokens that it can be asked with. Mostly one's own needs no role, and what is not one's
own does not exist for those without one. Steering, locking and deciding are the other way round: nobody who was
paused resumes themselves, nobody locks or unlocks themselves, and nobody approves what they ask for. Which requests
somebody decides about is a matter of their groups besides: `gateway/api/request_sight.py`.

A token has the roles that it was made with and that its person still has, so it never gets more by asking. What opens
a way to targets takes the role `person`, and a token that was made without it opens none.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from gateway.core.people import Principal

ROLES = ("person", "approver", "auditor", "operator", "admin")
PERSON = frozenset({"person"})
STAFF = frozenset({"auditor", "approver", "operator", "admin"})
OVERSIGHT = frozenset({"auditor", "operator", "admin"})
STEERING = frozenset({"operator", "admin"})
ADMIN = frozenset({"admin"})
APPROVING = frozenset({"approver"})
NOBODY: frozenset[str] = frozenset()

PEOPLES = frozenset({"", "api", "login"})
"""Kinds of tokens that stand for a person; "" is no token at all, such as a key. The API does not take the others:
passwords for databases, and machines' secrets."""
WITH_MACHINES = PEOPLES | {"machine"}


class Action(StrEnum):
    """What can be asked of the API."""

    BE_TOLD_WHO = "be told who you are"
    CALL = "call the API"
    SIGN_OUT = "sign out"
    RENEW = "renew a sign-in"
    ASK_CERTIFICATE = "ask for a certificate"
    MAKE_DATABASE_TOKEN = "make a database token"  # noqa: S105 - what is done, and no secret
    LIST_SESSIONS = "list sessions"
    SEE_SESSION = "see a session"
    SEE_RECORDING = "see a recording"
    EXPORT_RECORDING = "export a recording"
    FOLLOW_FEED = "follow the feed"
    STEER_SESSION = "pause, resume or message a session"
    END_SESSION = "end a session"
    LIST_PEOPLE = "list people"
    SEE_PERSON = "see a person"
    LOCK_PERSON = "lock a person"
    UNLOCK_PERSON = "unlock a person"
    LIST_TOKENS = "list tokens"
    REVOKE_TOKEN = "revoke a token"  # noqa: S105 - what is done, and no secret
    LIST_CERTIFICATES = "list certificates"
    REVOKE_CERTIFICATE = "revoke a certificate"
    LIST_MACHINES = "list machines"
    LIST_REQUESTS = "list requests"
    SEE_REQUEST = "see a request"
    ASK_IMPACT = "ask what a request would do"
    DECIDE_REQUEST = "decide about a request"
    ANSWER_REQUEST = "answer or cancel a request"
    ASK_IN_ADVANCE = "ask in advance"
    ACCEPT_TEXT = "accept another text"
    BREAK_GLASS = "break the glass of a request"
    SIGN_REVIEW = "sign the review of a broken glass"
    REVOKE_REQUEST = "revoke what was approved"


@dataclass(frozen=True, slots=True)
class Right:
    """Who may do one thing."""

    to_all: frozenset[str] = NOBODY
    """The roles that may do it to what is anybody's."""
    to_own: frozenset[str] | None = None
    """The roles that may do it to what is their own; None: whoever is signed in."""
    kinds: frozenset[str] = PEOPLES
    """The kinds of tokens that it can be asked with."""


RIGHTS: Mapping[Action, Right] = {
    Action.BE_TOLD_WHO: Right(kinds=WITH_MACHINES),
    Action.CALL: Right(),
    Action.SIGN_OUT: Right(kinds=WITH_MACHINES),
    Action.RENEW: Right(kinds=frozenset({"login"})),
    Action.ASK_CERTIFICATE: Right(to_own=PERSON, kinds=WITH_MACHINES),
    Action.MAKE_DATABASE_TOKEN: Right(to_own=PERSON, kinds=WITH_MACHINES),
    Action.LIST_SESSIONS: Right(STAFF),
    Action.SEE_SESSION: Right(STAFF),
    Action.SEE_RECORDING: Right(STAFF),
    Action.EXPORT_RECORDING: Right(STAFF),
    Action.FOLLOW_FEED: Right(STAFF),
    Action.STEER_SESSION: Right(STEERING, to_own=NOBODY),
    Action.END_SESSION: Right(STEERING),
    Action.LIST_PEOPLE: Right(OVERSIGHT),
    Action.SEE_PERSON: Right(OVERSIGHT),
    Action.LOCK_PERSON: Right(STEERING, to_own=NOBODY),
    Action.UNLOCK_PERSON: Right(ADMIN, to_own=NOBODY),
    Action.LIST_TOKENS: Right(OVERSIGHT),
    Action.REVOKE_TOKEN: Right(STEERING),
    Action.LIST_CERTIFICATES: Right(OVERSIGHT),
    Action.REVOKE_CERTIFICATE: Right(STEERING),
    Action.LIST_MACHINES: Right(OVERSIGHT),
    Action.LIST_REQUESTS: Right(STAFF),
    Action.SEE_REQUEST: Right(STAFF),
    Action.ASK_IMPACT: Right(STAFF, to_own=NOBODY),
    Action.DECIDE_REQUEST: Right(APPROVING, to_own=NOBODY),
    Action.ANSWER_REQUEST: Right(),
    Action.ASK_IN_ADVANCE: Right(to_own=PERSON),
    Action.ACCEPT_TEXT: Right(to_own=PERSON),
    Action.BREAK_GLASS: Right(to_own=PERSON),
    Action.SIGN_REVIEW: Right(APPROVING, to_own=NOBODY),
    Action.REVOKE_REQUEST: Right(APPROVING),
}


def may(who: Principal, action: Action, owner: str | None) -> bool:
    """May `who` do this to what belongs to the person of the name `owner`? None: to what belongs to anybody."""
    right = RIGHTS[action]
    if who.token_kind not in right.kinds:
        return False
    if owner == who.name:
        return right.to_own is None or bool(who.roles & right.to_own)
    return bool(who.roles & right.to_all)
