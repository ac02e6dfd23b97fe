"""asciicast v2: one JSON line per event, for asciinema 2 and the players that read its files.

That format holds Unicode text only. Bytes that are no UTF-8 become U+FFFD here; the recording itself stays the
evidence. What is put together: a character whose bytes came in two frames appears with the second.
"""

import codecs
import json
from collections.abc import Iterable
from typing import Any

from gateway.core.frame import Frame, FrameKind
from gateway.recording.meta import RecordingMeta, clean, json_object, size

_CODES = {FrameKind.OUTPUT: "o", FrameKind.ERROR: "o", FrameKind.INPUT: "i"}


class Cast2:
    """Turns frames into the lines of one asciicast, with nothing kept but half characters."""

    media_type = "application/x-asciicast"
    suffix = "cast"

    def __init__(self) -> None:
        utf8 = codecs.getincrementaldecoder("utf-8")
        self._decoders = {kind: utf8("replace") for kind in _CODES}
        self._last_us = 0

    def head(self, meta: RecordingMeta) -> bytes:
        """The header line."""
        header: dict[str, Any] = {"version": 2, "width": meta.cols, "height": meta.rows}
        if meta.started_at is not None:
            header["timestamp"] = int(meta.started_at.timestamp())
        if meta.command:
            header["command"] = meta.command
        title = " ".join(part for part in (meta.session, meta.person, "->", meta.target) if part)
        header["title"] = title
        if meta.term:
            header["env"] = {"TERM": meta.term}
        return _line(header)

    def frames(self, frames: Iterable[Frame]) -> bytes:
        """The lines of these frames. What has no meaning in the format (EXIT, HIDDEN) has none."""
        return b"".join([self._event(frame) for frame in frames])

    def tail(self, problem: str) -> bytes:
        """What ends the file: half characters, and a marker that says if the recording is cut."""
        rest = [(kind, decoder.decode(b"", final=True)) for kind, decoder in self._decoders.items()]
        lines = [self._at(self._last_us, _CODES[kind], text) for kind, text in rest if text]
        if problem:
            lines.append(self._at(self._last_us, "m", problem))
        return b"".join(lines)

    def _event(self, frame: Frame) -> bytes:
        self._last_us = frame.at_us
        if frame.kind in _CODES:
            text = self._decoders[frame.kind].decode(frame.data)
            return self._at(frame.at_us, _CODES[frame.kind], text) if text else b""
        facts = json_object(frame.data) or {}
        if frame.kind is FrameKind.RESIZE:
            cols, rows = size(facts.get("cols"), 0), size(facts.get("rows"), 0)
            return self._at(frame.at_us, "r", f"{cols}x{rows}") if cols and rows else b""
        if frame.kind is FrameKind.MARK and isinstance(facts.get("text"), str):
            return self._at(frame.at_us, "m", clean(facts["text"]))
        return b""

    @staticmethod
    def _at(at_us: int, code: str, text: str) -> bytes:
        seconds = f"{at_us // 1_000_000}.{at_us % 1_000_000:06d}"  # a float would round
        return f'[{seconds},"{code}",{json.dumps(text, ensure_ascii=False)}]\n'.encode()


def _line(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
