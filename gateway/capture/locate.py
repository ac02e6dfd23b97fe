"""Where on a screen a line stands: which rows belong together, where the prompt ends, what is beside it."""

import re
from dataclasses import dataclass

from gateway.capture import prompts
from gateway.capture.grid import Row
from gateway.capture.screen import Screen

PROMPT_MOST = 400
"""Characters of the rows above that may belong to a prompt."""

_EDGE = re.compile(r" {4,}\S[^\n]*?\Z|^ {4,}\S[^\n]*?\Z")


@dataclass(frozen=True, slots=True)
class Anchor:
    """The place where a line begins. It moves with its row."""

    row: Row
    x: int
    prompt: str
    """What stands before it."""
    painted: int
    full_screen: bool
    """A full-screen program or a pager had the screen then."""


def here(screen: Screen) -> Anchor:
    """The cursor's place."""
    return Anchor(
        screen.lines[screen.y], screen.x, before(screen), screen.painted, full_screen=is_full_screen(screen)
    )


def is_full_screen(screen: Screen) -> bool:
    """A program shows pages rather than lines."""
    return screen.alternate or not screen.cursor_shown or prompts.is_pager(screen.row_text(screen.y))


def extent(screen: Screen, y: int) -> tuple[int, int]:
    """The first and the last row of the line that runs through this one."""
    first = last = y
    while first and screen.lines[first - 1].wrapped:
        first -= 1
    while last + 1 < screen.rows and screen.lines[last].wrapped:
        last += 1
    return first, last


def span(screen: Screen, y: int, x: int, last: int) -> str:
    """What stands from there to the end of row `last`."""
    text = ""
    for at in range(y, last + 1):
        row = screen.lines[at]
        part = row.text(x if at == y else 0)
        if at > y and prompts.is_search_below(part):
            break
        text += ("\n" if at > y and not screen.lines[at - 1].wrapped else "") + part
        text = text if row.wrapped else _without_edge(text.rstrip(" "), row, screen.cols)
    return text


def _without_edge(text: str, row: Row, cols: int) -> str:
    """Some shells show something at the right edge, far from what is typed."""
    if len(row.text().rstrip(" ")) < cols - 2 and len(row.cells) < cols - 2:
        return text
    return _EDGE.sub("", text)


def cursor_line(screen: Screen) -> str:
    """The whole line that the cursor is on."""
    first, last = extent(screen, screen.y)
    return span(screen, first, 0, last)


def before(screen: Screen) -> str:
    """What stands before the cursor on its line."""
    first, _ = extent(screen, screen.y)
    text = "".join(screen.lines[y].text() for y in range(first, screen.y))[-PROMPT_MOST:]
    return text + screen.lines[screen.y].text(0, screen.x).ljust(
        screen.x if screen.x < screen.cols - 1 else 0
    )


def after(screen: Screen) -> str:
    """What stands at the cursor and after it on its line."""
    _, last = extent(screen, screen.y)
    return span(screen, screen.y, screen.x, last)


def on_anchor_line(screen: Screen, anchor: Anchor) -> bool:
    """The cursor is still on the line that begins there."""
    y = screen.where(anchor.row)
    return y is not None and extent(screen, y) == extent(screen, screen.y)


def from_anchor(screen: Screen, anchor: Anchor) -> str | None:
    """What stands from there to the end of the cursor's line; None where the anchor or its prompt is gone."""
    y = screen.where(anchor.row)
    if y is None:
        return None
    first, last = extent(screen, y)
    above = "".join(screen.lines[at].text() for at in range(first, y))[-PROMPT_MOST:]
    prompt = above + anchor.row.text(0, anchor.x)
    if prompt.rstrip() != anchor.prompt.rstrip() or screen.y < y:
        return None
    end = max(last, extent(screen, screen.y)[1])
    return span(screen, y, anchor.x, end)


def to_cursor(screen: Screen, anchor: Anchor) -> str | None:
    """What stands from there to the cursor."""
    y = screen.where(anchor.row)
    if y is None or y > screen.y:
        return None
    text = "".join(screen.lines[at].text(anchor.x if at == y else 0) for at in range(y, screen.y))
    return text + screen.lines[screen.y].text(anchor.x if y == screen.y else 0, screen.x)


def after_prompt(screen: Screen, prompt: str, *, rows_above: bool = False) -> str | None:
    """What stands after this prompt on the cursor's line, or also from the nearest row above that begins with it."""
    y, last = extent(screen, screen.y)
    while prompt.strip() and y >= 0:
        line = span(screen, y, 0, last)
        if line.startswith(prompt.rstrip()):
            return line[len(prompt) :]
        y = y - 1 if rows_above else -1
    return None


def repaint(screen: Screen, anchor: Anchor | None) -> bytes:
    """The line, prompt and all, to be written again on an empty row; the cursor ends where it is."""
    y = screen.where(anchor.row) if anchor else None
    first, last = extent(screen, screen.y if y is None or y > screen.y else y)
    last = max(last, extent(screen, screen.y)[1])
    text = span(screen, first, 0, last).replace("\n", "\r\n")
    up = f"\x1b[{last - screen.y}A" if last > screen.y else ""
    right = f"\x1b[{screen.x}C" if screen.x else ""
    return f"{text}{up}\r{right}".encode()
