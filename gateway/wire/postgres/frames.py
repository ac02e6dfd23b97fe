"""Cuts a stream of bytes into PostgreSQL's messages, whichever way the bytes come. It looks into none.

What is small comes as a `Message`; rows and COPY come as a `Run`: thousands of messages as the untouched bytes that
they are, in one slice. Only what comes in halves is copied. Lengths are checked before anything is kept.
"""

from dataclasses import dataclass, field
from struct import Struct

from gateway.core.errors import Malformed
from gateway.wire.postgres import tables
from gateway.wire.postgres.tables import ROW_MOST, STATEMENT_MOST, STREAM_MOST, Kinds, Phase, Way

_HEAD = Struct(">Bi")
_head = _HEAD.unpack_from
_FRAME = Struct(">BI")

HEAD_SIZE = 5
"""Bytes of a tag and a length."""
FIRST_PIECE = 16 << 10
"""A message that comes in pieces begins with at least so much of it, for who must know what it is about."""
_CRUMB = 4 << 10
"""Smaller pieces than this are put together, or crumbs would cost more than bread."""


@dataclass(slots=True)
class Message:
    """One message, without its tag and length in `body`."""

    tag: int
    body: bytes
    frame: bytes = field(default=b"", compare=False, repr=False)
    """The whole of it as it came, for who passes it on."""


@dataclass(slots=True)
class Run:
    """Untouched bytes, tags and lengths included, of consecutive messages of one tag."""

    tag: int
    data: bytes
    count: int
    """Messages that end in it."""
    starts: bool
    """It begins where a message does."""
    ends: bool
    """It ends where a message does."""


def frame(tag: int, body: bytes = b"") -> bytes:
    """A message as it is sent."""
    return _FRAME.pack(tag, len(body) + 4) + body


class _Reader:
    """`receive`, then `next` until it says None. Between two calls of it `phase` may be changed."""

    def __init__(self, kinds: Kinds, phase: Phase) -> None:
        self._kinds = kinds
        self._data = b""
        self._at = 0
        """Everything in the data before it has been given out."""
        self._parts: list[bytes] = []
        """What came behind the data while that was not used up."""
        self._behind = 0
        """Bytes in the parts."""
        self._left = 0
        """Bytes that are missing of the message whose beginning was given out as a Run."""
        self._of = 0
        """The tag of that message."""
        self.phase = phase
        self._whole_rows = False

    @property
    def phase(self) -> Phase:
        """How far the conversation has come. Messages that do not belong in it are refused."""
        return self._phase

    @phase.setter
    def phase(self, phase: Phase) -> None:
        self._phase = phase
        known = {tag: kind for tag, kind in self._kinds.items() if phase in kind.phases}
        self._most = [0] * 256
        for tag, kind in known.items():
            self._most[tag] = 0 if kind.way is Way.RUN else kind.most
        self._ways = {tag: kind.way for tag, kind in known.items() if kind.way is not Way.WHOLE}

    @property
    def is_idle(self) -> bool:
        """Everything that was received has been given out, to the end of a message."""
        return self._at == len(self._data) and not self._parts and not self._left

    @property
    def unread(self) -> bytes:
        """What was received and is in no message yet."""
        return b"".join((self._data[self._at :], *self._parts))

    def receive(self, data: bytes) -> None:
        """More has come."""
        if self._at == len(self._data) and not self._parts:
            self._data = data
            self._at = 0
            return
        self._behind += len(data)
        if self._parts and len(self._parts[-1]) < _CRUMB:
            self._parts[-1] += data
        else:
            self._parts.append(data)

    def next(self) -> Message | Run | None:
        """What comes next, or None until more is received. Raises `Malformed`, and then the conversation is over."""
        if self._left:
            return self._more()
        data, at = self._data, self._at
        if len(data) - at < HEAD_SIZE:
            if not self._gather(HEAD_SIZE):
                return None
            data, at = self._data, self._at
        tag, length = _head(data, at)
        if not 4 <= length <= self._most[tag]:
            return self._stream(tag, length)
        end = at + 1 + length
        if end > len(data):
            if not self._gather(1 + length):
                return None
            data, at, end = self._data, 0, 1 + length
        self._at = end
        return Message(tag, data[at + HEAD_SIZE : end], data[at:end])

    def _gather(self, need: int) -> bool:
        """Put so many bytes together, if they have come."""
        left = len(self._data) - self._at
        if left + self._behind < need:
            if self._at:
                self._data, self._at = self._data[self._at :], 0
            return False
        if left < need:
            self._data, self._at = self.unread, 0
            self._parts, self._behind = [], 0
        return True

    def _stream(self, tag: int, length: int) -> Run | None:
        """What is not had whole begins, or is refused."""
        way = self._ways.get(tag)
        if way is None or not 4 <= length <= STREAM_MOST:
            raise Malformed(self._complaint(tag, length))
        if way is Way.PIECES:
            return self._begin(tag, length)
        if self._whole_rows:
            if length > ROW_MOST:
                raise Malformed(f"a row of more than {ROW_MOST >> 20} MiB can not be masked")
            return self._walk(tag, ROW_MOST) if self._gather(1 + length) else None
        return self._walk(tag, STREAM_MOST)

    def _complaint(self, tag: int, length: int) -> str:
        name = tables.name_of(self._kinds, tag)
        if tag not in self._kinds or self._phase not in self._kinds[tag].phases:
            return f"{name} does not belong here"
        if length < 4:
            return f"{name} has an impossible length"
        return f"{name} is too long: {length:,} bytes, and {self._kinds[tag].most:,} are the most"

    def _begin(self, tag: int, length: int) -> Run | None:
        """The first piece of a long message."""
        size = 1 + length
        if not self._gather(min(size, FIRST_PIECE)):
            return None
        self._left, self._of = size, tag
        piece = self._more()
        if piece is not None:
            piece.starts = True
        return piece

    def _more(self) -> Run | None:
        """The next piece of a message that was begun."""
        if not self._gather(1):
            return None
        if self._ways.get(self._of) is Way.RUN and not self._whole_rows:
            return self._walk(self._of, STREAM_MOST)
        start = self._at
        piece = self._data[start : start + self._left]
        self._at = start + len(piece)
        self._left -= len(piece)
        ends = self._left == 0
        return Run(self._of, piece, int(ends), starts=False, ends=ends)

    def _walk(self, tag: int, most: int) -> Run:
        """As many messages of this tag as there are: the flat loop that everything large goes through."""
        data, start, size = self._data, self._at, len(self._data)
        starts, count = (False, 1) if self._left else (True, 0)
        at = start + self._left
        last = size - HEAD_SIZE
        head = _head
        while at <= last:
            found, length = head(data, at)
            if found != tag or not 4 <= length <= most:
                break
            at += length + 1
            count += 1
        self._left = 0
        if at > size:
            count -= 1
            if self._whole_rows:
                at -= length + 1
            else:
                at, self._left, self._of = size, at - size, tag
        self._at = at
        return Run(tag, data[start:at], count, starts, ends=not self._left)


class FrontendReader(_Reader):
    """What a client sends. COPY comes in Runs as it comes; values of more than `BIND_MOST` come as Runs of one
    message, whose first piece has at least `FIRST_PIECE` bytes; everything else is had whole."""

    def __init__(self, statement_most: int = STATEMENT_MOST, phase: Phase = Phase.SESSION) -> None:
        super().__init__(tables.from_client(statement_most), phase)


class BackendReader(_Reader):
    """What a server sends. Rows and COPY come in Runs."""

    def __init__(self, phase: Phase = Phase.SESSION, *, whole: bool = False) -> None:
        super().__init__(tables.FROM_SERVER, phase)
        self._whole_rows = whole

    @property
    def whole(self) -> bool:
        """Runs are of whole messages only, of at most `ROW_MOST` each; else they are as they come. It may be
        changed between any two items: a message whose beginning was given out is still finished in pieces."""
        return self._whole_rows

    @whole.setter
    def whole(self, whole: bool) -> None:
        self._whole_rows = whole
