"""What somebody typed, as a line editor would have understood it: the witness that sees no screen.

It knows the editing that shells, the kernel's own line discipline and readline have in common. Of the rest it says
honestly that it can not tell. What it holds may be a password: only `reading.py` asks it, to compare.
"""

from codecs import getincrementaldecoder
from collections.abc import Callable
from enum import IntEnum

LONGEST = 8192
"""Characters of a line that are followed."""

_LEFT = (b"\x1b[D", b"\x1bOD", b"\x02")
_RIGHT = (b"\x1b[C", b"\x1bOC", b"\x06")
_HOME = (b"\x1b[H", b"\x1bOH", b"\x1b[1~", b"\x1b[7~", b"\x01")
_END = (b"\x1b[F", b"\x1bOF", b"\x1b[4~", b"\x1b[8~", b"\x05")
_SILENT = (b"\x00", b"\x0c", b"\x11", b"\x13", b"\x1b[I", b"\x1b[O", b"\x1b[200~", b"\x1b[201~")
"""Keys that leave the line as it is: a repaint, flow control, the window's focus, the marks around a paste."""


class Sure(IntEnum):
    """How much the keys can tell."""

    NOTHING = 0
    """History, completion or a key of unknown effect was used."""
    PERHAPS = 1
    """A key was used that programs understand in different ways."""
    ALL = 2


class KeyLine:
    """One line while it is typed."""

    __slots__ = ("_caret", "_chars", "_decoder", "_killed", "sure", "typed")

    def __init__(self) -> None:
        self._chars: list[str] = []
        self._caret = 0
        self._killed: list[str] = []
        self._decoder = getincrementaldecoder("utf-8")("replace")
        self.sure = Sure.ALL
        self.typed = 0
        """How many characters have been typed since the line was last emptied."""

    @property
    def text(self) -> str:
        """The line, as far as the keys can tell."""
        return "".join(self._chars)

    @property
    def has_rows(self) -> bool:
        """Line ends were pasted into it."""
        return "\n" in self._chars

    @property
    def at_end(self) -> bool:
        """The next character would come after all others."""
        return self._caret == len(self._chars)

    def press(self, key: bytes) -> None:
        """A run of printable bytes, or one key."""
        if key[0] >= 0x20 and key[0] != 0x7F:
            self.insert(key)
            return
        action = _ACTIONS.get(key)
        if action is not None:
            action(self)
        elif not is_reply(key):
            self.sure = Sure.NOTHING

    def insert(self, data: bytes) -> None:
        """Text was typed or pasted."""
        text = self._decoder.decode(data)
        self.typed += len(text)
        if len(self._chars) + len(text) > LONGEST:
            self.sure = Sure.NOTHING
            return
        self._chars[self._caret : self._caret] = text
        self._caret += len(text)

    def _left(self) -> None:
        self._caret = max(0, self._caret - 1)

    def _right(self) -> None:
        if self.at_end:
            self._perhaps()  # some shells take a suggestion here
        self._caret = min(len(self._chars), self._caret + 1)

    def _home(self) -> None:
        self._caret = 0

    def _end(self) -> None:
        if self.at_end and self._chars:
            self._perhaps()
        self._caret = len(self._chars)

    def _rub_out(self) -> None:
        if self._caret:
            self._caret -= 1
            del self._chars[self._caret]

    def _delete(self) -> None:
        del self._chars[self._caret : self._caret + 1]

    def _kill_back(self) -> None:
        if not self.at_end:
            self._perhaps()
        self._kill(0, self._caret)

    def _kill_rest(self) -> None:
        self._kill(self._caret, len(self._chars))

    def _kill_word(self) -> None:
        if not self._chars:
            return
        start = self._caret
        while start and self._chars[start - 1].isspace():
            start -= 1
        while start and not self._chars[start - 1].isspace():
            start -= 1
        word = "".join(self._chars[start : self._caret])
        if not word.strip().replace("_", "").isalnum():
            self._perhaps()
        self._kill(start, self._caret)

    def _kill(self, start: int, end: int) -> None:
        self._killed = self._chars[start:end] or self._killed
        del self._chars[start:end]
        self._caret = start
        if not self._chars:
            self.typed = 0

    def _yank(self) -> None:
        self._perhaps()
        self._chars[self._caret : self._caret] = self._killed
        self._caret += len(self._killed)
        if len(self._chars) > LONGEST:
            self.sure = Sure.NOTHING
            del self._chars[LONGEST:]
            self._caret = min(self._caret, LONGEST)

    def _perhaps(self) -> None:
        self.sure = min(self.sure, Sure.PERHAPS)

    def _stay(self) -> None:
        """The line is as before."""


_ACTIONS: dict[bytes, Callable[[KeyLine], None]] = {
    **dict.fromkeys(_LEFT, KeyLine._left),
    **dict.fromkeys(_RIGHT, KeyLine._right),
    **dict.fromkeys(_HOME, KeyLine._home),
    **dict.fromkeys(_END, KeyLine._end),
    **dict.fromkeys(_SILENT, KeyLine._stay),
    b"\x08": KeyLine._rub_out,
    b"\x7f": KeyLine._rub_out,
    b"\x04": KeyLine._delete,
    b"\x1b[3~": KeyLine._delete,
    b"\x0b": KeyLine._kill_rest,
    b"\x15": KeyLine._kill_back,
    b"\x17": KeyLine._kill_word,
    b"\x19": KeyLine._yank,
}


def is_reply(key: bytes) -> bool:
    """The terminal's own answer to a question of the program: nobody typed it."""
    return key[:2] in (b"\x1b]", b"\x1bP") or (
        key[:2] == b"\x1b[" and key[-1:] in b"Rcnyt" and key[2:3] != b""
    )
