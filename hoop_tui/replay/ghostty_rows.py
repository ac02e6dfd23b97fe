"""Reads a terminal's cells out of libghostty-vt, a whole row at a time, as runs of text and style.

One native call a row instead of several a cell: that is what makes drawing cheap. Only `ghostty.py` uses it.
"""

import json
from array import array
from dataclasses import replace
from typing import Any, Final

from pyghostty import ffi, lib
from pyghostty.core import check, init_sized

from hoop_tui.replay.emulator import PLAIN, Row, Run, Style
from hoop_tui.replay.visible import REPLACEMENT, is_safe, without_unsafe

_TEXT, _CLUSTER, _PALETTE_FILL, _RGB_FILL = range(4)
_WIDE, _TAIL = 1, 2
_LONGEST_CLUSTER = 32
"""Code points shown of one cell. More is not writing, it is an attempt to overflow the line."""


def _bits() -> tuple[tuple[int, int], ...]:
    """Shift and mask of the cell's fields, as the loaded library describes them."""
    cell = json.loads(ffi.string(lib.ghostty_type_json()))["types"]["GhosttyCell"]["bits"]
    names = ("content_tag", "content", "style_id", "wide")
    return tuple((cell[name]["lsb"], (1 << cell[name]["width"]) - 1) for name in names)


(
    (_TAG_SHIFT, _TAG_MASK),
    (_CONTENT_SHIFT, _CONTENT_MASK),
    (_STYLE_SHIFT, _STYLE_MASK),
    (_WIDE_SHIFT, _WIDE_MASK),
) = _bits()
_CODEPOINT_MASK: Final = (1 << 21) - 1
_LAST_CODEPOINT: Final = 0x10FFFF
_FILLED: Final = _PALETTE_FILL << _TAG_SHIFT
"""Set for cells that have a background and nothing else; such cells keep their colour where others keep text."""
_ODD: Final = _TAG_MASK << _TAG_SHIFT | _WIDE_MASK << _WIDE_SHIFT
_ASCII: Final = {0: " "} | {code: chr(code) for code in range(0x20, 0x7F)}
_STYLE_BITS: Final = _STYLE_MASK << _STYLE_SHIFT
_FILL_BITS: Final = _STYLE_BITS | _TAG_MASK << _TAG_SHIFT | _CONTENT_MASK << _CONTENT_SHIFT


class RowReader:
    """Tracks one native terminal and reads the rows that changed since the last reading.

    The library's own marks miss a change: an accent added to a cell that was read before. So rows are also
    compared as raw cells, and rows with such cells are always read. The raw cells alone would not do: a style's
    number may come to mean another style, but then the row is marked.
    """

    def __init__(self, terminal: Any) -> None:
        self._terminal = terminal
        self._marks = ffi.new("GhosttyRenderState*")
        self._state = ffi.new("GhosttyRenderState*")
        self._iterator = ffi.new("GhosttyRenderStateRowIterator*")
        self._cells = ffi.new("GhosttyRenderStateRowCells*")
        self._view = ffi.new("GhosttyCellsView*")
        self._style = init_sized("GhosttyStyle")
        self._raw: list[bytes] = []
        self._rows: list[Row] = []
        self._clustered: set[int] = set()
        self._met_cluster = False
        check(lib.ghostty_render_state_new(ffi.NULL, self._marks), "render_state_new")
        check(lib.ghostty_render_state_row_iterator_new(ffi.NULL, self._iterator), "row_iterator_new")
        check(lib.ghostty_render_state_row_cells_new(ffi.NULL, self._cells), "row_cells_new")

    def close(self) -> None:
        """Free the native parts. Must happen before the terminal itself is freed."""
        lib.ghostty_render_state_row_cells_free(self._cells[0])
        lib.ghostty_render_state_row_iterator_free(self._iterator[0])
        lib.ghostty_render_state_free(self._marks[0])

    def read(self) -> tuple[tuple[Row, ...], frozenset[int]]:
        """All rows from the top, and the numbers of those that differ from the last reading."""
        marked = self._marked()
        check(lib.ghostty_render_state_new(ffi.NULL, self._state), "render_state_new")
        try:
            check(lib.ghostty_render_state_update(self._state[0], self._terminal), "render_state_update")
            self._point_at(self._state[0])
            changed, y = set(), 0
            while lib.ghostty_render_state_row_iterator_next(self._iterator[0]):
                if self._read_row(y, marked is None or y in marked):
                    changed.add(y)
                y += 1
        finally:
            lib.ghostty_render_state_free(self._state[0])
        del self._raw[y:], self._rows[y:]
        return tuple(self._rows), frozenset(changed)

    def _marked(self) -> set[int] | None:
        """The rows that the library marks as changed; None for all of them."""
        state, dirty, y = self._marks[0], ffi.new("GhosttyRenderStateDirty*"), ffi.new("uint16_t*")
        check(lib.ghostty_render_state_update(state, self._terminal), "render_state_update")
        check(lib.ghostty_render_state_get(state, lib.GHOSTTY_RENDER_STATE_DATA_DIRTY, dirty), "dirty")
        marked: set[int] | None = None
        if dirty[0] != lib.GHOSTTY_RENDER_STATE_DIRTY_FULL:
            marked = set()
            self._point_at(state)
            while lib.ghostty_render_state_row_iterator_next_dirty(self._iterator[0], y):
                marked.add(y[0])
        check(lib.ghostty_render_state_clean(state), "render_state_clean")
        return marked

    def _point_at(self, state: Any) -> None:
        kind = lib.GHOSTTY_RENDER_STATE_DATA_ROW_ITERATOR
        check(lib.ghostty_render_state_get(state, kind, self._iterator), "row_iterator")

    def _read_row(self, y: int, marked: bool) -> bool:
        """Decode the row under the iterator if need be; whether it differs from before."""
        iterator, view = self._iterator[0], self._view
        get = lib.ghostty_render_state_row_get
        check(get(iterator, lib.GHOSTTY_RENDER_STATE_ROW_DATA_CELLS_RAW, view), "cells_raw")
        raw = ffi.buffer(view.ptr, view.len * 8)[:]
        known = y < len(self._raw)
        if known and not marked and y not in self._clustered and raw == self._raw[y]:
            return False
        check(get(iterator, lib.GHOSTTY_RENDER_STATE_ROW_DATA_CELLS, self._cells), "cells")
        self._met_cluster = False
        row = Row(tuple(self._runs(array("Q", raw))))
        if self._met_cluster:
            self._clustered.add(y)
        else:
            self._clustered.discard(y)
        if not known:
            self._raw.append(raw)
            self._rows.append(row)
            return True
        before, self._raw[y], self._rows[y] = self._rows[y], raw, row
        return before != row

    def _runs(self, cells: "array[int]") -> list[Run]:
        """Style numbers are valid within this row only, so styles are looked up once a row."""
        runs: list[Run] = []
        styles: dict[int, Style] = {0: PLAIN}
        text: list[str] = []
        style, key, start, covered = PLAIN, 0, 0, 0
        for x, cell in enumerate(cells):
            if x < covered:
                continue
            new_key = cell & (_FILL_BITS if cell & _FILLED else _STYLE_BITS)
            if new_key != key:
                key = new_key
                new = styles.get(key)
                if new is None:
                    new = styles[key] = self._style_of(x, cell)
                if new != style:
                    if x > start:
                        runs.append(Run("".join(text), x - start, style))
                    text, start, style = [], x, new
            if not cell & _ODD and (shown := _ASCII.get((cell >> _CONTENT_SHIFT) & _CODEPOINT_MASK)):
                text.append(shown)
                continue
            span = 2 if _half(cell) == _WIDE and x + 1 < len(cells) and _half(cells[x + 1]) == _TAIL else 1
            covered = x + span
            if shown := _simple(cell, span):
                text.append(shown)
                continue
            if x > start:
                runs.append(Run("".join(text), x - start, style))
            runs.append(self._special(x, cell, span, style))
            text, start = [], covered
        if len(cells) > start:
            runs.append(Run("".join(text), len(cells) - start, style))
        return runs

    def _special(self, x: int, cell: int, span: int, style: Style) -> Run:
        """A cell that needs a closer look: of several code points, unsafe, or half a wide character."""
        tag = (cell >> _TAG_SHIFT) & _TAG_MASK
        if _half(cell) == _WIDE and span == 1:
            return Run(REPLACEMENT, 1, style)
        whole = self._cluster(x) if tag == _CLUSTER else ""
        # A joiner at the end would glue this cell to the next one on the reader's terminal.
        shown = without_unsafe(whole)[:_LONGEST_CLUSTER].rstrip("\u200d")
        if not shown:
            return Run(REPLACEMENT + " " * (span - 1), span, style)
        if not is_safe(whole):
            style = replace(style, reverse=not style.reverse, flagged=True)
        return Run(shown, span, style)

    def _cluster(self, x: int) -> str:
        self._met_cluster = True
        cells, get = self._cells[0], lib.ghostty_render_state_row_cells_get
        length = ffi.new("uint32_t*")
        check(lib.ghostty_render_state_row_cells_select(cells, x), "cells_select")
        check(get(cells, lib.GHOSTTY_RENDER_STATE_ROW_CELLS_DATA_GRAPHEMES_LEN, length), "graphemes_len")
        # The library fills the buffer without asking for its size.
        codepoints = ffi.new("uint32_t[]", length[0] + 1)
        check(get(cells, lib.GHOSTTY_RENDER_STATE_ROW_CELLS_DATA_GRAPHEMES_BUF, codepoints), "graphemes")
        return "".join(chr(c) if c <= _LAST_CODEPOINT else REPLACEMENT for c in codepoints[0 : length[0]])

    def _style_of(self, x: int, cell: int) -> Style:
        tag, content = (cell >> _TAG_SHIFT) & _TAG_MASK, (cell >> _CONTENT_SHIFT) & _CONTENT_MASK
        if tag == _PALETTE_FILL:
            return Style(bg=content & 0xFF)
        if tag == _RGB_FILL:
            return Style(bg=_hex(content & 0xFF, content >> 8 & 0xFF, content >> 16 & 0xFF))
        if not (cell >> _STYLE_SHIFT) & _STYLE_MASK:
            return PLAIN
        cells, style = self._cells[0], self._style
        check(lib.ghostty_render_state_row_cells_select(cells, x), "cells_select")
        check(
            lib.ghostty_render_state_row_cells_get(
                cells, lib.GHOSTTY_RENDER_STATE_ROW_CELLS_DATA_STYLE, style
            ),
            "style",
        )
        return Style(
            fg=_colour(style.fg_color),
            bg=_colour(style.bg_color),
            bold=bool(style.bold),
            dim=bool(style.faint),
            italic=bool(style.italic),
            underline=bool(style.underline),
            reverse=bool(style.inverse),
            strike=bool(style.strikethrough),
            conceal=bool(style.invisible),
        )


def _half(cell: int) -> int:
    """Whether the cell is narrow, the left of a wide character, or its tail."""
    return (cell >> _WIDE_SHIFT) & _WIDE_MASK


def _simple(cell: int, span: int) -> str | None:
    """The one character of an ordinary cell; None where `_special` must look."""
    if cell & _FILLED:
        return " " * span
    codepoint = (cell >> _CONTENT_SHIFT) & _CODEPOINT_MASK
    if (cell >> _TAG_SHIFT) & _TAG_MASK != _TEXT or (_half(cell) == _WIDE) != (span == 2):
        return None
    if not codepoint:
        return " " * span
    if codepoint > _LAST_CODEPOINT or not is_safe(chr(codepoint)):
        return None
    return chr(codepoint)


def _colour(colour: Any) -> int | str | None:
    if colour.tag == lib.GHOSTTY_STYLE_COLOR_PALETTE:
        return int(colour.value.palette)
    if colour.tag == lib.GHOSTTY_STYLE_COLOR_RGB:
        return _hex(colour.value.rgb.r, colour.value.rgb.g, colour.value.rgb.b)
    return None


def _hex(red: int, green: int, blue: int) -> str:
    return f"#{red:02x}{green:02x}{blue:02x}"
