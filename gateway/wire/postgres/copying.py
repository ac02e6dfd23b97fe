"""What begins and breaks off a COPY. The data itself comes in Runs and is the business of others."""

from dataclasses import dataclass

from gateway.wire.postgres.fields import Fields, numbers, only_text, string
from gateway.wire.postgres.frames import frame
from gateway.wire.postgres.tables import ByClient, ByServer

COPY_DONE = frame(ByClient.COPY_DONE)
"""The end of the data, from either side."""


@dataclass(frozen=True, slots=True)
class CopyResponse:
    """COPY begins: in, out or both, which the tag tells."""

    format: int
    """0 text, 1 binary."""
    formats: tuple[int, ...]
    """Of each column."""


def parse_copy_response(body: bytes) -> CopyResponse:
    """A CopyInResponse, CopyOutResponse or CopyBothResponse."""
    fields = Fields(body)
    found = CopyResponse(fields.byte(), fields.numbers("H"))
    fields.end()
    return found


def make_copy_response(tag: int, message: CopyResponse) -> bytes:
    """One of the three, as it is sent."""
    return frame(tag, bytes([message.format]) + numbers("H", message.formats))


def make_copy_in(message: CopyResponse) -> bytes:
    """The client may send data."""
    return make_copy_response(ByServer.COPY_IN, message)


def make_copy_out(message: CopyResponse) -> bytes:
    """The server will send data."""
    return make_copy_response(ByServer.COPY_OUT, message)


def make_copy_both(message: CopyResponse) -> bytes:
    """Both will."""
    return make_copy_response(ByServer.COPY_BOTH, message)


def parse_copy_fail(body: bytes) -> str:
    """Why the client sends no more."""
    return only_text(body)


def make_copy_fail(why: str) -> bytes:
    """No more data will come, and why."""
    return frame(ByClient.COPY_FAIL, string(why))


def make_copy_data(data: bytes) -> bytes:
    """Data, from either side."""
    return frame(ByClient.COPY_DATA, data)
