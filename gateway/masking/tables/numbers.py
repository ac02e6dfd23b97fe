"""Numbers of the wire, read and written without a Python function in between: `rewrite` counts in nanoseconds.

`numbers.pxd` says the same in C for the compiled `rewrite`; the tests run both.
"""

from struct import Struct

ROW_HEAD = 7
"""Tag, length, number of cells."""

row_at = Struct(">Bih").unpack_from
"""`row_at(data, at)`: tag, length and number of cells of the message at `at`."""
size_at = Struct(">i").unpack_from
"""`size_at(data, at)`: the length in front of a cell, as a tuple of one."""
packed = Struct(">i").pack
"""A length as it is sent."""
