"""What a process that serves does once everything is loaded: it tells the garbage collector and the allocator so.

Both only cost time when they are wrong: docs/decisions/0010-bulk-data.md has what was measured.
"""

import ctypes
import gc

KEEP_BYTES = 8 << 20
"""Freed memory at the end of the heap that is kept for the next piece of somebody's output."""
APART_BYTES = 4 << 20
"""What is larger is taken from the system each time, and given back."""

_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3


def settle_in() -> None:
    """Call it once, when everything that stays is there."""
    _keep_freed_memory()
    gc.collect()
    _give_back()
    gc.enable()
    gc.freeze()  # later collections look through what sessions leave, no more


def _keep_freed_memory() -> None:
    """Else the C library gives large pieces back to the system and asks for them again at once, page by page."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:  # glibc; others decide for themselves
        mallopt(_M_TRIM_THRESHOLD, KEEP_BYTES)
        mallopt(_M_MMAP_THRESHOLD, APART_BYTES)


def _give_back() -> None:
    """What starting up took and needs no more goes back to the system, once."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
