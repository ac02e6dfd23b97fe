"""Every screen, pixel by pixel: sizes, themes and NO_COLOR. See conftest.compare for how to accept a change."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from hoop_tui.shots import SHOTS, Shot, groups, take, take_together, text_of

SNAPSHOTS = Path(__file__).parent / "snapshots"


@pytest.mark.parametrize("shots", groups(SHOTS), ids=lambda shots: shots[0].name)
async def test_the_screen_looks_as_before(
    shots: list[Shot], compare_snapshot: Callable[[str, str], None]
) -> None:
    for name, picture in (await take_together(shots)).items():
        compare_snapshot(name, picture)


def test_no_snapshot_is_left_over() -> None:
    assert {path.stem for path in SNAPSHOTS.glob("*.svg")} == {shot.name for shot in SHOTS}


async def test_a_shot_is_the_same_every_time() -> None:
    shot = next(shot for shot in SHOTS if shot.name == "replay-80")
    assert await take(shot) == await take(shot)


async def test_without_colours_no_colour_is_left() -> None:
    shot = next(shot for shot in SHOTS if shot.name == "replay-no-color")
    svg = await take(shot)
    colours = set(re.findall(r"fill(?:: ?|=\")#([0-9a-f]{6})", svg))
    frame = {"ff5f57", "febc2e", "28c840", "c5c8c6"}  # the window that the picture draws around the screen
    assert colours - frame
    assert [colour for colour in colours - frame if len({colour[:2], colour[2:4], colour[4:]}) > 1] == []


BOXES = re.compile(r"[\u2500-\u259f]")


@pytest.mark.parametrize("name", [shot.name for shot in SHOTS if shot.plain])
def test_plain_pictures_have_no_boxes_and_no_colours(name: str) -> None:
    svg = (SNAPSHOTS / f"{name}.svg").read_text(encoding="utf-8")
    assert [line for line in text_of(svg) if BOXES.search(line)] == []
    coloured = set(re.findall(r"\.hoop-r\d+ \{ fill: #([0-9a-f]{6})", svg)) - {
        "c5c8c6"
    }  # what the picture takes for the terminal's own
    assert [each for each in coloured if len({each[:2], each[2:4], each[4:]}) > 1] == []


async def test_the_words_of_a_picture_can_be_read() -> None:
    shot = next(shot for shot in SHOTS if shot.name == "sessions-80")
    lines = text_of(await take(shot))
    assert any("77QA4TBN" in line and "carol" in line and "> LIVE" in line for line in lines)
