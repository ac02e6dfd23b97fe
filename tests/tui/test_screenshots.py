"""scripts/screenshots: what is published is up to date, and --check finds what is not."""

import json
from pathlib import Path

import pytest

from hoop_tui.screenshots import DIRECTORY, MANIFEST, digest, main, stale, to_png, write
from hoop_tui.shots import SHOTS, text_of

SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 20"><rect width="40" height="20" fill="#123"/>'
    '<text class="hoop-r1" x="0" y="12" fill="#fff">{}</text></svg>\n'
)


FONT = "/usr/share/fonts/truetype/dejavu/DejaVuSansMono.ttf"


@pytest.fixture
def published(tmp_path: Path) -> tuple[Path, dict[str, str]]:
    pictures = {name: SVG.format(name) for name in ("one", "two")}
    write(tmp_path / "shots", pictures)
    return tmp_path / "shots", pictures


@pytest.mark.needs(FONT)
def test_what_was_just_written_is_up_to_date(published: tuple[Path, dict[str, str]]) -> None:
    directory, pictures = published
    assert stale(directory, pictures) == []
    assert (directory / "one.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.needs(FONT)
def test_everything_stale_is_named(published: tuple[Path, dict[str, str]]) -> None:
    directory, pictures = published
    (directory / "left-over.svg").write_text("x")
    (directory / "two.png").unlink()
    assert stale(directory, pictures) == ["left-over.svg", "two.png"]
    changed = pictures | {"one": SVG.format("changed")}
    assert stale(directory, changed) == ["left-over.svg", "one.png", "one.svg", "two.png"]
    assert stale(directory / "missing", {"one": "x"}) == ["one.png", "one.svg"]


@pytest.mark.needs(FONT)
def test_a_png_is_made_anew_only_when_its_svg_changed(published: tuple[Path, dict[str, str]]) -> None:
    directory, pictures = published
    (directory / "one.png").write_bytes(b"kept")
    write(directory, pictures)
    assert (directory / "one.png").read_bytes() == b"kept"
    write(directory, pictures | {"one": SVG.format("changed")})
    assert (directory / "one.png").read_bytes() != b"kept"


@pytest.mark.needs(FONT)
def test_a_png_shows_its_text() -> None:
    assert to_png(SVG.format("words")) != to_png(SVG.format(""))


def test_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--chek"]) == 2
    assert "scripts/screenshots" in capsys.readouterr().err


def test_the_published_pictures_are_the_tested_ones() -> None:
    """Snapshots are compared with the running app; so it is enough that these are the same pictures."""
    snapshots = Path(__file__).parent / "snapshots"
    manifest = json.loads((DIRECTORY / MANIFEST).read_text(encoding="utf-8"))
    pictures = {
        shot.name: (snapshots / f"{shot.name}.svg").read_text(encoding="utf-8")
        for shot in SHOTS
        if shot.published
    }
    assert stale(DIRECTORY, pictures) == []
    assert manifest == {f"{name}.png": digest(svg) for name, svg in sorted(pictures.items())}
    assert "77QA4TBN" in "\n".join(text_of(pictures["sessions"]))
