"""The API's words about broken glass, its reviews and what was revoked; and what all of what is said has in common.

`schema_requests.py` has the list and the card that these are part of. Clients import them from `schema.py`.
"""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

ReviewWord = Literal["", "open", "overdue", "ok", "not-ok"]
"""Empty: nobody broke the glass."""
Line = Annotated[
    str,
    Field(max_length=300, pattern=r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029]*$"),
    StringConstraints(strip_whitespace=True),
]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class _Model(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class CardGlass(_Model):
    """Who may let a held request of their own through in an emergency. `may_break`: empty, or why not you."""

    groups: list[str]
    may_break: str = ""


class CardReview(_Model):
    """Somebody has: when, why, by when somebody else has to sign, and what was said."""

    word: ReviewWord
    by: str
    reason: str
    at: datetime
    due_at: datetime
    signed_by: str = ""
    signed_reason: str = ""
    signed_at: datetime | None = None


class CardRevoked(_Model):
    """It covers nothing any more."""

    by: str
    reason: str
    at: datetime


class GlassBreaking(_Model):
    """Let exactly what was shown through, in an emergency, and why: everybody who is asked reads it."""

    sha256: Sha256
    version: Annotated[int, Field(ge=1)]
    reason: Annotated[Line, Field(min_length=1)]


class ReviewSigning(_Model):
    """Whether it was right to break the glass, and why you think so."""

    verdict: Literal["ok", "not-ok"]
    reason: Annotated[Line, Field(min_length=1)]


class RequestRevoking(_Model):
    """Why nothing more is to pass by it."""

    reason: Annotated[Line, Field(min_length=1)]
