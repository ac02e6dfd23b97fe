"""How many cells a character takes. Where terminals disagree (emoji sequences), so may this."""

import unicodedata
from functools import lru_cache


@lru_cache(maxsize=4096)
def width(char: str) -> int:
    """0 for what joins the character before it, 2 for wide ones, otherwise 1."""
    if unicodedata.category(char) in ("Mn", "Me", "Cf") or "\u1160" <= char <= "\u11ff":
        return 0
    return 2 if unicodedata.east_asian_width(char) in ("W", "F") else 1
