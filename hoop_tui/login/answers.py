"""What the gateway answers to a sign-in, read with care: it may be anybody's, and it may be nonsense.

Standard library only: `hoop-tui token` reads this and must start fast. The words are those of `SignedInToken`,
`Problem` and `GrantRefused` in `gateway.api.schema`.
"""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime

from hoop_tui.errors import Garbled, GatewayTrouble, NotFound, NotSignedIn, ServerSaid
from hoop_tui.sign_in import Token

SIGN_IN_NEEDED = "sign-in needed - run: hoop-tui login"
_LONGEST_SENTENCE = 400


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A token of one's own, and whose it is."""

    token: Token
    id: str
    person: str
    roles: tuple[str, ...]
    expires_at: datetime
    note: str = ""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer as it came."""

    status: int
    body: bytes = field(repr=False)


def read_signed_in(body: bytes) -> SignedIn:
    """Raises `Garbled`."""
    facts = _facts(body)
    try:
        expires_at = datetime.fromisoformat(_text(facts, "expires_at"))
        roles = facts.get("roles", [])
        if not isinstance(roles, list) or not all(isinstance(role, str) for role in roles):
            raise ValueError("roles")
        return SignedIn(
            token=Token(_text(facts, "token")),
            id=_text(facts, "id"),
            person=_text(facts, "person"),
            roles=tuple(roles),
            expires_at=expires_at if expires_at.tzinfo else expires_at.replace(tzinfo=UTC),
            note=_text(facts, "note") if facts.get("note") else "",
        )
    except ValueError as problem:
        raise Garbled("The gateway's answer can not be understood; is it a newer version?") from problem


def refusal(reply: Reply) -> GatewayTrouble:
    """The error that a status stands for, with the gateway's own sentence where it sent one."""
    said = said_in(reply.body)
    match reply.status:
        case 401:
            return NotSignedIn(said or SIGN_IN_NEEDED)
        case 404:
            return NotFound(said or "The gateway knows nothing by that name.")
        case status:
            return ServerSaid(said or f"The gateway answered {status} and gave no reason.", status)


def said_in(body: bytes) -> str:
    """The `detail` of a refusal; empty where there is none."""
    try:
        detail = _facts(body).get("detail", "")
    except Garbled:
        return ""
    return detail[:_LONGEST_SENTENCE] if isinstance(detail, str) else ""


def error_word(body: bytes) -> str:
    """The OAuth word of a refused grant; empty where there is none."""
    try:
        word = _facts(body).get("error", "")
    except Garbled:
        return ""
    return word if isinstance(word, str) else ""


def _facts(body: bytes) -> dict[str, object]:
    try:
        facts = json.loads(body)
    except (ValueError, RecursionError) as problem:
        raise Garbled("The gateway's answer can not be understood; is it one?") from problem
    if not isinstance(facts, dict):
        raise Garbled("The gateway's answer can not be understood; is it one?")
    return facts


def _text(facts: dict[str, object], name: str) -> str:
    value = facts.get(name)
    if not isinstance(value, str):
        raise ValueError(name)
    return value
