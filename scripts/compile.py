"""Compiles gateway/masking/tables/rewrite.py with Cython and this machine's C compiler. Called by scripts/compile.

Ordinary Python goes in, with its types in rewrite.pxd; what comes out takes the place of the module on import. It
is for one version of Python on one kind of machine, and git ignores it.
"""

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parent.parent
MODULE = ROOT / "gateway" / "masking" / "tables" / "rewrite.py"
DIRECTIVES = "boundscheck=False,wraparound=False,annotation_typing=False"
LINKING = (
    ["-bundle", "-undefined", "dynamic_lookup"]
    if sys.platform == "darwin"
    else ["-shared", "-Wl,-z,relro,-z,now"]
)


def stop(words: str) -> NoReturn:
    print(words, file=sys.stderr)
    sys.exit(1)


def compiler() -> str:
    for name in (os.environ.get("CC", ""), "gcc", "cc", "clang"):
        if name and (found := shutil.which(name)):
            return found
    return stop("A C compiler is needed, and there is none on PATH. On Debian: apt-get install gcc")


def headers() -> str:
    place = Path(sysconfig.get_path("include"))
    if not (place / "Python.h").exists():
        stop(f"Python.h is not in {place}. On Debian: apt-get install python3-dev")
    return str(place)


def run(command: list[str]) -> None:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode != 0:
        stop(f"{Path(command[0]).name} failed:\n{done.stdout}{done.stderr}".rstrip())


def main(place: Path) -> None:
    if find_spec("Cython") is None:
        stop("Cython is needed. Run: scripts/setup --dev")
    cc, include = compiler(), headers()
    result = place / (MODULE.stem + sysconfig.get_config_var("EXT_SUFFIX"))
    with tempfile.TemporaryDirectory() as work:
        source, made = Path(work) / "rewrite.c", Path(work) / result.name
        run([sys.executable, "-m", "cython", "-3", "-X", DIRECTIVES, str(MODULE), "-o", str(source)])
        run([cc, "-O2", "-fPIC", *LINKING, f"-I{include}", str(source), "-o", str(made)])
        shutil.move(made, result)
    print(f"{result}: compiled.")


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else MODULE.parent)
