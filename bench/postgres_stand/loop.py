"""Makes a gateway run the loop that masks rows either interpreted or compiled, whatever is in the checkout."""

import subprocess
import sys
import textwrap
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MODULE = "gateway.masking.tables.rewrite"

_CHOICE = """
    import importlib.util
    import sys

    class Chosen:
        @staticmethod
        def find_spec(name, path=None, target=None):
            if name == {module!r}:
                return importlib.util.spec_from_file_location(name, {file!r})
            return None

    sys.meta_path.insert(0, Chosen)
"""


def interpreted(directory: Path) -> dict[str, str]:
    """The environment of a gateway that reads the source."""
    return _choose(directory, ROOT / f"{MODULE.replace('.', '/')}.py")


def compiled(directory: Path) -> dict[str, str]:
    """The environment of one that takes what a compiler made of it just now."""
    directory.mkdir(parents=True)
    ran = subprocess.run(
        [sys.executable, ROOT / "scripts" / "compile.py", directory],
        capture_output=True,
        text=True,
        check=False,
    )
    made = list(directory.glob("rewrite*.so"))
    if ran.returncode or not made:
        raise SystemExit(f"scripts/compile failed: {ran.stderr or ran.stdout}")
    return _choose(directory, made[0])


def _choose(directory: Path, file: Path) -> dict[str, str]:
    directory.mkdir(parents=True, exist_ok=True)
    choice = textwrap.dedent(_CHOICE).format(module=MODULE, file=str(file))
    (directory / "sitecustomize.py").write_text(choice)
    return {"PYTHONPATH": str(directory)}
