"""docs/tui.md against the table of keys and the tree of commands; and every key against a real action."""

import re
from pathlib import Path
from typing import get_args

import pytest
from cyclopts import App

from hoop_tui.app import HoopApp
from hoop_tui.cli.main import HELP
from hoop_tui.cli.tree import app as cli
from hoop_tui.keymap import FIXED_PLACES, KEYS, PLACES, TOGETHER, Key, Place, bindings, footer, help_sections
from hoop_tui.own_settings import THEME_NAMES
from hoop_tui.screen_table import SCREENS, ScreenName
from hoop_tui.screens.approvals import ApprovalsScreen
from hoop_tui.screens.approve import ApproveDialog
from hoop_tui.screens.base import HoopScreen
from hoop_tui.screens.deny import DenyDialog
from hoop_tui.screens.impact import ImpactScreen
from hoop_tui.screens.replay import ReplayScreen
from hoop_tui.screens.result import ResultScreen
from hoop_tui.screens.sessions import SessionsScreen
from hoop_tui.screens.sign_in_code import CodeScreen
from hoop_tui.screens.signin import SignInScreen
from hoop_tui.screens.statements import StatementsScreen
from hoop_tui.shots import SHOTS
from hoop_tui.themes import NAMES
from hoop_tui.widgets.choice import Choice
from hoop_tui.widgets.row_table import RowTable
from hoop_tui.widgets.scope_choice import ScopeChoice

DOCS = Path(__file__).resolve().parents[2] / "docs" / "tui.md"
OWNERS: dict[Place, type] = {
    "everywhere": SessionsScreen,
    "lists": RowTable,
    "code": CodeScreen,
    "signin": SignInScreen,
    "approvals": ApprovalsScreen,
    "impact": ImpactScreen,
    "dialog": DenyDialog,
    "choices": Choice,
    "scopes": ScopeChoice,
    "sessions": SessionsScreen,
    "steering": ReplayScreen,
    "replay": ReplayScreen,
    "statements": StatementsScreen,
    "result": ResultScreen,
}


def section(title: str) -> str:
    found = re.search(
        rf"^##+ {re.escape(title)}\n(.*?)(?=^##+ |\Z)", DOCS.read_text(encoding="utf-8"), re.M | re.S
    )
    assert found, f"docs/tui.md has no section {title}"
    return found[1]


def table(title: str) -> list[tuple[str, str]]:
    return re.findall(r"^\| `(.+?)`(?:, `-\w`)? \| (.+?) \|$", section(title), re.M)


@pytest.mark.parametrize(("title", "rows"), help_sections(*PLACES))
def test_every_key_is_documented(title: str, rows: list[tuple[str, str]]) -> None:
    assert table(title) == rows


@pytest.mark.parametrize("key", KEYS, ids=lambda key: f"{key.place}-{key.shown}")
def test_every_key_does_something(key: Key) -> None:
    name = key.action.partition("(")[0]
    owner = HoopApp if name.startswith("app.") else OWNERS[key.place]
    assert callable(getattr(owner, f"action_{name.removeprefix('app.')}", None))


def test_no_key_means_two_things_on_a_screen() -> None:
    for places in (*TOGETHER, ApproveDialog.places):
        names = [name for key in KEYS if key.place in places for name in key.keys.split(",")]
        assert len(names) == len(set(names))


@pytest.mark.parametrize(
    "screen", [ApprovalsScreen, SessionsScreen, ReplayScreen, StatementsScreen, ResultScreen]
)
def test_the_table_knows_what_works_together(screen: type[HoopScreen]) -> None:
    assert set(screen.places) in [set(places) for places in TOGETHER]


def test_every_name_of_a_key_is_one() -> None:
    names = [key.name for key in KEYS]
    assert len(names) == len(set(names))
    assert set(PLACES) >= FIXED_PLACES


def test_the_table_of_screens() -> None:
    asked = next(each for each in cli.assemble_argument_collection() if each.name == "--screen")
    assert get_args(asked.hint) == tuple(each.name for each in SCREENS) == get_args(ScreenName)
    assert NAMES.keys() == set(THEME_NAMES)


def test_bindings_and_footer_come_from_the_table() -> None:
    made = bindings("replay")
    assert len(made) == sum(len(key.keys.split(",")) for key in KEYS if key.place == "replay")
    assert ("< >", "Speed", "slower") in footer("replay", "everywhere")
    assert footer("replay", "everywhere")[-1] == ("q", "Quit", "app.leave")


def commands(app: App, words: tuple[str, ...] = ("hoop-tui",)) -> dict[str, App]:
    found: dict[str, App] = {}
    for name in app:
        if name.startswith("-"):
            continue
        inner = app[name]
        deeper = commands(inner, (*words, name))
        found |= deeper or {" ".join((*words, name)): inner}
    return found


def test_every_command_and_option_is_documented() -> None:
    tree = {"hoop-tui": cli} | commands(cli)
    headings = set(re.findall(r"^### (hoop-tui.*)$", DOCS.read_text(encoding="utf-8"), re.M))
    assert headings == set(tree)
    for name, command in tree.items():
        options = {
            argument.name
            for argument in command.assemble_argument_collection()
            if argument.name.startswith("--")
        }
        assert {option for option, _ in table(name)} == options, name


def test_every_exit_code_is_documented() -> None:
    text = DOCS.read_text(encoding="utf-8").partition("| exit code |")[2]
    assert [int(code) for code in re.findall(r"^\| (\d+) \|", text, re.M)] == [
        0,
        1,
        2,
        3,
        4,
        5,
        6,
        7,
        8,
        9,
        130,
    ]


def test_pictures_in_the_documentation_exist() -> None:
    published = {shot.name for shot in SHOTS if shot.published}
    for name in re.findall(r"\.\./screenshots/([\w-]+)\.png", DOCS.read_text(encoding="utf-8")):
        assert name in published


def test_the_first_help_names_every_command_and_option() -> None:
    listed = re.findall(
        r"^  (\w+(?: [\w-]+)?)  +[A-Z]", HELP.split("Commands:")[1].split("Options:")[0], re.MULTILINE
    )
    tree = []
    for name in cli:
        if name.startswith("-"):
            continue
        inner = [sub for sub in cli[name] if not sub.startswith("-")]
        tree += [f"{name} {sub}" for sub in inner] or [name]
    assert sorted(listed) == sorted(tree)
    options = set(re.findall(r"^  (--[a-z-]+)", HELP, re.MULTILINE)) - {"--version"}
    known = {option for argument in cli.assemble_argument_collection() for option in argument.names}
    assert options == {option for option in known if option.startswith("--")}
