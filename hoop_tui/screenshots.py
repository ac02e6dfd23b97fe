"""`python -m hoop_tui.screenshots`: the pictures of the README, and whether they are still true.

Each published shot becomes an SVG and a PNG made from it; `manifest.json` remembers which SVG a PNG was made from.
With `--check` nothing is written: what is stale is named, and the exit code is 1.
"""

import asyncio
import json
import sys
from hashlib import sha256
from pathlib import Path

from hoop_tui.shots import SHOTS, Shot, groups, take_together

DIRECTORY = Path(__file__).resolve().parent.parent / "screenshots"
MANIFEST = "manifest.json"
_FONTS = Path("/usr/share/fonts/truetype/dejavu")


def digest(svg: str) -> str:
    return sha256(svg.encode()).hexdigest()


def to_png(svg: str) -> bytes:
    """A picture with DejaVu Sans Mono; which other fonts a machine has makes no difference."""
    import resvg_py

    fonts = [str(path) for path in sorted(_FONTS.glob("DejaVuSansMono*.ttf"))]
    if not fonts:
        raise FileNotFoundError("The PNGs need DejaVu Sans Mono: install the package fonts-dejavu-core.")
    family = "DejaVu Sans Mono"
    return bytes(
        resvg_py.svg_to_bytes(
            svg_string=svg,
            font_files=fonts,
            font_family=family,
            monospace_family=family,
            skip_system_fonts=True,
        )
    )


def stale(directory: Path, pictures: dict[str, str]) -> list[str]:
    """The names of files that are missing, differ, were made from another SVG, or should not be there."""
    manifest = _manifest(directory)
    wrong: list[str] = []
    for name, svg in pictures.items():
        path = directory / f"{name}.svg"
        if not path.exists() or path.read_text(encoding="utf-8") != svg:
            wrong.append(path.name)
        if not (directory / f"{name}.png").exists() or manifest.get(f"{name}.png") != digest(svg):
            wrong.append(f"{name}.png")
    known = {f"{name}.{ending}" for name in pictures for ending in ("svg", "png")} | {MANIFEST}
    present = {path.name for path in directory.glob("*")} if directory.exists() else set()
    return sorted([*wrong, *(present - known)])


def write(directory: Path, pictures: dict[str, str]) -> None:
    """All of them anew; PNGs only where the SVG has changed."""
    directory.mkdir(exist_ok=True)
    manifest = _manifest(directory)
    for name, svg in pictures.items():
        (directory / f"{name}.svg").write_text(svg, encoding="utf-8")
        png = directory / f"{name}.png"
        if not png.exists() or manifest.get(png.name) != digest(svg):
            png.write_bytes(to_png(svg))
    made_from = {f"{name}.png": digest(svg) for name, svg in sorted(pictures.items())}
    (directory / MANIFEST).write_text(json.dumps(made_from, indent=2) + "\n", encoding="utf-8")


def _manifest(directory: Path) -> dict[str, str]:
    path = directory / MANIFEST
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else {}


async def _take_all(shots: list[Shot]) -> dict[str, str]:
    pictures: dict[str, str] = {}
    for together in groups(shots):
        pictures |= await take_together(together)
    return pictures


def main(arguments: list[str]) -> int:
    """`--check` compares; without it the pictures are made anew."""
    if arguments not in ([], ["--check"]):
        print("scripts/screenshots [--check]", file=sys.stderr)
        return 2
    pictures = asyncio.run(_take_all([shot for shot in SHOTS if shot.published]))
    if arguments:
        wrong = stale(DIRECTORY, pictures)
        for name in wrong:
            print(f"screenshots/{name} is stale; run scripts/screenshots")
        return 1 if wrong else 0
    try:
        write(DIRECTORY, pictures)
    except FileNotFoundError as problem:
        print(problem, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
