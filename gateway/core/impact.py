"""What a held operation would do, found out when somebody asks: the question, the answer, and who finds it out.

An answer is made of lines, tables and texts that anybody may be shown who may see the request: what is masked for its
requester is masked in it. How it is found out is the business of an `ImpactSource`, one for each kind of target; who
may ask and how often is decided in `gateway/session/impacts.py`.
"""

from dataclasses import dataclass
from typing import Literal, Protocol

from gateway.core.approval import Approval
from gateway.core.operation import Operation
from gateway.core.people import Target

LOOK, DRY_RUN, OFF = "look", "dry-run", "off"
LEVELS = (OFF, LOOK, DRY_RUN)
"""What rules that hold may let people find out, from nothing to trying it."""


@dataclass(frozen=True, slots=True)
class ImpactLine:
    """`+`: comes to be. `-`: goes. A space: is so."""

    sign: Literal["+", "-", " "]
    text: str


@dataclass(frozen=True, slots=True)
class ImpactTable:
    """Every row has a cell for each column."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class ImpactText:
    """Something longer, line by line: a plan, the head of a file."""

    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Impact:
    """What was found out. `refused`: nothing was, and this is why."""

    lines: tuple[ImpactLine, ...] = ()
    tables: tuple[ImpactTable, ...] = ()
    texts: tuple[ImpactText, ...] = ()
    refused: str = ""
    took_ms: int = 0
    rows: int | None = None
    """How many it is about: counted by a dry run, else estimated. None: nobody knows, or it has none."""
    no_dry_run: str = ""
    """Why it can not be tried: one clause. Empty: it can be, or it was."""


@dataclass(frozen=True, slots=True)
class ImpactQuestion:
    """About one request that waits."""

    approval: Approval
    target: Target
    operation: Operation
    """What is held, read again from the request. Of a statement, `details["values"]` are those bound to it."""
    masks: frozenset[str]
    """What has to be masked in the answer: for the requester, and for whoever asks."""
    level: str = LOOK
    """What the rules that hold it let people find out."""


class ImpactSource(Protocol):
    """Finds it out, for one kind of target. It changes nothing there, whatever it is asked."""

    def can(self, question: ImpactQuestion) -> str | None:
        """Why nothing can be found out about this: one clause. None: something can. It waits for nothing."""
        ...

    async def measure(self, question: ImpactQuestion, *, dry_run: bool) -> Impact:
        """Find it out, on a connection of its own. What goes wrong is said in `refused`. `dry_run`: also try it and
        take it back, which happens only where the rules allow that."""
        ...
