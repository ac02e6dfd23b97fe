"""Reads recordings for viewers, from any frame on, while they are still being written.

Recordings only grow and their chunks are chained, so what was true of a place in a file stays true: a few places
of each recording are remembered, and nobody who follows a live session makes us read it from its start again.
"""

import asyncio
from bisect import bisect_right
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from gateway.core.frame import Frame
from gateway.core.ports import Blobs
from gateway.recording.reader import Place, RecordingReader, Start

READ_BYTES = 1 << 18
SPACING_BYTES = 1 << 16
"""About this much of a file lies between two remembered places: what is read twice at most."""
MOST_REMEMBERED = 64
_BATCH_BYTES = 1 << 20
_FRAME_HEAD_BYTES = 13


@dataclass(frozen=True, slots=True)
class Survey:
    """What is in a recording so far."""

    meta: dict[str, Any] | None
    frames: int
    duration_us: int
    ended: bool
    problem: str


@dataclass(slots=True)
class _Known:
    """A recording's head and some places in it, in order; the last is the furthest anybody has read."""

    meta: dict[str, Any]
    places: list[Place]
    problem: str = ""

    def start(self, first: int) -> Start:
        """The last remembered place that is not behind frame `first`."""
        at = bisect_right(self.places, first, key=lambda place: place.frames)
        return Start(self.meta, self.places[at - 1])

    def note(self, place: Place) -> None:
        if place.frames <= self.places[-1].frames:
            return
        if len(self.places) > 2 and place.offset - self.places[-2].offset < SPACING_BYTES:
            self.places.pop()
        self.places.append(place)


class Playback:
    """All recordings among the blobs, to be read in pieces. Raises `KeyError` for one that is not there."""

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs
        self._known: OrderedDict[str, _Known] = OrderedDict()

    async def survey(self, key: str, *, over: bool) -> Survey:
        """What is there now. `over`: nothing will be added, so that a torn end is a problem."""
        known = self._known.get(key)
        reading = _Reading(self._blobs, key, known.start(known.places[-1].frames) if known else None)
        if not (known and known.problem):
            while await reading.next():
                self._note(key, reading.reader)
            self._note(key, reading.reader)
        reader = reading.reader
        problem = (known.problem if known else "") or reader.problem
        if over and not problem:
            reader.finish()
            problem = reader.problem
        place = reader.place
        return Survey(reader.meta, place.frames, place.end_us, place.ended, problem)

    async def frames(self, key: str, first: int, limit: int) -> list[Frame]:
        """Frames from number `first` on, about `limit` bytes of them, and one at least if there is one."""
        known = self._known.get(key)
        reading = _Reading(self._blobs, key, known.start(first) if known else None)
        found: list[Frame] = []
        number = reading.reader.place.frames
        while batch := await reading.next():
            self._note(key, reading.reader)
            for frame in batch[max(0, first - number) :]:
                limit -= _FRAME_HEAD_BYTES + len(frame.data)
                if found and limit < 0:
                    return found
                found.append(frame)
            number += len(batch)
        return found

    def _note(self, key: str, reader: RecordingReader) -> None:
        known = self._known.get(key)
        if known is None:
            if reader.start is None or reader.start.place.frames > 0:
                return  # its head is not there yet, or was forgotten meanwhile: the next pass begins there
            known = self._known[key] = _Known(reader.start.meta, [reader.start.place])
            while len(self._known) > MOST_REMEMBERED:
                self._known.popitem(last=False)
        known.note(reader.place)
        known.problem = known.problem or reader.problem
        self._known.move_to_end(key)


class _Reading:
    """One pass over a recording, in batches. Decoding happens in a thread: a batch may hold a megabyte."""

    def __init__(self, blobs: Blobs, key: str, start: Start | None) -> None:
        self.reader = RecordingReader(start)
        self._blobs = blobs
        self._key = key
        self._offset = self.reader.place.offset
        self._fed = False

    async def next(self) -> list[Frame]:
        """The next frames. Empty: there are no more now."""
        while True:
            if self._fed and (frames := await asyncio.to_thread(self._batch)):
                return frames
            if self.reader.problem:
                return []
            data = await self._blobs.read(self._key, self._offset, READ_BYTES)
            if not data:
                return []
            self._offset += len(data)
            self.reader.receive(data)
            self._fed = True

    def _batch(self) -> list[Frame]:
        batch: list[Frame] = []
        size, begun = 0, self.reader.place.offset
        while size < _BATCH_BYTES and self.reader.place.offset - begun < SPACING_BYTES:
            frames = self.reader.next_frames()
            if frames is None:
                break
            batch += frames
            size += sum([len(frame.data) for frame in frames])
        return batch
