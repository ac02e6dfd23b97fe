"""Policies that were in force, as the ledger keeps them: numbered from 1, each text once."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Protocol

from gateway.core.events import Event

Documents = tuple[tuple[str, str], ...]
"""Name and text of each file with rules."""


@dataclass(frozen=True, slots=True)
class PolicyRevision:
    """One policy. `revision` is what decisions name; it is the beginning of `sha256`, which is over all texts."""

    number: int
    revision: str
    sha256: str
    documents: Documents
    rules: int
    since: datetime
    """When it was first in force."""
    gateway: str
    """In which gateway that was."""
    loaded_at: datetime
    """When it last came into force."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyLoaded(Event):
    """A policy came into force. Durable before it decides anything."""

    name: ClassVar[str] = "policy.loaded"
    number: int
    revision: str
    sha256: str
    rules: int


class PolicyRevisions(Protocol):
    """The part of the book of record that holds policies."""

    async def keep_policy(self, revision: str, sha256: str, documents: Documents, rules: int) -> int:
        """Note that this policy comes into force, and return its number: a new one for a text that was never in
        force before. Durable when this returns."""
        ...

    async def policies(self) -> Sequence[PolicyRevision]:
        """All of them, without their texts. The newest number first."""
        ...

    async def policy(self, number: int) -> PolicyRevision | None: ...
