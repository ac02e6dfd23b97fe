"""What a shell says of itself in escape sequences that terminals ignore: where its prompt ends, and what it runs.

Understood are the marks of shell integrations (OSC 133, and `E` of OSC 633), where the shell stands (OSC 7), and our
own report, made by the snippet in docs/typed-commands.md. Whatever runs on the target can write them too, so they are
a witness like the others.
"""

import base64
import binascii
import re
import shlex
from dataclasses import dataclass
from urllib.parse import unquote

OURS = "7077;line;"
MOST = 8192
"""Characters of a reported line that are kept."""

SIGNS = (b"\x1b]7077;line;", b"\x1b]633;E;", b"\x1b]133;C")
"""How a report begins: whoever skips output looks for these."""

_ESCAPED = re.compile(r"\\(?:x([0-9A-Fa-f]{2})|\\)")


@dataclass(frozen=True, slots=True)
class PromptEnds:
    """The line starts where the cursor is."""


@dataclass(frozen=True, slots=True)
class LineTaken:
    """The shell has read its line and runs it; `text` is the line where the shell says it."""

    text: str = ""


@dataclass(frozen=True, slots=True)
class StandsIn:
    """The shell says which directory it is in, on which machine; empty where that is no path."""

    directory: str
    host: str = ""


Zone = PromptEnds | LineTaken | StandsIn


def read(content: str) -> Zone | None:
    """What an OSC says about the line, if anything."""
    if content.startswith(OURS):
        return _reported(_decoded(content[len(OURS) :]))
    kind, _, rest = content.partition(";")
    mark, _, details = rest.partition(";")
    if kind == "633" and mark == "E":
        return _reported(_ESCAPED.sub(_unescaped, details.split(";")[0]))
    if kind == "7":
        return _place(rest)
    if kind in ("133", "633") and mark == "B":
        return PromptEnds()
    if kind in ("133", "633") and mark == "C":
        return LineTaken(_command_line(details))
    return None


def _reported(text: str) -> LineTaken | None:
    return LineTaken(_kept(text)) if text.strip() else None


def _kept(text: str) -> str:
    return text[:MOST].strip()


def _decoded(text: str) -> str:
    try:
        return base64.b64decode(text[: MOST * 4], validate=True).decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        return ""


def _unescaped(match: re.Match[str]) -> str:
    return chr(int(match[1], 16)) if match[1] else "\\"


def _place(url: str) -> StandsIn | None:
    """`file://HOST/DIRECTORY`, as most shells on most systems can be set up to say."""
    scheme, _, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    if scheme not in ("file", "kitty-shell-cwd") or not slash or len(path) > MOST:
        return None
    return StandsIn(slash + (unquote(path, errors="surrogateescape") if scheme == "file" else path), host)


def _command_line(details: str) -> str:
    for detail in details.split(";"):
        name, _, value = detail.partition("=")
        if name == "cmdline_url":
            return _kept(unquote(value))
        if name == "cmdline":
            try:
                return _kept(" ".join(shlex.split(value)))
            except ValueError:
                return ""
    return ""
