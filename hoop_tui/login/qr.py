"""A QR code in half blocks: two rows of its squares in one line of text. A block is a dark square.

Drawn in black on white it is right on every ground. Where there are no colours, `inverted` is right on a dark ground,
and most phones read it on a light one too.
"""

_QUIET = 4
"""Light squares around it, as its standard wants them."""
_BLOCKS = {(False, False): "█", (False, True): "▀", (True, False): "▄", (True, True): " "}
"""By whether the upper and the lower square are light."""
_INVERSE = str.maketrans("█▀▄ ", " ▄▀█")


def qr_lines(text: str) -> list[str]:
    """Lines of the same width; none where `text` is too long for what fits into a window."""
    import segno

    try:
        code = segno.make(text, error="l", micro=False, version=None)
    except segno.DataOverflowError:
        return []
    light = [[not square for square in row] for row in code.matrix]
    width = len(light[0]) + 2 * _QUIET
    margin = [[True] * width for _ in range(_QUIET)]
    sides = [True] * _QUIET
    rows = [*margin, *([*sides, *row, *sides] for row in light), *margin]
    if len(rows) % 2:
        rows.append([True] * width)
    return [
        "".join(_BLOCKS[pair] for pair in zip(rows[number], rows[number + 1], strict=True))
        for number in range(0, len(rows), 2)
    ]


def inverted(lines: list[str]) -> list[str]:
    """A block is a light square."""
    return [line.translate(_INVERSE) for line in lines]
