"""A password as SCRAM hashes it: SASLprep (RFC 4013), with PostgreSQL's way of going on where it can not be applied.

PostgreSQL takes a password that is no UTF-8, or that has characters which SASLprep forbids, as the bytes that it is.
Whoever signs in has to do the same, or the two hash different things.
"""

import stringprep
import unicodedata

FORBIDDEN = (
    stringprep.in_table_c12,
    stringprep.in_table_c21_c22,
    stringprep.in_table_c3,
    stringprep.in_table_c4,
    stringprep.in_table_c5,
    stringprep.in_table_c6,
    stringprep.in_table_c7,
    stringprep.in_table_c8,
    stringprep.in_table_c9,
    stringprep.in_table_a1,
)


def prepared(password: bytes) -> bytes:
    """The bytes to hash."""
    if password.isascii():
        return password
    try:
        text = password.decode("utf-8")
    except UnicodeDecodeError:
        return password
    text = "".join(" " if stringprep.in_table_c12(c) else c for c in text if not stringprep.in_table_b1(c))
    text = unicodedata.normalize("NFKC", text)
    if not text or any(is_in(c) for c in text for is_in in FORBIDDEN) or not _reads_one_way(text):
        return password
    return text.encode("utf-8")


def _reads_one_way(text: str) -> bool:
    """Right-to-left characters are alone with their kind, and at both ends (RFC 3454, 6)."""
    if not any(map(stringprep.in_table_d1, text)):
        return True
    if any(map(stringprep.in_table_d2, text)):
        return False
    return stringprep.in_table_d1(text[0]) and stringprep.in_table_d1(text[-1])
