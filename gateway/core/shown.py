"""What a target answered (`Answer`) and what of it a person may see (`Shown`)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from types import MappingProxyType


class Stream(IntEnum):
    """Which of a channel's outputs a chunk belongs to. Each is masked on its own."""

    OUT = 1
    ERR = 2


@dataclass(frozen=True, slots=True)
class Answer:
    """A chunk of what the target sent, as it came: chunk boundaries carry no meaning."""

    stream: Stream
    data: bytes
    urgent: bool = False
    """Give back everything held so far too: the hold-back time is over, or this is the echo of typing."""
    last: bool = False
    """Nothing follows on this stream."""


@dataclass(frozen=True, slots=True)
class Shown:
    """Exactly the bytes that may be shown, already recorded. `held` bytes wait for what follows."""

    data: bytes
    held: int = 0
    masked: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
