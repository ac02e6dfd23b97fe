"""Makes the keyframes of a whole recording before anybody asks for them, a little at a time.

It draws nothing and decides nothing. The app calls `index_step` when it is idle, or in a thread of its own.
"""

from collections.abc import Callable

from hoop_tui.replay.emulator import Emulator
from hoop_tui.replay.keyframes import Keyframes
from hoop_tui.replay.projector import Projector
from hoop_tui.replay.recording import Recording


class Indexer:
    """Makes the keyframes of a whole recording in the background, with an emulator of its own."""

    def __init__(
        self, recording: Recording, emulator: Emulator, keyframes: Keyframes, clock: Callable[[], float]
    ) -> None:
        self._recording, self._clock = recording, clock
        self._projector = Projector(recording, emulator, keyframes, clock)

    def index_step(self) -> bool:
        """A few milliseconds of work. False when there is nothing to do until more frames arrive."""
        return not self._projector.go_to(len(self._recording), until=self._clock())

    @property
    def indexed_frames(self) -> int:
        """How far it has come."""
        return self._projector.applied
