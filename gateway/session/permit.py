"""Proof that an operation was admitted, which everything that leads to a target asks for."""

from dataclasses import dataclass, field

from gateway.core.operation import Operation
from gateway.core.shown import Stream
from gateway.session.masked import Masker

MINT = object()
"""For `Gate.admit` alone."""


@dataclass(slots=True)
class Permit:
    """Proof that an operation was admitted. Only `Gate.admit` makes one."""

    operation: Operation
    masks: frozenset[str]
    mint: object = None
    revision: str = ""
    rule: str = ""
    once: bool = False
    """People have granted it: what is like it has to be asked for again."""
    request: str = ""
    """By which they have."""
    again: int = 0
    """How often it was repeated, as far as the ledger does not tell yet."""
    maskers: dict[Stream, Masker] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.mint is not MINT:
            raise TypeError("a Permit comes from Gate.admit, nowhere else")
