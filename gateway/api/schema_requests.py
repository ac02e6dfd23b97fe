"""The API's words about what is held for people to decide: the list, the card, and what is said about one.

Clients import them from `schema.py`. Every text in here is as its author wrote it, so whoever shows it makes it
harmless first; what of a statement can not be seen is named in the card.
"""

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from gateway.api.schema_reviews import CardGlass, CardReview, CardRevoked, ReviewWord
from gateway.api.schema_reviews import Line as _Line
from gateway.api.schema_reviews import Sha256 as _Sha256

RequestWord = Literal["held", "approved", "denied", "expired", "withdrawn"]
RequestAbout = Literal["operation", "text", "access"]
IDEMPOTENCY_HEADER = "Idempotency-Key"


class _Model(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class RequestSummary(_Model):
    """One row of the list. `what` is the beginning of the statement; `mark` changes with everything that happens to
    it. `granted` of `needed` people have said yes; `decisions` and `remarks` are how many the card has. `may_decide`:
    empty, or why not. `left`: seconds. `same`: of those of this person that are held, so many are the same but for
    constants, this one included. `review`: where the glass was broken, what has become of that. `about`: as in the
    card."""

    id: str
    state: RequestWord
    mark: str
    person: str
    target: str
    kind: str = ""
    env: str = ""
    verb: str
    what: str
    rule: str
    risk: str = ""
    opened_at: datetime
    expires_at: datetime
    left: int
    granted: int
    needed: int
    about: RequestAbout = "operation"
    claimed_by: str = ""
    decided_by: str = ""
    decisions: int = 0
    remarks: int = 0
    may_decide: str = ""
    same: int = 1
    review: ReviewWord = ""
    revoked: bool = False


class RequestPage(_Model):
    """What asks you comes in the order of its end, all else newest first. What follows is asked for with `cursor`; it
    is empty where nothing does. `now` is the gateway's clock. `open_reviews`, and how many of them are overdue:
    for those who see every request."""

    requests: list[RequestSummary]
    now: datetime
    cursor: str = ""
    open_reviews: int = 0
    overdue_reviews: int = 0


class CardWho(_Model):
    """Who asks, how they signed in and since when, and from where: what their program says of itself."""

    person: str
    groups: list[str] = []
    method: str = ""
    since: datetime | None = None
    address: str = ""
    client: str = ""


class CardWhere(_Model):
    """What it is for. `login`: the account there. `connected`: whether the person's session is open still; None:
    there is none, or it is not known."""

    target: str
    kind: str = ""
    labels: dict[str, str] = {}
    login: str = ""
    session: str = ""
    connected: bool | None = None


class CardWhy(_Model):
    """What the person says of it. `missing`: what they have to say before anybody can approve. `ticket_url`: where
    the ticket can be read, if the gateway knows; https, and nothing else."""

    reason: str = ""
    ticket: str = ""
    ticket_url: str = ""
    missing: list[str] = []


class CardQuorum(_Model):
    """So many people of these groups are still missing."""

    groups: list[str]
    missing: int


class CardEscalation(_Model):
    """From then on, people of these groups may stand in for the first that are asked."""

    at: datetime
    groups: list[str]


class CardRule(_Model):
    """Why it is held, in the words of the rule; who is asked; what may be granted. `number`: of the policy's
    revision, as `hoop-gateway policy revisions` counts them; 0: not known."""

    id: str
    message: str
    revision: str = ""
    number: int = 0
    asked: list[str]
    needed: int
    missing: list[CardQuorum] = []
    then: list[CardEscalation] = []
    scopes: list[str] = ["once"]


class RiskLine(_Model):
    """`+` raises it and `-` lowers it."""

    sign: Literal["+", "-"]
    text: str


class CardRisk(_Model):
    """The rule's word for it, which may be empty, and what is known that speaks for and against."""

    word: str = ""
    lines: list[RiskLine] = []


class Tally(_Model):
    """What became of the last thousand of their kind. `last_approved`: the id of the newest that was approved; who
    may see it is another matter."""

    approved: int = 0
    denied: int = 0
    last_by: str = ""
    last_at: datetime | None = None
    last_approved: str = ""


class CardPast(_Model):
    """Of the same shape, whoever asked; and of this person, whatever they asked. None: not for you to know."""

    shape: Tally | None = None
    person: Tally | None = None


class HiddenCharacter(_Model):
    """A character of the statement that no screen shows as itself, `offset` characters into it."""

    offset: int
    codepoint: str
    name: str


class BlankStretch(_Model):
    """A stretch of the statement where nothing is to be seen: `blanks` in a line, or line `breaks`."""

    offset: int
    length: int
    what: str


class MatchedSpan(_Model):
    """A stretch of the statement that the rule points at, `offset` characters into it."""

    offset: int
    length: int


class Statement(_Model):
    """All of it. Bytes that are no UTF-8 are U+FFFD in `text`, and named among the hidden; `raw` is all bytes then,
    as base64. `sha256` is of the bytes, of which there are `size`; of a statement with attachments, of these too. Of
    what is hidden the first are named, and all are counted. `matched`: what to look at first; the rule has judged
    all of it."""

    text: str
    raw: str = ""
    size: int
    characters: int
    lines: int
    sha256: str
    version: int
    hidden: list[HiddenCharacter] = []
    hidden_count: int = 0
    blanks: list[BlankStretch] = []
    blanks_count: int = 0
    matched: list[MatchedSpan] = []


class CardAttachment(_Model):
    """A file that the statement runs, as it was when it was looked into. `name`: as the statement has it; `path`:
    what that is on the target. `contents`: all of it; None where it is not shown, and `why` says why. `inside`: the
    file that runs it. The `sha256` is that of the file; what would be masked for whoever asks is masked in
    `contents`."""

    name: str
    path: str = ""
    size: int = 0
    sha256: str = ""
    why: str = ""
    inside: str = ""
    contents: Statement | None = None


class SaidYesOrNo(_Model):
    """One person's decision."""

    by: str
    granted: bool
    reason: str = ""
    scope: str = "once"
    groups: list[str] = []
    at: datetime


class Remarked(_Model):
    """`kind`: claim, unclaim, comment or reply."""

    by: str
    kind: str
    text: str = ""
    at: datetime


class CardAmendment(_Model):
    """Another text that somebody proposes, which runs only if who asked accepts it, naming its `sha256` and
    `version`."""

    by: str
    reason: str = ""
    at: datetime
    accepted: bool = False
    statement: Statement


class RequestCard(_Model):
    """Everything about one request, the same for every front end. `now` is the gateway's clock: the only one that
    counts. `scope`: what was granted. `mode` `fail`: nobody waits, and the same text passes once after a yes.
    `review`: the glass was broken, so it is approved and nobody has decided. `about`: an `operation` of a session;
    or, asked for before there is any, a `text` that is to be run, or `access`, which is until `until` once it is
    granted for a time. `replaced_by`: the request for the text that was accepted instead; it `replaces` this one."""

    id: str
    state: RequestWord
    mark: str
    mode: str = "wait"
    about: RequestAbout = "operation"
    until: datetime | None = None
    verb: str
    opened_at: datetime
    expires_at: datetime
    now: datetime
    left: int
    who: CardWho
    where: CardWhere
    why: CardWhy
    rule: CardRule
    risk: CardRisk
    past: CardPast
    facts: dict[str, Any] = {}
    statement: Statement
    attachments: list[CardAttachment] = []
    decisions: list[SaidYesOrNo] = []
    scope: str = ""
    claimed_by: str = ""
    remarks: list[Remarked] = []
    may_decide: str = ""
    decided_by: str = ""
    glass: CardGlass | None = None
    review: CardReview | None = None
    revoked: CardRevoked | None = None
    amendment: CardAmendment | None = None
    replaced_by: str = ""
    replaces: str = ""


MOST_TEXT = 50_000
"""Letters of what is written down to be run later."""


class RequestApproval(_Model):
    """A yes to exactly what was shown. `scope`: as the card lists them."""

    sha256: _Sha256
    version: Annotated[int, Field(ge=1)]
    reason: _Line = ""
    scope: Annotated[_Line, Field(min_length=1, max_length=40)] = "once"


class RequestDenial(_Model):
    """A no, and why: the person reads it."""

    sha256: _Sha256
    version: Annotated[int, Field(ge=1)]
    reason: Annotated[_Line, Field(min_length=1)]


class RequestComment(_Model):
    """One line to the person who asks, and to everybody who decides."""

    text: Annotated[_Line, Field(min_length=1)]


class RequestAmendment(_Model):
    """Another text instead of exactly what was shown."""

    sha256: _Sha256
    version: Annotated[int, Field(ge=1)]
    text: Annotated[str, Field(min_length=1, max_length=MOST_TEXT)]
    reason: _Line = ""


class RequestAcceptance(_Model):
    """Who asked takes exactly the text that is proposed: its digest, and the version of what was shown."""

    sha256: _Sha256
    version: Annotated[int, Field(ge=1)]


class RequestWish(_Model):
    """What somebody asks for before they do it: to come in, or what the rule `rule` holds, for as long as `lasts`
    says (such as 30m or 1h; without it, as long as the rule lists); or one `text` to be run once. `login`: the
    account."""

    target: Annotated[str, Field(min_length=1, max_length=128)]
    lasts: Annotated[str, Field(max_length=8, pattern=r"^([1-9][0-9]{0,5}[smh])?$")] = ""
    rule: Annotated[_Line, Field(max_length=128)] = ""
    login: Annotated[_Line, Field(max_length=128)] = ""
    text: Annotated[str, Field(max_length=MOST_TEXT)] = ""
    reason: _Line = ""
    ticket: Annotated[_Line, Field(max_length=128)] = ""


class RequestAnswer(_Model):
    """What the person who asks says: what the rule wants to know, or one line more."""

    reason: _Line = ""
    ticket: Annotated[_Line, Field(max_length=128)] = ""
    text: _Line = ""

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not (self.reason or self.ticket or self.text):
            raise ValueError("say something: a reason, a ticket or a text")
        return self
