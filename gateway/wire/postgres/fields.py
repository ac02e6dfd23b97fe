"""The fields of messages: numbers, texts that end with a zero byte, values; read strictly and written.

Texts are `str` by way of UTF-8 with surrogates for what is not UTF-8, so that every byte survives the way there and
back: `octets` gives the bytes of any text, whatever encoding the client has chosen.
"""

from collections.abc import Sequence
from struct import Struct, error, pack, unpack_from

from gateway.core.errors import Malformed

U16 = Struct(">H")
I32 = Struct(">i")
U32 = Struct(">I")

NAME_MOST = 63
"""PostgreSQL takes names of statements and portals that differ only after this many bytes for the same, others do
not: such names could mean one thing here and another there."""

Value = memoryview | bytes | None
"""What is bound to a parameter or stands in a cell. None is NULL."""


def text(data: bytes) -> str:
    """A text, from its bytes."""
    return data.decode("utf-8", "surrogateescape")


def octets(words: str) -> bytes:
    """The bytes of a text. Raises ValueError for one that can not be sent."""
    return words.encode("utf-8", "surrogateescape")


def string(words: str) -> bytes:
    """A text as it is sent. Raises ValueError for one with a zero byte."""
    data = octets(words)
    if b"\0" in data:
        raise ValueError("a text with a zero byte can not be sent")
    return data + b"\0"


def name(words: str) -> bytes:
    """The name of a statement or portal as it is sent. Raises ValueError for one that is too long."""
    data = string(words)
    if len(data) > NAME_MOST + 1:
        raise ValueError("the name of a statement or portal is too long")
    return data


def only_text(body: bytes) -> str:
    """The text that is all of a message."""
    if body.find(0) != len(body) - 1 or not body:
        raise Malformed("a message that is not one text")
    return text(body[:-1])


def numbers_at(body: bytes, at: int, kind: str) -> tuple[tuple[int, ...], int]:
    """Numbers, and how many there are before them; and where they end. `kind` is as in `struct`."""
    try:
        (count,) = U16.unpack_from(body, at)
        at += U16.size
        return (unpack_from(f">{count}{kind}", body, at), at + count * _SIZES[kind]) if count else ((), at)
    except error:
        raise Malformed("a list that is longer than its message") from None


_SIZES = {"H": 2, "I": 4}


def values_at(body: bytes, at: int) -> tuple[tuple[memoryview | None, ...], int]:
    """Values, and how many there are before them; and where they end. They are views of the message."""
    size, view, last = I32.unpack_from, memoryview(body), len(body)
    found: list[memoryview | None] = []
    try:
        (count,) = U16.unpack_from(body, at)
        at += U16.size
        for _ in range(count):
            (width,) = size(body, at)
            at += I32.size
            if width == -1:
                found.append(None)
            elif 0 <= width <= last - at:
                found.append(view[at : at + width])
                at += width
            else:
                raise Malformed("a value of impossible length")
    except error:
        raise Malformed("a list of values that ends too early") from None
    return tuple(found), at


class Fields:
    """Reads one message from front to end. Every method raises `Malformed` where the message is too short."""

    def __init__(self, body: bytes, at: int = 0) -> None:
        self._body = body
        self._at = at

    @property
    def is_empty(self) -> bool:
        """Everything has been read."""
        return self._at == len(self._body)

    def number(self, kind: Struct) -> int:
        """A number."""
        if self._at + kind.size > len(self._body):
            raise Malformed("a message that ends too early")
        (number,) = kind.unpack_from(self._body, self._at)
        self._at += kind.size
        return int(number)

    def byte(self) -> int:
        """One byte."""
        if self._at >= len(self._body):
            raise Malformed("a message that ends too early")
        self._at += 1
        return self._body[self._at - 1]

    def string(self) -> str:
        """A text."""
        end = self._body.find(0, self._at)
        if end < 0:
            raise Malformed("a text without an end")
        start, self._at = self._at, end + 1
        return text(self._body[start:end])

    def name(self) -> str:
        """The name of a statement or portal."""
        start = self._at
        words = self.string()
        if self._at - start > NAME_MOST + 1:
            raise Malformed(f"the name of a statement or portal is longer than {NAME_MOST} bytes")
        return words

    def numbers(self, kind: str) -> tuple[int, ...]:
        """Numbers, and how many there are before them. `kind` is as in `struct`."""
        found, self._at = numbers_at(self._body, self._at, kind)
        return found

    def value(self) -> memoryview | None:
        """A value with its length."""
        size = self.number(I32)
        if size == -1:
            return None
        start = self._at
        if not 0 <= size <= len(self._body) - start:
            raise Malformed("a value of impossible length")
        self._at += size
        return memoryview(self._body)[start : self._at]

    def values(self) -> tuple[memoryview | None, ...]:
        """Values, and how many there are before them."""
        found, self._at = values_at(self._body, self._at)
        return found

    def rest(self) -> bytes:
        """Everything that follows."""
        start, self._at = self._at, len(self._body)
        return self._body[start:]

    def end(self) -> None:
        """Nothing follows."""
        if self._at != len(self._body):
            raise Malformed("a message with more in it than belongs there")


def numbers(kind: str, found: Sequence[int]) -> bytes:
    """Numbers and before them how many, as they are sent."""
    return pack(f">H{len(found)}{kind}", len(found), *found)


def value(data: Value) -> bytes:
    """A value as it is sent."""
    return b"\xff\xff\xff\xff" if data is None else I32.pack(len(data)) + data


def values(found: Sequence[Value]) -> bytes:
    """Values and before them how many, as they are sent."""
    return U16.pack(len(found)) + b"".join(map(value, found))
