"""HTML by construction: what is not `Html` is text, and text is escaped here and nowhere else.

What a screen would hide or turn around (control characters, changes of direction, look-alike spaces, heaps of
accents) is shown as `<U+202E>`, so that nobody can make a page say something else.
"""

import unicodedata
from html import escape

LONGEST = 300
MOST_MARKS = 2
"""Accents on one letter that people write; more only hide the lines around it."""


class Html(str):
    """Markup that was made here. Never made of anything from outside but through `text`."""

    __slots__ = ()


def text(value: str) -> Html:
    """The one boundary: any text, as markup that shows it and does nothing else."""
    cut = value if len(value) <= LONGEST else value[: LONGEST - 4] + " ..."
    return Html(escape(visible(cut), quote=True))


def visible(value: str) -> str:
    """What can not be seen, spelt out."""
    shown: list[str] = []
    marks = 0
    for letter in value:
        category = unicodedata.category(letter)
        marks = marks + 1 if category[0] == "M" else 0
        hidden = category[0] == "C" or (category[0] == "Z" and letter != " ") or marks > MOST_MARKS
        shown.append(f"<U+{ord(letter):04X}>" if hidden else letter)
    return "".join(shown)


def tag(name: str, /, *children: str, **attributes: str | bool) -> Html:
    """`<name attribute="...">children</name>`. A child that is no `Html` is text. `class_` is `class`, and
    `aria_label` is `aria-label`; True is an attribute without a value, False and "" are none (but for `value`)."""
    opening = [name]
    for key, value in attributes.items():
        attribute = key.rstrip("_").replace("_", "-")
        if value is True:
            opening.append(attribute)
        elif value or (value == "" and key == "value"):
            opening.append(f'{attribute}="{_attribute(value)}"')
    return Html(f"<{' '.join(opening)}>{join(*children)}</{name}>")


def void(name: str, /, **attributes: str | bool) -> Html:
    """An element without an end, such as `input`."""
    return Html(tag(name, **attributes).removesuffix(f"</{name}>"))


def join(*children: str) -> Html:
    """One after another."""
    return Html("".join(child if isinstance(child, Html) else text(child) for child in children))


def value(shown: str) -> Html:
    """A value from outside within a sentence: its direction of writing stays its own."""
    return tag("bdi", shown)


def _attribute(value: str) -> str:
    """An attribute may be longer than what is read, such as an address to go to."""
    return escape(visible(value), quote=True)
