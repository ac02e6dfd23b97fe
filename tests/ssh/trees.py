"""Directories of files that are hard to carry, and how two of them compare."""

import os
import stat
from dataclasses import dataclass
from pathlib import Path

NAMES = [
    b"plain.txt",
    b"two words.txt",
    b" leading and trailing ",
    b'it\'s "quoted" $(id) `id` ;&|<>',
    b"star*[x]?{a,b}~!#%",
    b"-rf",
    b"--log-file=x",
    b"back\\slash",
    "snow \u2603 \u00e4\U0001f600".encode(),
    b"no utf-8 \xff\xfe",
]


@dataclass(frozen=True, slots=True)
class Entry:
    """What one name stands for."""

    mode: int
    content: bytes | None
    """None for a directory."""
    changed: int = 0


def plant(root: Path) -> None:
    """A tree with every strange name, empty and executable files, and directories in directories."""
    root.mkdir()
    for at, name in enumerate(NAMES):
        path = os.fsencode(root) + b"/" + name
        with open(path, "wb") as file:  # noqa: PTH123 - pathlib knows no bytes
            file.write(os.urandom(at * 317))
        os.chmod(path, 0o640 if at % 2 else 0o755)  # noqa: PTH101
        os.utime(path, (1_500_000_000 + at, 1_600_000_000 + at))
    deep = root / "deep er" / "deepest"
    deep.mkdir(parents=True)
    (deep / "file").write_bytes(os.urandom(70_000))
    (deep / "empty").touch(0o600)
    (root / "nothing here").mkdir(0o700)


def seen(root: Path, *, times: bool = False) -> dict[bytes, Entry]:
    """Everything below a directory, by name."""
    found: dict[bytes, Entry] = {}
    for where, directories, files in os.walk(os.fsencode(root)):
        for name in [*directories, *files]:
            path = where + b"/" + name
            facts = os.lstat(path)
            content = None
            if stat.S_ISREG(facts.st_mode):
                with open(path, "rb") as file:  # noqa: PTH123
                    content = file.read()
            key = path[len(os.fsencode(root)) + 1 :]
            found[key] = Entry(stat.S_IMODE(facts.st_mode), content, int(facts.st_mtime) if times else 0)
    return found
