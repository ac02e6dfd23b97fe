"""Time: which moment of a recording is shown, and how fast it moves. The clock is given, nothing sleeps.

The app calls `tick` about 30 times a second and draws `screen` when it says so. Every key acts at once: a far
jump is worked off over several ticks, and `PlayerState.seeking` says so meanwhile.
"""

from collections.abc import Callable
from dataclasses import dataclass

from hoop_tui.replay.emulator import Emulator, Screen
from hoop_tui.replay.keyframes import Keyframes
from hoop_tui.replay.projector import Projector
from hoop_tui.replay.recording import IDLE_FLOOR_US, Gap, KeyPress, Recording

SPEEDS = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)
IDLE_LIMIT_US = 2_000_000
LANE_KEYS = 60
_NORMAL = SPEEDS.index(1.0)
_LONGEST_TICK = 1.0
"""A suspended app resumes where it stopped instead of leaping an hour ahead."""
_BUDGET = 0.02
_CHAPTER_GRACE_US = 1_000_000
"""Chapter back, pressed twice, reaches the one before: the first second of a chapter is still its start."""


@dataclass(frozen=True, slots=True)
class PlayerState:
    """Everything the app shows beside the screen. All texts in it are safe."""

    position_us: int
    duration_us: int
    frame: int
    """How many events have happened at this position."""
    frames: int
    playing: bool
    following: bool
    live: bool
    at_end: bool
    seeking: bool
    speed: float
    idle_skip: bool
    idle_limit_us: int
    skipped: Gap | None
    """The silence that was jumped over last, until the next jump of any kind."""
    chapter: int | None
    keys: tuple[KeyPress, ...]
    input_bytes: int
    output_bytes: int
    notice: str
    """Empty, or what is wrong with the picture at this position. It must be shown."""


class Player:
    """Plays one recording on one emulator. `keyframes` may be shared with an `Indexer`."""

    def __init__(
        self,
        recording: Recording,
        emulator: Emulator,
        clock: Callable[[], float],
        keyframes: Keyframes | None = None,
    ) -> None:
        self.recording = recording
        self.keyframes = Keyframes(recording) if keyframes is None else keyframes
        self._clock = clock
        self._projector = Projector(recording, emulator, self.keyframes, clock)
        self._last_tick = clock()
        self._position = 0.0
        self._frame = 0
        self._behind = True
        self._seeking = False
        self._playing = self._following = False
        self._speed = _NORMAL
        self._idle_skip, self._idle_limit = True, IDLE_LIMIT_US
        self._skipped: Gap | None = None
        self._told: PlayerState | None = None
        self._place(0)

    # What is shown

    @property
    def screen(self) -> Screen:
        """The picture now. Ask once for each draw: it names the rows that changed since it was asked last."""
        return self._projector.screen()

    @property
    def state(self) -> PlayerState:
        """The player now."""
        recording, frame = self.recording, self._frame
        return PlayerState(
            position_us=int(self._position),
            duration_us=recording.duration_us,
            frame=frame,
            frames=len(recording),
            playing=self._playing,
            following=self._following,
            live=recording.live,
            at_end=self._at_end(),
            seeking=self._seeking,
            speed=SPEEDS[self._speed],
            idle_skip=self._idle_skip,
            idle_limit_us=self._idle_limit,
            skipped=self._skipped,
            chapter=recording.chapter_at(frame),
            keys=recording.keys_before(frame, LANE_KEYS),
            input_bytes=recording.input_bytes(frame),
            output_bytes=recording.output_bytes(frame),
            notice=self._notice(),
        )

    def tick(self) -> bool:
        """Let time pass and work off what is due. True if the screen or the state is another now."""
        now = self._clock()
        elapsed, self._last_tick = min(max(now - self._last_tick, 0.0), _LONGEST_TICK), now
        if self._playing and not self._behind:
            self._play(elapsed * SPEEDS[self._speed] * 1e6)
        self._catch_up()
        told, self._told = self._told, self.state
        return told != self._told or self._projector.stale

    # Transport

    def play(self) -> None:
        """Go on from here; from the start when at the end of a finished recording."""
        if self._at_end():
            self.seek_to(0)
        self._last_tick = self._clock()
        self._playing = True

    def pause(self) -> None:
        """Stand still."""
        self._playing = self._following = False

    def toggle(self) -> None:
        """Play or pause."""
        if self._playing:
            self.pause()
        else:
            self.play()

    def go_live(self) -> None:
        """Stay at the end of a recording that still grows; of a finished one, go to its end."""
        self._jump_to(self.recording.playable_us)
        self._playing = self._following = self.recording.growing
        self._last_tick = self._clock()

    def seek_to(self, position_us: int) -> None:
        """Go to a time, which is clamped to what is there."""
        self._following = False
        self._jump_to(position_us)

    def seek_by(self, delta_us: int) -> None:
        """Go back or on by so much time."""
        self.seek_to(int(self._position) + delta_us)

    def seek_percent(self, percent: float) -> None:
        """Go to a share of the whole."""
        self.seek_to(int(self.recording.playable_us * min(max(percent, 0.0), 100.0) / 100))

    def step(self, events: int) -> None:
        """Pause, and go so many events on or back."""
        self.pause()
        frame = min(max(self._frame + events, 0), len(self.recording))
        self._position = float(self.recording.at_us(frame - 1)) if frame else 0.0
        self._skipped = None
        self._place(frame)

    def next_chapter(self) -> bool:
        """Go to the next chapter; False if there is none."""
        here = int(self._position)
        later = (chapter.at_us for chapter in self.recording.chapters if chapter.at_us > here)
        at_us = next(later, None)
        if at_us is not None:
            self.seek_to(at_us)
        return at_us is not None

    def previous_chapter(self) -> bool:
        """Go to the start of this chapter, or of the one before; else to the start, and False."""
        here = int(self._position) - (_CHAPTER_GRACE_US if self._playing else 0)
        earlier = (chapter.at_us for chapter in reversed(self.recording.chapters) if chapter.at_us < here)
        at_us = next(earlier, None)
        self.seek_to(at_us or 0)
        return at_us is not None

    def faster(self) -> None:
        """Twice as fast."""
        self._speed = min(self._speed + 1, len(SPEEDS) - 1)

    def slower(self) -> None:
        """Half as fast."""
        self._speed = max(self._speed - 1, 0)

    def normal_speed(self) -> None:
        """As fast as it happened."""
        self._speed = _NORMAL

    def set_idle_skip(self, on: bool, limit_us: int | None = None) -> None:
        """Whether silences are cut to the limit while playing."""
        self._idle_skip = on
        if limit_us is not None:
            self._idle_limit = max(limit_us, IDLE_FLOOR_US)

    # How it works

    def _at_end(self) -> bool:
        recording = self.recording
        return (
            not recording.growing
            and self._frame == len(recording)
            and int(self._position) >= recording.duration_us
        )

    def _play(self, advance_us: float) -> None:
        recording = self.recording
        target = recording.playable_us if self._following else self._position + advance_us
        if self._idle_skip and not self._following:
            target = self._over_silence(target)
        end = recording.playable_us
        if target >= end:
            target = max(float(end), self._position) if recording.growing else float(end)
            self._following = recording.growing and recording.live
            self._playing = recording.growing
        self._position = target
        self._frame = max(recording.frames_until(int(target)), self._frame)
        self._behind = True

    def _over_silence(self, target: float) -> float:
        """The end of the silence, if `target` lies in one for longer than the limit."""
        recording, frame = self.recording, self._frame
        since = recording.at_us(frame - 1) if frame else 0
        if frame < len(recording):
            until = recording.at_us(frame)
        elif not recording.growing:
            until = recording.duration_us
        else:
            return target
        if until - since <= self._idle_limit or not since + self._idle_limit < target < until:
            return target
        self._skipped = Gap(max(int(self._position), since + self._idle_limit), until)
        return float(until)

    def _jump_to(self, position_us: int) -> None:
        position_us = min(max(position_us, 0), self.recording.playable_us)
        self._position = float(position_us)
        self._skipped = None
        self._place(self.recording.frames_until(position_us))

    def _place(self, frame: int) -> None:
        self._frame, self._behind, self._seeking = frame, True, True
        self._catch_up()

    def _catch_up(self) -> None:
        if self._behind and self._projector.go_to(self._frame, until=self._clock() + _BUDGET):
            self._behind = self._seeking = False

    def _notice(self) -> str:
        if self._projector.gave_up:
            return self._projector.gave_up
        missing = [
            trouble for trouble in self.keyframes.troubles if trouble.left_out and trouble.frame < self._frame
        ]
        if not missing:
            return ""
        at = max(trouble.at_us for trouble in missing)
        count = "1 event is" if len(missing) == 1 else f"{len(missing)} events are"
        return f"the emulator failed at {_clock_time(at)}: {count} not in the picture, but in the recording"


def _clock_time(at_us: int) -> str:
    minutes, rest = divmod(at_us // 1000, 60_000)
    return f"{minutes:02}:{rest // 1000:02}.{rest % 1000:03}"
