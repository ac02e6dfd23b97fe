"""Writes small recordings by hand: what a person types, what the target shows, at times that never change.

Only `demo.py` and tests use it. Nothing here is random, so two runs give the same bytes.
"""

import json
from collections.abc import Mapping

from gateway.api.schema import FrameKind, WireFrame

_KEY_PACE_US = (95_000, 130_000, 70_000, 160_000, 110_000)


class Scene:
    """Call the verbs in order, then take `frames`. Each verb gives back the scene."""

    def __init__(self, cols: int = 80, rows: int = 24) -> None:
        self.frames: list[WireFrame] = []
        self._now = 0
        self._keys = 0
        self.resized(cols, rows)

    @property
    def length_us(self) -> int:
        return self._now

    def waits(self, seconds: float) -> "Scene":
        self._now += int(seconds * 1_000_000)
        return self

    def resized(self, cols: int, rows: int) -> "Scene":
        return self._add(FrameKind.RESIZE, json.dumps({"cols": cols, "rows": rows}).encode())

    def shows(self, text: str) -> "Scene":
        """Output, with line feeds as a terminal sends them."""
        return self._add(FrameKind.OUTPUT, text.replace("\n", "\r\n").encode())

    def prints(self, text: str) -> "Scene":
        """Output of a session without a terminal."""
        return self._add(FrameKind.OUTPUT, text.encode())

    def warns(self, text: str) -> "Scene":
        return self._add(FrameKind.ERROR, text.encode())

    def types(self, text: str) -> "Scene":
        """Keys, one by one, each echoed; ends with Return."""
        for key in text:
            self._press(key.encode())
            self._add(FrameKind.OUTPUT, key.encode())
        self._press(b"\r")
        return self._add(FrameKind.OUTPUT, b"\r\n")

    def presses(self, *keys: bytes) -> "Scene":
        """Keys without an echo of their own."""
        for key in keys:
            self._press(key)
        return self

    def hides(self, keys: int) -> "Scene":
        """A password: only the number of its keys is kept."""
        self._now += keys * 120_000
        return self._add(FrameKind.HIDDEN, json.dumps({"keys": keys}).encode())

    def marks(self, kind: str, text: str) -> "Scene":
        return self._add(FrameKind.MARK, json.dumps({"kind": kind, "text": text}).encode())

    def notes(self, told: Mapping[str, object]) -> "Scene":
        """A mark with more to it than its text."""
        return self._add(FrameKind.MARK, json.dumps(told).encode())

    def keeps(self, rows: bytes) -> "Scene":
        """Rows of a result, with the statement's number before them."""
        return self._add(FrameKind.ROWS, rows)

    def leaves(self) -> "Scene":
        """The end of a session without a status."""
        return self._add(FrameKind.EXIT, b'{"reason": "the client left"}')

    def exits(self, status: int) -> "Scene":
        return self._add(FrameKind.EXIT, json.dumps({"status": status}).encode())

    def _press(self, key: bytes) -> None:
        self._now += _KEY_PACE_US[self._keys % len(_KEY_PACE_US)]
        self._keys += 1
        self._add(FrameKind.INPUT, key)
        self._now += 12_000

    def _add(self, kind: FrameKind, data: bytes) -> "Scene":
        self.frames.append(WireFrame(self._now, kind, data))
        return self
