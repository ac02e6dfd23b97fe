"""The house rules that import-linter can not say, and a proof that what it does say bites."""

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOMS = sorted(path.parent.name for path in (ROOT / "gateway").glob("*/__init__.py"))
MODULES = sorted(
    path
    for package in ("gateway", "hoop_tui")
    for path in (ROOT / package).rglob("*.py")
    if path.name != "__init__.py"
)
PACKAGES = sorted(
    path for package in ("gateway", "hoop_tui") for path in (ROOT / package).rglob("__init__.py")
)

MOST_LINES = 400
MOST_LINES_OF_A_FUNCTION = 40
EMPTY_WORDS = ("Manager", "Handler", "Helper", "Util", "Utils", "Base")

VIOLATIONS = [
    ("gateway.core", "gateway.session"),
    ("gateway.session", "gateway.adapters"),
    ("gateway.app", "gateway.cli"),
    ("gateway.store", "gateway.bus"),
    ("gateway.api", "gateway.adapters"),
    ("gateway.masking", "gateway.policy"),
    ("gateway.policy", "asyncio"),
    ("gateway.masking", "socket"),
    ("gateway.recording", "threading"),
    ("gateway.core", "sqlalchemy"),
    ("gateway.core", "pydantic"),
    ("gateway.adapters", "gateway.policy"),
    ("gateway.api", "gateway.masking"),
    ("gateway.secrets", "gateway.session"),
    ("gateway.store", "gateway.recording"),
    ("hoop_tui", "gateway.core"),
    ("hoop_tui", "gateway.api.routes"),
    ("hoop_tui", "gateway.recording.reader"),
    ("gateway.app", "textual"),
    ("gateway.api", "hoop_tui"),
    ("hoop_tui.replay", "asyncio"),
    ("hoop_tui.replay", "textual"),
]


def skeleton(directory: Path) -> None:
    """Every room, empty, under the contracts of this project."""
    packages = [f"gateway/{room}" for room in ROOMS] + ["gateway", "hoop_tui", "hoop_tui/replay"]
    for package in packages:
        (directory / package).mkdir(parents=True, exist_ok=True)
        (directory / package / "__init__.py").touch()
    for name in ("api/routes", "recording/reader"):
        (directory / f"gateway/{name}.py").touch()
    known = ("api.schema", "recording.cells", "recording.statement_marks")
    for name in known:
        (directory / f"gateway/{name.replace('.', '/')}.py").touch()
    (directory / "hoop_tui/client.py").write_text("".join(f"import gateway.{name}\n" for name in known))
    settings = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    (directory / "pyproject.toml").write_text(settings[settings.index("[tool.importlinter]") :])


def lint(directory: Path) -> tuple[int, str]:
    """The status and the words of lint-imports, with its line breaks taken out."""
    program = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    command = [sys.executable, "-c", program, "--no-cache", "--no-logo"]
    ran = subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=60, check=False)
    return ran.returncode, " ".join((ran.stdout + ran.stderr).split())


def contract_names() -> list[str]:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return [contract["name"] for contract in settings["tool"]["importlinter"]["contracts"]]


def test_empty_rooms_break_no_contract(tmp_path: Path) -> None:
    skeleton(tmp_path)
    status, words = lint(tmp_path)
    assert status == 0, words
    assert f"{len(contract_names())} kept, 0 broken" in words


def test_every_contract_bites(tmp_path: Path) -> None:
    skeleton(tmp_path)
    for number, (room, imported) in enumerate(VIOLATIONS):
        module = tmp_path / room.replace(".", "/") / f"wrong{number}.py"
        module.write_text(f"import {imported}\n")
    (tmp_path / "gateway/api/schema.py").write_text("import gateway.core\n")
    status, words = lint(tmp_path)
    assert status == 1
    for name in contract_names():
        assert re.search(re.escape(name) + r" BROKEN", words), f"nothing breaks: {name}"
    for number, (room, imported) in enumerate(VIOLATIONS):
        assert f"{room}.wrong{number} -> {imported} (l.1)" in words
    assert "gateway.api.schema -> gateway.core (l.1)" in words


def test_a_room_on_no_floor_is_refused(tmp_path: Path) -> None:
    skeleton(tmp_path)
    (tmp_path / "gateway/pantry").mkdir()
    (tmp_path / "gateway/pantry/__init__.py").touch()
    status, words = lint(tmp_path)
    assert status == 1
    assert "pantry" in words


def test_every_directory_of_code_is_a_package() -> None:
    assert ROOMS
    bare = {path.parent for path in MODULES if not (path.parent / "__init__.py").exists()}
    assert not bare


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("package", PACKAGES, ids=relative)
def test_a_package_only_says_what_it_is_for(package: Path) -> None:
    first, *rest = ast.parse(package.read_text(encoding="utf-8")).body
    assert isinstance(first, ast.Expr)
    assert isinstance(first.value, ast.Constant)
    names = [
        name.id
        for node in rest
        if isinstance(node, ast.Assign)
        for name in node.targets
        if isinstance(name, ast.Name)
    ]
    assert rest == [] or (package.parent == ROOT / "gateway" and names == ["__version__"])


def lines_of_body(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """How much it does: neither its parameters count, which a command may have many of, nor its docstring."""
    body = function.body[1:] if ast.get_docstring(function) else function.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


@pytest.mark.parametrize("module", MODULES, ids=relative)
def test_a_module_is_small_and_says_what_it_is_for(module: Path) -> None:
    text = module.read_text(encoding="utf-8")
    tree = ast.parse(text)
    assert ast.get_docstring(tree), "a module begins by saying what it is for"
    assert text.count("\n") <= MOST_LINES
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = lines_of_body(node)
            assert lines <= MOST_LINES_OF_A_FUNCTION, f"{node.name} has {lines} lines"
        if isinstance(node, ast.ClassDef):
            assert not node.name.endswith(EMPTY_WORDS), f"{node.name} says nothing"
