"""The emulator itself: libghostty-vt in this process, through pyghostty.

It can be crashed by what it is fed, as any native parser, so the app runs it in a process of its own
(`worker.py`). Whatever a recording could make it do to the reader's machine is switched off here: images,
replies, clipboard and notifications.
"""

import weakref
import zlib
from typing import Any

import pyghostty
from pyghostty import GhosttyError, ffi, lib
from pyghostty.core import check

from hoop_tui.replay.emulator import (
    UNFINISHED_LIMIT,
    Cursor,
    EmulatorFailed,
    Screen,
    clamp_size,
)
from hoop_tui.replay.ghostty_rows import RowReader

_START_SIZE = (80, 24)
_NO_SCROLLBACK = 0
"""The library forgets old lines a page at a time, and at other places after a restore. With lines above the
screen, a later resize would show one thing to who played and another to who jumped; without, it is ten times
as fast besides. The price: a window made smaller and larger again has lost the lines in between, until the
program paints them.
"""
_LARGEST_SNAPSHOT = 256 << 20
"""Unpacked. A keyframe comes from our own worker, but it should not be able to fill the memory."""


class GhosttyEmulator:
    """An `Emulator` of what is on the screen; lines that scrolled off are in the recording."""

    def __init__(self) -> None:
        self._terminal: Any = None
        self._reader: RowReader | None = None
        self.clear()

    def restart(self) -> None:
        self.clear()

    def clear(self) -> None:
        try:
            self._adopt(pyghostty.Terminal(*_START_SIZE, scrollback=_NO_SCROLLBACK))
        except GhosttyError as error:
            raise EmulatorFailed(str(error)) from error

    def ready(self) -> bool:
        return True

    def feed(self, data: bytes) -> None:
        self._terminal.feed(data)

    def resize(self, cols: int, rows: int) -> None:
        try:
            self._terminal.resize(*clamp_size(cols, rows))
        except GhosttyError as error:
            raise EmulatorFailed(str(error)) from error

    def settle(self) -> None:
        """Nothing is put off in this process."""

    def screen(self) -> Screen:
        assert self._reader is not None
        try:
            lines, changed = self._reader.read()
            cols = self._terminal.get("cols")
            x, y = self._terminal.cursor
            shown = bool(self._terminal.get("cursor_visible", "bool"))
            alternate = self._terminal.get("active_screen", "GhosttyTerminalScreen") != 0
        except GhosttyError as error:
            raise EmulatorFailed(str(error)) from error
        return Screen(cols, lines, Cursor(x, y, shown), alternate, self._unfinished(), changed)

    def snapshot(self) -> bytes | None:
        data, size = ffi.new("uint8_t**"), ffi.new("size_t*")
        # It refuses a few odd states, such as half a wide character at the edge: no keyframe there.
        if lib.ghostty_snapshot_encode_alloc(self._terminal._t[0], ffi.NULL, data, size) != 0:
            return None
        try:
            return zlib.compress(ffi.buffer(data[0], size[0]), 1)
        finally:
            lib.ghostty_free(ffi.NULL, data[0], size[0])

    def restore(self, snapshot: bytes) -> None:
        try:
            unpacker = zlib.decompressobj()
            plain = unpacker.decompress(snapshot, _LARGEST_SNAPSHOT)
            if not unpacker.eof:
                raise EmulatorFailed("the snapshot is cut or too large")
            self._adopt(_decode(plain))
        except (GhosttyError, zlib.error) as error:
            raise EmulatorFailed(str(error)) from error

    def close(self) -> None:
        if self._reader is not None:
            self._reader.close()
            self._terminal.close()
            self._reader = None

    def _adopt(self, terminal: Any) -> None:
        self.close()
        _harden(terminal)
        self._terminal, self._reader = terminal, RowReader(terminal._t[0])

    def _unfinished(self) -> int:
        if self._terminal.get("vt_ground", "bool"):
            return 0
        size = ffi.new("size_t*")
        answer = lib.ghostty_terminal_continuation_buf(self._terminal._t[0], ffi.NULL, 0, size)
        return int(size[0]) if answer == lib.GHOSTTY_OUT_OF_SPACE else UNFINISHED_LIMIT


def _harden(terminal: Any) -> None:
    """Limits, and no way out of the terminal. Callbacks for replies and clipboard are never set."""
    options = lib.GHOSTTY_TERMINAL_OPT_CONTINUATION_MAX_BYTES, lib.GHOSTTY_TERMINAL_OPT_SCROLLBACK_MAX_BYTES
    for option, kind, value in (
        (options[0], "size_t*", UNFINISHED_LIMIT),
        (options[1], "size_t*", _NO_SCROLLBACK),
        (lib.GHOSTTY_TERMINAL_OPT_SCROLLBACK_MAX_LINES, "size_t*", _NO_SCROLLBACK),
        (lib.GHOSTTY_TERMINAL_OPT_KITTY_IMAGE_STORAGE_LIMIT, "uint64_t*", 0),
        (lib.GHOSTTY_TERMINAL_OPT_APC_MAX_BYTES, "size_t*", 4096),
        (lib.GHOSTTY_TERMINAL_OPT_CLIPBOARD_WRITE_MAX_BYTES, "size_t*", 0),
        (lib.GHOSTTY_TERMINAL_OPT_GLYPH_PROTOCOL, "bool*", False),
    ):
        check(lib.ghostty_terminal_set(terminal._t[0], option, ffi.new(kind, value)), "terminal_set")


def _decode(snapshot: bytes) -> Any:
    decoder, native = ffi.new("GhosttySnapshotDecoder*"), ffi.new("GhosttyTerminal*")
    source = ffi.from_buffer("uint8_t[]", snapshot)
    check(lib.ghostty_snapshot_decoder_new_buf(ffi.NULL, decoder, source, len(snapshot)), "decoder_new")
    try:
        for option, kind, value in (
            (lib.GHOSTTY_SNAPSHOT_DECODER_OPT_MAX_CONTINUATION_BYTES, "size_t*", UNFINISHED_LIMIT),
            (lib.GHOSTTY_SNAPSHOT_DECODER_OPT_RETAIN_CONTINUATION, "bool*", True),
        ):
            check(lib.ghostty_snapshot_decoder_set(decoder[0], option, ffi.new(kind, value)), "decoder_set")
        check(lib.ghostty_snapshot_decoder_decode(decoder[0], native), "decode")
    finally:
        lib.ghostty_snapshot_decoder_free(decoder[0])
    # pyghostty has no constructor for a terminal that exists already.
    terminal = object.__new__(pyghostty.Terminal)
    terminal._t = native
    terminal._unknown_cb = terminal._reply_cb = terminal._cb_err = None
    terminal._free = weakref.finalize(terminal, lib.ghostty_terminal_free, native[0])
    return terminal
