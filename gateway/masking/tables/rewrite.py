"""The loop over rows: puts other bytes in the place of cells. It knows no rules, only which column becomes what.

Ordinary Python, and the one module that `scripts/compile` can translate (`rewrite.pxd` has the types): every row of
a masked result passes here, so it calls nothing of ours per row and copies what lies between two cells at once.
"""

from gateway.core.errors import Fault
from gateway.masking.tables import numbers

_HEAD = 7  # tag, length, number of cells
_ROW = 68  # D


def rewrite(
    data: bytes, columns: int, stencil: tuple[bytes | None, ...], nulls: list[int]
) -> tuple[bytes, int]:
    """DataRow messages with a piece of `stencil` (its length in front) in place of each cell that has one, and how
    many rows there were. NULL stays NULL, and is counted in `nulls`. Rows with other than `columns` cells, or that
    are not whole: Fault. `stencil` may be shorter than a row."""
    raw, end, last = data, len(data), len(data) - _HEAD
    row = copied = rows = 0
    pieces: list[bytes] = []
    while row <= last:
        tag, length, cells = numbers.row_at(raw, row)
        row_end = row + 1 + length
        if tag != _ROW or row_end > end or cells != columns:
            raise Fault("a row is cut off, or has another number of cells than its description")
        pieces.append(raw[copied : row + 1])
        head = len(pieces)
        pieces.append(b"")
        copied, at = row + 5, row + _HEAD
        for column, piece in enumerate(stencil):
            if at + 4 > row_end:
                raise Fault("a row ends before its cells do")
            (size,) = numbers.size_at(raw, at)
            if size < 0:
                if size != -1:
                    raise Fault("a cell has a negative length")
                if piece is not None:
                    nulls[column] += 1
                at += 4
            elif piece is None:
                at += 4 + size
            else:
                pieces.append(raw[copied:at])
                pieces.append(piece)
                at += 4 + size
                copied = at
                length += len(piece) - 4 - size
        if at > row_end:
            raise Fault("a cell is longer than its row")
        pieces[head] = numbers.packed(length)
        row = row_end
        rows += 1
    if row != end:
        raise Fault("a row is cut off")
    pieces.append(raw[copied:end])
    return b"".join(pieces), rows
