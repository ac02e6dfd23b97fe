"""tui.toml: keys of one's own, and every mistake told with its line; what decides stays behind its box."""

from pathlib import Path

import pytest

from hoop_tui.approval_shots import approvals
from hoop_tui.cli.open_app import Asked, manner_of
from hoop_tui.demo import demo_gateway
from hoop_tui.opening import Manner
from hoop_tui.own_settings import Mistakes, OwnSettings, own_settings_file, read_own_settings
from hoop_tui.screens.approvals import ApprovalsScreen
from hoop_tui.screens.approve import ApproveDialog
from hoop_tui.screens.sessions import SessionsScreen
from hoop_tui.themes import ANSI, LIGHT
from tests.tui.conftest import OpenedApp, Program, words


def read(tmp_path: Path, text: str) -> OwnSettings:
    path = tmp_path / "tui.toml"
    path.write_text(text)
    return read_own_settings(path)


def mistakes(tmp_path: Path, text: str) -> list[str]:
    with pytest.raises(Mistakes) as told:
        read(tmp_path, text)
    return [sentence.removeprefix(str(tmp_path / "tui.toml") + ":") for sentence in told.value.sentences]


def test_nothing_there_is_as_usual(tmp_path: Path) -> None:
    assert read_own_settings(tmp_path / "tui.toml") == OwnSettings()
    assert own_settings_file({"XDG_CONFIG_HOME": str(tmp_path)}) == tmp_path / "hoop" / "tui.toml"


def test_all_that_can_be_said(tmp_path: Path) -> None:
    own = read(
        tmp_path,
        'theme = "light"\nplain = true\nreadonly = true\n'
        '[gateways]\neu = "https://hoop.example.com"\n'
        '[keys]\n"approvals.approve" = "ctrl+a"\nsessions.copy = "Y, f9"\n"replay.step(-1)" = ";"\n'
        '"everywhere.toggle_zone" = ","\n',
    )
    assert (own.theme, own.plain, own.readonly) == ("light", True, True)
    assert own.keys["approvals.approve"] == "ctrl+a"
    assert own.keys["sessions.copy"] == "Y,f9"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('\ntheme = "pink"', "2: theme: a theme is one of dark, light, contrast, ansi."),
        ("plain = 3", "1: plain: this is true or false."),
        ("colour = 1", "1: colour: there is no such setting"),
        ("keys = 1", "1: keys: keys are written below [keys]"),
        ('[gateways]\neu = "ftp://x"', "1: gateways: The gateway's address looks like"),
        ('[keys]\n"nope.x" = "u"', "2: nope.x: there is no such action; hoop-tui keys lists them."),
        ('[keys]\nsessions.copy = 3', "2: sessions.copy: a key is written in quotes."),
        ('[keys]\nsessions.copy = "esc"', '2: sessions.copy: "esc" is no key'),
        ('[keys]\nsessions.copy = ""', '2: sessions.copy: "" is no key'),
        ('[keys]\nsessions.copy = "enter"', "2: sessions.copy: Enter is the same for everybody"),
        ('[keys]\nsessions.copy = "u"', "2: sessions.copy: u is taken by sessions.their_sessions"),
        ('[keys]\nsessions.copy = "t"', "2: sessions.copy: t is taken by everywhere.toggle_zone"),
        ('[keys]\n"choices.choose" = "a"', "2: choices.choose: this key is the same for everybody"),
        ('[keys]\n"dialog.focus_next" = "a"', "2: dialog.focus_next: this key is the same for everybody"),
        ('[keys]\n"everywhere.back" = "b"', "2: everywhere.back: this key is the same for everybody"),
        ('[keys]\n"approvals.claim" = "k"', "2: approvals.claim: it changes something at once"),
        ('[keys]\n"steering.pause" = "space"', "2: steering.pause: it changes something at once"),
        ("[keys", "1: Expected"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_line(tmp_path: Path, text: str, told: str) -> None:
    assert mistakes(tmp_path, text)[0].startswith(told)


def test_all_mistakes_are_told_at_once_in_their_order(tmp_path: Path) -> None:
    found = mistakes(tmp_path, '[keys]\nsessions.copy = "enter"\nnope = "x"\n"sessions.filter" = "p"\n')
    assert [sentence.partition(":")[0] for sentence in found] == ["2", "3", "4"]


def test_two_keys_can_change_places(tmp_path: Path) -> None:
    own = read(tmp_path, '[keys]\n"approvals.approve" = "x"\n"approvals.deny" = "a"\n')
    assert own.keys == {"approvals.approve": "x", "approvals.deny": "a"}


def test_the_command_line_wins() -> None:
    own = OwnSettings(theme="light", readonly=True)
    assert manner_of(Asked(), own) == Manner(theme=LIGHT, readonly=True)
    assert manner_of(Asked(theme="ansi", plain=True), own) == Manner(theme=ANSI, plain=True, readonly=True)


OWN = Manner(
    keys={
        "approvals.approve": "ctrl+a",
        "everywhere.show_approvals": "f9",
        "everywhere.show_sessions": "f10",
        "sessions.filter": "ctrl+f",
        "everywhere.command_palette": "semicolon",
    }
)


async def test_the_keys_in_force_are_in_tabs_footer_and_help(open_app: OpenedApp) -> None:
    async with open_app(manner=OWN) as scenery:
        await scenery.sessions()
        assert "F9 Approvals" in words(scenery.app)
        assert "ctrl+f Filter" in words(scenery.app)
        await scenery.press("f2", "f9")
        await scenery.until(lambda: isinstance(scenery.app.screen, ApprovalsScreen))
        assert "ctrl+a Approve.." in words(scenery.app)
        await scenery.press("f10", "question_mark")
        await scenery.pilot.pause()
        assert "F9" in words(scenery.app)
        await scenery.press("escape", "semicolon")
        await scenery.until(lambda: type(scenery.app.screen).__name__ == "CommandPalette")


async def test_another_key_meets_the_same_guard_and_the_same_box(open_app: OpenedApp) -> None:
    gateway = demo_gateway()
    async with open_app(gateway, manner=Manner(keys={"approvals.approve": "ctrl+a,f2"})) as scenery:
        await scenery.sessions()
        scenery.app.action_show_approvals()
        await scenery.until(
            lambda: isinstance(scenery.app.screen, ApprovalsScreen) and scenery.app.screen.card is not None
        )
        await scenery.press("ctrl+a")
        assert isinstance(scenery.app.screen, ApprovalsScreen)
        assert "This changed just now" in next(iter(scenery.app._notifications)).message
        scenery.clock.pass_seconds(1)
        screen = scenery.app.screen
        screen.move_to("K4T-9XA2")
        await scenery.until(lambda: screen.card is not None and screen.card.id == "K4T-9XA2")
        scenery.clock.pass_seconds(1)
        await scenery.press("a")
        assert isinstance(scenery.app.screen, ApprovalsScreen)
        await scenery.press("ctrl+a", "ctrl+a", "ctrl+a", "enter")
        await scenery.until(lambda: not isinstance(scenery.app.screen, ApproveDialog))
        assert not any(said.startswith("approve") for said in gateway.requests.said)


async def test_hints_name_the_keys_that_are_in_force(open_app: OpenedApp) -> None:
    own = {"approvals.next_order": "o", "approvals.next_filter": "ctrl+f", "approvals.mark": "m"}
    async with open_app(manner=Manner(keys=own)) as scenery:
        await scenery.sessions()
        scenery.app.action_show_approvals()
        await scenery.until(lambda: "ctrl+f filter  o sort: time left" in words(scenery.app))
        await scenery.press("X")
        assert "Nothing is marked: m marks." in next(iter(scenery.app._notifications)).message


async def test_a_filter_opened_by_another_key_has_what_is_typed(open_app: OpenedApp) -> None:
    async with open_app(manner=OWN) as scenery:
        await scenery.sessions()
        await scenery.press("ctrl+f", *"user:erin", "enter")
        screen = scenery.app.screen
        assert isinstance(screen, SessionsScreen)
        await scenery.until(lambda: screen.filter.person == "erin")


async def test_the_usual_keys_work_as_ever(open_app: OpenedApp) -> None:
    async with open_app() as scenery:
        await approvals(scenery)


def test_the_list_of_keys(program: Program) -> None:
    program.config.mkdir(parents=True)
    (program.config / "tui.toml").write_text('[keys]\n"approvals.approve" = "ctrl+a"\n')
    listed = program("keys")
    assert listed.returncode == 0
    assert any(line.split()[:2] == ["ctrl+a", "approvals.approve"] for line in listed.stdout.splitlines())
    assert '"yours": true' in program("keys", "-o", "jsonl").stdout
    (program.config / "tui.toml").write_text('[keys]\n"approvals.aprove" = "ctrl+a"\n')
    wrong = program("keys")
    assert wrong.returncode == 2
    assert "tui.toml:2: approvals.aprove: there is no such action" in wrong.stderr
