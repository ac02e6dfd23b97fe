"""Recordings in other programs' formats, as a stream: never more than one chunk in memory.

`EXPORTS` names the formats; each is a small class that is fed frames. `export` drives one over the bytes of a
recording. A damaged recording exports its good prefix and says so at the end.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Protocol

from gateway.core.frame import Frame
from gateway.recording.cast import Cast2
from gateway.recording.json_lines import JsonLines
from gateway.recording.meta import RecordingMeta
from gateway.recording.reader import RecordingReader
from gateway.recording.transcript import Transcript


class Export(Protocol):
    """One export in the making: `head`, `frames` as often as needed, `tail`."""

    media_type: str
    suffix: str

    def head(self, meta: RecordingMeta) -> bytes: ...
    def frames(self, frames: Iterable[Frame]) -> bytes: ...
    def tail(self, problem: str) -> bytes:
        """`problem`: why the recording is cut; empty when it is whole or still being made."""
        ...


EXPORTS: Mapping[str, Callable[[], Export]] = {"cast2": Cast2, "txt": Transcript, "jsonl": JsonLines}


class Exporting:
    """Bytes of a recording in, bytes of an export out; for callers that wait between the two."""

    def __init__(self, export: Export) -> None:
        self._export = export
        self._reader = RecordingReader()
        self._begun = False

    @property
    def stopped(self) -> bool:
        """Nothing more will come out: do not read on."""
        return bool(self._reader.problem)

    def receive(self, data: bytes) -> None:
        """More bytes of the recording, cut anywhere."""
        self._reader.receive(data)

    def take(self, enough: int = 1 << 18) -> bytes:
        """What comes out of them, about `enough` bytes at a time. Empty: more bytes are needed."""
        pieces: list[bytes] = []
        while enough > 0 and (frames := self._reader.next_frames()) is not None:
            pieces += (self._head(), self._export.frames(frames))
            enough -= len(pieces[-1])
        return b"".join(pieces)

    def finish(self, *, live: bool = False) -> bytes:
        """The end. A recording that is still being made (`live`) is not called cut."""
        if not live:
            self._reader.finish()
        missing_end = (
            "" if live or self._reader.state() == "whole" else "the recording is cut: its end is missing"
        )
        return self._head() + self._export.tail(self._reader.problem or missing_end)

    def _head(self) -> bytes:
        if self._begun:
            return b""
        self._begun = True
        return self._export.head(RecordingMeta.of(self._reader.meta or {}))


def export(name: str, parts: Iterable[bytes]) -> Iterator[bytes]:
    """The export `name` of a recording whose bytes are `parts`. Raises `KeyError` for an unknown name."""
    work = Exporting(EXPORTS[name]())
    for part in parts:
        work.receive(part)
        while piece := work.take():
            yield piece
        if work.stopped:
            break
    yield work.finish()
