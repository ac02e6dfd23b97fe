"""The `options` of a start-up packet: settings in the form of a command line, as PostgreSQL reads them."""

import re

from gateway.adapters.postgres.greeting.turned_away import NOT_ALLOWED, TurnedAway
from gateway.core.plain import plain

_SPACES = " \t\n\v\f\r"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*(\.[A-Za-z_][A-Za-z0-9_$]*)*")


def split_options(text: str) -> list[str]:
    """Its words. Space parts them; a backslash takes what follows as it is."""
    words: list[str] = []
    word: str | None = None
    letters = iter(text)
    for letter in letters:
        if letter in _SPACES:
            if word is not None:
                words.append(word)
            word = None
            continue
        if letter == "\\":
            letter = next(letters, "")
        word = (word or "") + letter
    return words if word is None else [*words, word]


def read_options(text: str) -> list[tuple[str, str]]:
    """The settings that it asks for, by `-c name=value` or `--name=value`. Raises `TurnedAway`."""
    found: list[tuple[str, str]] = []
    words = iter(split_options(text))
    for word in words:
        if word.startswith("--"):
            name, equals, value = word[2:].partition("=")
            found.append(_setting(name.replace("-", "_"), equals, value, word))
        elif word.startswith("-c"):
            setting = word[2:] or next(words, "")
            name, equals, value = setting.partition("=")
            found.append(_setting(name.replace("-", "_"), equals, value, setting))
        else:
            raise _refused(word)
    return found


def _setting(name: str, equals: str, value: str, whole: str) -> tuple[str, str]:
    if not equals or not _NAME.fullmatch(name):
        raise _refused(whole)
    return name, value


def _refused(word: str) -> TurnedAway:
    return TurnedAway(
        NOT_ALLOWED,
        f'"{plain(word, 60)}" is not offered in options',
        hint="only settings are: options='-c statement_timeout=5s'",
    )
