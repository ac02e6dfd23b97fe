"""Every screen, pixel by pixel: sizes, themes and NO_COLOR. See conftest.compare for how to accept a change."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from hoop_tui.shots import SHOTS, Shot, take, text_of

SNAPSHOTS = Path(__file__).parent / "snapshots"


@pytest.mark.parametrize("shot", SHOTS, ids=lambda shot: shot.name)
async def test_the_screen_looks_as_before(shot: Shot, compare_snapshot: Callable[[str, str], None]) -> None:
    compare_snapshot(shot.name, await take(shot))


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


async def test_the_words_of_a_picture_can_be_read() -> None:
    shot = next(shot for shot in SHOTS if shot.name == "sessions-80")
    lines = text_of(await take(shot))
    assert any("77QA4TBN" in line and "carol" in line and "> LIVE" in line for line in lines)
