"""Lists every locked package with its licence in docs/licences.md, and refuses what Apache-2.0 can not go with.

Reads the lock files and the metadata of the installed packages; asks no network. Called by scripts/licences.
"""

import re
import sys
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "licences.md"

PERMITTED = frozenset(
    {"Apache-2.0", "BSD", "BSD-2-Clause", "BSD-3-Clause", "EPL-2.0", "ISC", "LGPL-3.0-only", "MIT", "MIT-0"}
    | {"MPL-2.0", "PSF-2.0"}
)

# What packages wrote before licence expressions existed.
OLD_WORDS = {
    "3-Clause BSD License": "BSD-3-Clause",
    "Apache 2": "Apache-2.0",
    "Apache 2.0": "Apache-2.0",
    "Apache License 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "BSD 2-Clause License": "BSD-2-Clause",
    "BSD License": "BSD",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
}

# Packages whose metadata name no licence, or leave open which; this is what the licence file inside them says.
BY_THEIR_FILE = {"python-dateutil": "Apache-2.0", "resvg-py": "MIT"}

INTRODUCTION = """\
# Licences of what it builds on

hoop-tui is under Apache-2.0 ([LICENSE](../LICENSE)). It contains no code of the packages below; they are
installed beside it, each under its own licence. This page is made by `scripts/licences` from the lock files and
what the packages say of themselves, and a test keeps it current.

Some of those that run need a word:

- **asyncssh** may be used under EPL-2.0 or GPL-2.0-or-later: we use it under EPL-2.0, unchanged.
- **cel-expr-python** (Apache-2.0) brings CEL and Abseil (Apache-2.0), Protocol Buffers, RE2, pybind11 and the
  ANTLR 4 runtime (BSD-3-Clause).
- **psycopg** and **psycopg-binary** are under LGPL-3.0: libraries, loaded by import, unchanged, and replaceable
  by installing another version. The binary package brings shared libraries of its own: libpq (PostgreSQL),
  OpenSSL (Apache-2.0), Kerberos (MIT), OpenLDAP and Cyrus SASL (BSD-like), libcrypt and keyutils (LGPL-2.1).
- **postgast** (BSD-2-Clause) brings libpg_query (BSD-3-Clause), which holds PostgreSQL's own parser
  (PostgreSQL License), protobuf-c (BSD-2-Clause) and xxHash (BSD-2-Clause).
- **pyghostty** (Apache-2.0) brings Ghostty's terminal emulator (MIT).

A package under the GPL alone, or under a licence that the script does not know, is refused.

"run" is what the gateway and the app need, "build" is what installs them from a checkout, "test" is for tests
and checks.
"""


@dataclass(frozen=True, slots=True)
class Package:
    """One line of the page."""

    name: str
    version: str
    licence: str
    purpose: str
    needed_by: tuple[str, ...]


def pins(lock: Path) -> dict[str, str]:
    """Name and version of everything a lock file names."""
    found = re.findall(r"^([A-Za-z0-9._-]+)==([^ ;\\]+)", lock.read_text(), re.MULTILINE)
    return {canonicalize_name(name): version for name, version in found}


def licence_of(package: Distribution) -> str:
    """One licence expression, or what the package says in its own words."""
    metadata = package.metadata
    if by_file := BY_THEIR_FILE.get(canonicalize_name(metadata["Name"] or "")):
        return by_file

    def said(key: str) -> list[str]:
        return [str(words) for words in metadata.get_all(key) or []]

    classified = [
        words.rpartition(" :: ")[2] for words in said("Classifier") if words.startswith("License ::")
    ]
    for words in said("License-Expression") + said("License") + classified:
        if words and "\n" not in words:
            return OLD_WORDS.get(words, words)
    return ""


def permitted(expression: str) -> bool:
    """Whether one of the alternatives is made of known, permissive enough licences only."""
    alternatives = re.split(r"\s+OR\s+", expression)
    return any(all(part in PERMITTED for part in re.split(r"\s+AND\s+", one)) for one in alternatives)


def needs(package: Distribution, extras: Iterable[str]) -> list[Requirement]:
    """What a package requires here, with these of its extras."""
    environments = [{"extra": extra} for extra in ("", *extras)]
    wanted = [Requirement(line) for line in package.requires or []]
    return [w for w in wanted if w.marker is None or any(w.marker.evaluate(e) for e in environments)]


def reach(start: Iterable[str], locked: Iterable[str]) -> dict[str, set[str]]:
    """Every locked package that `start` leads to, with who needs it; "" stands for the project itself."""
    known = set(locked)
    found: dict[str, set[str]] = {}
    seen: set[tuple[str, frozenset[str]]] = set()
    todo = [("", Requirement(line)) for line in start]
    while todo:
        parent, wanted = todo.pop()
        name = canonicalize_name(wanted.name)
        if name not in known:
            continue
        found.setdefault(name, set()).add(parent)
        if (name, frozenset(wanted.extras)) not in seen:
            seen.add((name, frozenset(wanted.extras)))
            todo += [(name, further) for further in needs(distribution(name), wanted.extras)]
    return found


def collect() -> list[Package]:
    """Every locked package, in the order of the alphabet."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    locked = pins(ROOT / "requirements-dev.lock")
    groups = project["dependency-groups"]
    run = reach(project["project"]["dependencies"], locked)
    build = reach(groups["build"], locked)
    test = reach(groups["dev"], locked)
    packages = []
    for name, version in sorted(locked.items()):
        purpose = "run" if name in run else "build" if name in build else "test"
        parents = run.get(name, set()) | build.get(name, set()) | test.get(name, set())
        licence = licence_of(distribution(name))
        packages.append(Package(name, version, licence, purpose, tuple(sorted(parents))))
    return packages


def refused(packages: Iterable[Package]) -> list[str]:
    return [f"{p.name}: {p.licence or 'no licence named'}" for p in packages if not permitted(p.licence)]


def page(packages: Iterable[Package]) -> str:
    """docs/licences.md as it should be."""
    lines = ["| package | version | licence | for | needed by |", "|---|---|---|---|---|"]
    for p in packages:
        parents = ", ".join(parent or "hoop-tui" for parent in p.needed_by)
        lines.append(f"| {p.name} | {p.version} | {p.licence} | {p.purpose} | {parents} |")
    return INTRODUCTION + "\n" + "\n".join(lines) + "\n"


def main(arguments: list[str]) -> int:
    try:
        packages = collect()
    except PackageNotFoundError as missing:
        print(f"{missing.name} is locked but not installed: run scripts/setup --dev.", file=sys.stderr)
        return 1
    if bad := refused(packages):
        print("Licences that can not be accepted:", *bad, sep="\n  ", file=sys.stderr)
        return 1
    wanted = page(packages)
    if arguments != ["--check"]:
        PAGE.write_text(wanted, encoding="utf-8")
    elif not PAGE.exists() or PAGE.read_text(encoding="utf-8") != wanted:
        print("docs/licences.md is not current: run scripts/licences.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
