"""An Operation: one thing a person asks a target to do, in words that every protocol shares.

Adapters build Operations from what their client sent; policy judges them; approvers read them.
This module does not know any protocol. Next in the reading path: `gateway/core/verdict.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from gateway.core.attachments import Attachment, digest


class Effect(StrEnum):
    """What an operation may do to the target. UNKNOWN matches every restrictive rule."""

    READ = "read"
    WRITE = "write"
    DEFINE = "define"
    CONTROL = "control"
    RUN = "run"
    TRANSFER = "transfer"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Operation:
    """One request toward a target. `text` is verbatim: it is what an approver reads and what is hashed."""

    verb: str
    text: str
    effects: frozenset[Effect] = frozenset({Effect.UNKNOWN})
    resources: tuple[str, ...] = ()
    details: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    attachments: tuple[Attachment, ...] = ()
    """Files that it runs, looked into."""

    @property
    def sha256(self) -> str:
        """The digest a decision is bound to: of the text, and of the attachments where there are any. Undecodable
        bytes survive as surrogates and are hashed as such."""
        return digest(self.text, self.attachments)
