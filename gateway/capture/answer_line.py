"""One line that somebody types as an answer to the gateway itself, at a terminal that echoes nothing by itself.

What the keys do, and what to show: nothing here goes to a target. It never wraps, because no terminal takes a wrapped
line back: of a longer line the end is shown. Enter in the middle of what came in one piece is part of a paste.
"""

import codecs
import re
from typing import Literal

from gateway.capture.strokes import END_OF_INPUT, INTERRUPT, PASTE_BEGINS, PASTE_ENDS
from gateway.capture.width import width

LEAST_ROOM = 10
LONGEST_UNFINISHED = 64
BELL = b"\x07"

_KEY = re.compile(
    rb"[^\x00-\x1f\x7f]+"
    rb"|[\x00-\x1a\x1c-\x1f\x7f]"
    rb"|\x1b\[[0-?]*[ -/]*[@-~]"
    rb"|\x1bO[ -~]"
    rb"|\x1b[\]P][^\x00-\x1f\x7f]*(?:\x07|\x1b\\)"
    rb"|\x1b[^\[O\]P\x1b\x03\x1c]"
)
_UNFINISHED = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*|O|[\]P][^\x00-\x1f\x7f]*\x1b?)?\Z")


class AnswerLine:
    """`begin`, then `typed` until it `is_over`."""

    def __init__(self, question: str, cols: int, most: int, default: str = "") -> None:
        """`question` is ASCII. `default` is the answer of who presses Enter alone; without one that does nothing."""
        self.state: Literal["typing", "given", "withdrawn"] = "typing"
        self.text = ""
        self.rest = b""
        """Of what was typed last, from the key on that was the last: the one that withdrew, say."""
        self._question = question
        self._room = max(LEAST_ROOM, cols - len(question) - 1)
        self._most = most
        self._default = default
        self._decoder = codecs.getincrementaldecoder("utf-8")("ignore")
        self._unfinished = b""
        self._in_paste = False
        self._rings = False

    @property
    def is_over(self) -> bool:
        """No more keys are taken."""
        return self.state != "typing"

    def begin(self) -> bytes:
        """What to show first."""
        return self._question.encode()

    def typed(self, data: bytes) -> bytes:
        """Take what was typed. Returns what to show."""
        before = self._visible()
        self._rings = False
        data = self._unfinished + data
        self._unfinished = b""
        at = 0
        while at < len(data) and not self.is_over:
            match = _KEY.match(data, at)
            if match is None:
                rest = data[at:]
                if _UNFINISHED.match(rest) and len(rest) <= LONGEST_UNFINISHED:
                    self._unfinished = rest
                    break
                at += 1
                continue
            at = match.end()
            self.rest = data[match.start() :]
            self._key(match.group(), last=not data[at:].strip(b"\r\n"))
        shown = self._change(before) + (BELL if self._rings else b"")
        end = {"typing": b"", "given": b"\r\n", "withdrawn": b"^C\r\n"}[self.state]
        return shown + end

    def _key(self, key: bytes, *, last: bool) -> None:
        if (key[:1] not in b"\r\n" and key[0] < 0x20) or key == b"\x7f":
            self._decoder.reset()  # half a character is none
        if key in INTERRUPT or (key == END_OF_INPUT and not self.text):
            self.state = "withdrawn"
        elif key in (PASTE_BEGINS, PASTE_ENDS):
            self._in_paste = key == PASTE_BEGINS
        elif key in (b"\r", b"\n"):
            if self._in_paste or not last:
                self._add(" ")
            else:
                self._enter()
        elif key == b"\t":
            self._add(" ")
        elif key in (b"\x7f", b"\x08"):
            self._erase()
        elif key == b"\x15":
            self.text = ""
        elif key == b"\x17":
            self.text = self.text.rstrip().rpartition(" ")[0]
            self.text += " " if self.text else ""
        elif key[0] > 0x1F:
            self._add("".join(each for each in self._decoder.decode(key) if each.isprintable()))

    def _add(self, more: str) -> None:
        room = self._most - len(self.text)
        self._rings = self._rings or len(more) > room
        self.text += more[:room]

    def _erase(self) -> None:
        kept = self.text
        while kept and not width(kept[-1]):
            kept = kept[:-1]
        self.text = kept[:-1]

    def _enter(self) -> None:
        self.text = self.text.strip() or self._default
        if self.text:
            self.state = "given"
        else:
            self._rings = True

    def _visible(self) -> str:
        """The text, or its end after a `<`."""
        if cells_of(self.text) <= self._room:
            return self.text
        start, cells = len(self.text), 1
        while start and cells + width(self.text[start - 1]) <= self._room:
            start -= 1
            cells += width(self.text[start])
        return "<" + self.text[start:]

    def _change(self, before: str) -> bytes:
        after = self._visible()
        if self.state == "given" and after == self._default:
            return b""  # it stands in the question
        if after.startswith(before):
            return after[len(before) :].encode()
        gone = cells_of(before) - cells_of(after)
        if before.startswith(after):
            return b"\b" * gone + b" " * gone + b"\b" * gone
        blank = max(0, gone)
        return b"\r" + f"{self._question}{after}".encode() + b" " * blank + b"\b" * blank


def cells_of(text: str) -> int:
    """How wide it is on a screen."""
    return sum(width(each) for each in text)
