"""`hoop-tui keys`: what each key of the app does, and what it is called in `tui.toml`."""

import os

from hoop_tui.cli.printing import complain, print_json, print_table
from hoop_tui.keymap import KEYS
from hoop_tui.own_settings import Mistakes, own_settings_file, read_own_settings


def list_keys(output: str) -> int:
    """A key that is the same for everybody has no name to change it by."""
    try:
        own = read_own_settings(own_settings_file(os.environ)).keys
    except Mistakes as mistakes:
        for sentence in mistakes.sentences:
            complain(sentence, 2)
        return 2
    if output == "table":
        rows = [(key.shown_now(own), "-" if key.is_fixed else key.name, key.does) for key in KEYS]
        print_table(("KEY", "NAME", "DOES"), rows)
        return 0
    told = [
        {
            "key": own.get(key.name, key.keys),
            "name": key.name,
            "fixed": key.is_fixed,
            "yours": key.name in own,
            "does": key.does,
        }
        for key in KEYS
    ]
    print_json(told, lines=output == "jsonl")
    return 0
