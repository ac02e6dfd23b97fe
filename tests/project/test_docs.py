"""What the documentation says is there, is there."""

import dataclasses
import os
import re
import shlex
import subprocess
import sys
import tomllib
from itertools import takewhile
from pathlib import Path

import pytest

from gateway import __version__
from gateway.core import (  # noqa: F401 - their events register themselves
    approval_events,
    findings,
    impact_events,
    policy_revisions,
)
from gateway.core.events import REGISTRY, Event

ROOT = Path(__file__).resolve().parents[2]
NOT_OURS = {".git", ".venv", "__pycache__", "build", "dist"}


def files() -> list[Path]:
    """Every file of the project, without what git ignores."""
    found = []
    for directory, names, leaves in os.walk(ROOT):
        names[:] = [
            name for name in names if name not in NOT_OURS and not name.endswith(("_cache", ".hypothesis"))
        ]
        found += [Path(directory) / leaf for leaf in leaves]
    return sorted(found)


PAGES = [path for path in files() if path.suffix == ".md"]


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def without_code(text: str) -> str:
    return re.sub(r"^```.*?^```|`[^`\n]*`", "", text, flags=re.DOTALL | re.MULTILINE)


def anchors(page: Path) -> set[str]:
    """The names that headings can be linked by."""
    headings = re.findall(r"^#+ +(.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_every_link_leads_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", without_code(page.read_text(encoding="utf-8"))):
        if re.match(r"[a-z]+:", link):
            continue
        place, _, anchor = link.partition("#")
        target = (page.parent / place).resolve() if place else page
        assert target.exists(), f"{relative(page)} links to {link}"
        if anchor and target.suffix == ".md":
            assert anchor in anchors(target), f"{relative(page)} links to {link}"


def documented_events() -> dict[str, set[str]]:
    """The table rows of docs/events.md: the event, and its fields."""
    text = (ROOT / "docs" / "events.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([a-z._]+)` \|.*\|([^|]*)\|$", text, re.MULTILINE)
    return {name: set(re.findall(r"`(\w+)`", fields)) for name, fields in rows}


def test_every_event_is_documented_with_its_fields() -> None:
    shared = {field.name for field in dataclasses.fields(Event)}
    kept = {
        name: {field.name for field in dataclasses.fields(event)} - shared for name, event in REGISTRY.items()
    }
    assert documented_events() == kept


def commands(page: Path) -> list[list[str]]:
    """The commands of a page's console blocks that are ours, continued lines joined."""
    text = page.read_text(encoding="utf-8")
    blocks = re.findall(r"^```(?:console|sh)\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    lines = "".join(blocks).replace("\\\n", " ").splitlines()
    return [
        shlex.split(line.removeprefix("$ "), comments=True)
        for line in lines
        if line.removeprefix("$ ").startswith(("scripts/", "hoop-"))
    ]


PROMISED = [words for name in ("README.md", "CONTRIBUTING.md") for words in commands(ROOT / name)]


@pytest.mark.parametrize("words", PROMISED, ids=" ".join)
def test_every_command_of_the_readme_exists(words: list[str]) -> None:
    program, *rest = words
    if program.startswith("scripts/"):
        assert os.access(ROOT / program, os.X_OK)
        return
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert program in project["project"]["scripts"]
    before_options = takewhile(lambda word: not word.startswith("-"), rest)
    command = [str(Path(sys.executable).parent / program), *before_options, "--help"]
    helped = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert helped.returncode == 0, helped.stderr
    for option in (word for word in rest if word.startswith("--")):
        assert option in helped.stdout, f"{' '.join(words)}: there is no {option}"


def test_the_changelog_speaks_of_this_version() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    newest = re.search(r"^## (\S+)", text, re.MULTILINE)
    assert newest
    assert newest[1] == __version__


# Put together here, so that this file does not name them either.
REGISTRIES = ("py" + "pi.org", "python" + "hosted.org", "npm" + "js.org", "deb." + "debian.org")
MACHINE_PATH = re.compile(r"(?<![\w.~/-])/(?:ro" + "ot|wo" + r"rk)/[\w.]")


def test_no_file_names_a_registry_or_a_place_on_somebodys_machine() -> None:
    wrong = []
    for path in files():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        wrong += [f"{relative(path)}: {name}" for name in REGISTRIES if name in text]
        wrong += [f"{relative(path)}: {found}" for found in MACHINE_PATH.findall(text)]
    assert wrong == []
