"""PostgreSQL's own grammar, from the shared library that `postgast` brings. For the parser's process only.

The library is called by its C interface: its JSON tree needs neither the package's Python code nor protobuf.
"""

import ctypes
import json
from typing import Any

_RESOURCES = (b"mcxt.c", b"aset.c", b"bump.c", b"generation.c", b"slab.c", b"stringinfo.c", b"stack_depth.c")
"""Where the library says that it could not go on, rather than that the grammar does not allow something."""


class NotGrammar(Exception):
    """The text is not SQL as this grammar knows it."""

    def __init__(self, sentence: str, position: int) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.position = position


class TooMuch(Exception):
    """The text asks for more than there is."""


class _Error(ctypes.Structure):
    _fields_ = (
        ("message", ctypes.c_char_p),
        ("function", ctypes.c_char_p),
        ("file", ctypes.c_char_p),
        ("line", ctypes.c_int),
        ("position", ctypes.c_int),
        ("context", ctypes.c_char_p),
    )


class _Parsed(ctypes.Structure):
    _fields_ = (
        ("tree", ctypes.c_char_p),
        ("stderr", ctypes.c_char_p),
        ("error", ctypes.POINTER(_Error)),
    )


class _Fingerprint(ctypes.Structure):
    _fields_ = (
        ("number", ctypes.c_uint64),
        ("text", ctypes.c_char_p),
        ("stderr", ctypes.c_char_p),
        ("error", ctypes.POINTER(_Error)),
    )


class Grammar:
    """Not for two threads at once."""

    def __init__(self, library: str) -> None:
        loaded = ctypes.CDLL(library)
        self._parse = loaded.pg_query_parse
        self._parse.argtypes, self._parse.restype = (ctypes.c_char_p,), _Parsed
        self._free = loaded.pg_query_free_parse_result
        self._free.argtypes, self._free.restype = (_Parsed,), None
        self._fingerprint = loaded.pg_query_fingerprint
        self._fingerprint.argtypes, self._fingerprint.restype = (ctypes.c_char_p,), _Fingerprint
        self._free_fingerprint = loaded.pg_query_free_fingerprint_result
        self._free_fingerprint.argtypes, self._free_fingerprint.restype = (_Fingerprint,), None

    def parse(self, text: str) -> dict[str, Any]:
        """The syntax tree. Raises NotGrammar and TooMuch."""
        result = self._parse(text.encode())
        try:
            if result.error:
                raise _problem(result.error.contents)
            tree = result.tree
        finally:
            self._free(result)
        value: dict[str, Any] = json.loads(tree)
        return value

    def fingerprint(self, text: str) -> str:
        """The same for statements that differ in constants. Raises NotGrammar and TooMuch."""
        result = self._fingerprint(text.encode())
        try:
            if result.error:
                raise _problem(result.error.contents)
            return str(result.text.decode())
        finally:
            self._free_fingerprint(result)


def _problem(error: _Error) -> Exception:
    said = (error.message or b"").decode("utf-8", "replace")
    if error.file in _RESOURCES:
        return TooMuch(said)
    return NotGrammar(said, max(error.position, 0))
