"""The card of a request as lines of a given width: facts, the whole statement with numbers, and what was said.

Nothing of a statement is left out; long stretches where there is nothing to see are said in words. The pieces are not
harmless yet: the widget that draws them sees to it.
"""

import base64
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.cells import cell_len

from gateway.api.schema import CardAttachment, RequestCard, Statement
from hoop_tui.diff_lines import diff_lines
from hoop_tui.highlight import Colours, colours
from hoop_tui.request_words import (
    MATCHED,
    about,
    about_file,
    events,
    facts,
    file_heading,
    matched_lines,
    proposal,
    standing,
)
from hoop_tui.safe_text import visible
from hoop_tui.widgets.lines_view import Piece, TextLine
from hoop_tui.wrapped_pieces import LONGEST_SIGN, by_words, parts_of

_LABEL = 7
_BLANKS = re.compile(r"[ \t]{60,}")
_EMPTY_LINES = 8
_BYTES_A_ROW = 16
_SIGN = {"+": "bold $text-warning", "-": "bold $text-success"}


@dataclass(frozen=True, slots=True)
class CardLines:
    """`end` is the first line behind the statement."""

    lines: Sequence[TextLine]
    end: int


def card_lines(card: RequestCard, width: int, *, raw: bool = False) -> CardLines:
    """All of it. `raw`: the statement as bytes."""
    lines: list[TextLine] = []
    for label, value in facts(card):
        if value:
            lines += _fact(card, label, value, width)
    rule = (Piece("─" * width, "$text-muted"),)
    lines.append(rule)
    lines += _bytes_of(card.statement) if raw else _statement(card.statement, card.where.kind, width)
    for each in card.attachments:
        lines += _attachment(each, card.where.kind, width, raw=raw)
    if card.amendment is not None:
        lines += _proposed(card, width)
    end = len(lines)
    lines.append(rule)
    for text in (*about(card.statement), *events(card), *standing(card)):
        lines += [(Piece(line),) for line in by_words(text, width)]
    return CardLines(lines, end)


def _fact(card: RequestCard, label: str, value: str, width: int) -> Iterator[TextLine]:
    if label == "RISK" and card.risk.lines:
        yield from _risk(card, width)
        return
    for number, line in enumerate(by_words(value, width - _LABEL)):
        head = label if number == 0 else ""
        yield Piece(f"{head:<{_LABEL}}", "bold $text-accent"), Piece(line)


def _risk(card: RequestCard, width: int) -> Iterator[TextLine]:
    row: list[Piece] = [Piece(f"{'RISK':<{_LABEL}}", "bold $text-accent")]
    used = _LABEL
    for each in card.risk.lines:
        room = len(each.sign) + 1 + cell_len(visible(each.text)) + 2
        if used + room > width and used > _LABEL:
            yield tuple(row)
            row, used = [Piece(" " * _LABEL)], _LABEL
        row += [Piece(f"{each.sign} ", _SIGN[each.sign]), Piece(f"{each.text}  ")]
        used += room
    yield tuple(row)


def _attachment(each: CardAttachment, kind: str, width: int, *, raw: bool) -> Iterator[TextLine]:
    """One file that the statement runs: all of it, or why not."""
    yield (Piece("─" * width, "$text-muted"),)
    for line in by_words(file_heading(each), width):
        yield (Piece(line, "bold $text-accent" if each.contents else "bold $text-warning"),)
    if each.contents is not None:
        yield from _bytes_of(each.contents) if raw else _statement(each.contents, kind, width)
        for text in about_file(each.contents):
            for line in by_words(text, width):
                yield (Piece(line),)


def _statement(statement: Statement, kind: str, width: int) -> Iterator[TextLine]:
    text = statement.text
    spans = [(each.offset, each.offset + each.length) for each in statement.matched]
    painted = colours(text, kind)
    if spans:
        painted = painted.underlined(spans)
    marked = matched_lines(statement)
    lines = text.split("\n")
    digits = len(str(len(lines)))
    at = number = 0
    while number < len(lines):
        empty = number
        while empty < len(lines) and not lines[empty].strip():
            empty += 1
        label = f"{number + 1:>{digits}}  "
        if empty - number >= _EMPTY_LINES:
            yield Piece(label, "$text-muted"), _said(f"<{empty - number:,} empty lines>")
            at += sum(len(line) + 1 for line in lines[number:empty])
            number = empty
            continue
        line = lines[number].removesuffix("\r")
        rows = [*_wrapped(text, at, at + len(line), width - len(label), painted)]
        if number in marked:
            rows = _with_mark(rows, width - len(label))
        for pieces in rows:
            yield Piece(label, "$text-muted"), *pieces
            label = " " * len(label)
        at += len(lines[number]) + 1
        number += 1


def _proposed(card: RequestCard, width: int) -> Iterator[TextLine]:
    """The other text, against what is asked for: whoever decides has to have seen it as well."""
    said = card.amendment
    assert said is not None
    yield (Piece("─" * width, "$text-muted"),)
    for line in by_words(proposal(card), width):
        yield (Piece(line, "bold $text-accent"),)
    yield from diff_lines(card.statement.text, said.statement.text, width)


def _with_mark(rows: list[list[Piece]], width: int) -> list[list[Piece]]:
    """With `<- matched` at the right edge of the first row, or below it where there is no room."""
    used = sum(cell_len(visible(piece.text)) for piece in rows[0])
    room = width - used - len(MATCHED)
    mark = Piece(MATCHED, "bold $text-accent")
    if room >= 1:
        return [[*rows[0], Piece(" " * room), mark], *rows[1:]]
    return [rows[0], [Piece(" " * max(0, width - len(MATCHED))), mark], *rows[1:]]


def _wrapped(text: str, first: int, last: int, width: int, painted: Colours) -> Iterator[list[Piece]]:
    """One line of the statement, in as many of the screen as it takes."""
    row: list[Piece] = []
    room = width = max(width, LONGEST_SIGN)
    for start, end in _stretches(text, first, last):
        if _BLANKS.fullmatch(text, start, end):
            words = f" <{end - start:,} blanks> "
            if len(words) > room and row:
                yield row
                row, room = [], width
            row.append(_said(words))
            room -= len(words)
            continue
        for piece, style in painted.pieces(text, start, end):
            for part, cells in parts_of(piece.replace("\t", "    "), room, width):
                if cells > room:
                    yield row
                    row, room = [], width
                row.append(Piece(part, style))
                room -= cells
    yield row


def _stretches(text: str, first: int, last: int) -> Iterator[tuple[int, int]]:
    at = first
    for found in _BLANKS.finditer(text, first, last):
        yield at, found.start()
        yield found.span()
        at = found.end()
    yield at, last


def _said(words: str) -> Piece:
    return Piece(words, "$text-warning reverse")


def _bytes_of(statement: Statement) -> Iterator[TextLine]:
    data = base64.b64decode(statement.raw) if statement.raw else statement.text.encode()
    for at in range(0, len(data), _BYTES_A_ROW):
        row = data[at : at + _BYTES_A_ROW]
        shown = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in row)
        yield (
            Piece(f"{at:08x}  ", "$text-muted"),
            Piece(f"{row.hex(' '):<{_BYTES_A_ROW * 3}} "),
            Piece(shown, "$text-accent"),
        )
