"""Screens and widgets show `Content` from `safe_text` and nothing else: read from their source, not from runs."""

import ast
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from textual.app import App, ComposeResult
from textual.events import Paste

import hoop_tui
from hoop_tui.widgets.editor import Editor, is_all_visible
from tests.tui.hostile_corpus import PAYLOADS

ROOT = Path(hoop_tui.__file__).parent
FILES = sorted(
    path
    for path in ROOT.rglob("*.py")
    if path.name != "safe_text.py"  # it makes what the others show
    and re.search(r"^ *(from|import) textual", path.read_text(encoding="utf-8"), re.MULTILINE)
)
"""All that know the toolkit."""
SHOWS_PLAIN_TEXT = {
    "Collapsible", "DataTable", "DirectoryTree", "Label", "ListItem", "Log", "Markdown", "MarkdownViewer",
    "Option", "OptionList", "Placeholder", "Pretty", "RadioButton", "RichLog", "Select", "SelectionList",
    "Static", "Switch", "TabPane", "Tabs", "TextArea", "Tree", "Checkbox", "Link", "Digits",
}  # fmt: skip
MAKES_CONTENT = {"from_markup", "from_rich_text", "from_ansi", "from_text", "styled", "append_text"}
TAKES_TEXT = {
    "border_title", "border_subtitle", "tooltip", "title", "sub_title", "placeholder", "label",
    "TITLE", "SUB_TITLE", "BORDER_TITLE", "BORDER_SUBTITLE",
}  # fmt: skip
TAKES_HARMLESS = {"value", "text"}
"""Of a box to write in: it draws what stands in it as it is."""
TAKES_PLAIN_TEXT = {
    "add_column", "add_columns", "add_row", "add_rows", "add_option", "add_options", "update_cell",
    "update_cell_at", "set_options", "write_line", "write_lines",
}  # fmt: skip
BOXES = {"Input": 1, "Button": 1}
"""How many of their values are words. The editor is not among them: it makes harmless what it gets."""
WRITES = {"title", "desktop_notice"}
"""What may be written past the screen: numbers and words of ours."""


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
        elif isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
            found += assigned(node)
    return found


def assigned(node: ast.Assign | ast.AnnAssign | ast.AugAssign) -> list[str]:
    """Wherever it is done, also in what a timer calls."""
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    found = []
    for target in targets:
        name = getattr(target, "attr", getattr(target, "id", ""))
        is_class_wide = isinstance(target, ast.Name) and name.isupper()
        if node.value is None or not (isinstance(target, ast.Attribute) or is_class_wide):
            continue
        is_ours = is_class_wide and isinstance(node.value, ast.Constant)
        if name in TAKES_TEXT and not is_ours and not is_content(node.value):
            found.append(f"{node.lineno}: sets {name} to something that is not made by safe_text")
        if name in TAKES_HARMLESS and not is_harmless(node.value):
            found.append(f"{node.lineno}: sets {name} to something that was not made harmless")
    return found


def call_violations(call: ast.Call) -> list[str]:
    function = call.func
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    owner = getattr(function.value, "id", "") if isinstance(function, ast.Attribute) else ""
    if name == "Content" and not all(isinstance(each, ast.Constant) for each in call.args):
        return [f"{call.lineno}: Content() of something that is not a constant"]
    if owner == "Content" and name in MAKES_CONTENT and not is_border_line(call):
        return [f"{call.lineno}: Content.{name}()"]
    if name == "notify" and not is_harmless_notice(call):
        return [f"{call.lineno}: notify() of something else than Content, or without markup=False"]
    if name in TAKES_PLAIN_TEXT or (name == "update" and ast.unparse(function) != "os.environ.update"):
        return [f"{call.lineno}: {name}()"]
    if name == "setattr" and not is_name_of_no_text(call):
        return [f"{call.lineno}: setattr() of who knows what"]
    if name in BOXES and not all(is_harmless(each) for each in words_of(call, BOXES[name])):
        return [f"{call.lineno}: {name}() of something that was not made harmless"]
    if (name == "_write" or ast.unparse(function).endswith("driver.write")) and not is_ours(call):
        return [f"{call.lineno}: {name}() of something else than our notices"]
    if name == "copy_to_clipboard" and not all(is_harmless(each) for each in call.args):
        return [f"{call.lineno}: copies something that was not made harmless"]
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


def words_of(call: ast.Call, first: int) -> list[ast.expr]:
    return call.args[:first] + [each.value for each in call.keywords if each.arg in TAKES_HARMLESS]


def is_harmless(value: ast.expr) -> bool:
    """A constant, what `visible` makes, or a choice between such."""
    if isinstance(value, ast.IfExp):
        return is_harmless(value.body) and is_harmless(value.orelse)
    if isinstance(value, ast.Call):
        return getattr(value.func, "id", "") == "visible"
    return isinstance(value, ast.Constant)


def is_harmless_notice(call: ast.Call) -> bool:
    said = {each.arg: each.value for each in call.keywords}
    markup, words = said.get("markup"), call.args[0] if len(call.args) == 1 else None
    is_words = isinstance(words, ast.Constant) or (isinstance(words, ast.Attribute) and words.attr == "plain")
    return is_words and "title" not in said and isinstance(markup, ast.Constant) and markup.value is False


def is_name_of_no_text(call: ast.Call) -> bool:
    name = call.args[1] if len(call.args) == 3 else None
    return isinstance(name, ast.Constant) and name.value not in TAKES_TEXT | TAKES_HARMLESS


def is_ours(call: ast.Call) -> bool:
    """A notice, or what `_write` was given, which is one."""
    (words,) = call.args
    if isinstance(words, ast.Call):
        return getattr(words.func, "id", "") in WRITES
    return isinstance(words, ast.Name) and words.id == "sequence"


def is_content(value: ast.expr) -> bool:
    """A call of safe_text's makers, a choice between such, or a name that mypy knows to be `Content`."""
    if isinstance(value, ast.Call):
        return getattr(value.func, "id", "") in ("safe", "joined", "stacked", "fitted")
    if isinstance(value, ast.IfExp):
        return is_content(value.body) and is_content(value.orelse)
    return isinstance(value, ast.Name) and value.id == "heading"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_shows_a_plain_string(path: Path) -> None:
    is_editor = (
        path == ROOT / "widgets" / "editor.py"
    )  # it makes harmless what comes into it, as is tried below
    assert violations(path.read_text(encoding="utf-8")) == (["6: imports TextArea"] if is_editor else [])


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
        "box = Input(person)",
        "box = Input(value=person)",
        "Button(person)",
        "Button(label=person)",
        "button.label = person",
        "box.value = person",
        "box.value = visible(person) if person else person",
        "editor.text += person",
        "self.notify('x', title=person, markup=False)",
        "self.notify(person, markup=False)",
        "self.notify(f'{person}', markup=False)",
        "self.sub_title = person",
        "self.sub_title: str = person",
        "class App: TITLE = person",
        "self.set_timer(1, lambda: line.update(person))",
        "def later(self):\n    self.label.border_title = person",
        "static.update(f'{person}')",
        "table.add_row(person)",
        "table.add_column('x', key=person)",
        "setattr(self, 'title', person)",
        "setattr(self, name, person)",
        "self._write(f'\\x1b]9;{person}')",
        "self._driver.write(person)",
        "self.app.copy_to_clipboard(person)",
    ],
)
def test_the_check_finds_what_it_looks_for(source: str) -> None:
    assert violations(source)


@pytest.mark.parametrize(
    "source",
    [
        "x = Content('')",
        "self.border_title = safe(person)",
        "self.notify(words.plain, markup=False)",
        "box = Input(visible(person), id=id)",
        "box.value = ''",
        "self._write(title(3))",
        "title = person",
    ],
)
def test_the_check_lets_the_rest_be(source: str) -> None:
    assert violations(source) == []


@pytest.mark.parametrize(
    "put",
    [
        lambda editor, text: editor.load_text(text),
        lambda editor, text: setattr(editor, "text", text),
        lambda editor, text: editor.insert(text),
        lambda editor, text: editor.replace(text, (0, 0), (0, 3)),
        lambda editor, text: (editor.insert(text), editor.undo(), editor.redo()),
        lambda editor, text: editor.post_message(Paste(text)),
    ],
    ids=["load_text", "text", "insert", "replace", "redo", "paste"],
)
async def test_the_editor_makes_harmless_what_comes_into_it(put: Callable[[Editor, str], object]) -> None:
    """By every way that the toolkit has: this is why it may be made of the toolkit's."""

    class Holder(App[None]):
        def compose(self) -> ComposeResult:
            yield Editor("old \x1b[2J", id="text")

    async with Holder().run_test(size=(20, 4)) as pilot:
        editor = pilot.app.query_one(Editor)
        assert is_all_visible(editor.text)
        put(editor, "".join(PAYLOADS[:40]))
        await pilot.pause()
        assert "<U+001B>]" in editor.text
        assert is_all_visible(editor.text)
