"""What a request keeps of a statement for those who look into it later: the values bound to it, and what its session
began with. From there back to the text and the values as they were.

Names mean in a session what its settings say. Where a session may have changed them since it began, nothing is kept,
and nobody looks.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.adapters.postgres import values
from gateway.core.approval import TEXT, Approval

VALUES, BEGAN = "values", "began"
_BINARY = "\\x"
_CHANGED = "its session may mean something else by its names than it did at first"
_TOO_LONG = "a value bound to it is too long to be kept whole"
_NO_TEXT = "a value bound to it is not known as text"


@dataclass(frozen=True, slots=True)
class Recorded:
    """`text`: without the lines about values. `why_not`: why it can not be asked about as it was."""

    text: str
    values: tuple[str | None, ...]
    began: Mapping[str, str]
    why_not: str = ""


def recorded(approval: Approval) -> Recorded:
    """What was kept when it was held."""
    facts = approval.facts
    kept = facts.get(VALUES)
    bound = tuple(kept) if isinstance(kept, list) else ()
    lines = values.as_comment(bound)
    if not approval.text.endswith(lines):
        return Recorded(approval.text, (), {}, _NO_TEXT)
    text = approval.text.removesuffix(lines)
    began = facts.get(BEGAN)
    if approval.kind == TEXT:
        return Recorded(text, (), {})
    if not isinstance(began, Mapping):
        return Recorded(text, bound, {}, _CHANGED)
    settings = {str(name): str(value) for name, value in began.items()}
    return Recorded(text, bound, settings, _why_not(bound))


def _why_not(bound: tuple[str | None, ...]) -> str:
    """Values are kept as people read them: that is not always what the server was sent."""
    if any(value is not None and len(value) > values.LONG for value in bound):
        return _TOO_LONG
    if any(value is not None and (_BINARY in value or "\0" in value) for value in bound):
        return _NO_TEXT
    return ""
