"""Brings the screen to any frame of a recording, and keeps it right when the emulator fails.

It knows frames, not time: `player.py` decides which frame is wanted. Nothing is left out silently: a frame
that the emulator does not survive, twice, is skipped and written down in `Keyframes.troubles`.
"""

from bisect import bisect_left
from collections.abc import Callable
from dataclasses import replace

from hoop_tui.replay.emulator import Cursor, Emulator, EmulatorFailed, Row, Screen, clamp_size
from hoop_tui.replay.keyframes import Keyframes, Trouble
from hoop_tui.replay.recording import Recording

_BATCH_BYTES = 128 << 10
_BATCH_RESIZES = 8
_MOST_FAILURES = 5
"""In a row, without getting any further."""
_MOST_OFFENDERS = 20


class Projector:
    """One emulator, standing somewhere in one recording."""

    def __init__(
        self, recording: Recording, emulator: Emulator, keyframes: Keyframes, clock: Callable[[], float]
    ) -> None:
        self.applied = 0
        """The screen shows everything before this frame."""
        self.gave_up = ""
        """Why the emulator is not asked any more."""
        self._recording, self._emulator, self._keyframes, self._clock = recording, emulator, keyframes, clock
        self._ready = False
        self._feeding: tuple[int, int] | None = None
        self._suspects: tuple[int, int, str] | None = None
        self._failures = 0
        self._keeps_keyframes = True
        self.stale = True
        """`screen` has something new to tell."""
        self._screen: Screen | None = None

    def go_to(self, frame: int, until: float | None = None) -> bool:
        """Show everything before `frame`. Stops at the clock's `until`, or where it would wait for a start."""
        frame = min(max(frame, 0), len(self._recording))
        while not self.gave_up:
            if until is not None and not self._emulator.ready():
                return False
            try:
                self._step(frame)
            except EmulatorFailed as failure:
                self._fell(str(failure))
            if self._ready and self.applied == frame:
                return True
            if until is not None and self._clock() >= until:
                return False
        return True

    def screen(self) -> Screen:
        """The picture; the last good one while the emulator starts again or when it was given up."""
        while self.stale and not self.gave_up:
            if not self._ready:
                if not self._emulator.ready():
                    break
                self.go_to(self.applied)
                continue
            try:
                self._screen = self._emulator.screen()
                self.stale, self._failures = False, 0
                return self._screen
            except EmulatorFailed as failure:
                self._fell(str(failure))
        return replace(self._screen or self._blank(), changed=frozenset())

    def _blank(self) -> Screen:
        cols, rows = clamp_size(self._recording.info.cols, self._recording.info.rows)
        return Screen(cols, (Row(()),) * rows, Cursor(0, 0, False))

    def _step(self, frame: int) -> None:
        """Start over, jump to a keyframe or feed one batch."""
        self._feeding = None
        if not self._ready:
            self._start()
        self._jump(frame)
        if self.applied < frame:
            self._feed_batch(frame)

    def _start(self) -> None:
        self._emulator.clear()
        self._emulator.resize(self._recording.info.cols, self._recording.info.rows)
        snapshot = self._emulator.snapshot()
        if snapshot is not None:
            self._keyframes.add(0, snapshot)
        self._ready = self.stale = True
        self.applied = 0

    def _jump(self, frame: int) -> None:
        nearest = self._keyframes.nearest(frame)
        if nearest is not None and (nearest.frame > self.applied or frame < self.applied):
            try:
                self._emulator.restore(nearest.snapshot)
            except EmulatorFailed:
                self._keyframes.drop(nearest)
                raise
            self.applied, self.stale = nearest.frame, True
        elif frame < self.applied:
            self._start()

    def _feed_batch(self, frame: int) -> None:
        start, end = self.applied, min(frame, self._batch_end())
        self._feeding = start, end
        self.stale = True
        self._feed(start, end)
        self._emulator.settle()
        self._feeding = None
        self.applied = end
        if self._suspects and end >= self._suspects[1]:
            self._acquit()
        if self._keeps_keyframes and end >= self._keyframes.due_frame(end):
            self._keep()

    def _batch_end(self) -> int:
        start, recording = self.applied, self._recording
        if self._suspects and self._suspects[0] <= start < self._suspects[1]:
            return start + 1
        end = recording.frames_within(recording.output_bytes(start) + _BATCH_BYTES)
        beyond = self._first_resize(start) + _BATCH_RESIZES
        if beyond < len(recording.resizes):
            end = min(end, recording.resizes[beyond].frame)
        if self._suspects and self._suspects[0] > start:
            end = min(end, self._suspects[0])
        due = self._keyframes.due_frame(start)
        return max(min(end, due) if due > start else end, start + 1)

    def _first_resize(self, frame: int) -> int:
        return bisect_left(self._recording.resizes, frame, key=lambda resize: resize.frame)

    def _feed(self, start: int, end: int) -> None:
        resizes, offenders = self._recording.resizes, self._keyframes.offenders
        for number in range(self._first_resize(start), self._first_resize(end)):
            resize = resizes[number]
            self._feed_bytes(start, resize.frame)
            start = resize.frame
            if start not in offenders:
                self._emulator.resize(resize.cols, resize.rows)
        self._feed_bytes(start, end)

    def _feed_bytes(self, start: int, end: int) -> None:
        for offender in sorted(o for o in self._keyframes.offenders if start <= o < end):
            self._emulator.feed(self._recording.screen_bytes(start, offender))
            start = offender + 1
        if start < end and (data := self._recording.screen_bytes(start, end)):
            self._emulator.feed(data)

    def _keep(self) -> None:
        try:
            snapshot = self._emulator.snapshot()
        except EmulatorFailed:
            self._keeps_keyframes = False
            raise
        if snapshot is not None:
            self._keyframes.add(self.applied, snapshot)

    def _fell(self, reason: str) -> None:
        """Find out which frame it was: what failed in a batch is fed again frame by frame."""
        feeding, self._feeding = self._feeding, None
        self._ready, self.stale = False, True
        self._failures += 1
        if feeding is not None:
            start, end = feeding
            if self._suspects and end - start == 1 and self._suspects[0] <= start < self._suspects[1]:
                if self._keyframes.leave_out(start, reason):
                    self._failures = 0
            else:
                self._suspects = start, end, reason
        if self._failures > _MOST_FAILURES or len(self._keyframes.offenders) > _MOST_OFFENDERS:
            self.gave_up = f"the picture stops here: {reason}; the recording itself is whole"
            return
        try:
            self._emulator.restart()
        except EmulatorFailed:
            self._failures += 1  # the next question fails at once and is counted as well

    def _acquit(self) -> None:
        assert self._suspects is not None
        start, end, reason = self._suspects
        self._suspects, self._failures = None, 0
        if not any(start <= offender < end for offender in self._keyframes.offenders):
            self._keyframes.troubles.append(Trouble(self._recording.at_us(start), start, False, reason))
