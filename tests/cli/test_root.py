"""The root of the command: help at once, exit codes, and never a traceback."""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.cli.commands import COMMANDS, GROUPS, build_app, help_for
from gateway.cli.main import run as run_here

Run = Callable[..., Any]

# What costs time. None of it may be loaded to print help.
HEAVY = (
    "pydantic",
    "asyncssh",
    "sqlalchemy",
    "fastapi",
    "textual",
    "cyclopts",
    "rich",
    "gateway.app",
)


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"], ["--version"], ["token", "--help"]])
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    script = (
        "import sys\nfrom gateway.cli.main import run\n"
        f"code = run({arguments!r})\nprint('LOADED', *sorted(sys.modules), file=sys.stderr)\nsys.exit(code)"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded = ended.stderr.split()
    assert loaded[0] == "LOADED"
    assert "gateway.cli.main" in loaded
    assert [name for name in loaded if name.startswith(HEAVY)] == []


def test_a_commands_module_is_loaded_only_for_that_command() -> None:
    script = (
        "import sys\nfrom gateway.cli.main import run\nrun(['version'])\nprint(*sys.modules, file=sys.stderr)"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded = ended.stderr.split()
    assert "gateway.cli.serve" in loaded
    heavy = [name for name in HEAVY if name not in ("cyclopts", "rich")]
    assert [name for name in loaded if name.startswith(tuple(heavy))] == []
    assert "gateway.cli.tokens" not in loaded


def best(*arguments: str) -> float:
    """The shortest of several runs: what the machine can do when nobody else is busy."""
    times = []
    for _ in range(7):
        start = time.perf_counter()
        subprocess.run([sys.executable, *arguments], capture_output=True, check=True)
        times.append(time.perf_counter() - start)
    return min(times)


def test_help_is_instant() -> None:
    assert best("-m", "gateway.cli.main", "--help") - best("-c", "pass") < 0.25


def test_help_and_parser_know_the_same_commands() -> None:
    app = build_app()
    text = help_for()
    for command in COMMANDS:
        assert f"  {' '.join(command.words)} " in text
        parsed, _, _ = app.parse_commands(list(command.words))
        assert parsed == command.words
    assert max(map(len, text.split("\n"))) < 100


def test_a_group_lists_its_commands(capsys: pytest.CaptureFixture[str]) -> None:
    for group in GROUPS:
        assert run_here([group]) == run_here([group, "--help"]) == 0
        listed = [line for line in help_for(group).split("\n") if line.startswith(f"  {group} ")]
        assert len(listed) == len([command for command in COMMANDS if command.words[0] == group]) > 1
        assert capsys.readouterr().out == help_for(group) * 2


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: "-".join(command.words))
def test_every_command_explains_itself(command: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_here([*command.words, "--help"]) == 0
    told = capsys.readouterr()
    assert f"Usage: hoop-gateway {' '.join(command.words)}" in told.out
    assert command.summary.rstrip(".") in " ".join(told.out.split())
    assert told.err == ""


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["srve"], 'hoop-gateway: Unknown command "srve". Did you mean "serve"?'),
        (["config", "chek"], 'hoop-gateway: Unknown command "chek". Did you mean "check"?'),
        (["serve", "--confg", "x"], "hoop-gateway: Unknown option: --confg. Did you mean --config?"),
        (
            ["token", "create"],
            'hoop-gateway: Command "token create" parameter --person requires an argument.',
        ),
        (["token", "ls", "-o", "xml"], 'hoop-gateway: Invalid value "xml" for -o.'),
        (
            ["demo", "--ssh-port", "x"],
            'hoop-gateway: Invalid value for --ssh-port: unable to convert "x" into int.',
        ),
        (["srve\x1b[31m"], 'hoop-gateway: Unknown command "srve<U+001B>[31m".'),
    ],
)
def test_wrong_usage(arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_here(arguments) == 2
    ended = capsys.readouterr()
    assert ended.out == ""
    assert ended.err.startswith(told)
    assert ended.err.endswith("hoop-gateway: see hoop-gateway --help\n")


def test_version(command: Run) -> None:
    from gateway import __version__

    assert command("version") == command("--version") == (0, f"hoop-gateway {__version__}\n", "")


def test_no_configuration(command: Run, run: Run, tmp_path: Path) -> None:
    ends = (2, "", f"{tmp_path}/none.toml: there is no such file\n")
    assert command("serve", HOOP_CONFIG=str(tmp_path / "none.toml")) == ends
    for words in (["serve"], ["config", "check"], ["config", "show"], ["target", "ls"], ["token", "ls"]):
        assert run(*words, HOOP_CONFIG=str(tmp_path / "none.toml")) == ends


def test_a_mistake_of_ours_is_one_sentence_too(command: Run, config: Path, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import gateway.app.config_file as file\n"
        "def broken(*a, **k): raise ZeroDivisionError\n"
        "file.load_config = broken\n"
    )
    ended = command("config", "check", "-c", config, PYTHONPATH=str(tmp_path))
    assert ended.code == 1
    assert ended.err == (
        "hoop-gateway: this is a mistake in the program (ZeroDivisionError); HOOP_DEBUG=1 shows where\n"
    )
    ended = command("config", "check", "-c", config, PYTHONPATH=str(tmp_path), HOOP_DEBUG="1")
    assert "Traceback" in ended.err


def test_a_reader_that_leaves_early(config: Path, tmp_path: Path) -> None:
    config.write_text(config.read_text() + "".join(f'[[person]]\nname = "p{n}"\n' for n in range(3000)))
    line = '"$0" -m gateway.cli.main config show -c "$1" | head -1'
    shown = subprocess.run(
        ["sh", "-c", line, sys.executable, str(config)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert (shown.stdout, shown.stderr) == ("version = 1\n", "")
