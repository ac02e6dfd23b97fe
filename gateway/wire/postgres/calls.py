"""Functions that are called by number, without a statement."""

from dataclasses import dataclass

from gateway.core.errors import Malformed
from gateway.wire.postgres.fields import U16, U32, Fields, Value, numbers, value, values
from gateway.wire.postgres.frames import frame
from gateway.wire.postgres.tables import ByClient, ByServer


@dataclass(frozen=True, slots=True)
class FunctionCall:
    """A function is to be called."""

    function: int
    formats: tuple[int, ...]
    values: tuple[Value, ...]
    result_format: int = 0


def parse_function_call(body: bytes) -> FunctionCall:
    """A FunctionCall. Values are views of its bytes."""
    fields = Fields(body)
    function = fields.number(U32)
    formats, found = fields.numbers("H"), fields.values()
    if len(formats) > 1 and len(formats) != len(found):
        raise Malformed(f"{len(formats)} formats for {len(found)} values")
    message = FunctionCall(function, formats, found, fields.number(U16))
    fields.end()
    return message


def parse_function_number(piece: bytes) -> int:
    """Which function is called, from the first Run of a call that comes in pieces, tag and length included."""
    return Fields(piece, 5).number(U32)


def make_function_call(message: FunctionCall) -> bytes:
    """A FunctionCall as it is sent."""
    body = U32.pack(message.function) + numbers("H", message.formats) + values(message.values)
    return frame(ByClient.FUNCTION_CALL, body + U16.pack(message.result_format))


def parse_function_result(body: bytes) -> memoryview | None:
    """What a function gave."""
    fields = Fields(body)
    found = fields.value()
    fields.end()
    return found


def make_function_result(found: Value) -> bytes:
    """What a function gave, as it is sent."""
    return frame(ByServer.FUNCTION_RESULT, value(found))
