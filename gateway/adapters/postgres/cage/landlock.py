"""Landlock: from `restrict` on, this process opens no file but those that were named. Linux 5.13 and later.

It goes through the C library's `syscall`, because that has no names for these yet. It knows nothing of psql.
"""

import ctypes
import os
import stat
import struct
from collections.abc import Iterable

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
"""The same on every architecture."""
_VERSION = 1
_PATH_BENEATH = 1
_PR_SET_NO_NEW_PRIVS = 38

EXECUTE, WRITE, READ, LIST = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_RIGHTS_BY_ABI = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}
"""How many rights there are about files; later versions have at least the last of these."""
_NETWORK = 1 << 0 | 1 << 1
"""Bind and connect of TCP, from the fourth version on."""
_SCOPES = 1 << 0 | 1 << 1
"""Abstract Unix sockets and signals, from the sixth."""

_ATTRIBUTES = struct.Struct("=QQQ")
_BENEATH = struct.Struct("=Qi")
_SIZE_BY_ABI = ((6, 24), (4, 16), (1, 8))

_libc = ctypes.CDLL(None, use_errno=True)


def abi() -> int:
    """Which version the kernel has; 0 where it has none, or where it is switched off."""
    return max(int(_libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(_VERSION))), 0)


def restrict(
    reads: Iterable[str], runs: Iterable[str], writes: Iterable[str], lists: Iterable[str] = ()
) -> None:
    """Allow reading these files and what lies below these directories, running these programs, writing these files,
    learning what is in these directories; and nothing else from now on, for good. What does not exist is left out.
    Raises `OSError`."""
    version = abi()
    handled = (1 << _RIGHTS_BY_ABI.get(version, 16)) - 1
    attributes = _ATTRIBUTES.pack(handled, _NETWORK, _SCOPES)
    size = next((size for least, size in _SIZE_BY_ABI if version >= least), 0)
    ruleset = _checked(
        _libc.syscall(_CREATE_RULESET, attributes[:size], ctypes.c_size_t(size), ctypes.c_uint32(0))
    )
    try:
        allowed = (reads, READ | LIST), (runs, READ | EXECUTE), (writes, READ | WRITE), (lists, LIST)
        for paths, rights in allowed:
            for path in paths:
                _allow(ruleset, path, rights & handled)
        _checked(_libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
        _checked(_libc.syscall(_RESTRICT_SELF, ctypes.c_int(ruleset), ctypes.c_uint32(0)))
    finally:
        os.close(ruleset)


def _allow(ruleset: int, path: str, rights: int) -> None:
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return  # it can not be opened later on, either
    try:
        if not stat.S_ISDIR(os.fstat(place).st_mode):
            rights &= ~LIST
        beneath = _BENEATH.pack(rights, place)
        _checked(
            _libc.syscall(
                _ADD_RULE, ctypes.c_int(ruleset), ctypes.c_int(_PATH_BENEATH), beneath, ctypes.c_uint32(0)
            )
        )
    finally:
        os.close(place)


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result
