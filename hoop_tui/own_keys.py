"""Keys that a person wants instead of ours: whether they can have them, and one plain sentence where they can not.

What decides stays safe whatever is written: boxes keep their keys, the ways out keep theirs, and what changes
something at once is not put on a key that is pressed by mistake.
"""

import re
from collections.abc import Mapping

from textual.keys import Keys, _character_to_key

from hoop_tui.keymap import KEYS, TOGETHER, Key, shown_keys

_RESERVED = frozenset(
    {"escape", "enter", "tab", "shift+tab", "f1", "ctrl+c", "ctrl+q", "ctrl+p", "ctrl+i", "ctrl+m"}
)
_MODIFIED = re.compile(r"(?:(?:ctrl|alt|shift)\+){0,3}([^+]+|\+)")
_NAMED = frozenset(
    str(each.value) for each in Keys if "+" not in each.value and not each.value.startswith("<")
)
_BY_NAME: Mapping[str, Key] = {key.name: key for key in KEYS}


def as_textual(wanted: str) -> str:
    """`P`, `?`, `ctrl+a` or `j, down` as the toolkit writes them. Raises ValueError, one sentence."""
    if wanted.strip() == ",":
        return "comma"
    keys = [_one_key(word.strip()) for word in wanted.split(",")]
    for key in keys:
        if key in _RESERVED:
            raise ValueError(f"{shown_keys(key)} is the same for everybody and can not be given away.")
    return ",".join(keys)


def _one_key(word: str) -> str:
    found = _MODIFIED.fullmatch(word)
    last = found[1] if found else ""
    if len(last) == 1 and last.isascii() and last.isprintable() and last != " ":
        return word[: -len(last)] + _character_to_key(last)
    if last.lower() in _NAMED:
        return word.lower()
    raise ValueError(
        f'"{word[:30]}" is no key: write one letter or sign, f5, ctrl+a, alt+left, home or space.'
    )


def check(name: str, wanted: str) -> str:
    """The keys for this action as the toolkit writes them. Raises ValueError, one sentence."""
    key = _BY_NAME.get(name)
    if key is None:
        raise ValueError("there is no such action; hoop-tui keys lists them.")
    if key.is_fixed:
        raise ValueError("this key is the same for everybody: boxes that decide and ways out keep theirs.")
    keys = as_textual(wanted)
    if key.at_once and any(_is_easily_pressed(each) for each in keys.split(",")):
        raise ValueError(
            "it changes something at once: take a capital letter, a function key or one with ctrl."
        )
    return keys


def _is_easily_pressed(key: str) -> bool:
    modified = key.startswith(("ctrl+", "alt+")) or re.fullmatch(r"f\d+", key)
    return not modified and not (len(key) == 1 and key.isupper())


def conflicts(own: Mapping[str, str]) -> list[tuple[str, str]]:
    """Names of those of `own` that take a key which means something else at the same time, each with the sentence."""
    found: dict[str, str] = {}
    for places in TOGETHER:
        holders: dict[str, Key] = {}
        for key in sorted((each for each in KEYS if each.place in places), key=lambda each: each.name in own):
            for one in own.get(key.name, key.keys).split(","):
                other = holders.setdefault(one, key)
                if other is not key and key.name in own:
                    found.setdefault(key.name, f"{shown_keys(one)} is taken by {other.name}: {other.does}.")
    return list(found.items())
