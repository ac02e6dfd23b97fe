"""Snapshots of the emulator along a recording, so that a jump feeds a megabyte at most.

Rebuilt from the recording at any time; nothing here is evidence. It also remembers which frames the emulator
could not survive, so that one failure is not met again and again. Player and indexer may share it from two
threads.
"""

from bisect import bisect_right, insort
from dataclasses import dataclass, field
from threading import Lock

from hoop_tui.replay.recording import Recording

EVERY_BYTES = 1 << 20
EVERY_US = 60_000_000
_MOST_MEMORY = 64 << 20


@dataclass(frozen=True, slots=True, order=True)
class Keyframe:
    """The emulator's state before `frame`."""

    frame: int
    snapshot: bytes = field(compare=False)


@dataclass(frozen=True, slots=True)
class Trouble:
    """The emulator failed here. `left_out`: this frame is not in the picture; else nothing is missing."""

    at_us: int
    frame: int
    left_out: bool
    reason: str


class Keyframes:
    """Sorted by frame. When they take too much memory every second one goes and the spacing doubles."""

    def __init__(self, recording: Recording, most_memory: int = _MOST_MEMORY) -> None:
        self.offenders: set[int] = set()
        self.troubles: list[Trouble] = []
        self._recording = recording
        self._kept: list[Keyframe] = []
        self._memory = 0
        self._most_memory = most_memory
        self._spacing = 1
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def memory(self) -> int:
        """Bytes of all snapshots."""
        return self._memory

    def nearest(self, frame: int) -> Keyframe | None:
        """The last one from which `frame` can be reached by feeding."""
        with self._lock:
            before = bisect_right(self._kept, frame, key=lambda keyframe: keyframe.frame)
            return self._kept[before - 1] if before else None

    def due_frame(self, frame: int) -> int:
        """The frame before which the next keyframe after the one nearest to `frame` is wanted."""
        nearest, recording = self.nearest(frame), self._recording
        start = nearest.frame if nearest else 0
        by_bytes = recording.frames_within(recording.output_bytes(start) + self._spacing * EVERY_BYTES) + 1
        since = recording.at_us(start - 1) if start else 0
        by_time = recording.frames_before(since + self._spacing * EVERY_US) + 1
        return max(min(by_bytes, by_time), start + 1)

    def add(self, frame: int, snapshot: bytes) -> None:
        """Keep a snapshot that shows everything before `frame`."""
        with self._lock:
            at = bisect_right(self._kept, frame, key=lambda keyframe: keyframe.frame)
            if at and self._kept[at - 1].frame == frame:
                return
            insort(self._kept, Keyframe(frame, snapshot))
            self._memory += len(snapshot)
            while self._memory > self._most_memory and len(self._kept) > 2:
                del self._kept[1::2]
                self._memory = sum(len(keyframe.snapshot) for keyframe in self._kept)
                self._spacing *= 2

    def drop(self, keyframe: Keyframe) -> None:
        """This one can not be restored."""
        with self._lock:
            if keyframe in self._kept:
                self._kept.remove(keyframe)
                self._memory -= len(keyframe.snapshot)

    def leave_out(self, frame: int, reason: str) -> bool:
        """The emulator does not survive this frame: go on without it. False if it was left out already."""
        with self._lock:
            if frame in self.offenders:
                return False
            self.offenders.add(frame)
            self.troubles.append(Trouble(self._recording.at_us(frame), frame, True, reason))
            return True
