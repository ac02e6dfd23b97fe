"""What the witnesses say together: a text, and how far to trust it.

The text is always one that stood on the screen or that the shell reported; keys only confirm. So what was typed
without an echo, a password above all, never becomes a text.
"""

from dataclasses import dataclass, replace
from typing import Literal

from gateway.capture import prompts

Confidence = Literal["high", "medium", "low"]

NOT_SHOWN = "(not shown)"
"""In place of a line that was typed without an echo where no password was asked for."""

MOST = 16_384


@dataclass(frozen=True, slots=True)
class Reading:
    """One line that somebody runs. `joined`: it goes on where the reading before it ended, whose text it includes."""

    text: str
    confidence: Confidence
    witnesses: tuple[str, ...]
    prompt: str = ""
    joined: bool = False
    more: str = ""
    """Where it is joined: the prompt at which it goes on. `prompt` is then the one at which the statement began."""

    @property
    def shown(self) -> bool:
        """There is a text."""
        return self.text != NOT_SHOWN


def weigh(screen: str | None, zone: str | None, keys: str | None, *, keys_sure: bool, prompt: str) -> Reading:
    """Ask each witness; None is one who can not tell. At least one of `screen` and `zone` can.

    Two that agree make it certain; keys may side with one of two that differ, which then has looked at the wrong
    place. Keys that are not sure count only where they agree."""
    told = {name: text for name, text in (("screen", screen), ("zone", zone)) if text is not None}
    text = told.get("zone", told.get("screen", ""))
    sided = False
    if keys is not None:
        agreeing = [said for said in told.values() if same(said, keys)]
        sided = bool(agreeing)
        text = agreeing[0] if sided else text
        if sided or keys_sure:
            told["keys"] = keys
    witnesses = tuple(sorted(name for name, said in told.items() if same(said, text)))
    confidence: Confidence = "medium"
    if prompts.recalls(text) or len(text) > MOST or (len(witnesses) < len(told) and not sided):
        confidence = "low"
    elif len(witnesses) > 1:
        confidence = "high"
    return Reading(text[:MOST].strip("\n").rstrip(), confidence, witnesses, prompt)


def unseen(prompt: str) -> Reading:
    """Something was typed and nothing of it shown."""
    return Reading(NOT_SHOWN, "low", (), prompt)


def joined(before: Reading, reading: Reading) -> Reading:
    """A statement over several lines, as far as it goes."""
    order: list[Confidence] = ["low", "medium", "high"]
    text = f"{before.text}\n{reading.text}"
    confidence = min(before.confidence, reading.confidence, key=order.index)
    return replace(
        reading,
        text=text[:MOST],
        confidence="low" if len(text) > MOST else confidence,
        prompt=before.prompt,
        joined=True,
        more=reading.prompt,
    )


def reported(reading: Reading | None, text: str) -> Reading:
    """The shell has said what it runs: it knows best, but whoever differs from it makes the whole doubtful."""
    if reading is None:
        return Reading(text, "medium", ("shell",))
    if same(reading.text, text):
        return replace(reading, confidence="high", witnesses=tuple(sorted({*reading.witnesses, "shell"})))
    silent = not reading.shown or prompts.recalls(reading.text)
    return replace(reading, text=text, confidence="medium" if silent else "low", witnesses=("shell",))


def same(one: str, other: str) -> bool:
    """Equal but for blanks at both ends of lines, which no screen shows."""
    return _bare(one) == _bare(other)


def _bare(text: str) -> list[str]:
    return [line.strip() for line in text.strip().split("\n")]
