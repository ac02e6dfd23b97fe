"""The API's words: what travels between the gateway and its clients, and nothing else.

`hoop_tui` imports this module only, so it imports nothing else of ours. Recordings travel as binary frames
(`pack_frames`, `unpack_frames`): JSON can not hold arbitrary bytes.
"""

import struct
from collections.abc import Iterable, Iterator
from datetime import datetime
from enum import IntEnum, StrEnum
from typing import Annotated, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

FRAMES_MEDIA_TYPE = "application/vnd.hoop.frames"
NEXT_HEADER = "Hoop-Next"
"""Index of the first frame that was not sent: ask for it next."""
STATE_HEADER = "Hoop-Recording"
"""The recording's `RecordingState` at the moment of the answer."""


class _Model(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class Problem(_Model):
    """RFC 9457 problem+json. `detail` is one plain sentence for people."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str = ""


class Me(_Model):
    """Who the caller is, and where."""

    person: str
    roles: list[str]
    gateway: str
    version: str
    demo: bool = False
    hints: list[str] = []
    """Lines for the foot of the sessions screen, such as the demo's commands to try."""


class SessionState(StrEnum):
    """The word a session is shown with."""

    LIVE = "LIVE"
    ENDED = "ENDED"
    BLOCKED = "BLOCKED"
    KILLED = "KILLED"
    LOST = "LOST"


class SessionSummary(_Model):
    """One row of the sessions list."""

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
    """The gateway that it is, or was, open in."""
    paused_by: str = ""
    """Who holds back what the person sends; known of sessions that are live on the gateway that answers."""


class SessionPage(_Model):
    """Sessions, newest first, and the counts for the title line."""

    sessions: list[SessionSummary]
    live: int
    today: int


_Line = Annotated[str, Field(max_length=300, pattern=r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029]*$")]
"""One line, as people say it. What their terminals can not show is spelt out to them."""


class Message(_Model):
    """What staff say to the person of a live session."""

    text: Annotated[_Line, Field(min_length=1), StringConstraints(strip_whitespace=True)]


class EndSession(_Model):
    """Why a session is ended: the person is told, and the audit log keeps it."""

    reason: Annotated[_Line, StringConstraints(strip_whitespace=True)] = ""


class EndPerson(EndSession):
    """Why everything of a person is ended."""


class PersonEnded(_Model):
    """What was ended of a person."""

    ended: list[str]
    """Ids of the sessions that were ended."""
    elsewhere: list[str] = []
    """Ids of their sessions that are live on other gateways: those have to be asked."""


class RecordingState(StrEnum):
    """`cut`: it ends without its EXIT frame, or its tail was damaged; what is there is good."""

    LIVE = "live"
    WHOLE = "whole"
    CUT = "cut"


class RecordingInfo(_Model):
    """What a player needs to know before the first frame."""

    session: str
    person: str
    target: str
    login: str = ""
    command: str = ""
    started_at: datetime
    cols: int
    rows: int
    pty: bool | None = None
    """Whether there was a terminal, so that lines end in CR LF. None: the recording does not say."""
    state: RecordingState
    duration_us: int
    frames: int
    problem: str = ""
    """Why it is `cut`, in one sentence."""


class FeedEvent(_Model):
    """A hint: something with this key changed, fetch it again. Topic `beat` comes every few seconds."""

    topic: str
    key: str = ""


class Health(_Model):
    """`/readyz`: every organ by name, `ok` or a sentence."""

    ready: bool
    checks: dict[str, str]


class FrameKind(IntEnum):
    """The kinds of frames, numbered as in the recording format."""

    OUTPUT = 0
    INPUT = 1
    RESIZE = 2
    EXIT = 3
    MARK = 4
    ERROR = 5
    HIDDEN = 6
    TOWARD = 7
    BACK = 8


class WireFrame(NamedTuple):
    """One event of a recording; `data` as described at `gateway.core.frame.FrameKind`."""

    at_us: int
    kind: FrameKind
    data: bytes


_FRAME = struct.Struct("<BQI")


def pack_frames(frames: Iterable[tuple[int, int, bytes]]) -> bytes:
    """`(at_us, kind, data)` triples as one binary body."""
    parts: list[bytes] = []
    for at_us, kind, data in frames:
        parts += (_FRAME.pack(kind, at_us, len(data)), data)
    return b"".join(parts)


def unpack_frames(body: bytes) -> Iterator[WireFrame]:
    """The frames of a body. Raises ValueError where it is cut or names an unknown kind."""
    offset = 0
    while offset < len(body):
        if len(body) - offset < _FRAME.size:
            raise ValueError("the frames are cut inside a header")
        kind, at_us, length = _FRAME.unpack_from(body, offset)
        offset += _FRAME.size
        data = body[offset : offset + length]
        if len(data) != length:
            raise ValueError("the frames are cut inside a frame")
        offset += length
        yield WireFrame(at_us, FrameKind(kind), data)
