"""A Frame: one event of a recording. The recording room turns frames into bytes on disk and back."""

from dataclasses import dataclass
from enum import IntEnum


class FrameKind(IntEnum):
    """What happened. The numbers are part of the file format: never reuse one."""

    OUTPUT = 0
    """Bytes shown to the person on standard output, after masking."""
    INPUT = 1
    """Bytes the person sent. Keys typed while the target did not echo are HIDDEN instead."""
    RESIZE = 2
    """JSON `{"cols": int, "rows": int}`."""
    EXIT = 3
    """JSON: `{"status": int}`, `{"signal": str}` or `{"reason": str}`. The last frame of a whole recording."""
    MARK = 4
    """JSON `{"kind": str, "text": str, ...}`: a command, a decision, anything worth a chapter."""
    ERROR = 5
    """Bytes shown to the person on standard error, after masking."""
    HIDDEN = 6
    """JSON `{"keys": int}`: how many keys were typed without an echo. What they were is not kept."""
    TOWARD = 7
    """A forwarded connection: its number as four bytes, big end first, then bytes that went toward the target."""
    BACK = 8
    """The same for bytes that came back from the target."""
    ROWS = 9
    """A database session: a statement's number as four bytes, big end first, then rows of its result as shown, whole,
    in the wire format of the protocol (PostgreSQL: DataRow messages). MARK frames say what they are."""


@dataclass(frozen=True, slots=True)
class Frame:
    """`at_us` counts microseconds from the start of the recording and never runs backwards."""

    at_us: int
    kind: FrameKind
    data: bytes
