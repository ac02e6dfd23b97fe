"""Every message of both directions: its tag, how it is read, how long it may be, and when it belongs in a
conversation. Whatever is not in here is refused.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum, auto

SMALL_MOST = 10_000
"""Where PostgreSQL itself stops for messages that are always small. All lengths count their own four bytes."""
LONG_MOST = 1 << 20
"""For messages that grow with the number of columns or parameters."""
WORDS_MOST = 8 << 20
"""For errors and notices, which are always looked into."""
STREAM_MOST = 0x3FFFFFFE
"""Where PostgreSQL itself stops for every message."""
ROW_MOST = 8 << 20
"""For one row, or one message of COPY, that must be had whole because cells in it are masked."""
BIND_MOST = 1 << 20
"""What values may weigh together to be looked into; more comes in pieces. Likewise for function calls."""
STATEMENT_MOST = 1 << 20
TOKEN_MOST = 1 << 16
"""For what is said while signing in."""
NAMES_MOST = (1 << 10) + 4 * (1 << 16)
"""What a Parse may hold besides its text: a name and types of parameters."""


class ByClient:
    """Tags of what a client sends."""

    BIND = ord("B")
    CLOSE = ord("C")
    COPY_DATA = ord("d")
    COPY_DONE = ord("c")
    COPY_FAIL = ord("f")
    DESCRIBE = ord("D")
    EXECUTE = ord("E")
    FLUSH = ord("H")
    FUNCTION_CALL = ord("F")
    PARSE = ord("P")
    PASSWORD = ord("p")
    QUERY = ord("Q")
    SYNC = ord("S")
    TERMINATE = ord("X")


class ByServer:
    """Tags of what a server sends."""

    AUTHENTICATION = ord("R")
    BACKEND_KEY_DATA = ord("K")
    BIND_COMPLETE = ord("2")
    CLOSE_COMPLETE = ord("3")
    COMMAND_COMPLETE = ord("C")
    COPY_BOTH = ord("W")
    COPY_DATA = ord("d")
    COPY_DONE = ord("c")
    COPY_IN = ord("G")
    COPY_OUT = ord("H")
    DATA_ROW = ord("D")
    EMPTY_QUERY = ord("I")
    ERROR = ord("E")
    FUNCTION_RESULT = ord("V")
    NEGOTIATE_VERSION = ord("v")
    NO_DATA = ord("n")
    NOTICE = ord("N")
    NOTIFICATION = ord("A")
    PARAMETER_DESCRIPTION = ord("t")
    PARAMETER_STATUS = ord("S")
    PARSE_COMPLETE = ord("1")
    PORTAL_SUSPENDED = ord("s")
    READY = ord("Z")
    ROW_DESCRIPTION = ord("T")


class Phase(Enum):
    """How far a conversation has come."""

    SIGN_IN = auto()
    """From the start-up packet to the first ReadyForQuery."""
    SESSION = auto()


class Way(Enum):
    """How a message is read."""

    WHOLE = auto()
    RUN = auto()
    """Together with its neighbours of the same tag, and in pieces where that is allowed."""
    PIECES = auto()
    """Whole up to its cap; what is longer comes in pieces."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of message. `most` bounds its length; of those that come in pieces, what is had whole."""

    name: str
    most: int
    way: Way = Way.WHOLE
    phases: frozenset[Phase] = frozenset({Phase.SESSION})


Kinds = Mapping[int, Kind]

_ALWAYS = frozenset(Phase)
_SIGN_IN = frozenset({Phase.SIGN_IN})

FROM_CLIENT: Kinds = {
    ByClient.BIND: Kind("Bind", BIND_MOST, Way.PIECES),
    ByClient.CLOSE: Kind("Close", SMALL_MOST),
    ByClient.COPY_DATA: Kind("CopyData", STREAM_MOST, Way.RUN),
    ByClient.COPY_DONE: Kind("CopyDone", 4),
    ByClient.COPY_FAIL: Kind("CopyFail", SMALL_MOST),
    ByClient.DESCRIBE: Kind("Describe", SMALL_MOST),
    ByClient.EXECUTE: Kind("Execute", SMALL_MOST),
    ByClient.FLUSH: Kind("Flush", 4),
    ByClient.FUNCTION_CALL: Kind("FunctionCall", BIND_MOST, Way.PIECES),
    ByClient.PARSE: Kind("Parse", STATEMENT_MOST + NAMES_MOST),
    ByClient.PASSWORD: Kind("Password", TOKEN_MOST, phases=_SIGN_IN),
    ByClient.QUERY: Kind("Query", STATEMENT_MOST + 5),
    ByClient.SYNC: Kind("Sync", 4),
    ByClient.TERMINATE: Kind("Terminate", 4, phases=_ALWAYS),
}

FROM_SERVER: Kinds = {
    ByServer.AUTHENTICATION: Kind("Authentication", TOKEN_MOST, phases=_SIGN_IN),
    ByServer.BACKEND_KEY_DATA: Kind("BackendKeyData", 4 + 4 + 256, phases=_SIGN_IN),
    ByServer.BIND_COMPLETE: Kind("BindComplete", 4),
    ByServer.CLOSE_COMPLETE: Kind("CloseComplete", 4),
    ByServer.COMMAND_COMPLETE: Kind("CommandComplete", SMALL_MOST),
    ByServer.COPY_BOTH: Kind("CopyBothResponse", LONG_MOST),
    ByServer.COPY_DATA: Kind("CopyData", STREAM_MOST, Way.RUN),
    ByServer.COPY_DONE: Kind("CopyDone", 4),
    ByServer.COPY_IN: Kind("CopyInResponse", LONG_MOST),
    ByServer.COPY_OUT: Kind("CopyOutResponse", LONG_MOST),
    ByServer.DATA_ROW: Kind("DataRow", STREAM_MOST, Way.RUN),
    ByServer.EMPTY_QUERY: Kind("EmptyQueryResponse", 4),
    ByServer.ERROR: Kind("ErrorResponse", WORDS_MOST, phases=_ALWAYS),
    ByServer.FUNCTION_RESULT: Kind("FunctionCallResponse", BIND_MOST, Way.PIECES),
    ByServer.NEGOTIATE_VERSION: Kind("NegotiateProtocolVersion", TOKEN_MOST, phases=_SIGN_IN),
    ByServer.NO_DATA: Kind("NoData", 4),
    ByServer.NOTICE: Kind("NoticeResponse", WORDS_MOST, phases=_ALWAYS),
    ByServer.NOTIFICATION: Kind("NotificationResponse", TOKEN_MOST, phases=_ALWAYS),
    ByServer.PARAMETER_DESCRIPTION: Kind("ParameterDescription", LONG_MOST),
    ByServer.PARAMETER_STATUS: Kind("ParameterStatus", LONG_MOST, phases=_ALWAYS),
    ByServer.PARSE_COMPLETE: Kind("ParseComplete", 4),
    ByServer.PORTAL_SUSPENDED: Kind("PortalSuspended", 4),
    ByServer.READY: Kind("ReadyForQuery", 5, phases=_ALWAYS),
    ByServer.ROW_DESCRIPTION: Kind("RowDescription", LONG_MOST),
}


def from_client(statement_most: int) -> Kinds:
    """The client's messages where statements may be so long."""
    changed = {
        ByClient.PARSE: replace(FROM_CLIENT[ByClient.PARSE], most=statement_most + NAMES_MOST),
        ByClient.QUERY: replace(FROM_CLIENT[ByClient.QUERY], most=statement_most + 5),
    }
    return {**FROM_CLIENT, **changed}


def name_of(kinds: Kinds, tag: int) -> str:
    """What to call a message of this tag in a sentence."""
    kind = kinds.get(tag)
    return f"a message of type {tag}" if kind is None else f"the message {kind.name}"
