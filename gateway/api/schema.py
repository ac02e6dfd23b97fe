"""The API's words: what travels between the gateway and its clients, and nothing else.

`hoop_tui` imports this module only, so it imports nothing of ours but more words: those about requests, and the
binary frames that recordings travel as.
"""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from gateway.api.schema_frames import FRAMES_MEDIA_TYPE as FRAMES_MEDIA_TYPE
from gateway.api.schema_frames import NEXT_HEADER as NEXT_HEADER
from gateway.api.schema_frames import STATE_HEADER as STATE_HEADER
from gateway.api.schema_frames import FrameKind as FrameKind
from gateway.api.schema_frames import WireFrame as WireFrame
from gateway.api.schema_frames import pack_frames as pack_frames
from gateway.api.schema_frames import unpack_frames as unpack_frames
from gateway.api.schema_impact import ImpactAsked as ImpactAsked
from gateway.api.schema_impact import ImpactLine as ImpactLine
from gateway.api.schema_impact import ImpactTable as ImpactTable
from gateway.api.schema_impact import ImpactText as ImpactText
from gateway.api.schema_impact import RequestImpact as RequestImpact
from gateway.api.schema_requests import IDEMPOTENCY_HEADER as IDEMPOTENCY_HEADER
from gateway.api.schema_requests import CardAmendment as CardAmendment
from gateway.api.schema_requests import CardAttachment as CardAttachment
from gateway.api.schema_requests import CardPast as CardPast
from gateway.api.schema_requests import CardQuorum as CardQuorum
from gateway.api.schema_requests import CardRisk as CardRisk
from gateway.api.schema_requests import CardRule as CardRule
from gateway.api.schema_requests import CardWhere as CardWhere
from gateway.api.schema_requests import CardWho as CardWho
from gateway.api.schema_requests import CardWhy as CardWhy
from gateway.api.schema_requests import HiddenCharacter as HiddenCharacter
from gateway.api.schema_requests import MatchedSpan as MatchedSpan
from gateway.api.schema_requests import Remarked as Remarked
from gateway.api.schema_requests import RequestAcceptance as RequestAcceptance
from gateway.api.schema_requests import RequestAmendment as RequestAmendment
from gateway.api.schema_requests import RequestAnswer as RequestAnswer
from gateway.api.schema_requests import RequestApproval as RequestApproval
from gateway.api.schema_requests import RequestCard as RequestCard
from gateway.api.schema_requests import RequestComment as RequestComment
from gateway.api.schema_requests import RequestDenial as RequestDenial
from gateway.api.schema_requests import RequestPage as RequestPage
from gateway.api.schema_requests import RequestSummary as RequestSummary
from gateway.api.schema_requests import RequestWish as RequestWish
from gateway.api.schema_requests import RequestWord as RequestWord
from gateway.api.schema_requests import RiskLine as RiskLine
from gateway.api.schema_requests import SaidYesOrNo as SaidYesOrNo
from gateway.api.schema_requests import Statement as Statement
from gateway.api.schema_requests import Tally as Tally
from gateway.api.schema_reviews import GlassBreaking as GlassBreaking
from gateway.api.schema_reviews import RequestRevoking as RequestRevoking
from gateway.api.schema_reviews import ReviewSigning as ReviewSigning


class _Model(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class Problem(_Model):
    """RFC 9457 problem+json. `detail` is one plain sentence for people."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str = ""


class Me(_Model):
    """Who the caller is, how they proved it (`method`), until when (None: for good), and where. `hints`: lines for
    the foot of the sessions screen, such as the demo's commands to try."""

    person: str
    roles: list[str]
    groups: list[str] = []
    method: str = ""
    expires_at: datetime | None = None
    gateway: str
    version: str
    demo: bool = False
    hints: list[str] = []


class SessionState(StrEnum):
    """The word a session is shown with."""

    LIVE = "LIVE"
    ENDED = "ENDED"
    BLOCKED = "BLOCKED"
    KILLED = "KILLED"
    LOST = "LOST"


class SessionSummary(_Model):
    """One row of the sessions list. `gateway`: that it is, or was, open in. `paused_by`: who holds back what the
    person sends; known of sessions that are live on the gateway that answers."""

    id: str
    state: SessionState
    person: str
    target: str
    kind: str
    login: str
    address: str
    client: str = ""
    labels: dict[str, str] = {}
    started_at: datetime
    ended_at: datetime | None = None
    outcome: str = ""
    commands: int = 0
    blocked: int = 0
    held: int = 0
    masked: int = 0
    bytes_shown: int = 0
    imported_from: str = ""
    gateway: str = ""
    paused_by: str = ""


class SessionPage(_Model):
    """Sessions, newest first, and the counts for the title line."""

    sessions: list[SessionSummary]
    live: int
    today: int


_Line = Annotated[str, Field(max_length=300, pattern=r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029]*$")]
"""One line, as people say it. What their terminals can not show is spelt out to them."""
_Reason = Annotated[_Line, StringConstraints(strip_whitespace=True)]
_Short = Annotated[_Line, Field(max_length=128)]
_Name = Annotated[_Short, Field(min_length=1)]
_Hidden = Annotated[str, Field(max_length=1024, repr=False)]


class Message(_Model):
    """What staff say to the person of a live session."""

    text: Annotated[_Line, Field(min_length=1), StringConstraints(strip_whitespace=True)]


class EndSession(_Model):
    """Why a session is ended: the person is told, and the audit log keeps it."""

    reason: _Reason = ""


class EndPerson(EndSession):
    """Why everything of a person is ended."""


class PersonEnded(_Model):
    """Ids of sessions that were ended, and of those that are live on other gateways: those have to be asked."""

    ended: list[str]
    elsewhere: list[str] = []


class DeviceAsked(_Model):
    """Somebody without a browser at hand wants to sign in: what asks, and on which machine."""

    client: _Short = ""
    host: _Short = ""
    what: _Name = "hoop-tui login"


class DeviceCode(_Model):
    """The person opens `verification_uri_complete`; the client asks for the token every `interval` seconds."""

    device_code: _Hidden
    user_code: str
    verification_uri: str
    verification_uri_complete: str
    expires_in: int
    interval: int


class TokenAsked(_Model):
    """The end of a sign-in: `device` with its code, or `code` with what the browser brought back."""

    grant: Literal["device", "code"]
    device_code: _Hidden = ""
    code: _Hidden = ""
    code_verifier: _Hidden = ""
    redirect_uri: _Hidden = ""


class GrantRefused(_Model):
    """Status 400 of a `TokenAsked`: the OAuth word for programs, and one sentence for people."""

    error: Literal["authorization_pending", "slow_down", "expired_token", "access_denied", "invalid_grant"]
    detail: str


class PasswordGiven(_Model):
    """A local person signs in."""

    name: _Name
    password: Annotated[_Hidden, Field(min_length=1)]
    otp: Annotated[_Hidden, Field(max_length=16)] = ""


class MachineAsked(_Model):
    """A machine signs in: with its own secret, or with the token that its CI job was given."""

    machine: _Name
    client_secret: _Hidden = ""
    subject_token: Annotated[str, Field(max_length=32_768, repr=False)] = ""


class SignedInToken(_Model):
    """A token, shown this once. `note`: what the person should know, such as which roles were left out."""

    token: _Hidden
    id: str
    person: str
    roles: list[str]
    expires_at: datetime
    gateway: str
    note: str = ""


class CertificateAsked(_Model):
    """An OpenSSH public key to certify; `bind_address`: for use from the caller's address only."""

    public_key: Annotated[_Hidden, Field(max_length=16_384, min_length=1)]
    bind_address: bool = False


class SshCertificate(_Model):
    """A certificate, its serial in decimal, and how to know the gateway: lines of the keys that sign its own."""

    certificate: str
    serial: str
    expires_at: datetime
    person: str
    host_authorities: list[str]
    hosts: list[str]
    ssh_host: str
    ssh_port: int


class DatabaseTokenAsked(_Model):
    """A short-lived password for one target. `ttl` in seconds; 0: as long as the gateway gives by itself."""

    kind: Literal["database"] = "database"
    target: _Name
    ttl: Annotated[int, Field(ge=0, le=31_536_000)] = 0
    label: _Short = ""


class TokenSummary(_Model):
    """One row of the tokens list; `kind`: api, login, database, machine or secret."""

    id: str
    person: str
    kind: str
    roles: list[str]
    created_at: datetime
    expires_at: datetime | None
    revoked: bool = False
    target: str = ""
    label: str = ""
    parent: str = ""
    created_by: str = ""
    used_at: datetime | None = None


class TokenPage(_Model):
    """Tokens, newest first."""

    tokens: list[TokenSummary]


class CertificateSummary(_Model):
    """One row of the certificates list."""

    serial: str
    person: str
    fingerprint: str
    issued_at: datetime
    expires_at: datetime
    address: str = ""
    token: str = ""
    revoked: bool = False


class CertificatePage(_Model):
    """Newest first."""

    certificates: list[CertificateSummary]


class PersonSummary(_Model):
    """One row of the people list. No `issuer`: of the configuration. `gone`: their provider vouches for them no more.
    `sessions`: live on the gateway asked."""

    name: str
    id: str
    issuer: str = ""
    groups: list[str] = []
    roles: list[str] = []
    locked_at: datetime | None = None
    locked_by: str = ""
    locked_reason: str = ""
    checked_at: datetime | None = None
    gone: bool = False
    sessions: int = 0


class LockPerson(_Model):
    """Why somebody is locked out. Staff and the audit log read it; the person does not."""

    reason: Annotated[_Reason, Field(min_length=1)]


class PersonLockedOut(PersonEnded):
    """What ended with the lock, and how many tokens and certificates. Other gateways end what is live there."""

    person: PersonSummary
    tokens: int = 0
    certificates: int = 0


class PeoplePage(_Model):
    """People, by name."""

    people: list[PersonSummary]


class MachineSummary(_Model):
    """One row of the machines list. `warnings`: sentences, such as that its secret was not changed for long."""

    name: str
    owner: str
    groups: list[str]
    targets: list[str]
    ttl: int
    issuer: str = ""
    used_at: datetime | None = None
    warnings: list[str] = []


class MachinePage(_Model):
    """Machines, by name."""

    machines: list[MachineSummary]


class RecordingState(StrEnum):
    """`cut`: it ends without its EXIT frame, or its tail was damaged; what is there is good."""

    LIVE = "live"
    WHOLE = "whole"
    CUT = "cut"


class RecordingInfo(_Model):
    """What a player needs to know before the first frame. `pty`: whether there was a terminal, so that lines end in
    CR LF; None where the recording does not say. `problem`: why it is `cut`, in one sentence."""

    session: str
    person: str
    target: str
    login: str = ""
    command: str = ""
    started_at: datetime
    cols: int
    rows: int
    pty: bool | None = None
    state: RecordingState
    duration_us: int
    frames: int
    problem: str = ""


class FeedEvent(_Model):
    """A hint: something with this key changed, fetch it again. Topic `beat` comes every few seconds."""

    topic: str
    key: str = ""


class Health(_Model):
    """`/readyz`: every organ by name, `ok`, `ok:` and what is to be said of it, or a sentence."""

    ready: bool
    checks: dict[str, str]
