"""The replay screen: every key acts at once, live sessions are followed, and nothing is hidden that is wrong."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from textual.widgets import Input

from gateway.api.schema import FrameKind, RecordingState, WireFrame
from hoop_tui.demo import demo_gateway
from hoop_tui.errors import Unreachable
from hoop_tui.opening import OpenAt
from hoop_tui.scenery import Scenery
from hoop_tui.scenes import Scene
from hoop_tui.screens.export import ExportScreen
from hoop_tui.screens.replay import ReplayScreen
from hoop_tui.widgets.chapter_pane import ChapterPane
from hoop_tui.widgets.key_lane import KeyLane
from hoop_tui.widgets.position_bar import PositionBar
from tests.tui.conftest import OpenedApp, drawn, replay_of, state_of, words

ERIN = "s-2B8CK4TQ"


async def at_start(scenery: Scenery) -> None:
    await scenery.replay(ERIN, 0)
    await scenery.settled_at(0)


async def test_what_is_drawn_is_what_was_shown(open_app: OpenedApp) -> None:
    async with open_app() as scenery:
        await scenery.replay(ERIN, 525_500_000)
        await scenery.settled_at(525_500_000)
        assert 'hoop: denied T9Q-4WD by bob@example.com: "rotate it, see runbook 12"' in drawn(scenery).text
        shown = words(scenery.app)
        assert "s-2B8CK4TQ erin -> ssh:web-1 PROD" in shown
        assert "8m57s, active" in shown
        assert "80x24" in shown
        assert "whole" in shown
        assert "denied b" in shown
        assert "idle 8m12s" in shown


async def test_it_plays_as_time_passes(open_app: OpenedApp) -> None:
    async with open_app(opening=OpenAt(ERIN)) as scenery:
        await scenery.until(lambda: isinstance(scenery.app.screen, ReplayScreen) and replay_of(scenery).ready)
        await scenery.until(lambda: state_of(scenery).playing)
        for _ in range(20):
            scenery.clock.pass_seconds(0.1)
            await scenery.pilot.pause(0.05)
        await scenery.until(lambda: state_of(scenery).position_us >= 1_000_000)
        await scenery.press("space")
        await scenery.until(lambda: not state_of(scenery).playing)
        stands = state_of(scenery).position_us
        scenery.clock.pass_seconds(5)
        await scenery.pilot.pause(0.1)
        assert state_of(scenery).position_us == stands


@pytest.mark.parametrize(
    ("keys", "lands_us"),
    [
        (["right"], 5_000_000),
        (["right", "right", "left"], 5_000_000),
        (["left"], 0),
        (["shift+right"], 53_795_200),
        (["5"], 268_976_000),
        (["9", "0"], 0),
        (["greater_than_sign", "right"], 5_000_000),
        (["greater_than_sign"] * 3 + ["right"], 10_000_000),
        (["end"], 537_952_000),
    ],
)
async def test_seeking(keys: list[str], lands_us: int, open_app: OpenedApp) -> None:
    async with open_app() as scenery:
        await at_start(scenery)
        await scenery.until(lambda: state_of(scenery).duration_us == 537_952_000)
        await scenery.press(*keys)
        await scenery.settled_at(lands_us)


async def test_steps_chapters_speed_and_idle(open_app: OpenedApp) -> None:
    async with open_app() as scenery:
        await at_start(scenery)
        frame = state_of(scenery).frame
        await scenery.press("full_stop")
        await scenery.until(lambda: state_of(scenery).frame == frame + 1)
        await scenery.press("comma")
        await scenery.until(lambda: state_of(scenery).frame == frame)
        await scenery.press("right_square_bracket", "right_square_bracket")
        await scenery.until(lambda: state_of(scenery).chapter == 2)
        await scenery.press("left_square_bracket")
        await scenery.until(lambda: state_of(scenery).chapter == 1)
        await scenery.press("greater_than_sign")
        await scenery.until(lambda: "2x" in words(scenery.app))
        await scenery.press("less_than_sign", "less_than_sign")
        await scenery.until(lambda: "0.5x" in words(scenery.app))
        await scenery.press("equals_sign")
        await scenery.until(lambda: " 1x" in words(scenery.app))
        assert "idle>2s" in words(scenery.app)
        await scenery.press("i")
        await scenery.until(lambda: "idle off" in words(scenery.app))


async def test_silence_is_skipped_and_said(open_app: OpenedApp) -> None:
    async with open_app() as scenery:
        await scenery.replay(ERIN, 21_850_000)
        await scenery.settled_at(21_850_000)
        await scenery.press("space")
        await scenery.until(lambda: state_of(scenery).playing)
        for _ in range(60):
            scenery.clock.pass_seconds(0.2)
            await scenery.pilot.pause(0.02)
            if state_of(scenery).skipped is not None:
                break
        await scenery.press("space")
        await scenery.until(lambda: "8m10s of silence skipped" in words(scenery.app))


async def test_go_to(open_app: OpenedApp) -> None:
    async with open_app() as scenery:
        await at_start(scenery)
        await scenery.press("g", *"8:39", "enter")
        await scenery.settled_at(519_000_000)
        await scenery.press("g", *"-30s", "enter")
        await scenery.settled_at(489_000_000)
        await scenery.press("g", *"09:12:10Z", "enter")
        await scenery.settled_at(10_000_000)
        await scenery.press("g", *"soon", "enter")
        assert "Write a moment" in next(iter(scenery.app._notifications)).message
        assert scenery.app.screen.query_one("#goto", Input).display
        await scenery.press("escape")
        assert not scenery.app.screen.query_one("#goto", Input).display
        await scenery.press("g", *"2:00:00", "enter")
        await scenery.settled_at(537_952_000)


async def test_panes(open_app: OpenedApp) -> None:
    async with open_app() as scenery:
        await at_start(scenery)
        pane, lane = scenery.app.screen.query_one(ChapterPane), scenery.app.screen.query_one(KeyLane)
        widths = []
        for _ in range(3):
            widths.append(pane.outer_size.width if pane.display else 0)
            await scenery.press("c")
            await scenery.pilot.pause()
        assert widths == [20, 44, 0]
        await scenery.press("k")
        assert not lane.display
        await scenery.press("k")
        assert lane.display


async def test_clicks_jump(open_app: OpenedApp) -> None:
    async with open_app() as scenery:
        await at_start(scenery)
        await scenery.pilot.click(ChapterPane, offset=(8, 4))
        await scenery.until(lambda: state_of(scenery).chapter == 3)
        bar = scenery.app.screen.query_one(PositionBar)
        await scenery.pilot.click(bar, offset=(bar.size.width // 2, 0))
        await scenery.until(lambda: 200_000_000 < state_of(scenery).position_us < 340_000_000)
        await scenery.pilot.click(ChapterPane, offset=(8, 0))
        await scenery.pilot.click(ChapterPane, offset=(8, 20))
        assert 200_000_000 < state_of(scenery).position_us < 340_000_000


async def test_keys_that_were_hidden_stay_hidden(open_app: OpenedApp) -> None:
    async with open_app() as scenery:
        await scenery.replay(ERIN, 535_500_000)
        await scenery.settled_at(535_500_000)
        assert "<11 keys hidden>" in words(scenery.app)


async def test_a_link_to_this_moment(open_app: OpenedApp) -> None:
    async with open_app() as scenery:
        await scenery.replay(ERIN, 519_200_000)
        await scenery.settled_at(519_200_000)
        await scenery.press("y")
        assert scenery.app.clipboard == "hoop-tui play 2B8CK4TQ@8:39.2"


async def test_a_live_session_is_followed(open_app: OpenedApp) -> None:
    gateway = demo_gateway()
    async with open_app(gateway, opening=OpenAt("s-77QA4TBN")) as scenery:
        await scenery.until(lambda: "* LIVE" in words(scenery.app))
        await scenery.until(lambda: "held M2C-7PD" in drawn(scenery).text)
        last = gateway.kept["s-77QA4TBN"].frames[-1].at_us
        text = b"hoop: approved M2C-7PD by dan@example.com\r\n"
        gateway.grow("s-77QA4TBN", [WireFrame(last + 1_000_000, FrameKind.OUTPUT, text)])
        await scenery.until(lambda: "approved M2C-7PD" in drawn(scenery).text)
        await scenery.press("0")
        await scenery.until(lambda: not state_of(scenery).following)
        await scenery.press("end")
        await scenery.until(lambda: state_of(scenery).following)
        ending = [WireFrame(last + 2_000_000, FrameKind.EXIT, b'{"status": 3}')]
        gateway.grow("s-77QA4TBN", ending, RecordingState.WHOLE)
        await scenery.until(lambda: "whole" in words(scenery.app))
        assert "exit 3" in words(scenery.app)


async def test_a_live_session_that_forwards_is_followed(open_app: OpenedApp) -> None:
    """Its files and connections are chapters; what those carried is on no screen."""
    gateway = demo_gateway()
    async with open_app(gateway, opening=OpenAt("s-77QA4TBN"), size=(160, 50)) as scenery:
        await scenery.until(lambda: "* LIVE" in words(scenery.app))
        await scenery.until(lambda: "held M2C-7PD" in drawn(scenery).text)
        at = gateway.kept["s-77QA4TBN"].frames[-1].at_us + 1_000_000
        gateway.grow(
            "s-77QA4TBN",
            [
                WireFrame(at, FrameKind.MARK, b'{"kind": "forward", "text": "to db:5432 open", "flow": 1}'),
                WireFrame(at + 1, FrameKind.TOWARD, b"\0\0\0\1" + b"\x1b[2J\x1b[Hcanary-4f1d" * 5000),
                WireFrame(at + 2, FrameKind.BACK, b"\0\0\0\1\x1b]52;c;eA==\x07canary-4f1d"),
                WireFrame(at + 3, FrameKind.MARK, b'{"kind": "file", "text": "upload /etc/app.conf"}'),
                WireFrame(at + 4, FrameKind.OUTPUT, b"still here\r\n"),
            ],
        )
        await scenery.until(lambda: "still here" in drawn(scenery).text)
        assert "held M2C-7PD" in drawn(scenery).text, "the screen was not cleared by what was forwarded"
        await scenery.until(lambda: "forward to db:5432" in words(scenery.app))
        assert "file upload /etc/app" in words(scenery.app)
        assert "canary-4f1d" not in words(scenery.app)


async def test_a_cut_recording_says_so(open_app: OpenedApp) -> None:
    async with open_app(size=(140, 40)) as scenery:
        await scenery.replay("s-9THB3FYS", 10_000_000)
        await scenery.settled_at(10_000_000)
        shown = words(scenery.app)
        assert "CUT" in shown
        assert "whole" not in shown
        assert "This recording ends at 00:32: the gateway stopped without closing it." in shown


async def test_no_such_session(open_app: OpenedApp) -> None:
    async with open_app(opening=OpenAt("s-NOPE")) as scenery:
        await scenery.until(lambda: "knows no session s-NOPE" in words(scenery.app))
        await scenery.press("space", "right", "g", "escape", "y", "e", "escape")
        await scenery.pilot.pause()
        assert scenery.app.return_value is None


async def test_larger_than_the_pane(open_app: OpenedApp) -> None:
    gateway = demo_gateway()
    async with open_app(gateway, opening=OpenAt("s-3MMD61HV")) as scenery:
        await scenery.until(lambda: "132x50, showing 80x24" in words(scenery.app))
        await scenery.until(lambda: "dave@etl-2" in words(scenery.app))
        await scenery.press(*["alt+up"] * 20)
        await scenery.until(lambda: "report --wide" in words(scenery.app))
        await scenery.press(*["alt+right"] * 20)
        await scenery.until(lambda: "report --wide" not in words(scenery.app))
        await scenery.press(*["alt+left"] * 20, *["alt+down"] * 20)
        await scenery.until(lambda: "report --wide" not in words(scenery.app))


async def test_export_keeps_what_is_there(
    open_app: OpenedApp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "hoop-2B8CK4TQ.cast").write_text("mine")
    gateway = demo_gateway()
    async with open_app(gateway) as scenery:
        await at_start(scenery)
        for down in (0, 1):
            await scenery.press("e")
            await scenery.until(lambda: isinstance(scenery.app.screen, ExportScreen))
            await scenery.press(*["j"] * down, "enter")
            await scenery.until(lambda: isinstance(scenery.app.screen, ReplayScreen))
        assert (tmp_path / "hoop-2B8CK4TQ.cast").read_text() == "mine"
        assert b"uptime" in (tmp_path / "hoop-2B8CK4TQ-2.cast").read_bytes()
        assert (tmp_path / "hoop-2B8CK4TQ.txt").exists()
        gateway.failing = Unreachable("The line broke.")
        await scenery.press("e")
        await scenery.until(lambda: isinstance(scenery.app.screen, ExportScreen))
        await scenery.press("enter")
        await scenery.until(lambda: "The line broke." in words(scenery.app))
        assert len(list(tmp_path.iterdir())) == 3


async def test_sizes_down_to_nothing(open_app: OpenedApp) -> None:
    async with open_app() as scenery:
        await scenery.replay(ERIN, 525_500_000)
        await scenery.settled_at(525_500_000)
        for size in ((1, 1), (20, 5), (200, 60), (40, 10), (100, 30)):
            await scenery.pilot.resize_terminal(*size)
            await scenery.pilot.pause()
        await scenery.until(lambda: "denied T9Q-4WD" in words(scenery.app))


def busy(rows: int) -> Sequence[WireFrame]:
    scene = Scene()
    for number in range(rows):
        scene.waits(0.005).shows(f"\x1b[{number % 24 + 1};1H\x1b[3{number % 8}mrow {number}\x1b[K")
    return scene.frames


async def test_a_flood_leaves_the_keys_alive(open_app: OpenedApp) -> None:
    gateway = demo_gateway()
    gateway.kept[ERIN].frames = busy(40_000)
    async with open_app(gateway) as scenery:
        await scenery.replay(ERIN, 0)
        await scenery.press(*["greater_than_sign"] * 6, "space")
        for _ in range(10):
            scenery.clock.pass_seconds(0.1)
            await scenery.pilot.pause(0.02)
        await scenery.press("space")
        await scenery.until(lambda: not state_of(scenery).playing)
        assert state_of(scenery).frame > 1000
