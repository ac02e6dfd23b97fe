"""Where psql is on this machine, and which files it cannot do without.

Debian's `/usr/bin/psql` is a script that looks for the real one; a script would need a shell in the cage. It runs
nothing of psql: only the loader is asked which libraries there are.
"""

import re
import struct
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

_INTERPRETER = 3
_HEAD = struct.Struct("=4sB59x")
_BITS_64 = 2
_TABLE = struct.Struct("=QQ")
"""Where a 64 bit program has its table of segments, at 32; then comes where its sections are."""
_ENTRIES = struct.Struct("=HH")
"""How large an entry of it is and how many there are, at 54."""
_SEGMENT = struct.Struct("=IIQQQQ")
_LOADER = re.compile(r"/[A-Za-z0-9._/+-]*/ld-[A-Za-z0-9._-]+")
"""What is asked is really a loader: of the C library, or of musl."""

PLACES = (
    ("/usr/lib/postgresql", "*/bin/psql"),
    ("/usr", "pgsql-*/bin/psql"),
    ("/usr/local/pgsql", "bin/psql"),
    ("/opt/homebrew", "opt/libpq/bin/psql"),
    ("/usr/local", "bin/psql"),
    ("/usr", "bin/psql"),
)
READS = (
    "/etc/ld.so.cache",
    "/etc/terminfo",
    "/lib/terminfo",
    "/usr/lib/terminfo",
    "/usr/share/terminfo",
    "/usr/share/zoneinfo",
    "/usr/share/locale",
    "/usr/lib/locale",
)
"""What programs in a terminal need besides themselves: how terminals, times and languages work. No secret of this
machine is in these."""


@dataclass(frozen=True, slots=True)
class Program:
    """An executable, what loads it, and the libraries that it is linked with."""

    path: str
    loader: str
    libraries: tuple[str, ...]


def find_psql(places: Iterable[tuple[str, str]] = PLACES) -> Program | None:
    """The newest there is; None without one. It may take some milliseconds."""
    for directory, pattern in places:
        for path in sorted(Path(directory).glob(pattern), key=_version, reverse=True):
            found = examine(path)
            if found is not None:
                return found
    return None


def examine(path: Path) -> Program | None:
    """What a program needs; None where this is none for this machine."""
    try:
        real = path.resolve(strict=True)
        return _examined(real, real.stat().st_mtime_ns)
    except (
        OSError,
        ValueError,
        OverflowError,
        subprocess.TimeoutExpired,
    ):  # not there, or a head that leads nowhere
        return None


@lru_cache(maxsize=16)
def _examined(path: Path, changed: int) -> Program | None:
    """`changed` is there for the cache: an update of the package may bring other libraries."""
    loader = _loader_of(path)
    if not loader:
        return None
    listed = subprocess.run(
        [loader, "--list", str(path)], capture_output=True, text=True, timeout=10, check=False, env={}
    )
    libraries = tuple(_libraries(listed.stdout))
    return Program(str(path), loader, libraries) if listed.returncode == 0 else None


def _libraries(listed: str) -> Iterator[str]:
    """`libpq.so.5 => /lib/x86_64-linux-gnu/libpq.so.5 (0x00007f...)`"""
    for line in listed.splitlines():
        _, arrow, where = line.partition(" => ")
        if arrow and where.startswith("/"):
            yield where.rpartition(" (")[0]


def _loader_of(path: Path) -> str:
    """The interpreter that an ELF file names; empty where it is something else."""
    with path.open("rb") as file:
        head = file.read(64)
        if len(head) < 64 or _HEAD.unpack(head)[:2] != (b"\x7fELF", _BITS_64):
            return ""
        start, _ = _TABLE.unpack_from(head, 32)
        size, count = _ENTRIES.unpack_from(head, 54)
        if size < _SEGMENT.size or count > 1000:
            return ""
        file.seek(start)
        table = file.read(size * count)
        for at in range(0, len(table) - size + 1, size):
            kind, _, offset, _, _, length = _SEGMENT.unpack_from(table, at)
            if kind == _INTERPRETER and length < 4096:
                file.seek(offset)
                named = file.read(length).rstrip(b"\0").decode("ascii", "replace")
                return named if _LOADER.fullmatch(named) else ""
    return ""


def _version(path: Path) -> tuple[int, ...]:
    return tuple(int(part) for part in path.parent.parent.name.replace("-", ".").split(".") if part.isdigit())
