"""What counts as one secret value, wherever it comes from."""

from typing import Final

from gateway.core.errors import Fault
from gateway.core.secret import Secret

LIMIT: Final = 64 << 10
"""Bytes. Longer than any key or password; a reference to the wrong thing does not fill the memory."""


def one_value(value: bytes | str, empty: str) -> Secret:
    """Editors and programs end their output with a line break that is no part of a password. One is taken off; a key
    in armour keeps its own. `empty` is the sentence of the `Fault` where nothing is left."""
    taken = value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value
    if taken.endswith(b"\n") and not taken.startswith(b"-----BEGIN "):
        taken = taken[:-1].removesuffix(b"\r")
    if not taken:
        raise Fault(empty)
    return Secret(taken)
