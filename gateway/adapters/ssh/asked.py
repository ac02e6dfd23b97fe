"""What a person asked of one session channel, and how that reads as an Operation. Values only."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

from gateway.core.operation import Effect, Operation

Verb = Literal["exec", "shell", "subsystem"]

SIDE_MOST = 1000
"""What is recorded of a terminal's size stops here: whoever replays it must be able to draw it."""


@dataclass(frozen=True, slots=True)
class Terminal:
    """A pty-req. Sizes are what the client said; `shown_size` is what is recorded."""

    term: str
    cols: int
    rows: int
    xpixels: int = 0
    ypixels: int = 0
    modes: Mapping[int, int] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def shown_size(self) -> dict[str, int]:
        """Columns and rows within what can be drawn; a client that does not know says 0."""
        return shown_size(self.cols or 80, self.rows or 24)


@dataclass(frozen=True, slots=True)
class Asked:
    """One request to run something. `text` is the exact command, or the name of the subsystem."""

    verb: Verb
    text: str = ""
    terminal: Terminal | None = None
    environment: Mapping[bytes, bytes] = field(default_factory=lambda: MappingProxyType({}))
    agent: bool = False
    """The target may ask the person's agent, through the gateway."""
    said: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """What is to be told to people who are asked: `reason`, `ticket`. Nothing for the target."""

    def __post_init__(self) -> None:
        if self.verb != "shell" and not self.text:
            raise ValueError("without a text this would be a shell")

    @property
    def about(self) -> dict[str, Any]:
        """For the recording's header and for rules."""
        screen = {"term": self.terminal.term, **self.terminal.shown_size} if self.terminal else {}
        return {"command": self.text, "pty": self.terminal is not None, **screen}

    @property
    def operation(self) -> Operation:
        """What policy judges. A shell's text is empty: what will be typed is not known yet."""
        return Operation(
            self.verb,
            self.text,
            frozenset({Effect.RUN}),
            details=MappingProxyType(self.about),
        )


@dataclass(frozen=True, slots=True)
class Resize:
    """The person's window has another size now."""

    cols: int
    rows: int
    xpixels: int
    ypixels: int


@dataclass(frozen=True, slots=True)
class Signal:
    """The person's client sends a signal, without the `SIG`."""

    name: str


@dataclass(frozen=True, slots=True)
class Break:
    """The person's client sends a break."""

    milliseconds: int


Control = Resize | Signal | Break


def shown_size(cols: int, rows: int) -> dict[str, int]:
    """Clamped to 1..1000 each."""
    return {"cols": min(max(cols, 1), SIDE_MOST), "rows": min(max(rows, 1), SIDE_MOST)}
