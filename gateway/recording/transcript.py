"""A plain transcript: all text that was shown, without what steers a terminal.

Nothing that was printed is lost, also what was overwritten on the screen later: it serves grep and a quick
look, not a faithful picture. Keys are not in it. Of a database session, it has the statements and the rows that
were kept. Nothing in it can steer the terminal of who reads it.
"""

import codecs
import re
from collections.abc import Iterable

from gateway.core.frame import Frame, FrameKind
from gateway.recording.layout import SHOWN_KINDS
from gateway.recording.meta import RecordingMeta, json_object
from gateway.recording.statement_list import Statement, Statements
from gateway.recording.statement_text import lines_of

_PARAMETERS = r"[0-?]{0,64}[ -/]{0,8}"
# A title or other string for the terminal is taken to end soon, so that none can swallow the rest.
_STRING = r"\x1b[\]PX^_][^\x07\x1b\r\n]{0,4096}"
_ESCAPE = r"\x1b[ -/]{0,8}"
_CONTROL = re.compile(rf"\x1b\[{_PARAMETERS}[@-~]?|{_STRING}\x07?|{_ESCAPE}[0-~]?")
_UNFINISHED = re.compile(rf"(?:\x1b\[{_PARAMETERS}|{_STRING}|{_ESCAPE})\Z")
_LINE_END = re.compile(r"\r*\n|\r+")
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_MISLEADING = re.compile("[\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")


class _Text:
    """One stream's bytes as text; half characters and half control sequences wait for the rest."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._waiting = ""

    def take(self, data: bytes, *, final: bool = False) -> str:
        text = self._waiting + self._decoder.decode(data, final)
        self._waiting = ""
        if final:
            return _plain(text)
        if text.endswith("\r"):
            text, self._waiting = text.rstrip("\r"), "\r"  # any number of them before \n is one line end
        elif (start := text.rfind("\x1b")) >= 0 and _UNFINISHED.match(text, start):
            text, self._waiting = text[:start], text[start:]
        return _plain(text)


class Transcript:
    """Turns frames into text. Marks become lines of their own that start with `--`."""

    media_type = "text/plain; charset=utf-8"
    suffix = "txt"

    def __init__(self) -> None:
        self._streams = {kind: _Text() for kind in SHOWN_KINDS}
        self._statements = Statements()
        self._fresh_line = True

    def head(self, meta: RecordingMeta) -> bytes:
        """Two lines about the session."""
        begun = meta.started_at.isoformat(timespec="seconds") if meta.started_at else "an unknown time"
        lines = self._note(f"{meta.session}  {meta.person} -> {meta.target}, from {begun}")
        if meta.command:
            lines += self._note(f"command: {meta.command}")
        return lines.encode()

    def frames(self, frames: Iterable[Frame]) -> bytes:
        """The text of these frames."""
        return "".join([self._piece(frame) for frame in frames]).encode()

    def tail(self, problem: str) -> bytes:
        """What was still waiting, and why the recording is cut if it is."""
        return (self._rest() + (self._note(problem) if problem else "")).encode()

    def _piece(self, frame: Frame) -> str:
        if frame.kind in SHOWN_KINDS:
            return self._shown(self._streams[frame.kind].take(frame.data))
        done = self._statements.take(frame)
        if done is not None:
            return "".join([self._statement(statement) for statement in done])
        facts = json_object(frame.data) or {}
        if frame.kind is FrameKind.MARK:
            return self._note(f"{_clock(frame.at_us)} {facts.get('kind', 'mark')}: {facts.get('text', '')}")
        if frame.kind is FrameKind.EXIT:
            told = ", ".join(f"{name} {value}" for name, value in facts.items())
            return self._rest() + self._note(f"{_clock(frame.at_us)} end: {told}")
        return ""

    def _rest(self) -> str:
        shown = [self._shown(stream.take(b"", final=True)) for stream in self._streams.values()]
        return "".join([*shown, *[self._statement(statement) for statement in self._statements.rest()]])

    def _statement(self, statement: Statement) -> str:
        decided = " ".join(part for part in (statement.state, statement.rule, statement.request) if part)
        heading = self._note(f"{_clock(statement.at_us)} {statement.n} {decided}")
        return heading + "".join([_harmless(line) + "\n" for line in lines_of(statement)])

    def _shown(self, text: str) -> str:
        if text:
            self._fresh_line = text.endswith("\n")
        return text

    def _note(self, words: str) -> str:
        line = _harmless(words.replace("\n", " ").replace("\t", " "))
        start = "" if self._fresh_line else "\n"
        self._fresh_line = True
        return f"{start}-- {line}\n"


def _plain(text: str) -> str:
    text = text.replace("\r\n", "\n")
    if "\r" in text:
        text = _LINE_END.sub("\n", text)
    if "\x1b" in text:
        text = _CONTROL.sub("", text)
    text = _UNPRINTABLE.sub("", text)
    return text if text.isascii() else _MISLEADING.sub(_told, text)


def _harmless(line: str) -> str:
    line = _UNPRINTABLE.sub(_told, line)
    return _MISLEADING.sub(_told, line).encode("utf-8", "replace").decode()


def _told(hit: re.Match[str]) -> str:
    return f"<U+{ord(hit[0]):04X}>"


def _clock(at_us: int) -> str:
    seconds, us = divmod(at_us, 1_000_000)
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}.{us // 1000:03d}"
