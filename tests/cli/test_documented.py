"""docs/commands.md: every command and every option is there, and nothing that does not exist."""

import re
from pathlib import Path

import pytest

from gateway.cli import exits
from gateway.cli.commands import COMMANDS, Command
from gateway.cli.main import run

DOCS = (Path(__file__).parents[2] / "docs" / "commands.md").read_text()
OPTION = re.compile(r"(?<![\w-])--?[a-z][a-z-]*")


def test_every_command_in_the_order_of_the_help() -> None:
    headings = re.findall(r"^## hoop-gateway (.+)$", DOCS, re.MULTILINE)
    assert headings == [" ".join(command.words) for command in COMMANDS]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: "-".join(command.words))
def test_every_option(command: Command, capsys: pytest.CaptureFixture[str]) -> None:
    run([*command.words, "--help"])
    offered = set()
    for line in capsys.readouterr().out.split("Parameters:")[-1].splitlines():
        names = re.match(r"  ((?:[A-Z-]+, )?--?[a-z].*?)(?: [A-Z]|:)", line)
        offered |= set(OPTION.findall(names[1])) if names else set()
    offered -= {"-c"}
    section = DOCS.split(f"## hoop-gateway {' '.join(command.words)}\n")[1].split("\n## ")[0]
    documented = set(OPTION.findall(" ".join(re.findall(r"^\| (`-[^|]*) \|", section, re.MULTILINE))))
    assert documented == offered


def test_every_exit_code() -> None:
    codes = {int(code) for code in re.findall(r"^\| (\d+) \|", DOCS, re.MULTILINE)}
    assert codes == {
        0,
        exits.ERROR,
        exits.USAGE,
        exits.NOT_FOUND,
        exits.NOT_VERIFIED,
        exits.INTERRUPTED,
    }
