"""What a server reports around results: how they ended, whether it is ready, what changed, what others notified."""

from dataclasses import dataclass

from gateway.core.errors import Malformed
from gateway.wire.postgres.fields import U32, Fields, only_text, string
from gateway.wire.postgres.frames import frame
from gateway.wire.postgres.tables import ByServer

PARSE_COMPLETE = frame(ByServer.PARSE_COMPLETE)
BIND_COMPLETE = frame(ByServer.BIND_COMPLETE)
CLOSE_COMPLETE = frame(ByServer.CLOSE_COMPLETE)
NO_DATA = frame(ByServer.NO_DATA)
EMPTY_QUERY = frame(ByServer.EMPTY_QUERY)
PORTAL_SUSPENDED = frame(ByServer.PORTAL_SUSPENDED)

IDLE, IN_TRANSACTION, FAILED = ord("I"), ord("T"), ord("E")
"""What a ReadyForQuery says of the transaction."""


@dataclass(frozen=True, slots=True)
class ParameterStatus:
    """A setting has this value now."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class NotificationResponse:
    """Somebody notified a channel that is listened to."""

    pid: int
    channel: str
    payload: str


def parse_command_complete(body: bytes) -> str:
    """What was done, as `SELECT 5`."""
    return only_text(body)


def make_command_complete(done: str) -> bytes:
    """The same as it is sent."""
    return frame(ByServer.COMMAND_COMPLETE, string(done))


def rows_of(done: str) -> int | None:
    """How many rows a command says it gave or changed, None where it does not say."""
    last = done.rpartition(" ")[2]
    return int(last) if last.isascii() and last.isdigit() and len(last) < 20 else None


def parse_ready(body: bytes) -> int:
    """Of a ReadyForQuery: `IDLE`, `IN_TRANSACTION` or `FAILED`."""
    if body not in (b"I", b"T", b"E"):
        raise Malformed("a state of transaction that does not exist")
    return body[0]


def make_ready(status: int) -> bytes:
    """A ReadyForQuery."""
    return frame(ByServer.READY, bytes([status]))


def parse_parameter_status(body: bytes) -> ParameterStatus:
    """A ParameterStatus."""
    fields = Fields(body)
    found = ParameterStatus(fields.string(), fields.string())
    fields.end()
    return found


def make_parameter_status(message: ParameterStatus) -> bytes:
    """A ParameterStatus as it is sent."""
    return frame(ByServer.PARAMETER_STATUS, string(message.name) + string(message.value))


def parse_notification(body: bytes) -> NotificationResponse:
    """A NotificationResponse."""
    fields = Fields(body)
    found = NotificationResponse(fields.number(U32), fields.string(), fields.string())
    fields.end()
    return found


def make_notification(message: NotificationResponse) -> bytes:
    """A NotificationResponse as it is sent."""
    body = U32.pack(message.pid) + string(message.channel) + string(message.payload)
    return frame(ByServer.NOTIFICATION, body)
