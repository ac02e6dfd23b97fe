"""Locks that can be trusted, and licences that may go with Apache-2.0."""

import re
import runpy
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
LOCKS = ("requirements.lock", "requirements-dev.lock")


def script() -> dict[str, Any]:
    return runpy.run_path(str(ROOT / "scripts" / "licences.py"), run_name="licences")


def pins(lock: str) -> dict[str, str]:
    found: dict[str, str] = script()["pins"](ROOT / lock)
    return found


def test_the_page_of_licences_is_current() -> None:
    command = [sys.executable, "-I", str(ROOT / "scripts" / "licences.py"), "--check"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr


@pytest.mark.parametrize(
    "expression", ["MIT", "Apache-2.0 OR GPL-2.0-only", "MIT AND PSF-2.0", "EPL-2.0 OR GPL-3.0-or-later"]
)
def test_licences_that_may_go_with_ours(expression: str) -> None:
    permitted: Callable[[str], bool] = script()["permitted"]
    assert permitted(expression)


@pytest.mark.parametrize(
    "expression", ["", "GPL-3.0-only", "GPL-2.0-or-later", "MIT AND GPL-2.0-only", "AGPL-3.0-only", "UNKNOWN"]
)
def test_licences_that_may_not(expression: str) -> None:
    permitted: Callable[[str], bool] = script()["permitted"]
    assert not permitted(expression)


def test_the_licence_itself() -> None:
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "Apache License" in text
    assert "Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text


@pytest.mark.parametrize("lock", LOCKS)
def test_every_pin_has_hashes_and_no_address(lock: str) -> None:
    text = (ROOT / lock).read_text(encoding="utf-8")
    assert "://" not in text
    assert not re.search(r"^ *(-i|-f|--index|--extra|--find|--trusted|-e|/)", text, re.MULTILINE)
    blocks = re.split(r"^(?=[A-Za-z0-9])", text, flags=re.MULTILINE)[1:]
    assert len(blocks) > 30
    for block in blocks:
        assert re.match(r"[\w.-]+==[\w.+!-]+( ; .*)? \\\n    --hash=sha256:[0-9a-f]{64}\b", block), block[:80]


def test_the_locks_answer_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    groups = project["dependency-groups"]
    run = [*project["project"]["dependencies"], *groups["build"]]
    for lock, wanted in zip(LOCKS, (run, [*run, *groups["dev"]]), strict=True):
        locked = pins(lock)
        for requirement in map(Requirement, wanted):
            name = canonicalize_name(requirement.name)
            assert name in locked, f"{name} is not in {lock}: run scripts/lock"
            assert requirement.specifier.contains(locked[name], prereleases=True), (
                f"{lock} has {name} {locked[name]}"
            )


def test_what_runs_is_tested_in_the_same_versions() -> None:
    assert pins("requirements.lock").items() <= pins("requirements-dev.lock").items()
