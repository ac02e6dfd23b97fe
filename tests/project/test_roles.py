"""docs/roles.md: as the table has it, and with every key of the app."""

import runpy
import subprocess
import sys
from collections import Counter
from pathlib import Path

from gateway.api.rights import Action
from hoop_tui.keymap import KEYS

ROOT = Path(__file__).resolve().parents[2]
READ = runpy.run_path(str(ROOT / "tests" / "api" / "role_table.py"))


def test_the_page_of_roles_is_current() -> None:
    command = [sys.executable, "-I", str(ROOT / "scripts" / "roles.py"), "--check"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr


def test_every_key_of_the_app_says_once_what_it_asks() -> None:
    said = Counter((row.place, name) for row in READ["read_keys"]() for name in row.keys)
    assert set(said) == {(key.place, key.action.partition("(")[0]) for key in KEYS}
    assert set(said.values()) == {1}


def test_what_a_key_asks_is_in_the_table() -> None:
    in_the_table = {line.action for line in READ["read"]()}
    for row in READ["read_keys"]():
        for asks in row.asks:
            assert Action(asks) in in_the_table, row
