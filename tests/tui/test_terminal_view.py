"""The stage: only rows that changed are drawn, widths are the recorded ones, and the crop follows the cursor."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from textual.app import App, ComposeResult
from textual.geometry import Region

from hoop_tui.replay.emulator import Cursor, Row, Run, Screen, Style
from hoop_tui.widgets.terminal_view import TerminalView, rich_style, row_strip


def screen_of(lines: list[str], cols: int = 20, cursor: tuple[int, int] = (0, 0)) -> Screen:
    rows = tuple(Row((Run(line.ljust(cols), cols),)) for line in lines)
    return Screen(cols, rows, Cursor(*cursor))


class StageApp(App[None]):
    CSS = "TerminalView { width: 10; height: 4; background: black; color: white; }"

    def __init__(self) -> None:
        super().__init__()
        self.view = TerminalView()

    def get_css_variables(self) -> dict[str, str]:
        return super().get_css_variables() | {"stage": "#000000", "stage-text": "#ffffff"}

    def compose(self) -> ComposeResult:
        yield self.view


def text(view: TerminalView) -> list[str]:
    return [view.render_line(y).text for y in range(view.size.height)]


async def test_only_rows_that_changed_are_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    app = StageApp()
    async with app.run_test(size=(20, 10)) as pilot:
        first = screen_of(["a", "b", "c", "d"], cols=10, cursor=(0, 3))
        app.view.show(first)
        await pilot.pause()
        regions: list[Region] = []
        monkeypatch.setattr(app.view, "refresh", lambda *given, **_: regions.extend(given))
        app.view.show(screen_of(["a", "B", "c", "d"], cols=10, cursor=(0, 3)))
        assert regions == [Region(0, 1, 10, 1)]
        regions.clear()
        app.view.show(screen_of(["a", "B", "c", "d"], cols=10, cursor=(1, 2)))
        assert sorted(region.y for region in regions) == [2, 3]


async def test_the_crop_follows_the_cursor_until_someone_pans() -> None:
    app = StageApp()
    async with app.run_test(size=(20, 10)) as pilot:
        lines = [f"{y:02}" + "abcdefghijklmnopqrstuvwx" for y in range(12)]
        app.view.show(screen_of(lines, cols=26, cursor=(0, 0)))
        await pilot.pause()
        assert text(app.view)[0] == "00abcdefgh"
        assert app.view.crop_note() == "26x12, showing 10x4"
        app.view.show(screen_of(lines, cols=26, cursor=(25, 11)))
        assert text(app.view)[-1] == "opqrstuvwx"
        app.view.pan(-100, -100)
        assert text(app.view)[0] == "00abcdefgh"
        app.view.show(screen_of(lines, cols=26, cursor=(24, 11)))
        assert text(app.view)[0] == "00abcdefgh"
        app.view.follow()
        assert text(app.view)[-1] == "opqrstuvwx"
        app.view.show(screen_of(["x"], cols=5))
        assert text(app.view) == ["x         ", " " * 10, " " * 10, " " * 10]
        assert app.view.crop_note() == ""
        app.view.show(None)
        assert text(app.view) == [" " * 10] * 4


@given(
    st.lists(st.tuples(st.text(max_size=6), st.integers(1, 6)), max_size=8),
    st.booleans(),
)
@settings(max_examples=150)
def test_a_run_takes_the_cells_it_had(runs: list[tuple[str, int]], conceal: bool) -> None:
    row = Row(tuple(Run(words, cells, Style(conceal=conceal)) for words, cells in runs))
    strip = row_strip(row)
    assert strip.cell_length == sum(cells for _, cells in runs)
    assert not any(ord(letter) < 32 or 127 <= ord(letter) < 160 for letter in strip.text)


def test_hidden_text_shows_that_it_is_there() -> None:
    assert row_strip(Row((Run("secret", 6, Style(conceal=True)),))).text == "······"


def test_styles() -> None:
    style = rich_style(Style(fg=1, bg="#102030", bold=True, underline=True, reverse=True))
    assert style.bold
    assert style.underline
    assert style.reverse
    assert not style.italic
    assert style.color is not None
    assert style.color.number == 1
    assert style.bgcolor is not None
    assert style.bgcolor.triplet is not None
    assert style.bgcolor.triplet.hex == "#102030"
    assert style.link is None
