"""Screens and widgets show `Content` from `safe_text` and nothing else: read from their source, not from runs."""

import ast
from pathlib import Path

import pytest

import hoop_tui

ROOT = Path(hoop_tui.__file__).parent
FILES = sorted(
    [
        *(ROOT / "screens").glob("*.py"),
        *(ROOT / "widgets").glob("*.py"),
        *(ROOT / f"{name}.py" for name in ("app", "going", "palette")),
    ]
)
SHOWS_PLAIN_TEXT = {
    "Collapsible", "DataTable", "DirectoryTree", "Label", "ListItem", "Log", "Markdown", "MarkdownViewer",
    "Option", "OptionList", "Placeholder", "Pretty", "RadioButton", "RichLog", "Select", "SelectionList",
    "Static", "Switch", "TabPane", "Tabs", "TextArea", "Tree", "Checkbox", "Link", "Digits",
}  # fmt: skip
MAKES_CONTENT = {"from_markup", "from_rich_text", "from_ansi", "from_text", "styled", "append_text"}
TAKES_TEXT = {"border_title", "border_subtitle", "tooltip", "title", "sub_title", "placeholder"}


def violations(source: str) -> list[str]:
    found: list[str] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom):
            names = {alias.name for alias in node.names}
            if node.module in ("rich.text", "rich.markup", "rich.markdown", "textual.markup"):
                found.append(f"{node.lineno}: imports {node.module}")
            if (node.module or "").startswith("textual.widgets") and names & SHOWS_PLAIN_TEXT:
                found.append(f"{node.lineno}: imports {', '.join(names & SHOWS_PLAIN_TEXT)}")
        elif isinstance(node, ast.Call):
            found += call_violations(node)
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                if (
                    isinstance(target, ast.Attribute)
                    and target.attr in TAKES_TEXT
                    and not is_content(node.value)
                ):
                    found.append(
                        f"{node.lineno}: sets {target.attr} to something that is not made by safe_text"
                    )
    return found


def call_violations(call: ast.Call) -> list[str]:
    function = call.func
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    owner = getattr(function.value, "id", "") if isinstance(function, ast.Attribute) else ""
    if name == "Content" and not all(isinstance(each, ast.Constant) for each in call.args):
        return [f"{call.lineno}: Content() of something that is not a constant"]
    if owner == "Content" and name in MAKES_CONTENT and not is_border_line(call):
        return [f"{call.lineno}: Content.{name}()"]
    if name == "notify" and not any(
        each.arg == "markup" and isinstance(each.value, ast.Constant) and each.value.value is False
        for each in call.keywords
    ):
        return [f"{call.lineno}: notify() without markup=False"]
    return [
        f"{call.lineno}: {each.arg}= is not a constant"
        for each in call.keywords
        if each.arg in TAKES_TEXT and not isinstance(each.value, ast.Constant)
    ]


def is_border_line(call: ast.Call) -> bool:
    """An f-string of constants and repeated constants, as the panel draws its edge with."""
    return isinstance(call.args[0], ast.JoinedStr) and all(
        isinstance(part, ast.Constant)
        or (isinstance(part, ast.FormattedValue) and isinstance(part.value, ast.BinOp))
        for part in call.args[0].values
    )


def is_content(value: ast.expr) -> bool:
    """A call of safe_text's makers, a choice between such, or a name that mypy knows to be `Content`."""
    if isinstance(value, ast.Call):
        return getattr(value.func, "id", "") in ("safe", "joined", "stacked", "fitted")
    if isinstance(value, ast.IfExp):
        return is_content(value.body) and is_content(value.orelse)
    return isinstance(value, ast.Name) and value.id == "heading"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_shows_a_plain_string(path: Path) -> None:
    allowed = (
        ["6: imports TextArea"] if path.name == "editor.py" else []
    )  # it makes harmless what comes into it
    assert violations(path.read_text(encoding="utf-8")) == allowed


@pytest.mark.parametrize(
    "source",
    [
        "from textual.widgets import Static",
        "from textual.widgets import Input, Label",
        "from textual.widgets.option_list import Option",
        "from rich.text import Text",
        "x = Content(person)",
        "x = Content(f'{person}')",
        "x = Content.from_markup(person)",
        "x = Content.styled(person, 'bold')",
        "x = Content.styled(f'{person}', 'bold')",
        "self.border_title = person",
        "self.border_title = f'x {person}'",
        "self.tooltip = str(safe(person))",
        "self.notify(person)",
        "self.notify(person, markup=True)",
        "box = Input(placeholder=person)",
    ],
)
def test_the_check_finds_what_it_looks_for(source: str) -> None:
    assert violations(source)


@pytest.mark.parametrize(
    "source", ["x = Content('')", "self.border_title = safe(person)", "n(x, markup=False)"]
)
def test_the_check_lets_the_rest_be(source: str) -> None:
    assert violations(source) == []
